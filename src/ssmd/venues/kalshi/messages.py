"""The words of the venue's WebSocket, read as far as the conversation needs them.

https://docs.kalshi.com/websockets/websocket-connection
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Final

import msgspec

from ssmd.model.event import Unread
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339

CHANNELS: Final = frozenset(
    {
        "ticker",
        "trade",
        "orderbook_delta",
        "market_lifecycle_v2",
        "multivariate_market_lifecycle",
    }
)
"""Every channel that is captured."""

WHOLE: Final = frozenset({"market_lifecycle_v2", "multivariate_market_lifecycle"})
"""The channels without a filter: they tell of every market, and take no tickers."""

BOOKS: Final = "orderbook_delta"
"""The channel whose messages build on each other."""

_LATEST: Final = 2**63 - 1
_MILLISECOND_NS: Final = 1_000_000
_DIGITS: Final = 20

_Count = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _Timed(msgspec.Struct, gc=False):
    """When the venue says it happened.

    Untyped on purpose: a time in a new form must not cost the message its type.

    Attributes:
        ts_ms: Milliseconds since the Unix epoch; missing before 2026.
        ts: Seconds since the Unix epoch, or an RFC 3339 text in book messages.
        time: An RFC 3339 text, in tickers.
    """

    ts_ms: Any = None
    ts: Any = None
    time: Any = None


class _Market(_Timed, gc=False, kw_only=True):
    """What is said about a market."""

    symbol: _Name = msgspec.field(name="market_ticker")


class _Event(_Timed, gc=False, kw_only=True):
    """What is said about an event, which is a group of markets."""

    symbol: _Name = msgspec.field(name="event_ticker")


class Told(msgspec.Struct, gc=False, tag_field="type", kw_only=True):
    """Any frame that belongs to a subscription.

    Attributes:
        sid: The subscription's number on this connection.
        seq: The subscription's counter, over all its markets; not every message has it.
    """

    sid: _Count | None = None
    seq: _Count | None = None


class News(Told, gc=False, kw_only=True):
    """Market data.

    Attributes:
        kind: Our name of the message type: the venue's own.
        channel: The channel that it comes on.
    """

    kind: ClassVar[str]
    channel: ClassVar[str]
    msg: _Market | _Event


class Ticker(News, gc=False, tag="ticker"):
    """Best prices, sizes and volume of a market."""

    kind = channel = "ticker"
    msg: _Market


class Trade(News, gc=False, tag="trade"):
    """One trade."""

    kind = channel = "trade"
    msg: _Market


class OrderbookSnapshot(News, gc=False, tag="orderbook_snapshot"):
    """A whole book; without any level when the market closed."""

    kind = "orderbook_snapshot"
    channel = BOOKS
    msg: _Market


class OrderbookDelta(News, gc=False, tag="orderbook_delta"):
    """The change of one level of a book."""

    kind = channel = BOOKS
    msg: _Market


class MarketLifecycle(News, gc=False, tag="market_lifecycle_v2"):
    """A market was created, changed, closed, determined, settled."""

    kind = channel = "market_lifecycle_v2"
    msg: _Market


class MultivariateLifecycle(News, gc=False, tag="multivariate_market_lifecycle"):
    """The same for a market that combines others."""

    kind = channel = "multivariate_market_lifecycle"
    msg: _Market


class EventLifecycle(News, gc=False, tag="event_lifecycle"):
    """An event was created; comes on both lifecycle channels."""

    kind = "event_lifecycle"
    channel = "market_lifecycle_v2"
    msg: _Event


class EventFeeUpdate(News, gc=False, tag="event_fee_update"):
    """The fees of one event were set apart from its series', or no longer are."""

    kind = "event_fee_update"
    channel = "market_lifecycle_v2"
    msg: _Event


TYPES: Final = frozenset(kind.kind for kind in News.__subclasses__())
"""Every message type: one for each shape."""

SHARED_TYPES: Final = (EventLifecycle, EventFeeUpdate)
"""Message types that do not tell which channel they came on."""


class _Opened(msgspec.Struct, gc=False):
    channel: str
    sid: _Count


class _Holding(msgspec.Struct, gc=False):
    market_tickers: list[str] | None = None


class _Reason(msgspec.Struct, gc=False):
    code: int | None = None
    msg: Any = None
    market_ticker: str | None = None


class Subscribed(Told, gc=False, tag="subscribed", kw_only=True):
    """A channel was opened; servers of old left out which."""

    id: int | None = None
    msg: _Opened | None = None


class Ok(Told, gc=False, tag="ok", kw_only=True):
    """A change of a subscription was made, and these are all its markets now."""

    id: int | None = None
    market_tickers: list[str] | None = None
    msg: _Holding | list[Any] | None = None

    @property
    def holding(self) -> frozenset[str] | None:
        """All markets of the subscription; None when it is not said."""
        told = self.market_tickers
        if told is None and isinstance(self.msg, _Holding):
            told = self.msg.market_tickers
        return None if told is None else frozenset(told)


class Unsubscribed(Told, gc=False, tag="unsubscribed", kw_only=True):
    """A subscription ended with all its markets."""

    id: int | None = None


class Error(Told, gc=False, tag="error", kw_only=True):
    """A request was refused, or a subscription broke."""

    id: int | None = None
    msg: _Reason = msgspec.field(default_factory=_Reason)

    @property
    def words(self) -> str:
        """The venue's words, with the number that they stand for."""
        words = self.msg.msg if isinstance(self.msg.msg, str) else ""
        code = "" if self.msg.code is None else f" (code {self.msg.code})"
        return f"{words}{code}".strip() or "refused"


class Unknown(msgspec.Struct, frozen=True):
    """A frame that is no message of ours; it may still count in its subscription.

    Attributes:
        unread: Why it is none.
        sid: As in every frame of a subscription.
        seq: Likewise.
    """

    unread: Unread
    sid: int | None = None
    seq: int | None = None


class _Outline(msgspec.Struct, gc=False):
    type: str | None = None
    sid: _Count | None = None
    seq: _Count | None = None


Message = (
    Ticker
    | Trade
    | OrderbookSnapshot
    | OrderbookDelta
    | MarketLifecycle
    | MultivariateLifecycle
    | EventLifecycle
    | EventFeeUpdate
    | Subscribed
    | Ok
    | Unsubscribed
    | Error
)

_decoder: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message, float_hook=str)
_outline: Final = msgspec.json.Decoder(_Outline)
_KNOWN: Final = TYPES | {"subscribed", "ok", "unsubscribed", "error"}


def read(payload: bytes) -> Message | Unknown:
    """A text frame's message, or why it is none."""
    try:
        if not payload.isascii():
            payload.decode()  # the JSON reader does not look into the fields it skips
        return _decoder.decode(payload)
    except msgspec.ValidationError:
        return _misfit(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unknown(Unread("malformed"))


def _misfit(payload: bytes) -> Unknown:
    """What can be known of well-formed JSON that is not a message of ours."""
    try:
        outline = _outline.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unknown(Unread("unexpected_shape"))
    known = outline.type is None or outline.type in _KNOWN
    reason = "unexpected_shape" if known else "unknown_channel"
    return Unknown(Unread(reason), outline.sid, outline.seq)


def time_of(told: _Timed) -> int | None:
    """The venue's time of a message in ns; None when it has none or it is not readable."""
    at = _moment(told.ts_ms, _MILLISECOND_NS)
    if at is None:
        at = _moment(told.ts, SECOND_NS)
    return _moment(told.time, SECOND_NS) if at is None else at


def _moment(value: object, unit: int) -> int | None:
    """A number of units, or an RFC 3339 text, in ns."""
    if type(value) is int:
        at = value * unit
    elif type(value) is str:
        try:
            at = parse_rfc3339(value) if "-" in value[1:] else _exactly(value, unit)
        except (ValueError, OverflowError, InvalidOperation):
            return None
    else:
        return None
    return at if 0 <= at <= _LATEST else None


def _exactly(text: str, unit: int) -> int:
    """A number's text in ns.

    Raises:
        ValueError: It is no time.
        InvalidOperation: It is no number.
    """
    number = Decimal(text)
    if not number.is_finite() or number.adjusted() > _DIGITS:
        message = "not a time"
        raise ValueError(message)
    return int(number * unit)
