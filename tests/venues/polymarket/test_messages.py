"""What a single frame is taken for: every type, old and new, and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Unread
from ssmd.venues.polymarket import messages
from ssmd.venues.polymarket.messages import Label
from tests.venues.polymarket.frames import (
    MARKET,
    NO,
    TIME,
    TIME_NS,
    YES,
    book,
    change,
    levels,
    price_change,
    trade,
    written,
)

LISTING = {"event_type": "new_market", "market": MARKET, "timestamp": TIME}
OLD = {"market": MARKET, "timestamp": TIME, "event_type": "price_change", "asset_id": YES}


@pytest.mark.parametrize(
    ("message", "kind", "symbols"),
    [
        (book(), "book", (YES,)),
        (book(event_type=None), "book", (YES,)),
        (book(event_type=None, bids=[], asks=[]), "book", (YES,)),
        (
            book(bids=None, asks=None, buys=levels(("0.1", "2")), sells=[], event_type=None),
            "book",
            (YES,),
        ),
        (price_change(change(YES), change(NO, "SELL")), "price_change", (YES, NO)),
        (price_change(change(YES), change(NO), change(YES)), "price_change", (YES, NO)),
        (price_change(), "price_change", ()),
        ({**OLD, "changes": []}, "price_change_v1", (YES,)),
        ({**OLD, "price": "0.5", "side": "BUY", "size": "1"}, "price_change_v0", (YES,)),
        (trade(), "last_trade_price", (YES,)),
        ({**trade(), "event_type": "best_bid_ask"}, "best_bid_ask", (YES,)),
        ({**trade(), "event_type": "tick_size_change"}, "tick_size_change", (YES,)),
        ({**LISTING, "assets_ids": [YES, NO]}, "new_market", (YES, NO)),
        ({**LISTING, "event_type": "market_resolved"}, "market_resolved", ()),
    ],
)
def test_every_schema_is_a_type_of_its_own(
    message: dict[str, object], kind: str, symbols: tuple[str, ...]
) -> None:
    """Whoever reads a subject meets one shape there; the condition is where it is routed."""
    assert messages.read(written(message)) == Label(kind, symbols, MARKET, TIME_NS)
    assert kind in messages.TYPES


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b'{"event_type":"book","asset_id":"\xff","bids":[],"asks":[]}', "malformed"),
        (b'{"event_type":"book","x":"\xff","asset_id":"1","bids":[],"asks":[]}', "malformed"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "malformed"),
        (b"3", "unexpected_shape"),
        (b"null", "unexpected_shape"),
        (b"{}", "unexpected_shape"),
        (b'{"event_type":"book","asset_id":"1"}', "unexpected_shape"),
        (b'{"event_type":"book","bids":[],"asks":[]}', "unexpected_shape"),
        (b'{"event_type":"book","asset_id":"","bids":[],"asks":[]}', "unexpected_shape"),
        (b'{"event_type":"price_change","asset_id":"1"}', "unexpected_shape"),
        (b'{"event_type":"price_change","price_changes":[{}]}', "unexpected_shape"),
        (b'{"event_type":"price_change","price_changes":7}', "unexpected_shape"),
        (b'{"bids":[],"asset_id":"1"}', "unexpected_shape"),
        (b'{"event_type":"liquidity_reward","asset_id":"1"}', "unknown_channel"),
        (b'{"event_type":"liquidity_reward","asset_id":[]}', "unknown_channel"),
        (b'{"event_type":"new_kind","bids":[],"asks":[],"asset_id":"1"}', "unknown_channel"),
        (b'{"event_type":7,"bids":[],"asks":[],"asset_id":"1"}', "unexpected_shape"),
    ],
)
def test_what_is_no_message_is_unread_for_a_reason(payload: bytes, reason: str) -> None:
    """The type is never guessed from what fits: a new kind with levels is no book."""
    assert messages.read(payload) == Unread(reason)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (TIME, TIME_NS),
        (int(TIME), TIME_NS),
        (0, 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("\u0661", None),
        (1.5, None),
        (True, None),
        (-1, None),
        ("9" * 40, None),
        ([], None),
    ],
)
def test_a_time_is_milliseconds_as_text_or_number(timestamp: object, expected: int | None) -> None:
    """A time that cannot be read costs the time, not the message."""
    label = messages.read(written(book(timestamp=timestamp)))
    assert isinstance(label, Label)
    assert label.ts_event == expected


def test_ids_are_read_as_numbers_too() -> None:
    """Seventy digits are no float: a number is taken as the same text."""
    payload = written(book()).replace(b'"%s"' % YES.encode(), YES.encode())
    label = messages.read(payload)
    assert isinstance(label, Label)
    assert label.symbols == (YES,)


def test_a_message_without_a_condition_is_routed_by_its_token() -> None:
    """The minimal trade has no more than its price."""
    label = messages.read(b'{"event_type":"last_trade_price","asset_id":"token123","price":"0.55"}')
    assert label == Label("last_trade_price", ("token123",), None, None)


@given(payload=st.binary(max_size=80))
def test_no_bytes_raise(payload: bytes) -> None:
    """Whatever comes is a label or a reason."""
    assert isinstance(messages.read(payload), Label | Unread)
    assert isinstance(messages.elements(payload), list | Unread)
