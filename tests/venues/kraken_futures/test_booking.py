"""Kraken Futures' books as an archive gives them back, and when they are proved."""

import gzip
import json
from decimal import Decimal

from ssmd.venues.kraken_futures import VENUE
from tests.shared import shared
from tests.venues.booking import Replay, kept

NAME = "PF_XBTUSD"
OTHER = "PI_XBTUSD"


def whole(seq: int | None, name: str = NAME, **more: object) -> bytes:
    told = {
        "feed": "book_snapshot",
        "product_id": name,
        "timestamp": 1,
        "seq": seq,
        "bids": [{"price": 99.5, "qty": 1.0}],
        "asks": [{"price": 100.5, "qty": 2.0}],
        **more,
    }
    return json.dumps(told).encode()


def change(seq: int, name: str = NAME, **more: object) -> bytes:
    told = {
        "feed": "book",
        "product_id": name,
        "side": "buy",
        "seq": seq,
        "price": 99.0,
        "qty": 3.0,
        "timestamp": 2,
        **more,
    }
    return json.dumps(told).encode()


def replay(*payloads: bytes) -> Replay:
    made = Replay(VENUE)
    for payload in payloads:
        made.hear(payload)
    return made


def test_the_recorded_books_are_those_of_another_reader_and_proved() -> None:
    """Ten products, 31 seconds: every change is one above the one before it."""
    made, messages = Replay(VENUE), 0
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
    path = shared("data/kraken_futures/capture-v1-20210722.jsonl.gz")
    for line in gzip.decompress(path.read_bytes()).splitlines():
        raw: str = json.loads(line)["raw"]
        made.hear(raw.encode())
        message = json.loads(raw, parse_float=Decimal)
        name = message.get("product_id")
        if message.get("feed") == "book_snapshot":
            books[name] = {
                side: {Decimal(each["price"]): Decimal(each["qty"]) for each in message[side]}
                for side in ("bids", "asks")
            }
        elif message.get("feed") == "book" and "seq" in message:
            side = books[name]["bids" if message["side"] == "buy" else "asks"]
            side[Decimal(message["price"])] = Decimal(message["qty"])
            if not message["qty"]:
                del side[Decimal(message["price"])]
        else:
            continue
        messages += 1
        assert made.tables.ok[name]
        if messages % 20 == 0:
            assert made.tables.books[name] == tuple(books[name].values())
    assert messages == 7024
    assert made.tables.books == {name: tuple(book.values()) for name, book in books.items()}


def test_a_hole_in_the_numbers_concerns_its_product_until_the_next_snapshot() -> None:
    """And no other one."""
    made = replay(whole(5), whole(7, OTHER), change(7), change(8, OTHER))
    assert made.tables.ok == {NAME: False, OTHER: True}
    made.hear(change(8))
    assert made.tables.ok == {NAME: False, OTHER: True}
    made.hear(whole(8))
    made.hear(change(9))
    assert made.tables.ok == {NAME: True, OTHER: True}


def test_an_older_snapshot_proves_nothing() -> None:
    """One with the number of the last change is no older."""
    assert replay(whole(5), change(6), whole(5)).tables.ok == {NAME: False}
    assert replay(whole(5), change(6), whole(6)).tables.ok == {NAME: True}
    assert replay(whole(5), change(6), change(6)).tables.ok == {NAME: False}


def test_what_has_no_number_proves_nothing() -> None:
    """Nobody can say when it was."""
    assert replay(whole(None)).tables.ok.get(NAME, False) is False


def test_a_change_without_a_book_says_what_it_says() -> None:
    """The level is right, the book is none."""
    made = replay(change(6))
    assert made.tables.ok == {NAME: False}
    assert made.tables.books[NAME][0] == {Decimal(99): Decimal(3)}
    assert not kept(made.reader)


def test_an_unsubscribed_book_is_forgotten() -> None:
    """Nothing is told of it from then on; the trade feed is another matter."""
    made = replay(whole(5), whole(5, OTHER))
    made.hear(b'{"event":"unsubscribed","feed":"trade","product_ids":["PF_XBTUSD","PI_XBTUSD"]}')
    made.hear(b'{"event":"unsubscribed","feed":"book","product_ids":["PF_XBTUSD"]}')
    assert made.tables.ok == {NAME: False, OTHER: True}
    assert kept(made.reader).keys() == {OTHER}


def test_what_was_rejected_used_up_its_number_and_is_not_known() -> None:
    """A level of a snapshot likewise."""
    made = replay(whole(5), change(6, side="neither"), change(7))
    assert made.tables.ok == {NAME: False}
    made.hear(whole(8, bids=[{"price": 99.5, "qty": 1.0}, {"price": 99.0}]))
    assert made.tables.ok == {NAME: False}
    made.hear(whole(9))
    assert made.tables.ok == {NAME: True}
    (told,) = made.hear(change(10, qty=1e40))
    assert (told.ok, told.levels, list(told.inexact)) == (False, (), ["size"])


def test_after_missing_frames_the_next_number_tells() -> None:
    """Each product's its own."""
    made = replay(whole(5), whole(5, OTHER))
    made.reader.missed()
    made.hear(change(6))
    assert made.tables.ok == {NAME: True, OTHER: False}
    made.hear(change(7, OTHER))
    made.hear(change(8, OTHER))
    assert made.tables.ok == {NAME: True, OTHER: False}


def test_an_empty_book_is_one() -> None:
    """It is told, and proved as any."""
    (told,) = replay().hear(whole(5, bids=[], asks=[]))
    assert (told.is_snapshot, told.levels, told.ok) == (True, (), True)
