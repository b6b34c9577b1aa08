"""The conversation on one connection to Kraken spot, WebSocket v2.

The venue numbers nothing but trades: `trade_id` is said to be contiguous per symbol, which no
recording at hand proves, so it finds no gaps here and `sequence` stays unset. The book's checksum
is the gap detector.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ssmd.model.event import (
    Control,
    Data,
    Event,
    Reconnect,
    Refused,
    Repaired,
    Subscribed,
    Unread,
    Unsubscribed,
    control_frame,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.keepalive import Keepalive
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken import messages
from ssmd.venues.kraken.books import Books
from ssmd.venues.kraken.messages import CHANNELS, Instruments, Item, Message
from ssmd.venues.kraken.subscriptions import Subscriptions

DEPTH: Final = 10
"""The depth of the book channel when the feed does not choose one: what the checksum covers."""

INTERVALS: Final = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
"""The candles the venue makes, in minutes (docs.kraken.com, websocket-v2/ohlc)."""

_UNEXPECTED: Final = (Unread("unexpected_shape"),)
_HEARTBEAT: Final = (Control("heartbeat"),)


class KrakenSession:
    """One connection's conversation; see `ssmd.model.session.Session`."""

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        self._passive = options.passive
        depth = None if options.passive else depth_of(options.parameters)
        self._books = Books(depth, passive=options.passive)
        self._subscriptions = Subscriptions(
            options.limits,
            depth,
            passive=options.passive,
            interval=interval_of(options.parameters),
        )
        self._life = Keepalive(options.limits)
        self._frames = 0
        self._status: Item | None = None

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        return self._subscriptions.acknowledged

    @property
    def ready(self) -> bool:
        return self._life.opened is not None and self._subscriptions.answered

    @property
    def pong_mono(self) -> float | None:
        return self._life.pong

    def open(self, now: Now) -> Sequence[Event]:
        self._life.open(now.mono)
        return self._pump(now.mono)

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        self._subscriptions.want(subscriptions)
        return self._pump(now.mono)

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        for item in sorted(subscriptions & self.acknowledged, key=str):
            self._subscriptions.renew(item, now.mono)
        return self._pump(now.mono)

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        self._life.ended = True
        return ()

    def tick(self, now: Now) -> Sequence[Event]:
        mono = now.mono
        if not self._life.is_open or self._passive:
            return ()
        reason = self._life.dead(mono)
        if reason:
            self._life.ended = True
            return (Reconnect(reason),)
        events: list[Event] = []
        if self._life.is_ping_due(mono):
            events.append(self._subscriptions.ping(mono))
        events += self._subscriptions.expired(mono)
        self._subscriptions.awaken(mono)
        events += self._pump(mono)
        return events

    def receive(self, frame: Frame) -> Sequence[Event]:
        self._life.hear(frame.mono)
        self._frames += 1
        if frame.opcode != Opcode.TEXT:
            control = control_frame(frame)
            return _UNEXPECTED if control is None else (control,)
        message = messages.read(frame.payload)
        if isinstance(message, Unread):
            return self._unread(frame.payload, message)
        if message.method is not None:
            return self._answer(message, frame.mono)
        if message.channel in CHANNELS:
            return self._data(message, message.channel, frame.mono)
        return self._other(message, frame.mono)

    def _other(self, message: Message, mono: float) -> Sequence[Event]:
        """What is neither an answer nor market data."""
        match message.channel:
            case "heartbeat":
                return _HEARTBEAT
            case "status":
                return self._opening(message)
            case None if message.error is not None:
                return self._answer(message, mono)  # about a request without a method
            case None:
                # The request complained about goes unanswered and is repeated after its time-out.
                return _UNEXPECTED if message.complaint is None else (Control("error"),)
            case _:
                return (Unread("unknown_channel"),)

    def _pump(self, mono: float) -> Sequence[Event]:
        """The requests that may be sent now."""
        if not self._life.is_open:
            return ()
        return self._subscriptions.send(mono)

    def _unread(self, payload: bytes, unread: Unread) -> Sequence[Event]:
        """An empty array says nothing; everything else that is no message is kept as unread."""
        return (Control("empty"),) if payload.strip() == b"[]" else (unread,)

    def _opening(self, message: Message) -> Sequence[Event]:
        """The status of the venue: the first frame of a connection, and news of its system."""
        items = message.data if isinstance(message.data, list) else []
        status = items[0] if items else Item()
        earlier, self._status = self._status, status
        if self._passive and self._frames > 1 and not _is_news(earlier, status):
            return (Reconnect("discontinuity"),)
        return (Control("status"),)

    def _answer(self, message: Message, mono: float) -> Sequence[Event]:
        at = messages.time_of(message.time_out)
        if message.method == "pong":
            self._life.pong = mono
            return (Control("pong", at),)
        if message.success is None and message.error is None:
            return _UNEXPECTED
        known = message.method is None or message.method in {"subscribe", "unsubscribe"}
        events: list[Event] = [Control("ack" if message.success else "error", at)]
        for answer in self._subscriptions.answer(message, mono) if known else ():
            self._tell_books(answer, message)
            events.append(answer)
        events += self._pump(mono)
        return events

    def _tell_books(self, answer: Subscribed | Unsubscribed | Refused, message: Message) -> None:
        item = answer.subscription
        if item.channel != "book" or item.symbol is None:
            return
        result = message.result
        if isinstance(answer, Unsubscribed):
            self._books.ended(item.symbol)
        elif isinstance(answer, Subscribed):
            depth = result.depth if result else None
            snapshot = result is not None and result.snapshot is not False
            self._books.subscribed(item.symbol, depth, snapshot=snapshot)

    def _data(self, message: Message, channel: str, mono: float) -> Sequence[Event]:
        data = message.data
        if channel == "instrument":
            if not isinstance(data, Instruments):
                return _UNEXPECTED
            data = data.pairs
        elif not isinstance(data, list):
            return _UNEXPECTED
        symbols: tuple[str, ...] | None
        if len(data) == 1:  # almost always
            symbol = data[0].symbol
            symbols = (symbol,) if symbol else None
            at = messages.time_of(data[0].timestamp)
        else:
            symbols, at = _symbols(data), messages.latest(data)
        if symbols is None:
            return _UNEXPECTED
        if channel == "ohlc":
            at = messages.time_of(message.timestamp)  # an element's is when its interval ends
        event = Data(channel, symbols, None, at)
        if channel != "book":
            return (event,)
        if message.type not in {"snapshot", "update"}:
            return _UNEXPECTED
        return self._book(event, data, mono, snapshot=message.type == "snapshot")

    def _book(
        self, event: Data, items: list[Item], mono: float, *, snapshot: bool
    ) -> Sequence[Event]:
        """Check every book of a message; ask again for those that do not add up."""
        events: list[Event] = [event]
        for item in items:
            symbol = item.symbol
            if not symbol:
                continue  # whichever book it was for will not add up
            try:
                change = self._books.read(item, symbol, snapshot=snapshot)
            except ValueError:
                change = self._books.unreadable(item, symbol, snapshot=snapshot)
            if change is not None:
                events.append(change)
            if self._books.is_broken(symbol):
                self._subscriptions.renew(Subscription("book", symbol), mono)
            elif isinstance(change, Repaired):
                self._subscriptions.repaired(Subscription("book", symbol))
        if len(events) > 1:
            events += self._pump(mono)
        return events


def depth_of(parameters: Mapping[str, object]) -> int:
    """The book depth a feed asks for, its parameters being checked."""
    depth = parameters.get("depth", DEPTH)
    return depth if isinstance(depth, int) else DEPTH


def interval_of(parameters: Mapping[str, object]) -> int:
    """The minutes of a candle that a feed asks for, its parameters being checked."""
    interval = parameters.get("interval", INTERVALS[0])
    return interval if isinstance(interval, int) else INTERVALS[0]


def _symbols(items: list[Item]) -> tuple[str, ...] | None:
    """The symbols of a message, each once, in order; None when none of its elements has one."""
    symbols = tuple(dict.fromkeys(item.symbol for item in items if item.symbol))
    return symbols if symbols or not items else None


def _is_news(earlier: Item | None, status: Item) -> bool:
    """Whether a status tells of a change on the same connection, instead of opening one."""
    return (
        earlier is not None
        and earlier.connection_id is not None
        and earlier.connection_id == status.connection_id
        and earlier.system != status.system
    )
