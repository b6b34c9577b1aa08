"""Frames are told apart by what the venue says they are, never by their looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Control, Data, Reconnect, Unread
from ssmd.model.frame import Frame, Opcode
from ssmd.venues.kraken_futures import messages
from tests.venues.kraken_futures.frames import (
    HEARTBEAT,
    INFO,
    TIME_NS,
    XBT,
    Talk,
    alert,
    book,
    book_snapshot,
    encoded,
    lite,
    ticker,
    trade,
    trade_snapshot,
)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (ticker(), Data("ticker", (XBT,), None, TIME_NS)),
        (lite(), Data("ticker_lite", (XBT,), None, None)),
        (trade(5), Data("trade", (XBT,), 5, TIME_NS)),
        (trade_snapshot([5, 4]), Data("trade_snapshot", (XBT,), None, None)),
        (trade_snapshot([]), Data("trade_snapshot", (XBT,), None, None)),
        (book(9), Data("book", (XBT,), 9, TIME_NS)),
        (book_snapshot(9), Data("book_snapshot", (XBT,), 9, TIME_NS)),
        (HEARTBEAT, Control("heartbeat", TIME_NS)),
        (b'{"event":"heartbeat"}', Control("heartbeat")),
        (INFO, Control("status")),
        (alert("Couldn't subscribe to invalid feed"), Control("error")),
        (alert("Json Error", "error"), Control("error")),
        (b'{"event":"subscribed","feed":"book","product_ids":[]}', Control("ack")),
        (b'{"event":"subscribed"}', Control("ack")),
        (b'{"event":"subscribed_failed","feed":"book"}', Control("error")),
        (b'{"event":"challenge","message":"x"}', Unread("unknown_channel")),
        (b'{"feed":"candles_trade_1m_snapshot","candle":{}}', Unread("unknown_channel")),
        (b'{"feed":"settled","time":{"seconds":1}}', Unread("unknown_channel")),
        (b'{"product_id":"PF_XBTUSD","seq":1}', Unread("unexpected_shape")),
        (b'{"feed":"ticker"}', Unread("unexpected_shape")),
        (b'{"feed":"book","product_id":"PF_XBTUSD"}', Unread("unexpected_shape")),
        (b'{"feed":"book_snapshot","product_id":"PF_XBTUSD"}', Unread("unexpected_shape")),
        (b'{"feed":"book","product_id":"PF_XBTUSD","seq":-1}', Unread("unexpected_shape")),
        (b'{"feed":"book","product_id":7,"seq":1}', Unread("unexpected_shape")),
        (b"[]", Unread("unexpected_shape")),
        (b"7", Unread("unexpected_shape")),
        (b"not json", Unread("malformed")),
        (b'{"feed":"ticker","product_id":"\xff"}', Unread("malformed")),
        (b"", Unread("malformed")),
    ],
)
def test_every_frame_has_its_label(payload: bytes, event: object) -> None:
    """Type, product, counter and time are what the archive is found by later."""
    (found,) = Talk().receive(payload)
    assert found == event


@pytest.mark.parametrize("event", ["alert", "error", "info", "subscribed", "unsubscribed"])
def test_talk_is_known_by_its_event_even_when_it_looks_like_data(event: str) -> None:
    """A complaint that quotes a feed and a product is no market data."""
    told = encoded({"event": event, "feed": "ticker", "product_id": XBT, "message": "x"})
    assert isinstance(Talk().receive(told)[0], Control)


def test_numbers_may_come_as_text() -> None:
    """Venues have changed that before: the product stays routed and the counter checked."""
    talk = Talk()
    talk.receive(book(5))
    drifted = (
        book(8).replace(b'"seq":8', b'"seq":"8"').replace(b'"timestamp":', b'"timestamp":1.0,"t":')
    )
    events = talk.receive(drifted)
    assert events[0] == Data("book", (XBT,), 8, 1_000_000)
    assert len(events) == 2


def test_levels_of_a_snapshot_are_not_read() -> None:
    """They are three thousand; whatever is wrong with one of them is found by whoever needs it."""
    strange = book_snapshot(9, bids=[("null", '"x"')])
    assert Talk().receive(strange)[0] == Data("book_snapshot", (XBT,), 9, TIME_NS)


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CLOSE])
def test_control_frames_are_talk(opcode: Opcode) -> None:
    """The socket answers them; here they are a sign of life."""
    assert Talk().receive(b"", opcode) == [Control(opcode.name.lower())]


def test_binary_frames_are_kept_unread() -> None:
    """The venue speaks text only."""
    assert Talk().receive(book(5), Opcode.BINARY) == [Unread("unexpected_shape")]


def test_a_time_out_of_range_is_none() -> None:
    """It would not fit where times are kept; the message is kept as it came."""
    for text in (str(10**40), str(-(10**40))):
        (event,) = Talk().receive(ticker(time=text))
        assert event == Data("ticker", (XBT,), None, None)


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_no_bytes_raise(payload: bytes) -> None:
    """Damage costs a label, never the connection."""
    talk = Talk(passive=True)
    events = talk.session.receive(Frame(payload, Opcode.TEXT, 1, 0.0))
    assert isinstance(events[0], Data | Control | Unread | Reconnect)


@given(at=st.integers(0, 400), cut=st.integers(0, 9), new=st.binary(max_size=4))
def test_no_damage_raises(at: int, cut: int, new: bytes) -> None:
    """Bytes exchanged, cut out or doubled anywhere in a message."""
    for payload in (book_snapshot(9), trade_snapshot([3, 2]), ticker(), book(7)):
        talk = Talk()
        events = talk.receive(payload[:at] + new + payload[at + cut :])
        assert isinstance(events[0], Data | Control | Unread)


def test_a_product_in_lower_case_is_the_venues_product() -> None:
    """Only older REST answers are in lower case; a name in both cases is kept as it is."""
    assert messages.canonical("pi_xbtusd") == "PI_XBTUSD"
    assert messages.canonical("fi_xbtusd_210924") == "FI_XBTUSD_210924"
    assert messages.canonical("PF_AAPLxUSD") == "PF_AAPLxUSD"
