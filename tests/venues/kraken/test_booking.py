"""Kraken spot's books as an archive gives them back, and when they are proved."""

import json
from decimal import Decimal
from itertools import islice
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.envelope import UNREAD
from ssmd.venues.kraken import VENUE
from tests.venues.booking import Replay, Sides, Tables, exactly, kept, recorded
from tests.venues.kraken.rowing import captured, envelope

DEEP = recorded(VENUE, 160, 5, depth=25)
PAIR = "BTC/USD"
Written = list[tuple[str, str]]


def acked(depth: int, method: str = "subscribe") -> bytes:
    result = {"channel": "book", "depth": depth, "snapshot": True, "symbol": PAIR}
    return json.dumps({"method": method, "result": result, "success": True}).encode()


def told(kind: str, bids: Written, asks: Written, whole: tuple[Written, Written], at: int) -> bytes:
    """A message about a book which is `whole` after it."""
    text = "".join(
        price.replace(".", "").lstrip("0") + qty.replace(".", "").lstrip("0")
        for levels in (whole[1][:10], whole[0][:10])
        for price, qty in levels
    )
    lists = (
        ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in levels)
        for levels in (bids, asks)
    )
    begin = f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{PAIR}",'
    end = f'"checksum":{crc32(text.encode())},"timestamp":"2026-08-02T05:43:31.{at:06d}Z"}}]}}'
    return f'{begin}"bids":[{next(lists)}],"asks":[{next(lists)}],{end}'.encode()


def ladder(count: int, size: str = "1.0") -> tuple[Written, Written]:
    return [(f"{99 - at}.5", size) for at in range(count)], [
        (f"{101 + at}.5", size) for at in range(count)
    ]


def snapshot(count: int, at: int = 1) -> bytes:
    return told("snapshot", *ladder(count), ladder(count), at)


def best_changed(count: int, size: str, at: int) -> bytes:
    """The best bid has another size; right only if nothing else changed."""
    bids, asks = ladder(count)
    bids[0] = (bids[0][0], size)
    return told("update", bids[:1], [], (bids, asks), at)


def replay(*payloads: bytes) -> Replay:
    made = Replay(VENUE)
    for payload in payloads:
        made.hear(payload)
    return made


def test_the_recorded_books_are_those_of_another_reader_and_proved() -> None:
    """68 messages, cut to ten levels by another hand."""
    made, messages = Replay(VENUE), 0
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
    for raw in captured("capture-v2-book10-btc-eth-20260802.jsonl.gz"):
        made.hear(raw)
        message = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
        if message.get("channel") != "book":
            continue
        for item in message["data"]:
            messages += 1
            if message["type"] == "snapshot":
                books[item["symbol"]] = {"bids": {}, "asks": {}}
            for name, side in books[item["symbol"]].items():
                side.update((level["price"], level["qty"]) for level in item[name])
                best = sorted((p for p in side if side[p]), reverse=name == "bids")[:10]
                books[item["symbol"]][name] = {price: side[price] for price in best}
            assert made.tables.ok[item["symbol"]]
            held = tuple(books[item["symbol"]].values())
            assert made.tables.books[item["symbol"]] == held
    assert messages == 68


@given(holes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), max_size=4))
def test_below_the_checksum_a_book_is_proved_by_nothing_but_a_snapshot(
    holes: list[tuple[float, int]],
) -> None:
    """Of 25 levels ten are summed: after a loss whatever is called proved is right to the last."""
    assert VENUE.books is not None
    gone = {round(at * len(DEEP.pieces)) + more for at, length in holes for more in range(length)}
    reader, tables, newest = VENUE.books(), Tables(), dict[str, int]()
    for at, piece in enumerate(DEEP.pieces):
        if at in gone:
            reader.missed()
            continue
        newest.update(dict.fromkeys(DEEP.touched[at], at))
        tables.take(reader.read(piece.envelope, piece.rows))
        for symbol in DEEP.touched[at]:
            truth = DEEP.truth[symbol][newest[symbol]]
            if tables.ok[symbol] and truth is not None:
                assert tables.books[symbol] == truth


@given(gone=st.sets(st.integers(0, len(DEEP.pieces) - 1), max_size=6))
def test_the_ten_best_levels_are_right_whatever_was_lost_unnoticed(gone: set[int]) -> None:
    """So far a checksum reaches, in a book of any depth."""
    assert VENUE.books is not None
    reader, tables = VENUE.books(), Tables()
    for at, piece in enumerate(DEEP.pieces):
        if at in gone:
            continue
        tables.take(reader.read(piece.envelope, piece.rows))
        for symbol in DEEP.touched[at]:
            truth = DEEP.truth[symbol][at]
            if tables.ok[symbol] and truth is not None:
                assert best(tables.books[symbol]) == best(truth)


def best(book: Sides) -> list[list[tuple[Decimal, Decimal]]]:
    return [list(islice(sorted(side.items(), reverse=side is book[0]), 10)) for side in book]


def test_a_deep_book_is_deep() -> None:
    """The conversation above is of 25 levels, and proved from its beginning to its end."""
    assert (
        max(len(side) for book in DEEP.books.values() for each in book.values() for side in each)
        == 25
    )


def test_a_wrong_checksum_ends_the_proof_and_a_right_one_begins_it_again() -> None:
    """A book of ten levels is proved by any message that adds up."""
    made = replay(acked(10), snapshot(10), best_changed(10, "2.0", 2))
    assert made.tables.ok == {PAIR: True}
    bids, asks = ladder(10, "3.0")
    made.hear(told("update", bids[:1], [], (bids, asks), 3))
    assert made.tables.ok == {PAIR: False}
    made.hear(told("update", bids[1:], asks, (bids, asks), 4))
    assert made.tables.ok == {PAIR: True}


def test_in_a_deep_book_one_wrong_checksum_is_enough() -> None:
    """A message was lost, and who knows what it said of the levels below."""
    bids, asks = ladder(25)
    wrong = told("update", bids[:1], [], (bids[1:], asks), 2)
    made = replay(acked(25), snapshot(25), wrong, best_changed(25, "2.0", 3))
    assert made.tables.ok == {PAIR: False}
    made.hear(snapshot(25, 4))
    assert made.tables.ok == {PAIR: True}


def test_an_older_message_proves_an_older_book() -> None:
    """Its checksum may be right: so was the book, once."""
    made = replay(acked(10), snapshot(10), best_changed(10, "2.0", 2), snapshot(10))
    assert made.tables.ok == {PAIR: False}
    assert replay(acked(10), snapshot(10), best_changed(10, "1.0", 0)).tables.ok == {PAIR: False}


def test_an_unknown_depth_proves_nothing() -> None:
    """Where the answer is lost, a full side tells the depth; a thin book may be of any."""
    assert replay(snapshot(10)).tables.ok == {PAIR: True}
    assert replay(snapshot(8)).tables.ok == {PAIR: False}
    assert replay(acked(25), snapshot(8)).tables.ok == {PAIR: True}
    assert kept(replay(acked(25), snapshot(8)).reader)[PAIR].depth == 25


def test_a_book_that_is_told_no_more_is_forgotten() -> None:
    """Stragglers say what they say, and prove nothing."""
    made = replay(acked(10), snapshot(10), acked(10, "unsubscribe"))
    assert made.tables.ok == {PAIR: False}
    assert not kept(made.reader)
    (straggler,) = made.hear(best_changed(10, "2.0", 2))
    assert (straggler.ok, len(straggler.levels)) == (False, 1)
    assert not kept(made.reader)


def test_a_frame_that_nobody_understood_may_have_told_of_a_book() -> None:
    """Torn ones do; messages of a channel that is new do not."""
    for payload, proved in ((b'{"channel":"bo', False), (b'{"channel":"news","data":[]}', True)):
        made = replay(acked(10), snapshot(10))
        made.tables.take(made.reader.read(envelope(UNREAD, payload), ()))
        assert made.tables.ok == {PAIR: proved}


def test_a_level_that_was_rejected_leaves_a_deep_book_unproved() -> None:
    """The checksum does not reach it."""
    bids, asks = ladder(25)
    message = told("update", bids[:1], [], (bids, asks), 2)
    made = replay(acked(25), snapshot(25), message.replace(b'"bids":[', b'"bids":[{"price":1},'))
    assert made.tables.ok == {PAIR: False}


def test_a_message_without_a_checksum_proves_nothing() -> None:
    """Until the next one that has it."""
    message = best_changed(10, "2.0", 2)
    bare = message[: message.index(b'"checksum"')] + message[message.index(b'"timestamp"') :]
    made = replay(acked(10), snapshot(10), bare)
    assert made.tables.ok == {PAIR: False}
    made.hear(message)
    assert made.tables.ok == {PAIR: True}


def test_what_is_put_away_has_the_venues_digits() -> None:
    """A checksum is made of them."""
    saved = kept(replay(acked(10), snapshot(10)).reader)[PAIR]
    assert list(saved.bids) == ladder(10)[0]
    assert exactly(saved.asks) == exactly(ladder(10)[1])
    assert saved.ok
