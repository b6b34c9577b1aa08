"""The words of WebSocket v2, read as far as classification and the checksum need them.

https://docs.kraken.com/api/docs/websocket-v2/
"""

from typing import Any, Final

import msgspec

from ssmd.model.book import Level
from ssmd.model.event import Unread
from ssmd.model.timestamp import parse_rfc3339


class WireLevel(msgspec.Struct, gc=False):
    """A level of a book message.

    Attributes:
        price: Its text, or an `int` where the number was written without point and exponent.
        qty: Likewise.
    """

    # Untyped on purpose: only untyped numbers are given to the decoder's `float_hook`, which
    # keeps their text; it takes two thirds of the time of msgspec.Raw with a copy for each.
    price: Any
    qty: Any


class Item(msgspec.Struct, gc=False):
    """One element of a message's `data`: a ticker, a trade, a book, a pair."""

    symbol: str | None = None
    timestamp: str | None = None
    bids: list[WireLevel] = []
    asks: list[WireLevel] = []
    checksum: int | None = None
    system: str | None = None
    connection_id: int | None = None


class Instruments(msgspec.Struct, gc=False):
    """The `data` of the instrument channel, which is an object where all others have an array."""

    pairs: list[Item] = []


class Result(msgspec.Struct, gc=False):
    """What an answer says about the subscription it is about."""

    channel: str | None = None
    symbol: str | None = None
    depth: int | None = None
    snapshot: bool | None = None


class Message(msgspec.Struct, gc=False):
    """Any frame: an answer has a `method`, everything else a `channel`.

    Attributes:
        complaint: The error of a frame that is nothing else, `{"Error": "Exceeded msg rate"}`.
    """

    channel: str | None = None
    method: str | None = None
    type: str | None = None
    data: list[Item] | Instruments | None = None
    success: bool | None = None
    timestamp: str | None = None
    error: str | None = None
    symbol: str | None = None
    req_id: int | None = None
    result: Result | None = None
    time_out: str | None = None
    complaint: str | None = msgspec.field(name="Error", default=None)


class _Discriminators(msgspec.Struct, gc=False):
    """What tells the kinds of frame apart, when the rest is not what it should be."""

    channel: str | None = None


class _Params(msgspec.Struct, omit_defaults=True):
    channel: str
    symbol: list[str] | None = None
    depth: int | None = None
    interval: int | None = None
    snapshot: bool | None = None
    include_tokenized_assets: bool | None = None


class _Request(msgspec.Struct, omit_defaults=True):
    method: str
    params: _Params | None = None
    req_id: int | None = None


CHANNELS: Final = frozenset({"ticker", "trade", "book", "instrument", "ohlc"})
"""Every channel that is captured; each is a message type of the same name."""

_decoder: Final = msgspec.json.Decoder(Message, float_hook=str)
_values: Final = msgspec.json.Decoder(float_hook=str)
_discriminators: Final = msgspec.json.Decoder(_Discriminators)
_encoder: Final = msgspec.json.Encoder()


def read(payload: bytes) -> Message | Unread:
    """A text frame's message, or why it is none."""
    try:
        if not payload.isascii():
            payload.decode()  # the JSON reader does not look into the fields it skips
        return _decoder.decode(payload)
    except msgspec.ValidationError:
        return _mended(payload) or Unread(_misfit(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unread("malformed")


def _misfit(payload: bytes) -> str:
    """Why well-formed JSON is not a message of ours."""
    try:
        channel = _discriminators.decode(payload).channel
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        channel = None
    known = channel is None or channel in CHANNELS or channel in {"heartbeat", "status"}
    return "unexpected_shape" if known else "unknown_channel"


def _mended(payload: bytes) -> Message | None:
    """Market data of which something is not as it should be, with what can be read; else None."""
    try:
        told = _values.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("method") is not None:
        return None
    channel, data = told.get("channel"), told.get("data")
    if not isinstance(channel, str) or channel not in CHANNELS:
        return None
    if channel == "instrument":
        data = data.get("pairs") if isinstance(data, dict) else None
    if not isinstance(data, list):
        return None
    items = [_item(value) for value in data]
    return Message(
        channel=channel,
        type=_text_or_none(told.get("type")),
        data=Instruments(items) if channel == "instrument" else items,
        timestamp=_text_or_none(told.get("timestamp")),
    )


def _item(value: object) -> Item:
    """An element; a symbol or time that is none counts as unsaid, anything else spoils a book."""
    if not isinstance(value, dict):
        return Item()
    symbol, timestamp = _text_or_none(value.get("symbol")), _text_or_none(value.get("timestamp"))
    try:
        item = msgspec.convert({**value, "symbol": symbol, "timestamp": timestamp}, Item)
    except (msgspec.ValidationError, RecursionError):
        checksum = value.get("checksum")
        item = Item(symbol, timestamp, bids=[WireLevel(None, None)])  # no levels can be had of it
        item.checksum = checksum if type(checksum) is int else None
    return item


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def levels(wire: list[WireLevel]) -> list[Level]:
    """The levels as verbatim text.

    Raises:
        ValueError: A price or quantity is neither a number nor the text of one.
    """
    return [
        (price, qty)
        if type(price := level.price) is str and type(qty := level.qty) is str
        else (_text(level.price), _text(level.qty))
        for level in wire
    ]


def _text(value: object) -> str:
    if type(value) is str or type(value) is int:
        return str(value)
    message = "a price or quantity is not a number"
    raise ValueError(message)


def time_of(text: str | None) -> int | None:
    """An RFC 3339 time in ns; None when there is none or it is not readable."""
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None


def latest(items: list[Item]) -> int | None:
    """The latest venue time of some elements, in ns; None when none of them has one."""
    times = [at for item in items if (at := time_of(item.timestamp)) is not None]
    return max(times, default=None)


def request(
    method: str,
    channel: str,
    symbols: list[str] | None,
    req_id: int,
    depth: int | None = None,
    interval: int | None = None,
) -> bytes:
    """The bytes of a subscribe or unsubscribe request.

    Snapshots are asked for by name: books need theirs, and the trade channel's (left out unless
    asked for) repeats the last trades, which bridges a short outage. So are the tokenized assets
    of the instrument channel, which leaves them out otherwise (websocket-v2/instrument).
    """
    snapshot = True if method == "subscribe" else None
    everything = snapshot if channel == "instrument" else None
    params = _Params(channel, symbols, depth, interval, snapshot, everything)
    return _encoder.encode(_Request(method, params, req_id))


def ping(req_id: int) -> bytes:
    """The bytes of a keepalive."""
    return _encoder.encode(_Request("ping", None, req_id))
