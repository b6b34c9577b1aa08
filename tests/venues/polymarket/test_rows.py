"""Typed rows of every message, old and new: exact, and one bad piece hurts no other."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.rows import rows
from ssmd.venues.polymarket.tables import TABLES, Book, PriceChange
from tests.venues.polymarket.frames import (
    HASH,
    MARKET,
    NO,
    TIME,
    TIME_NS,
    YES,
    book,
    change,
    envelope,
    levels,
    price_change,
    trade,
    written,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def read(message: object, kind: str = "book") -> Decoded:
    return rows(envelope(written(message), kind))


def told(row: Row, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def test_a_book_gives_a_row_for_every_level() -> None:
    """In the venue's order, worst price first, prices off the grid included."""
    decoded = read(book())
    assert decoded.rejects == ()
    assert [told(row, "side", "level", "price", "size") for row in decoded.rows] == [
        ("bid", 0, Decimal("0.01"), Decimal(1171569)),
        ("bid", 1, Decimal("0.42"), Decimal("44999.99")),
        ("ask", 0, Decimal("0.99"), Decimal(20)),
        ("ask", 1, Decimal("0.6325"), Decimal(5)),
    ]
    shared = ("symbol", "market", "ts_event", "is_snapshot", "hash", "tick_size", "native_id")
    assert {told(row, *shared) for row in decoded.rows} == {
        (YES, MARKET, TIME_NS, True, HASH, Decimal("0.01"), None)
    }
    assert {told(row, "last_trade_price") for row in decoded.rows} == {(Decimal("0.5"),)}


@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_book_gives_one_row(empty: object) -> None:
    """That nothing rests there now is a fact."""
    message = book() | {"bids": empty, "asks": empty}
    (row,) = read(message).rows
    assert told(row, "symbol", "side", "level", "price", "size") == (YES, None, None, None, None)
    assert row.is_snapshot


def test_old_books_are_read_beside_new_ones() -> None:
    """Without type, without tick, with other names of the sides."""
    old = book(
        event_type=None, tick_size=None, last_trade_price=None, bids=None, asks=None,
        buys=levels(("0.5", "1")), sells=levels(("0.6", "2")),
    )  # fmt: skip
    first, second = read(old).rows
    assert told(first, "side", "price", "tick_size") == ("bid", Decimal("0.5"), None)
    assert told(second, "side", "price", "last_trade_price") == ("ask", Decimal("0.6"), None)
    assert (first.extra, first.inexact) == (None, {})


def test_a_price_change_gives_a_row_for_every_level() -> None:
    """BUY orders are bids, SELL orders asks; both tokens of a condition come together."""
    decoded = read(price_change(change(), change(NO, "SELL", size="0")), "price_change")
    names = ("symbol", "side", "price", "size", "best_bid", "best_ask", "is_snapshot")
    price, bid, ask = Decimal("0.984"), Decimal("0.973"), Decimal("0.985")
    assert [told(row, *names) for row in decoded.rows] == [
        (YES, "bid", price, Decimal(100), bid, ask, False),
        (NO, "ask", price, Decimal(0), bid, ask, False),
    ]
    assert {told(row, "market", "ts_event") for row in decoded.rows} == {(MARKET, TIME_NS)}


def test_price_changes_of_all_three_formats_are_the_same_rows() -> None:
    """A reader of the table need not know when the format changed."""
    old = {
        "asset_id": YES, "market": MARKET, "timestamp": TIME, "event_type": "price_change",
        "hash": HASH,
    }  # fmt: skip
    level = {"price": "0.34", "side": "BUY", "size": "478.26"}
    v0 = read({**old, **level}, "price_change_v0")
    v1 = read({**old, "changes": [level]}, "price_change_v1")
    new = read(price_change({**level, "asset_id": YES, "hash": HASH}), "price_change")
    assert v0 == v1 == new
    assert v0.rejects == ()
    assert v0.rows == (
        PriceChange(
            symbol=YES, ts_event=TIME_NS, market=MARKET, side="bid", price=Decimal("0.34"),
            size=Decimal("478.26"), hash=HASH,
        ),
    )  # fmt: skip


def test_a_trade_is_the_aggressors() -> None:
    """It has no id: its transaction may settle others of the same token."""
    (row,) = read(trade(), "last_trade_price").rows
    assert told(row, "symbol", "side", "price", "size", "fee_rate_bps", "transaction_hash") == (
        YES, "buy", Decimal("0.64"), Decimal(5), Decimal(0), "0x9f",
    )  # fmt: skip
    assert row.native_id is None
    (minimal,) = read(
        {"event_type": "last_trade_price", "asset_id": "t", "market": "0x1", "price": "0.55"}
    ).rows
    assert told(minimal, "side", "size", "transaction_hash", "ts_event") == (None,) * 4


def test_the_touch_and_the_price_step() -> None:
    """Both as the venue states them."""
    base = {"market": MARKET, "asset_id": YES, "timestamp": TIME}
    (touch,) = read(
        {**base, "event_type": "best_bid_ask", "best_bid": "0.73", "best_ask": "0.77",
         "spread": "0.04"}
    ).rows  # fmt: skip
    assert told(touch, "best_bid", "best_ask", "spread", "extra") == (
        Decimal("0.73"), Decimal("0.77"), Decimal("0.04"), None,
    )  # fmt: skip
    (step,) = read(
        {**base, "event_type": "tick_size_change", "old_tick_size": "0.01",
         "new_tick_size": "0.001", "side": "BUY"}
    ).rows  # fmt: skip
    assert told(step, "old_tick_size", "new_tick_size", "side") == (
        Decimal("0.01"), Decimal("0.001"), "BUY",
    )  # fmt: skip


def test_a_listing_gives_a_row_for_every_token() -> None:
    """Each with its answer; what the venue says twice is no extra."""
    message = {
        "event_type": "new_market", "id": "1031769", "market": MARKET, "timestamp": TIME,
        "question": "Will it?", "slug": "will-it", "assets_ids": [YES, NO],
        "outcomes": ["Yes", "No"], "condition_id": MARKET, "clob_token_ids": [YES, NO],
        "tags": ["stocks"], "event_message": {"id": "1"}, "active": True,
        "order_price_min_tick_size": "0.01", "later_field": 1.50,
    }  # fmt: skip
    yes, no = read(message, "new_market").rows
    assert told(yes, "symbol", "outcome", "market_id") == (YES, "Yes", "1031769")
    assert told(no, "symbol", "outcome", "tick_size") == (NO, "No", Decimal("0.01"))
    assert told(yes, "tags", "event_message", "assets_ids", "active") == (
        '["stocks"]', '{"id":"1"}', f'["{YES}","{NO}"]', True,
    )  # fmt: skip
    assert yes.extra == '{"later_field":1.5}'
    other = {**message, "condition_id": "0xother", "later_field": None}
    assert '"condition_id":"0xother"' in (read(other).rows[0].extra or "")


def test_a_resolution_says_which_token_won() -> None:
    """The event may be null; a listing without tokens is still a fact."""
    message = {
        "event_type": "market_resolved", "market": MARKET, "assets_ids": [YES, NO],
        "winning_asset_id": NO, "winning_outcome": "No", "timestamp": TIME,
        "event_message": None, "tags": [],
    }  # fmt: skip
    yes, no = read(message, "market_resolved").rows
    assert told(yes, "symbol", "is_winner", "winning_outcome", "event_message", "tags") == (
        YES, False, "No", None, "[]",
    )  # fmt: skip
    assert told(no, "symbol", "is_winner") == (NO, True)
    (row,) = read({"event_type": "market_resolved", "market": MARKET}).rows
    assert told(row, "symbol", "is_winner", "market") == (None, None, MARKET)


def test_numbers_are_read_as_numbers_or_text_and_never_rounded() -> None:
    """0.1 is one tenth, and what a column cannot hold is kept as text."""
    payload = written(price_change(change(price="P", size="")))
    payload = payload.replace(b'"P"', b"0.12345678901")
    (row,) = rows(envelope(payload)).rows
    assert told(row, "price", "size") == (None, None)
    assert row.inexact == {"price": "0.12345678901", "size": ""}
    (row,) = rows(envelope(payload.replace(b"0.12345678901", b"0.1"))).rows
    assert told(row, "price") == (Decimal("0.1"),)


def test_one_bad_level_hurts_no_other() -> None:
    """It is a reject, and its neighbours stand."""
    message = book(bids=[*levels(("0.5", "1")), {"price": "0.4"}, 7, *levels(("0.3", "2"))])
    decoded = read(message)
    assert [told(row, "level", "price") for row in decoded.rows[:2]] == [
        (0, Decimal("0.5")),
        (3, Decimal("0.3")),
    ]
    assert decoded.rejects == (
        Reject("polymarket-0-x:7:0", "bids[1]", "`size` is missing"),
        Reject("polymarket-0-x:7:0", "bids[2]", "not an object: 7"),
    )
    changes = read(
        price_change(change(), change(side="HOLD"), {**change(), "asset_id": ""}, change(NO))
    )
    assert [row.symbol for row in changes.rows] == [YES, NO]
    assert [reject.where for reject in changes.rejects] == ["price_changes[1]", "price_changes[2]"]
    sided = read(book(bids="none"))
    assert [told(row, "side") for row in sided.rows] == [("ask",), ("ask",)]
    assert [reject.where for reject in sided.rejects] == ["bids"]


def test_a_frame_that_stayed_whole_gives_the_rows_of_every_element() -> None:
    """A bad message in it hurts no other."""
    decoded = read([book(), {"event_type": "new_kind"}, trade(NO), 7, price_change({})])
    assert [type(row).__name__ for row in decoded.rows] == ["Book"] * 4 + ["LastTradePrice"]
    assert [reject.where for reject in decoded.rejects] == ["[1]", "[3]", "[4].price_changes[0]"]


def test_what_nobody_reads_yet_is_kept() -> None:
    """In the message and in its levels, apart."""
    message = price_change({**change(), "orders": 3}, change(NO), venue="v2")
    first, second = read(message).rows
    assert json.loads(first.extra or "") == {"venue": "v2", "price_changes": {"orders": 3}}
    assert json.loads(second.extra or "") == {"venue": "v2"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"event_type":"new_kind"}',
        b'{"event_type":"book"}',
        b'{"event_type":[]}',
        b'{"event_type":"price_change","price_changes":[]}',
        b'{"event_type":"price_change","asset_id":"1","price":"0.1"}',
        b'{"event_type":"new_market","assets_ids":7}',
        b'{"event_type":"last_trade_price","asset_id":"1","side":"HOLD"}',
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
    ],
)
def test_what_gives_no_row_gives_a_reject(payload: bytes) -> None:
    """Nothing vanishes without being counted."""
    decoded = rows(envelope(payload))
    assert decoded.rows == ()
    assert len(decoded.rejects) == 1
    assert decoded.rejects[0].reason


@pytest.mark.parametrize("kind", ["_control", "_unread", "_sent", "_rest"])
def test_our_own_records_give_nothing(kind: str) -> None:
    """They are no market data, whatever they hold."""
    assert rows(envelope(written(book()), kind)) == Decoded()


@given(payload=st.binary(max_size=60) | JSON.map(written))
def test_no_bytes_raise(payload: bytes) -> None:
    """Rows or rejects, never neither."""
    decoded = rows(envelope(payload))
    assert decoded.rows or decoded.rejects


@given(data=st.data())
def test_no_damage_to_a_message_raises(data: st.DataObject) -> None:
    """Any field replaced by anything."""
    message = data.draw(st.sampled_from([book(), price_change(change()), trade()]))
    field = data.draw(st.sampled_from(sorted(message)))
    decoded = read({**message, field: data.draw(JSON)})
    assert decoded.rows or decoded.rejects


def test_every_table_is_declared() -> None:
    """Whoever writes tables reads their names from the venue."""
    assert VENUE.tables == TABLES
    names = [table.table for table in TABLES]
    assert len(set(names)) == len(names) == 7
    assert {field.name for field in msgspec.structs.fields(Book)} >= {"side", "price", "size"}
