"""The market channel's frames, as far as a session needs them, and the requests it sends.

Evidence: docs.polymarket.com/market-data/websocket/market-channel, and recorded frames, which
differ: the first answer is a list, keys that carry the book change names, and the type may lack.
"""

from typing import Any, Final

import msgspec

from ssmd.model.event import Unread
from ssmd.model.fields import decode, encode

PING: Final = b"PING"
"""The keepalive: plain text, every ten seconds."""
PONG: Final = b"PONG"
"""Its answer: plain text, never JSON."""
INVALID: Final = b"INVALID OPERATION"
"""What the venue says to a message it does not accept (seen on a repeated first message)."""

BOOK: Final = "book"
PRICE_CHANGE: Final = "price_change"
PRICE_CHANGE_V1: Final = "price_change_v1"
"""Until September 2025: one token, `changes[]`."""
PRICE_CHANGE_V0: Final = "price_change_v0"
"""In 2024: one token, one level, not in a list."""

_SAME: Final = frozenset(
    {"last_trade_price", "best_bid_ask", "tick_size_change", "new_market", "market_resolved"}
)
_LIFECYCLE: Final = frozenset({"new_market", "market_resolved"})
TYPES: Final = _SAME | {BOOK, PRICE_CHANGE, PRICE_CHANGE_V1, PRICE_CHANGE_V0}
"""Every message type: one per schema."""

_MILLI_NS: Final = 1_000_000
_LONGEST_TIME: Final = 18
_ABSENT: Final = msgspec.Raw()
_WHITE: Final = b" \t\r\n"
_LISTS: Final = {"price_changes": "asset_id", "assets_ids": None}
"""The lists whose elements are read, and the field that is the token; None for the element."""


class Change(msgspec.Struct, gc=False):
    """One level of a price change: of which token."""

    asset_id: str | int | None = None


class Message(msgspec.Struct, gc=False):
    """What a session reads of a message; levels are passed over, not decoded.

    Attributes:
        event_type: The discriminator; None in the first books of some connections.
        asset_id: The token.
        market: The condition.
        timestamp: The venue's time: milliseconds, as text.
        price_changes: The levels of a price change, since September 2025.
        changes: The same before that.
        price: The price of a single level, or of a trade.
        assets_ids: The tokens of a listing, or of a resolution.
        bids: Levels; `buys` is the old name.
        asks: Levels; `sells` is the old name.
    """

    event_type: str | None = None
    asset_id: str | int | None = None
    market: str | None = None
    timestamp: Any = None
    price_changes: list[Change] | None = None
    changes: msgspec.Raw = _ABSENT
    price: msgspec.Raw = _ABSENT
    assets_ids: list[str | int] | None = None
    bids: msgspec.Raw = _ABSENT
    asks: msgspec.Raw = _ABSENT
    buys: msgspec.Raw = _ABSENT
    sells: msgspec.Raw = _ABSENT


class Label(msgspec.Struct, frozen=True, gc=False):
    """What a message is.

    Attributes:
        type: Its type, one per schema.
        symbols: The tokens it speaks of, each once.
        route: The condition; None when it names none.
        ts_event: The venue's time, ns; None when unstated.
    """

    type: str
    symbols: tuple[str, ...]
    route: str | None
    ts_event: int | None


class _Discriminator(msgspec.Struct, gc=False):
    event_type: str | None = None


_message: Final = msgspec.json.Decoder(Message)
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
_discriminator: Final = msgspec.json.Decoder(_Discriminator)
_encoder: Final = msgspec.json.Encoder()


def is_list(payload: bytes) -> bool:
    """Whether a frame holds an array."""
    first = payload[:1]
    return first == b"[" or (first in {b" ", b"\t", b"\r", b"\n"} and payload.lstrip()[:1] == b"[")


def elements(payload: bytes) -> list[msgspec.Raw] | Unread:
    """The elements of an array frame, as they stand there; or why they cannot be had."""
    try:
        if not payload.isascii():
            payload.decode()  # the JSON reader does not look into what it passes over
        return _elements.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unread("malformed")


def splits(payload: bytes, parts: list[bytes]) -> bool:
    """Whether the parts, put together again, are the frame to the byte."""
    return b"[%s]" % b",".join(parts) == payload.rstrip(_WHITE)


def read(payload: bytes) -> Label | Unread:
    """What a single object says, or why it is no message."""
    try:
        if not payload.isascii():
            payload.decode()
        message = _decoded(payload)
    except msgspec.ValidationError:
        return Unread(_misfit(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unread("malformed")
    kind = _type(message)
    if kind is None:
        unknown = message.event_type is not None and not _is_known(message.event_type)
        return Unread("unknown_channel" if unknown else "unexpected_shape")
    symbols = _symbols(message, kind)
    if symbols is None:
        return Unread("unexpected_shape")
    return Label(kind, symbols, message.market or None, _time(message.timestamp))


def _decoded(payload: bytes) -> Message:
    """A message; elements of its lists that name no token count as not there.

    Raises:
        msgspec.DecodeError: It is none.
    """
    try:
        return _message.decode(payload)
    except msgspec.ValidationError:
        mended = _mended(payload)
        if mended is None:
            raise
        return _message.decode(mended)


def _mended(payload: bytes) -> bytes | None:
    """A message without the elements that are not as they should be; None when that is no help."""
    try:
        value = decode(payload)
        if not isinstance(value, dict):
            return None
        for name, field in _LISTS.items():
            items = value.get(name)
            if isinstance(items, list):
                # One that is left out wholly would seem to be an empty list, which is something.
                value[name] = [item for item in items if _is_token(item, field)] or items
        return encode(value).encode()
    except (ValueError, RecursionError):
        return None


def _is_token(item: object, field: str | None) -> bool:
    """Whether an element of a list names a token, itself or in a field."""
    if field is not None:
        item = item.get(field) if isinstance(item, dict) else None
    return isinstance(item, str | int) and not isinstance(item, bool)


def first_request(tokens: list[str]) -> bytes:
    """The first message of a connection: all it is to hold."""
    return _encoder.encode(
        {
            "assets_ids": tokens,
            "type": "market",
            "custom_feature_enabled": True,
            "initial_dump": True,
            "level": 2,
        }
    )


def request(operation: str, tokens: list[str]) -> bytes:
    """A later `subscribe` or `unsubscribe`."""
    return _encoder.encode(
        {"operation": operation, "assets_ids": tokens, "custom_feature_enabled": True}
    )


def _type(message: Message) -> str | None:
    """The type, by the discriminator; only the first books may come without one."""
    match message.event_type:
        case None:
            return BOOK if _has_levels(message) else None
        case "book":
            return BOOK if _has_levels(message) else None
        case "price_change":
            if message.price_changes is not None:
                return PRICE_CHANGE
            if message.changes is not _ABSENT:
                return PRICE_CHANGE_V1
            return PRICE_CHANGE_V0 if message.price is not _ABSENT else None
        case kind:
            return kind if kind in _SAME else None


def _has_levels(message: Message) -> bool:
    """Whether both sides are there, by either name."""
    return (message.bids is not _ABSENT and message.asks is not _ABSENT) or (
        message.buys is not _ABSENT and message.sells is not _ABSENT
    )


def _symbols(message: Message, kind: str) -> tuple[str, ...] | None:
    """The tokens that can be read, each once; None when there should be some and are none."""
    named: list[str | int | None]
    if kind == PRICE_CHANGE:
        named = [change.asset_id for change in message.price_changes or []]
    elif kind in _LIFECYCLE:
        named = list(message.assets_ids or [])
    else:
        named = [message.asset_id]
    found = dict.fromkeys("" if name is None else str(name) for name in named)
    if "" in found:
        del found[""]
        if not found:
            return None
    return tuple(found)


def _time(timestamp: object) -> int | None:
    """Milliseconds, as text or number, in ns; None when there are none."""
    if isinstance(timestamp, str) and timestamp.isdecimal() and timestamp.isascii():
        timestamp = int(timestamp) if len(timestamp) <= _LONGEST_TIME else None
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        return None
    ns = timestamp * _MILLI_NS
    return ns if 0 <= ns < 1 << 63 else None


def _is_known(kind: str) -> bool:
    return kind in _SAME or kind in {BOOK, PRICE_CHANGE}


def _misfit(payload: bytes) -> str:
    """Why well-formed JSON is not a message of ours."""
    try:
        kind = _discriminator.decode(payload).event_type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        kind = None
    return "unexpected_shape" if kind is None or _is_known(kind) else "unknown_channel"
