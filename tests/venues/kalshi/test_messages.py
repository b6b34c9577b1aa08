"""What a frame is, whose it is, and when it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Control, Data, Event, Unread
from ssmd.model.frame import Opcode
from ssmd.venues.kalshi import VENUE, messages
from ssmd.venues.kalshi.rows import TABLES
from tests.venues.kalshi.frames import MS, NS, A, Talk, delta, frame, snapshot, ticker, trade

EVENT = "KXAB-27JAN01"


def told(payload: bytes) -> Event:
    (event,) = Talk(passive=True).receive(payload)
    return event


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (ticker(), Data("ticker", (A,), None, NS)),
        (trade(7), Data("trade", (A,), 7, NS)),
        (delta(7), Data("orderbook_delta", (A,), 7, NS)),
        (snapshot(7), Data("orderbook_snapshot", (A,), 7, None)),
        (snapshot(7, empty=True), Data("orderbook_snapshot", (A,), 7, None)),
        (
            frame("market_lifecycle_v2", 4, None, market_ticker=A, settled_ts=MS // 1000),
            Data("market_lifecycle_v2", (A,), None, None),
        ),
        (
            frame("multivariate_market_lifecycle", 4, 3, market_ticker=A, event_type="created"),
            Data("multivariate_market_lifecycle", (A,), 3, None),
        ),
        (
            frame("event_lifecycle", 4, 3, event_ticker=EVENT, title="x", series_ticker="KXAB"),
            Data("event_lifecycle", (EVENT,), 3, None),
        ),
        (
            frame("event_fee_update", 4, 3, event_ticker=EVENT, fee_type_override=None),
            Data("event_fee_update", (EVENT,), 3, None),
        ),
    ],
)
def test_every_type_is_its_own(payload: bytes, event: Data) -> None:
    """Two message shapes never share a name."""
    assert told(payload) == event


def test_every_type_has_a_table() -> None:
    """What is recorded can be read."""
    assert {table.table for table in TABLES} == VENUE.types


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"ts_ms": MS, "ts": 1, "time": "2020-01-01T00:00:00Z"}, NS),
        ({"ts_ms": str(MS)}, NS),
        ({"ts": 1_737_064_763}, 1_737_064_763 * 10**9),
        ({"ts": 1_737_064_763.25}, 1_737_064_763_250_000_000),
        ({"ts": "2026-04-18T05:34:49.816683Z"}, 1_776_490_489_816_683_000),
        ({"time": "2026-04-18T05:34:49.816683Z"}, 1_776_490_489_816_683_000),
        ({"ts": "soon", "time": "2026-04-18T05:34:49Z"}, 1_776_490_489_000_000_000),
        ({"ts_ms": None}, None),
        ({"ts_ms": True}, None),
        ({"ts_ms": -5}, None),
        ({"ts_ms": 2**62}, None),
        ({"ts": "1e999999999"}, None),
        ({"ts": "NaN"}, None),
        ({"ts": [1]}, None),
    ],
)
def test_the_time_is_the_finest_that_is_readable(
    times: dict[str, object], expected: int | None
) -> None:
    """Milliseconds since 2026, seconds before; a strange time costs the time, not the message."""
    event = told(frame("ticker", 3, None, market_ticker=A, **times))
    assert event == Data("ticker", (A,), None, expected)


def test_the_old_cents_are_the_same_messages() -> None:
    """Prices are not looked at here, so that their change of form cannot hurt."""
    old = frame("ticker", 1, None, market_ticker=A, price=25, yes_bid=24, ts=1_737_064_763)
    assert told(old) == Data("ticker", (A,), None, 1_737_064_763 * 10**9)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"heartbeat", "malformed"),
        (b'{"type":"ticker","sid":3', "malformed"),
        (b'{"type":"ticker","msg":{"market_ticker":"A","x":"\xff"}}', "malformed"),
        (b"[]", "unexpected_shape"),
        (b"{}", "unexpected_shape"),
        (b'{"type":"ticker"}', "unexpected_shape"),
        (b'{"type":"ticker","msg":{"market_ticker":""}}', "unexpected_shape"),
        (b'{"type":"ticker","msg":{"ticker":"A"}}', "unexpected_shape"),
        (b'{"type":"trade","seq":"1","msg":{"market_ticker":"A"}}', "unexpected_shape"),
        (b'{"type":"trade","seq":-1,"msg":{"market_ticker":"A"}}', "unexpected_shape"),
        (b'{"type":"event_lifecycle","msg":{"market_ticker":"A"}}', "unexpected_shape"),
        (b'{"type":"subscribed","msg":7}', "unexpected_shape"),
        (b'{"type":"mood","sid":3,"msg":{"market_ticker":"A"}}', "unknown_channel"),
        (b'{"type":"fill","sid":3,"msg":{"ticker":"A","ts":"x"}}', "unknown_channel"),
    ],
)
def test_what_is_not_understood_says_why(payload: bytes, reason: str) -> None:
    """Format drift is seen as a number per reason, and the frame is kept."""
    assert told(payload) == Unread(reason)


def test_the_type_may_stand_anywhere() -> None:
    """The order of keys is nobody's promise."""
    late = b'{"msg":{"market_ticker":"A","ts_ms":5},"seq":9,"sid":1,"type":"orderbook_delta"}'
    assert told(late) == Data("orderbook_delta", ("A",), 9, 5_000_000)


def test_control_frames_and_foreign_kinds_are_told_apart() -> None:
    """The venue pings every ten seconds; the shell sends the pong."""
    talk = Talk()
    assert talk.receive(b"heartbeat", Opcode.PING) == [Control("ping")]
    assert talk.session.pong_mono is None
    assert talk.receive(b"", Opcode.PONG) == [Control("pong")]
    assert talk.session.pong_mono == talk.mono
    assert talk.receive(b"\x03\xe8", Opcode.CLOSE) == [Control("close")]
    assert talk.receive(b"{}", Opcode.BINARY) == [Unread("unexpected_shape")]


@given(
    told=st.dictionaries(
        st.sampled_from(["type", "sid", "seq", "id", "msg", "market_tickers"]),
        st.none()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.sampled_from([*sorted(messages.TYPES), "subscribed", "ok", "unsubscribed", "error"])
        | st.lists(st.text(max_size=3), max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["market_ticker", "event_ticker", "channel", "sid", "code", "ts", "ts_ms", "time"]
            ),
            st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
        ),
    )
)
def test_no_combination_of_the_venues_own_words_breaks_a_session(told: dict[str, object]) -> None:
    """Damage is more likely to look like this than like noise."""
    for passive in (False, True):
        talk = Talk(passive=passive)
        for _ in range(2):
            assert talk.receive(json.dumps(told).encode())
