"""The conversation on one connection to Kraken Futures, WebSocket version 1."""

from collections.abc import Sequence
from typing import Final

from ssmd.model.event import (
    Control,
    Data,
    Event,
    Gap,
    Reconnect,
    Refused,
    Repaired,
    Send,
    Subscribed,
    Unread,
    control_frame,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.keepalive import Keepalive
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kraken_futures import messages
from ssmd.venues.kraken_futures.counters import Counters
from ssmd.venues.kraken_futures.messages import HEARTBEAT, TYPES, Message
from ssmd.venues.kraken_futures.subscriptions import Answer, Subscriptions

_UNEXPECTED: Final = (Unread("unexpected_shape"),)
_PULSE: Final = Subscription(HEARTBEAT)
_ANSWERS: Final = {
    "subscribed": "subscribe",
    "subscribed_failed": "subscribe",
    "unsubscribed": "unsubscribe",
    "unsubscribed_failed": "unsubscribe",
}


class KrakenFuturesSession:
    """One connection's conversation; see `ssmd.model.session.Session`.

    The heartbeat feed is held on every connection, whatever is wanted, and is reported nowhere: a
    quiet connection and a dead one would look alike without it.
    """

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        self._passive = options.passive
        self._subscriptions = Subscriptions(options.limits, passive=options.passive)
        self._subscriptions.want(frozenset({_PULSE}))
        self._counters = {feed: Counters(feed) for feed in ("book", "trade")}
        self._spelled: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._life = Keepalive(options.limits)
        self._frames = 0

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        return self._subscriptions.acknowledged - {_PULSE}

    @property
    def ready(self) -> bool:
        return self._life.opened is not None and self._subscriptions.unanswered <= {_PULSE}

    @property
    def pong_mono(self) -> float | None:
        return self._life.pong

    def open(self, now: Now) -> Sequence[Event]:
        self._life.open(now.mono)
        return self._pump(now.mono)

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        self._spelled = {item.symbol.upper(): item.symbol for item in subscriptions if item.symbol}
        self._names.clear()
        self._subscriptions.want(subscriptions | {_PULSE})
        return self._pump(now.mono)

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        for item in sorted(subscriptions, key=str):
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
            events.append(Send(b"", Opcode.PING))
        events += self._told(self._subscriptions.expired(mono))
        self._subscriptions.awaken(mono)
        events += self._pump(mono)
        return events

    def receive(self, frame: Frame) -> Sequence[Event]:
        self._life.hear(frame.mono)
        self._frames += 1
        if frame.opcode != Opcode.TEXT:
            if frame.opcode == Opcode.PONG:
                self._life.pong = frame.mono
            control = control_frame(frame)
            return _UNEXPECTED if control is None else (control,)
        message = messages.read(frame.payload)
        if isinstance(message, Unread):
            return (message,)
        if message.event is not None:
            return self._talk(message, message.event, frame.mono)
        return self._news(message, message.feed, frame.mono)

    def _news(self, message: Message, feed: str | None, mono: float) -> Sequence[Event]:
        """What comes of a feed."""
        if feed in TYPES:
            try:
                return self._data(message, feed, mono)
            except ValueError:
                return _UNEXPECTED
        if feed == HEARTBEAT:
            return (Control("heartbeat", messages.time_of(message)),)
        return _UNEXPECTED if feed is None else (Unread("unknown_channel"),)

    def _pump(self, mono: float) -> Sequence[Event]:
        """The requests that may be sent now."""
        if not self._life.is_open:
            return ()
        return self._subscriptions.send(mono)

    def _talk(self, message: Message, event: str, mono: float) -> Sequence[Event]:
        """What has an `event` is never market data, whatever else it has."""
        match event:
            case "info":  # the first frame of a connection; nothing else is known to say it
                if self._passive and self._frames > 1:
                    return (Reconnect("discontinuity"),)
                return (Control("status"),)
            case "subscribed" | "unsubscribed":
                label = Control("ack")
                answers = self._subscriptions.confirmed(_ANSWERS[event], self._items(message), mono)
            case "subscribed_failed" | "unsubscribed_failed":
                label = Control("error")
                items, reason = self._items(message), message.message or event
                if items:
                    answers = self._subscriptions.refused(_ANSWERS[event], items, reason, mono)
                else:
                    answers = self._subscriptions.complained(reason, mono)
            case "alert" | "error":
                label = Control("error")
                answers = self._subscriptions.complained(message.message or event, mono)
            case "heartbeat":
                return (Control("heartbeat", messages.time_of(message)),)
            case _:
                return (Unread("unknown_channel"),)
        return [label, *self._told(answers), *self._pump(mono)]

    def _items(self, message: Message) -> list[Subscription]:
        """What an answer speaks of; the venue sends one for each product, and may send a list."""
        if message.feed is None:
            return []
        if message.feed == HEARTBEAT:
            return [_PULSE]
        return [
            Subscription(message.feed, self._symbol(name)) for name in message.product_ids or ()
        ]

    def _symbol(self, product_id: str) -> str:
        """The product as subscriptions spell it; letters count alike in either case."""
        symbol = self._names.get(product_id)
        if symbol is None:
            symbol = self._spelled.get(product_id.upper()) or messages.canonical(product_id)
            self._names[product_id] = symbol
        return symbol

    def _told(self, answers: list[Answer]) -> list[Event]:
        """What is reported of answers; the counters learn of them first."""
        events: list[Event] = []
        for answer in answers:
            item = answer.subscription
            if item == _PULSE:
                continue
            events.append(answer)
            counters = self._counters.get(item.channel)
            if counters is None or item.symbol is None or isinstance(answer, Refused):
                continue
            if isinstance(answer, Subscribed):
                if item.channel == "book":
                    counters.promise(item.symbol)
            elif item.channel == "book" or not self._subscriptions.wants(item):
                # A renewed trade feed goes on counting: its snapshot reaches back over the pause.
                counters.ended(item.symbol)
        return events

    def _data(self, message: Message, feed: str, mono: float) -> Sequence[Event]:
        """Market data.

        Raises:
            ValueError: It is not as it should be.
        """
        if not message.product_id:
            raise ValueError("market data without a product")
        symbol = self._symbol(message.product_id)
        number = messages.counter(message.seq)
        event = Data(feed, (symbol,), number, messages.time_of(message))
        match feed:
            case "book" | "trade":
                if number is None:
                    raise ValueError("a message that is counted without a number")
                gap = self._counters[feed].follow(symbol, number)
                if gap is None and not self._counters[feed].is_broken(symbol):
                    return (event,)
                self._subscriptions.renew(Subscription(feed, symbol), mono)
                return [event, *([gap] if gap else ()), *self._pump(mono)]
            case "book_snapshot":
                if number is None:
                    raise ValueError("a snapshot without a number")
                return self._snapshot(
                    event, "book", self._counters["book"].snapshot(symbol, number)
                )
            case "trade_snapshot":
                # A trade that cannot be read is not had: its number is missing here as well.
                numbers = messages.numbers(message.trades)
                if numbers:
                    told = self._counters["trade"].snapshot(symbol, max(numbers), min(numbers))
                    return self._snapshot(event, "trade", told)
        return (event,)

    def _snapshot(self, event: Data, feed: str, told: list[Gap | Repaired]) -> Sequence[Event]:
        self._subscriptions.repaired(Subscription(feed, event.symbols[0]))
        return [event, *told]
