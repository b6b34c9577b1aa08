"""The conversation on one connection to Polymarket's market channel.

There is no sequence number and no checksum that can be checked in time (a book's `hash` counts
fields that the channel does not send), so no gaps are found here: books that come again are
compared with the rebuilt ones later, from the archive.

Life is any frame, PONG included: a quiet universe at night is legal. That the venue answers PING
and has stopped sending data is found per instrument, where books can be asked for over REST.
"""

from collections.abc import Sequence
from typing import Final

from ssmd.model.envelope import UNREAD
from ssmd.model.event import (
    Control,
    Data,
    Event,
    Reconnect,
    Subscribed,
    Unread,
    control_frame,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.keepalive import Keepalive
from ssmd.model.subscription import Shard, Subscription
from ssmd.model.venue import SessionOptions
from ssmd.venues.polymarket import messages
from ssmd.venues.polymarket.messages import BOOK, Label
from ssmd.venues.polymarket.subscriptions import CHANNEL, Subscriptions

_UNEXPECTED: Final = (Unread("unexpected_shape"),)
_PONG: Final = (Control("pong"),)
_EMPTY: Final = (Control("empty"),)
_INVALID: Final = (Control("error"),)


class PolymarketSession:
    """One connection's conversation; see `ssmd.model.session.Session`."""

    def __init__(self, shard: Shard, options: SessionOptions) -> None:
        self._passive = options.passive
        self._subscriptions = Subscriptions(options.limits, passive=options.passive)
        self._life = Keepalive(options.limits)

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
        refused = self._subscriptions.want(subscriptions)
        return () if self._life.ended else (*refused, *self._pump(now.mono))

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        for item in subscriptions:
            if item.channel == CHANNEL and item.symbol is not None:
                self._subscriptions.renew(item.symbol)
        return self._pump(now.mono)

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        self._life.ended = True
        return ()

    def tick(self, now: Now) -> Sequence[Event]:
        mono = now.mono
        if not self._life.is_open or self._passive:
            return ()
        refused = self._subscriptions.expired(mono)
        reason = self._life.dead(mono) or ("unconfirmed" if refused is None else None)
        if reason or refused is None:
            self._life.ended = True
            return (Reconnect(reason or "unconfirmed"),)
        events: list[Event] = []
        if self._life.is_ping_due(mono):
            events.append(self._subscriptions.ping(mono))
        events += refused
        self._subscriptions.awaken(mono)
        events += self._pump(mono)
        return events

    def receive(self, frame: Frame) -> Sequence[Event]:
        self._life.hear(frame.mono)
        if frame.opcode != Opcode.TEXT:
            control = control_frame(frame)
            return _UNEXPECTED if control is None else (control,)
        payload = frame.payload
        if messages.is_list(payload):
            return self._list(payload)
        label = messages.read(payload)
        if isinstance(label, Unread):
            return self._talk(payload, label, frame.mono)
        return self._told([_data(label, None)], [label])

    def _talk(self, payload: bytes, unread: Unread, mono: float) -> Sequence[Event]:
        """Plain text of the venue; everything else is kept as unread."""
        match payload.strip():
            case messages.PONG:
                self._life.pong = mono
                return _PONG
            case messages.INVALID:
                return _INVALID
            case _:
                return (unread,)

    def _list(self, payload: bytes) -> Sequence[Event]:
        """An array: a part for each element when they add up to the frame, else one whole.

        An element that cannot be read is unread by itself, and costs its neighbours nothing.
        """
        raws = messages.elements(payload)
        if isinstance(raws, Unread):
            return (raws,)
        if not raws:
            return _EMPTY
        parts = [bytes(raw) for raw in raws]
        read = [messages.read(part) for part in parts]
        labels = [label for label in read if isinstance(label, Label)]
        if not labels:
            return (next(label for label in read if isinstance(label, Unread)),)
        if len(parts) == 1:
            return self._told([_data(labels[0], None)], labels)
        if messages.splits(payload, parts):
            pieces = [
                _data(label, part) if isinstance(label, Label) else Data(UNREAD, payload=part)
                for label, part in zip(read, parts, strict=True)
            ]
            return self._told(pieces, labels)
        return self._told([_whole(labels)], labels)

    def _told(self, events: Sequence[Event], labels: list[Label]) -> Sequence[Event]:
        """The labels of a frame, and what its books confirm."""
        confirmed: list[Subscribed] = []
        for label in labels:
            if label.type == BOOK:
                answer = self._subscriptions.book(label.symbols[0])
                if answer is not None:
                    confirmed.append(answer)
        return [*events, *confirmed] if confirmed else events

    def _pump(self, mono: float) -> Sequence[Event]:
        """The requests that may be sent now."""
        if not self._life.is_open:
            return ()
        return self._subscriptions.send(mono)


def _data(label: Label, payload: bytes | None) -> Data:
    return Data(label.type, label.symbols, None, label.ts_event, payload, label.route)


def _whole(labels: list[Label]) -> Data | Unread:
    """One label for several messages that cannot be cut apart: only where they are of one type.

    What cannot be read of them has no say in it: their rows reject it, and no more.
    """
    if len({label.type for label in labels}) > 1:
        return _UNEXPECTED[0]
    symbols = dict.fromkeys(symbol for label in labels for symbol in label.symbols)
    routes = {label.route for label in labels}
    times = [label.ts_event for label in labels if label.ts_event is not None]
    return Data(
        labels[0].type,
        tuple(symbols),
        ts_event=max(times, default=None),
        route=routes.pop() if len(routes) == 1 else None,
    )
