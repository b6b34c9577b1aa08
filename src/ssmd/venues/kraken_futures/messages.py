"""The words of the Kraken Futures WebSocket, version 1, read as far as a session needs them.

https://docs.kraken.com/exchange/api-reference/futures-websocket/
"""

import contextlib
from typing import Final

import msgspec

from ssmd.model.event import Unread

FEEDS: Final = frozenset({"ticker", "ticker_lite", "trade", "book"})
"""Every feed that is captured."""

TYPES: Final = FEEDS | {"trade_snapshot", "book_snapshot"}
"""Every message type; each is a feed's name, or that of what begins a subscription to it."""

HEARTBEAT: Final = "heartbeat"
"""The feed that says that the connection lives, about every ten seconds."""

_MILLISECOND_NS: Final = 1_000_000
_LARGEST: Final = (1 << 63) - 1


class Counted(msgspec.Struct, gc=False):
    """A trade of a trade snapshot, of which only the counter is read."""

    seq: int | None = None


class Message(msgspec.Struct, gc=False):
    """Any frame: talk has an `event`, market data a `feed` alone.

    Levels of a book snapshot are not read: a real one has three thousand of them.

    Attributes:
        time: The venue's time of a ticker, trade or heartbeat, in Unix milliseconds.
        timestamp: The same of a book message.
    """

    event: str | None = None
    feed: str | None = None
    product_id: str | None = None
    seq: int | None = None
    time: int | None = None
    timestamp: int | None = None
    message: str | None = None
    product_ids: list[str] | None = None
    trades: list[Counted] | None = None


class _Snapshot(msgspec.Struct, gc=False):
    """A trade snapshot of which a trade is not as it should be."""

    event: str | None = None
    feed: str | None = None
    product_id: str | None = None
    time: int | None = None
    timestamp: int | None = None
    trades: list[msgspec.Raw] = []


class _Discriminators(msgspec.Struct, gc=False):
    """What tells the kinds of frame apart, when the rest is not what it should be."""

    event: str | None = None
    feed: str | None = None


class _Request(msgspec.Struct, omit_defaults=True):
    event: str
    feed: str
    product_ids: list[str] | None = None


_decoder: Final = msgspec.json.Decoder(Message)
_tolerant: Final = msgspec.json.Decoder(Message, strict=False)
_snapshot: Final = msgspec.json.Decoder(_Snapshot, strict=False)
_counted: Final = msgspec.json.Decoder(Counted, strict=False)
_discriminators: Final = msgspec.json.Decoder(_Discriminators)
_encoder: Final = msgspec.json.Encoder()


def read(payload: bytes) -> Message | Unread:
    """A text frame's message, or why it is none."""
    try:
        if not payload.isascii():
            payload.decode()  # the JSON reader does not look into the fields it skips
        return _decoder.decode(payload)
    except msgspec.ValidationError:
        return _misfit(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unread("malformed")


def _misfit(payload: bytes) -> Message | Unread:
    """Well-formed JSON that is not a message of ours, unless numbers came as text."""
    try:
        return _tolerant.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        pass
    snapshot = _trades(payload)
    if snapshot is not None:
        return snapshot
    try:
        told = _discriminators.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return Unread("unexpected_shape")
    known = told.event is not None or told.feed is None or told.feed in TYPES | {HEARTBEAT}
    return Unread("unexpected_shape" if known else "unknown_channel")


def _trades(payload: bytes) -> Message | None:
    """A trade snapshot with the trades that can be read; None when it is none."""
    try:
        told = _snapshot.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return None
    if told.event is not None or told.feed != "trade_snapshot":
        return None
    trades: list[Counted] = []
    for raw in told.trades:
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            trades.append(_counted.decode(raw))
    return Message(
        feed=told.feed,
        product_id=told.product_id,
        time=told.time,
        timestamp=told.timestamp,
        trades=trades,
    )


def canonical(product_id: str) -> str:
    """The venue's own spelling of a product id: only its older REST answers are in lower case."""
    return product_id.upper() if product_id.islower() else product_id


def counter(value: int | None) -> int | None:
    """A number the venue counts with; None when there is none.

    Raises:
        ValueError: No counter is like this.
    """
    if value is None or 0 <= value <= _LARGEST:
        return value
    raise ValueError("a counter is out of range")


def numbers(trades: list[Counted] | None) -> list[int]:
    """The counters of some trades; one that is none hurts no other."""
    return [
        trade.seq for trade in trades or () if trade.seq is not None and 0 <= trade.seq <= _LARGEST
    ]


def time_of(message: Message) -> int | None:
    """The venue's time of a message in ns; None when it has none that can be."""
    millis = message.timestamp if message.time is None else message.time
    if millis is None or abs(millis) > _LARGEST // _MILLISECOND_NS:
        return None
    return millis * _MILLISECOND_NS


def request(event: str, feed: str, product_ids: list[str] | None) -> bytes:
    """The bytes of a subscribe or unsubscribe request."""
    return _encoder.encode(_Request(event, feed, product_ids))
