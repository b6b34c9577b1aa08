"""Polymarket's books as an archive gives them back, and when they are proved."""

import json
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.envelope import UNREAD
from ssmd.venues.polymarket import VENUE
from tests.venues.booking import Replay, kept
from tests.venues.polymarket.frames import envelope
from tests.venues.polymarket.recordings import LEGACY, NEW, frames, single

TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"


def book(ts: int, symbol: str = TOKEN, **more: object) -> bytes:
    told = {
        "event_type": "book",
        "market": "0x1",
        "asset_id": symbol,
        "timestamp": str(ts),
        "hash": "x",
        "bids": [{"price": "0.4", "size": "10"}],
        "asks": [{"price": "0.6", "size": "5.5"}],
        **more,
    }
    return json.dumps(told).encode()


def change(ts: int, bid: str | None = "0.5", ask: str | None = "0.6", **more: object) -> bytes:
    """A bid at 0.5, and the touch after it."""
    told: dict[str, object] = {
        "asset_id": TOKEN,
        "price": "0.5",
        "size": "7",
        "side": "BUY",
        **more,
    }
    told |= {} if bid is None else {"best_bid": bid}
    told |= {} if ask is None else {"best_ask": ask}
    message = {"event_type": "price_change", "market": "0x1", "timestamp": str(ts)}
    return json.dumps({**message, "price_changes": [told]}).encode()


def replay(*payloads: bytes) -> Replay:
    made = Replay(VENUE)
    for payload in payloads:
        made.hear(payload)
    return made


def changed(message: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """The levels of a price change in any of the two formats recorded."""
    if "price_changes" in message:
        return [(each["asset_id"], each) for each in message["price_changes"]]
    return [(message["asset_id"], each) for each in message["changes"]]


@pytest.mark.parametrize(("capture", "told"), [(NEW, 494 + 120), (LEGACY, 10 + 300)])
def test_recorded_books_are_those_of_another_reader_and_proved(capture: str, told: int) -> None:
    """Every book after every frame; where the touch is stated, it is what we have."""
    made, messages = Replay(VENUE), 0
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
    for raw in frames(capture):
        made.hear(raw)
        value = [] if raw == b"PONG" else json.loads(raw)
        for message in value if isinstance(value, list) else [value]:
            if message.get("event_type") == "book":
                messages += 1
                books[message["asset_id"]] = {
                    name: {Decimal(each["price"]): Decimal(each["size"]) for each in message[side]}
                    for name, side in (("BUY", "bids"), ("SELL", "asks"))
                }
            elif message.get("event_type") == "price_change":
                levels = changed(message)
                messages += len(levels) if "price_changes" in message else 1
                for token, each in levels:
                    side = books[token][each["side"]]
                    side[Decimal(each["price"])] = Decimal(each["size"])
                    if not side[Decimal(each["price"])]:
                        del side[Decimal(each["price"])]
        assert made.tables.books == {token: tuple(each.values()) for token, each in books.items()}
        assert all(made.tables.ok.values())
    assert messages == told


def test_another_touch_than_the_venues_ends_the_proof_until_the_next_book() -> None:
    """A change that never came is seen by what it left."""
    assert replay(book(1), change(2)).tables.ok == {TOKEN: True}
    for wrong in (change(2, bid="0.45"), change(2, ask="0.55"), change(2, ask="0")):
        made = replay(book(1), wrong)
        assert made.tables.ok == {TOKEN: False}
        made.hear(change(3))
        assert made.tables.ok == {TOKEN: False}
        made.hear(book(4))
        assert made.tables.ok == {TOKEN: True}


def test_an_empty_side_has_no_best_price() -> None:
    """It is stated as a price that no order has."""
    bare = book(1, asks=[])
    for stated in ("0", "1"):
        assert replay(bare, change(2, ask=stated)).tables.ok == {TOKEN: True}
    assert replay(bare, change(2, ask="0.9")).tables.ok == {TOKEN: False}
    gone = change(2, bid="0", size="0", price="0.4")
    assert replay(book(1), gone).tables.ok == {TOKEN: True}


def test_where_no_touch_is_stated_there_is_nothing_to_check() -> None:
    """As until September 2025; one that cannot be read proves nothing."""
    assert replay(book(1), change(2, None, None)).tables.ok == {TOKEN: True}
    assert replay(book(1), change(2, "high")).tables.ok == {TOKEN: False}


def test_the_oldest_formats_change_books_too() -> None:
    """A single level outside of any list, and names of sides that changed."""
    old = json.loads(single("sample-price_change"))
    made = replay(
        book(1, old["asset_id"], bids=None, asks=None, buys=[], sells=[]), json.dumps(old).encode()
    )
    asks = {Decimal(old["price"]): Decimal(old["size"])}
    assert made.tables.books == {old["asset_id"]: ({}, asks)}


def test_a_book_that_is_older_than_a_change_proves_nothing() -> None:
    """A change after it came before it."""
    made = replay(book(1), change(5), book(3))
    assert made.tables.ok == {TOKEN: False}
    made.hear(book(5))
    assert made.tables.ok == {TOKEN: True}


def test_a_change_without_a_book_says_what_it_says() -> None:
    """The other token of a condition is told of as well, whether it was asked for or not."""
    made = replay(change(2))
    assert made.tables.ok == {TOKEN: False}
    assert made.tables.books[TOKEN][0] == {Decimal("0.5"): Decimal(7)}
    assert not kept(made.reader)


def test_a_missing_frame_leaves_no_book_proved_until_it_is_told_again() -> None:
    """Nothing but a book can prove a book here."""
    made = replay(book(1), book(1, "2"))
    made.reader.missed()
    made.hear(change(2))
    assert made.tables.ok == {TOKEN: False, "2": False}
    made.hear(book(3))
    assert made.tables.ok == {TOKEN: True, "2": False}


def test_what_nobody_understood_may_have_told_of_a_book() -> None:
    """Torn frames do; messages of a type that is new do not."""
    new = b'{"event_type":"liquidity_reward","asset_id":"1"}'
    for payload, proved in ((b'{"event_type":"price_ch', False), (new, True)):
        made = replay(book(1))
        made.tables.take(made.reader.read(envelope(payload, UNREAD), ()))
        assert made.tables.ok == {TOKEN: proved}


def test_a_rejected_level_leaves_its_book_unproved() -> None:
    """Of all that the message may have spoken of."""
    made = replay(book(1), change(2, side="NEITHER"))
    assert made.tables.ok == {TOKEN: False}
    half = replay(book(1, bids=[{"price": "0.4", "size": "10"}, {"price": "0.3"}]))
    assert half.tables.ok == {TOKEN: False}
    (told,) = replay(book(1)).hear(change(2, size="-1"))
    assert (told.ok, told.levels, told.inexact) == (False, (), {"size": "-1"})
