"""The conversation on one connection.

A subscription's counter runs over all its markets and counts answers about it as well: a hole
concerns all of them. Books are asked for anew; trades and lifecycles cannot be.
"""

from collections.abc import Sequence
from typing import Final

from ssmd.model.event import (
    Control,
    Data,
    Event,
    Gap,
    Reconnect,
    Repaired,
    Send,
    Unread,
    Unsubscribed,
    control_frame,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.keepalive import Keepalive
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.kalshi import messages
from ssmd.venues.kalshi.holdings import Answer, Stage, order
from ssmd.venues.kalshi.messages import (
    BOOKS,
    CHANNELS,
    SHARED_TYPES,
    Error,
    News,
    Ok,
    OrderbookSnapshot,
    Subscribed,
    Told,
    Unknown,
)
from ssmd.venues.kalshi.messages import Unsubscribed as Ended
from ssmd.venues.kalshi.sequences import Jump, Sequences
from ssmd.venues.kalshi.subscriptions import Subscriptions

NAMED: Final = 500
"""Most markets that a gap of a replay names; a replay does not know what was subscribed."""

BUFFER_OVERFLOW: Final = 25
"""The venue dropped messages that we did not read in time; nothing more comes."""

_UNEXPECTED: Final = (Unread("unexpected_shape"),)
_LATEST_MS: Final = (2**63 - 1) // 1_000_000


class KalshiSession:
    """One connection's conversation; see `ssmd.model.session.Session`."""

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        self._passive = options.passive
        self._subscriptions = Subscriptions(
            options.limits,
            passive=options.passive,
        )
        self._holdings = self._subscriptions.holdings
        self._channels = self._subscriptions.channels
        self._sequences = Sequences()
        self._last = self._sequences.last
        self._seen: dict[int, dict[str, None]] = {}
        self._broken: set[str] = set()
        self._life = Keepalive(options.limits)

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        return self._holdings.acknowledged

    @property
    def ready(self) -> bool:
        return self._life.opened is not None and self._holdings.answered

    @property
    def pong_mono(self) -> float | None:
        return self._life.pong

    def open(self, now: Now) -> Sequence[Event]:
        self._life.open(now.mono)
        return self._pump(now.mono)

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        if self._life.ended:
            return ()
        return (*self._holdings.want(subscriptions), *self._pump(now.mono))

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        for item in sorted(subscriptions & self.acknowledged, key=order):
            self._holdings.renew(item, now.mono)
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
            self._subscriptions.ping(mono)
            events.append(Send(b"", Opcode.PING))
        events += self._subscriptions.expired(mono)
        self._holdings.awaken(mono)
        events += self._pump(mono)
        return events

    def receive(self, frame: Frame) -> Sequence[Event]:
        self._life.hear(frame.mono)
        if frame.opcode != Opcode.TEXT:
            if frame.opcode == Opcode.PONG:
                self._life.pong = frame.mono
            control = control_frame(frame)
            return _UNEXPECTED if control is None else (control,)
        message = messages.read(frame.payload)
        if isinstance(message, News):
            return self._news(message, frame.mono)
        if isinstance(message, Unknown):
            jump = None
            if message.sid is not None and message.seq is not None:
                jump = self._sequences.follow(message.sid, message.seq)
            return (message.unread, *self._jumped(message.sid, jump, frame.mono))
        return self._answer(message, frame.mono)

    def _pump(self, mono: float) -> Sequence[Event]:
        """The requests that may be sent now."""
        if not self._life.is_open:
            return ()
        return self._subscriptions.send(mono)

    def _news(self, message: News, mono: float) -> Sequence[Event]:
        """Market data: nearly every frame, so that the usual case is decided here."""
        told, sid, seq = message.msg, message.sid, message.seq
        symbol, stamp = told.symbol, told.ts_ms
        if type(stamp) is int and 0 <= stamp <= _LATEST_MS:
            at: int | None = stamp * 1_000_000
        else:
            at = messages.time_of(told)
        event = Data(message.kind, (symbol,), seq, at)
        if sid is None:
            return (event,)
        if self._passive:
            seen = self._seen.setdefault(sid, {})
            if len(seen) <= NAMED:
                seen[symbol] = None
        if sid not in self._channels and (self._passive or not isinstance(message, SHARED_TYPES)):
            self._subscriptions.meet(sid, message.channel)
        jump = None
        if seq is not None:
            last = self._last.get(sid)
            if last is None or seq == last + 1:
                self._last[sid] = seq
            else:
                jump = self._sequences.follow(sid, seq)
        if jump is None and message.__class__ is not OrderbookSnapshot:
            return (event,)
        return (event, *self._changed(message, sid, symbol, jump, mono))

    def _changed(
        self, message: News, sid: int, symbol: str, jump: Jump | None, mono: float
    ) -> Sequence[Event]:
        """What follows from a hole in a counter, and from a whole book."""
        events = self._find(sid, jump, mono)
        if isinstance(message, OrderbookSnapshot):
            self._holdings.repaired(Subscription(BOOKS, symbol))
            if symbol in self._broken:
                self._broken.discard(symbol)
                events.append(Repaired(BOOKS, (symbol,), "snapshot"))
        return (*events, *self._pump(mono)) if events else ()

    def _jumped(self, sid: int | None, jump: Jump | None, mono: float) -> Sequence[Event]:
        events = self._find(sid, jump, mono)
        return (*events, *self._pump(mono)) if events else ()

    def _find(self, sid: int | None, jump: Jump | None, mono: float) -> list[Event]:
        """Report a hole in a counter, and see to it that the books are told anew."""
        channel = self._channels.get(sid or 0)
        if jump is None or sid is None or channel not in CHANNELS:
            return []
        if self._passive:
            seen = tuple(self._seen.get(sid, ()))
            symbols = seen if len(seen) <= NAMED else ()
            broken = seen
        else:
            held = self._holdings.of(channel, Stage.ASKED, Stage.HELD, Stage.LEAVING)
            symbols = broken = tuple(item.symbol for item in held if item.symbol is not None)
        if channel == BOOKS:
            self._broken.update(broken)
            for symbol in broken:
                self._holdings.renew(Subscription(BOOKS, symbol), mono)
        return [Gap(channel, symbols, jump.kind, jump.expected, jump.found, f"sid {sid}")]

    def _answer(self, message: Told, mono: float) -> Sequence[Event]:
        """What is said about subscriptions instead of in them."""
        if isinstance(message, Subscribed):
            return self._confirmed(message, mono)
        jump = None
        if message.sid is not None and message.seq is not None:
            jump = self._sequences.follow(message.sid, message.seq)
        events = self._find(message.sid, jump, mono)
        if isinstance(message, Ok):
            return self._told("ack", events, self._subscriptions.ok(message, mono), mono)
        if isinstance(message, Ended):
            self._forget(message.sid)
            return self._told("ack", events, self._subscriptions.unsubscribed(message, mono), mono)
        if not isinstance(message, Error):
            return _UNEXPECTED
        if message.msg.code == BUFFER_OVERFLOW and not self._passive:
            self._life.ended = True
            return (Control("error"), *events, Reconnect("buffer_overflow"))
        return self._told("error", events, self._subscriptions.error(message, mono), mono)

    def _confirmed(self, message: Subscribed, mono: float) -> Sequence[Event]:
        """A subscription was opened, and its counter begins if no data came before this."""
        if self._begins_anew(message):
            return (Reconnect("discontinuity"),)
        if message.msg is not None:
            if self._passive:
                self._forget(message.msg.sid)
            self._sequences.open(message.msg.sid, message.msg.channel)
        return self._told("ack", [], self._subscriptions.subscribed(message), mono)

    def _forget(self, sid: int | None) -> None:
        """What is known of a number does not hold for its next use."""
        if sid is not None:
            self._sequences.close(sid)
            self._seen.pop(sid, None)

    def _told(
        self, kind: str, events: Sequence[Event], answers: Sequence[Answer], mono: float
    ) -> Sequence[Event]:
        for sid in self._subscriptions.closed():
            self._forget(sid)
        for answer in answers:
            item = answer.subscription
            if isinstance(answer, Unsubscribed) and item.channel == BOOKS:
                self._broken.discard(item.symbol or "")
        return (Control(kind), *events, *answers, *self._pump(mono))

    def _begins_anew(self, message: Subscribed) -> bool:
        """Whether a recording goes on with another connection.

        One connection confirms many subscriptions, but none twice: a number or a channel that
        is open already belongs to a connection that came after.
        """
        told = message.msg
        if not self._passive or told is None:
            return False
        return told.sid in self._channels or self._subscriptions.is_open(told.channel)
