"""What a frame is, by the documented discriminators."""

import pytest

from ssmd.model.event import (
    Control,
    Data,
    Event,
    Unread,
)
from ssmd.model.frame import Opcode
from tests.venues.kraken.frames import (
    HEARTBEAT,
    STATUS,
    TIME_NS,
    Talk,
    answer,
    ticker,
    trade,
)

CANDLE = (
    b'{"channel":"ohlc","type":"update","timestamp":"2026-08-02T05:43:31.066741Z",'
    b'"data":[{"symbol":"A/B","timestamp":"2026-08-02T05:44:00.000000Z"}]}'
)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (STATUS, Control("status")),
        (HEARTBEAT, Control("heartbeat")),
        (answer("pong", 3), Control("pong", TIME_NS)),
        (answer("add_order", error="No"), Control("error", TIME_NS)),
        (b'{"error":"Malformed request","success":false}', Control("error")),
        (b'{"Error":"Exceeded msg rate"}', Control("error")),
        (b"[]", Control("empty")),
        (ticker(), Data("ticker", ("BTC/USD",), None, TIME_NS)),
        (trade("BTC/USD"), Data("trade", ("BTC/USD",), None, TIME_NS)),
        (trade("B", "A", "B", "C"), Data("trade", ("B", "A", "C"), None, TIME_NS)),
        (trade("BTC/USD", time="soon"), Data("trade", ("BTC/USD",))),
        (b'{"channel":"trade","data":[{"symbol":"A","news":[{}]}],"x":1}', Data("trade", ("A",))),
        (b'{"channel":"trade","type":"update","data":[]}', Data("trade")),
        (
            b'{"channel":"instrument","data":{"assets":[],"pairs":[{"symbol":"A"},{"symbol":"B"}]}}',
            Data("instrument", ("A", "B")),
        ),
        (
            b'{"channel":"spread","type":"update","data":[{"symbol":"A"}]}',
            Unread("unknown_channel"),
        ),
        (
            b'{"channel":"level3","data":[{"symbol":"A","bids":[{"order_id":"x"}]}]}',
            Unread("unknown_channel"),
        ),
        (b'{"channel":"","data":[]}', Unread("unknown_channel")),
        (b'[1665,[["1.1","2.2"]],"trade","XBT/USD"]', Unread("unexpected_shape")),
        (b'{"event":"systemStatus","version":"1.8.3"}', Unread("unexpected_shape")),
        (b'{"event":"heartbeat"}', Unread("unexpected_shape")),
        (b"{}", Unread("unexpected_shape")),
        (b"1", Unread("unexpected_shape")),
        (b"null", Unread("unexpected_shape")),
        (b'{"channel":1}', Unread("unexpected_shape")),
        (b'{"method":"subscribe"}', Unread("unexpected_shape")),
        (b'{"channel":"trade"}', Unread("unexpected_shape")),
        (b'{"channel":[]}', Unread("unexpected_shape")),
        (b'{"channel":{},"data":[{}]}', Unread("unexpected_shape")),
        (b'{"channel":"candles","data":[5]}', Unread("unknown_channel")),
        (b'{"channel":"trade","method":"x","data":[{"symbol":"A"},5]}', Unread("unexpected_shape")),
        (b'{"channel":"instrument","data":{"pairs":7}}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":{"pairs":[]}}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":[{}]}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":[{"symbol":""}]}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":[{"symbol":"A"},{}]}', Data("trade", ("A",))),
        (b'{"channel":"trade","data":[{},null]}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":[{"symbol":1}]}', Unread("unexpected_shape")),
        (b'{"channel":"trade","data":"x"}', Unread("unexpected_shape")),
        (b'{"channel":"instrument","data":[]}', Unread("unexpected_shape")),
        (CANDLE, Data("ohlc", ("A/B",), None, TIME_NS)),
        (b'{"channel":"book","data":[{"symbol":"A"}]}', Unread("unexpected_shape")),
        (b'{"channel":"book","type":"x","data":[{"symbol":"A"}]}', Unread("unexpected_shape")),
        (
            b'{"channel":"book","type":"update","data":[{"symbol":"A","checksum":"1"}]}',
            Data("book", ("A",)),
        ),
        (b"", Unread("malformed")),
        (b"not json", Unread("malformed")),
        (HEARTBEAT + b"}", Unread("malformed")),
        (b'{"channel":"trade","note":"\xff","data":[{"symbol":"A"}]}', Unread("malformed")),
        (b'{"channel":"\xff"}', Unread("malformed")),
        (b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}", Unread("malformed")),
        (b"[" * 2000 + b"]" * 2000, Unread("unexpected_shape")),
    ],
)
def test_what_a_frame_is(payload: bytes, event: Event) -> None:
    """By the documented discriminators; what does not fit is labelled, never a crash."""
    talk = Talk()
    assert talk.receive(payload) == [event]
    assert talk.receive(HEARTBEAT) == [Control("heartbeat")]


@pytest.mark.parametrize(
    ("opcode", "event"),
    [
        (Opcode.PING, Control("ping")),
        (Opcode.PONG, Control("pong")),
        (Opcode.CLOSE, Control("close")),
        (Opcode.BINARY, Unread("unexpected_shape")),
        (Opcode.REST, Unread("unexpected_shape")),
    ],
)
def test_what_is_no_text_is_no_message(opcode: Opcode, event: Event) -> None:
    """The venue speaks in text frames."""
    assert Talk().receive(trade("BTC/USD"), opcode) == [event]


def test_the_time_of_a_message_is_its_latest() -> None:
    """Trades of one message may lie apart, in any order."""
    late = trade("A", time="2026-08-02T05:43:32.5Z")
    early = trade("B", time="2026-08-02T05:43:31Z")
    both = late[:-2] + b"," + early[early.index(b"[") + 1 :]
    assert Talk().receive(both) == [
        Data("trade", ("A", "B"), None, TIME_NS - 66_741_000 + 1_500_000_000)
    ]
