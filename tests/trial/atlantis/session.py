"""The conversation on one connection to Atlantis.

The venue numbers what it tells one socket about one market, from 1, whichever channel it is on. So
a hole may have swallowed a deal or a change of depth: a fresh whole depth ends it, and what deals
were lost stays lost.
"""

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
    Unsubscribed,
    control_frame,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.atlantis import messages
from ssmd.venues.atlantis.messages import DEALS, DEPTH, KINDS, MILLISECOND_NS, WHOLE, Message

_UNEXPECTED: Final = (Unread("unexpected_shape"),)
_RETRY_S: Final = 60.0
"""Pause before what was refused is asked for again."""
_REPAIR_S: Final = 5.0
"""Pause between two attempts to have one market told anew."""


class AtlantisSession:
    """One connection's conversation; see `ssmd.model.session.Session`."""

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        self._limits = options.limits
        self._passive = options.passive
        self._wanted: frozenset[Subscription] = frozenset()
        self._held: frozenset[Subscription] = frozenset()
        self._refused: frozenset[Subscription] = frozenset()
        self._unanswered: frozenset[Subscription] = frozenset()
        self._asked: frozenset[Subscription] = frozenset()
        self._anew: set[Subscription] = set()
        self._waiting = False
        self._number = 0
        self._sent = self._refused_at = float("-inf")
        self._last: dict[str, int] = {}
        self._broken: dict[str, float] = {}
        self._opened: float | None = None
        self._heard = self._pinged = 0.0
        self._pong: float | None = None
        self._ended = False
        self._frames = 0

    @property
    def acknowledged(self) -> frozenset[Subscription]:
        return self._held

    @property
    def ready(self) -> bool:
        return self._opened is not None and not self._unanswered

    @property
    def pong_mono(self) -> float | None:
        return self._pong

    def open(self, now: Now) -> Sequence[Event]:
        self._opened = self._heard = self._pinged = now.mono
        return self._pump(now.mono)

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        new = subscriptions - self._wanted
        self._wanted = subscriptions
        self._refused = self._refused & subscriptions - new
        self._unanswered = (self._unanswered & subscriptions) | (new - self._held)
        return self._pump(now.mono)

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        self._anew |= subscriptions & self._held
        return self._pump(now.mono)

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        self._ended = True
        return ()

    def tick(self, now: Now) -> Sequence[Event]:
        mono = now.mono
        if self._opened is None or self._ended or self._passive:
            return ()
        reason = self._dead(mono, self._opened)
        if reason:
            self._ended = True
            return (Reconnect(reason),)
        events: list[Event] = []
        if mono - self._pinged >= self._limits.ping_interval_s:
            self._pinged = mono
            events.append(Send(b"", Opcode.PING))
        if self._waiting and mono - self._sent >= self._limits.ack_timeout_s:
            self._waiting = False
            events += self._refuse(self._asked - self._held, "timeout", mono)
        if mono - self._refused_at >= _RETRY_S:
            self._refused = frozenset()
        return [*events, *self._pump(mono)]

    def receive(self, frame: Frame) -> Sequence[Event]:
        self._heard = frame.mono
        self._frames += 1
        if frame.opcode != Opcode.TEXT:
            if frame.opcode == Opcode.PONG:
                self._pong = frame.mono
            control = control_frame(frame)
            return _UNEXPECTED if control is None else (control,)
        message = messages.read(frame.payload)
        return (message,) if isinstance(message, Unread) else self._read(message, frame.mono)

    def _read(self, message: Message, mono: float) -> Sequence[Event]:
        match message.k:
            case None:
                return _UNEXPECTED if message.hb is None else (Control("heartbeat"),)
            case "hi":
                if self._passive and self._frames > 1:
                    return (Reconnect("discontinuity"),)
                return (Control("status"),)
            case "held":
                return [Control("ack"), *self._answer(message, mono), *self._pump(mono)]
            case kind:
                return self._data(KINDS[kind], message, mono)

    def _dead(self, mono: float, opened: float) -> str | None:
        """Why the connection is to be given up; only what was received counts as life."""
        if mono - self._heard > self._limits.silence_s:
            return "silence"
        answered = opened if self._pong is None else self._pong
        late = mono - answered > self._limits.pong_intervals * self._limits.ping_interval_s
        return "pong" if late else None

    def _pump(self, mono: float) -> Sequence[Event]:
        """The command, when something is to be said and may be said now."""
        if self._opened is None or self._ended or self._passive or self._waiting:
            return ()
        for symbol, asked in self._broken.items():
            if mono - asked >= _REPAIR_S:
                self._broken[symbol] = mono
                self._anew.add(Subscription(DEPTH, symbol))
        target = self._wanted - self._refused
        self._anew &= self._held & target
        if target == self._held and not self._anew:
            return ()
        if mono - self._sent < 1 / self._limits.sends_per_second:
            return ()
        anew, self._anew = self._anew, set()
        self._asked, self._sent, self._waiting = target, mono, True
        self._number += 1
        return (Send(messages.hold(self._number, target, anew)),)

    def _answer(self, message: Message, mono: float) -> list[Event]:
        """What is held now: what of the question is missing was refused."""
        told = frozenset(filter(None, map(messages.subscription, message.y or ())))
        if not self._passive:
            if message.i != self._number:
                return []
            told &= self._asked
            self._waiting = False
        gained, lost = told - self._held, self._held - told
        self._held = told
        self._unanswered -= told
        self._refused -= told
        return [
            *map(Subscribed, sorted(gained)),
            *map(Unsubscribed, sorted(lost)),
            *self._refuse(self._asked - told, "not held", mono),
        ]

    def _refuse(self, items: frozenset[Subscription], reason: str, mono: float) -> list[Refused]:
        if items:
            self._refused_at = mono
        self._refused |= items & self._wanted
        self._unanswered -= items
        return [Refused(item, reason) for item in sorted(items)]

    def _data(self, kind: str, message: Message, mono: float) -> Sequence[Event]:
        symbol, number = message.m, message.n
        if not symbol or number is None:
            return _UNEXPECTED
        ts_event = None if message.t is None else message.t * MILLISECOND_NS
        events: list[Event] = [Data(kind, (symbol,), number, ts_event)]
        # Whoever replays may have come in the middle; whoever connected has heard from 1 on.
        last = self._last.get(symbol, number - 1 if self._passive else 0)
        self._last[symbol] = number
        if number != last + 1:
            events.append(self._gap(kind, symbol, last + 1, number))
        if kind == WHOLE and number > last and self._broken.pop(symbol, None) is not None:
            events.append(Repaired(DEPTH, (symbol,), "snapshot"))
        return [*events, *self._pump(mono)] if self._broken else events

    def _gap(self, kind: str, symbol: str, expected: int, found: int) -> Gap:
        """A hole; it can be repaired where depth is held."""
        repairable = self._passive or Subscription(DEPTH, symbol) in self._held
        if repairable:
            self._broken.setdefault(symbol, float("-inf"))
        channel = DEPTH if repairable or kind != "deal" else DEALS
        how: Final = "sequence" if found > expected else "sequence_reset"
        return Gap(channel, (symbol,), how, expected, found)
