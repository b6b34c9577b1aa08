"""One life of one WebSocket: gives numbers, asks the session, keeps everything said."""

import contextlib
import struct
from collections.abc import Callable, Sequence
from typing import Final, Literal

from ssmd.connector.onlooker import Nobody, Onlooker
from ssmd.connector.socket import NORMAL, End, Socket
from ssmd.connector.spool.lives import Life
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import ShardTelemetry
from ssmd.model.envelope import CONNECTION, CONTROL, LEDGER, SENT, UNREAD, Envelope
from ssmd.model.event import (
    Control,
    Data,
    Event,
    Reconnect,
    Refused,
    Send,
    Subscribed,
    Unread,
    Unsubscribed,
)
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.ledger import symbols_of, to_record
from ssmd.model.records import (
    Closed,
    Judged,
    Leaving,
    LedgerRecord,
    Lost,
    Opened,
    Unwanted,
    Wanted,
)
from ssmd.model.records import encode as encode_record
from ssmd.model.session import Session
from ssmd.model.subscription import Subscription
from ssmd.runtime.clock import Clock

_SUSPENDED_S: Final = 1.0
"""A machine that slept this long, in seconds, may have lost what the venue said meanwhile."""


class Connection:
    """The shell around a session: a `Receiver` for the socket, a hand for the shard.

    Attributes:
        id: The connection's id.
        last_receive: Monotonic time of the last received frame (of the opening, before one), in
            seconds. Nothing else moves it: not timers, not our own sends.
        leaving: Why the connection is to be given up; None while it is worth keeping.
        wanted: What it is to hold.
        refused: What the venue refused on it.
        refusal: Its words when it last refused something; empty when it did not.
        frames: Frames received.
        counts: Messages by type and symbol, of the symbols wanted; all others of a type together,
            under the empty symbol.
        data: Data messages in all.
    """

    def __init__(
        self,
        life: Life,
        session: Session,
        opened: Opened,
        *,
        spool: Spool,
        clock: Clock,
        telemetry: ShardTelemetry,
        on_leaving: Callable[[], None],
        onlooker: Onlooker | None = None,
    ) -> None:
        self.id = life.connection
        self.session = session
        self._life = life
        self._opening = opened
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._on_leaving = on_leaving
        self._onlooker = onlooker or Nobody()
        self._socket: Socket | None = None
        self.counts: dict[tuple[str, str], int] = {}
        self.data = 0
        self._symbols: frozenset[str] = frozenset()
        self._over = False
        self.opened_mono = self.last_receive = clock.mono()
        self._asleep_s = clock.asleep()
        self._awake_at = self._last_ts = clock.wall()
        self._slept_at: int | None = None
        self.leaving: str | None = None
        self.wanted: frozenset[Subscription] = frozenset()
        self.refused: set[Subscription] = set()
        self.refusal = ""
        self.frames = 0

    # --- the socket's side

    def opened(self, socket: Socket) -> None:
        """The socket is open: record 0, then whatever the session says first."""
        self._socket = socket
        now = self._clock.now()
        self.opened_mono = self.last_receive = now.mono
        self._say(CONNECTION, encode_record(self._opening))
        self._apply(self._ask(lambda: self.session.open(now)), None)

    def received(self, frame: Frame) -> None:
        """A frame is received now: it has its number, and is kept whatever the session thinks."""
        self.last_receive, self._last_ts = frame.mono, frame.ts_recv or self._last_ts
        self.frames += 1
        ordinal = self._life.next_ordinal()
        try:
            events = self.session.receive(frame)
        except Exception as error:  # noqa: BLE001 - a parser's bug must never cost a frame
            self._telemetry.session_failed("receive", type(error).__name__)
            events = ()
            self._unread(frame, ordinal, "exception")
        else:
            events = self._keep(frame, ordinal, events)
        if events:
            self._apply(events, ordinal)
        if frame.opcode is Opcode.PING:
            self._send(Send(frame.payload, Opcode.PONG))
        elif frame.opcode is Opcode.CLOSE:
            self._answer_close(frame.payload)

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """A frame was received, so it has a number, and cannot be had: it is declared lost."""
        ordinal = self._life.next_ordinal()
        self._spool.declare(self._life, Lost(ordinals=((ordinal, ordinal),), reason=reason))
        self.leave(reason)

    # --- the shard's side

    def want(self, subscriptions: frozenset[Subscription], reason: str) -> None:
        """State the whole wanted set; the difference is recorded and asked for."""
        added, ended = subscriptions - self.wanted, self.wanted - subscriptions
        self.wanted = subscriptions
        self._symbols = frozenset(item.symbol for item in subscriptions if item.symbol)
        self.refused &= subscriptions
        for item in sorted(added, key=str):
            self._record(Wanted(channel=item.channel, symbol=item.symbol, reason=reason))
        for item in sorted(ended, key=str):
            self._record(Unwanted(channel=item.channel, symbol=item.symbol, reason=reason))
        self._onlooker.unwanted(self, ended)
        now = self._clock.now()
        self._apply(self._ask(lambda: self.session.want(subscriptions, now)), None)

    def renew(self, subscriptions: frozenset[Subscription]) -> None:
        """Ask again for what is held: it seems to be frozen."""
        now = self._clock.now()
        self._apply(self._ask(lambda: self.session.renew(subscriptions, now)), None)

    def judge(self, verdict: Judged) -> None:
        """Write down what came of an instrument's silence."""
        self._record(verdict)
        self._onlooker.judged(self, verdict)

    def tick(self, now: Now) -> None:
        """Time passed: the session's timers."""
        self._wake()
        if self._life.untold and self._spool.writable.is_set():
            self.leave("records_lost")  # a successor says all of it once more
        self._apply(self._ask(lambda: self.session.tick(now)), None)

    def leave(self, reason: str) -> None:
        """Give the connection up; the first reason stays."""
        self._leave(reason, None)

    def close(self, reason: str) -> None:
        """Begin the closing handshake, politely."""
        if self._socket is not None and not self._socket.ended.done():
            self._record_sent(struct.pack(">H", NORMAL), Opcode.CLOSE)
            self._socket.close(reason)

    def ended(self, end: End) -> None:
        """The socket is closed: the last words, then the closing record; once."""
        if self._over:
            return
        self._over = True
        self._wake()
        now = self._clock.now()
        self._socket = None
        self._apply(self._ask(lambda: self.session.close(now, end.code, end.reason)), None)
        reason = self.leaving or end.reason
        closed = Closed(
            last_ordinal=self._life.ordinal,
            last_record=self._life.record + 1,
            by="connector",
            reason=reason,
            code=end.code,
            lifetime_s=round(now.mono - self.opened_mono, 6),
            subscriptions=len(self.session.acknowledged),
            pong_age_s=self.pong_age_s(now),
        )
        self._spool.finish(self._life, closed)  # first of all: without it nothing can be proved
        self._telemetry.report_counts()
        self._telemetry.ended(self.id, closed, self.frames)
        self._onlooker.ended(self)

    def report(self, now: Now) -> None:
        """Make visible how the connection is."""
        self._telemetry.report(
            idle_s=now.mono - self.last_receive,
            wall=now.wall,
            subscribed=len(self.session.acknowledged),
            receiving=self.receiving,
            refused=len(self.refused),
            pong_age_s=self.pong_age_s(now),
        )

    def pong_age_s(self, now: Now) -> float | None:
        """Age of the last pong, in seconds; None when none ever came."""
        pong = self.session.pong_mono
        return None if pong is None else round(now.mono - pong, 6)

    @property
    def previous(self) -> str | None:
        """The shard's connection before this one, if there was one."""
        return self._opening.previous

    @property
    def last_record(self) -> int:
        """The number of our last record about it; -1 when there is none."""
        return self._life.record

    @property
    def heard_until(self) -> int:
        """When the last frame came (or the opening, or the machine fell asleep), ns."""
        return self._last_ts if self._slept_at is None else min(self._last_ts, self._slept_at)

    @property
    def receiving(self) -> int:
        """How many acknowledged subscriptions have sent data on this connection."""
        heard = {symbol for _, symbol in self.counts}
        return sum(
            item.symbol in heard if item.symbol else bool(heard)
            for item in self.session.acknowledged
        )

    # --- inside

    def _keep(self, frame: Frame, ordinal: int, events: Sequence[Event]) -> Sequence[Event]:
        """Write the frame under the session's labels; gives the events that remain."""
        if len(events) == 1 and isinstance(events[0], Data) and not frame.opcode.is_control:
            self._write(frame, ordinal, events[0])  # nearly always
            return ()
        data = [event for event in events if isinstance(event, Data)]
        other = [event for event in events if not isinstance(event, (Data, Control, Unread))]
        if frame.opcode.is_control:
            kind = next((e for e in events if isinstance(e, Control)), None)
            self._write(frame, ordinal, Data(CONTROL, ts_event=kind.ts_event if kind else None))
        elif len(data) > 1 and all(part.payload is not None for part in data):
            for index, part in enumerate(data):
                if part.type == UNREAD:
                    self._telemetry.unread("unexpected_shape")
                self._write(frame, ordinal, part, index, len(data))
        elif len(data) == 1:
            self._write(frame, ordinal, data[0])
        elif not data and (control := next((e for e in events if isinstance(e, Control)), None)):
            self._write(frame, ordinal, Data(CONTROL, ts_event=control.ts_event))
        else:
            unread = next((e.reason for e in events if isinstance(e, Unread)), "unclassified")
            self._unread(frame, ordinal, unread)
        return other

    def _unread(self, frame: Frame, ordinal: int, reason: str) -> None:
        self._telemetry.unread(reason)
        self._write(frame, ordinal, Data(UNREAD))

    def _write(self, frame: Frame, ordinal: int, data: Data, part: int = 0, parts: int = 1) -> None:
        life = self._life
        if data.type[0] != "_":
            counts, wanted = self.counts, self._symbols
            self.data += 1
            for symbol in data.symbols:
                key = (data.type, symbol if symbol in wanted else "")
                counts[key] = counts.get(key, 0) + 1
        self._telemetry.count(data.type, len(frame.payload), part, data.ts_event, frame.ts_recv)
        self._spool.write(
            Envelope(
                life.feed,
                life.category,
                data.type,
                data.symbols,
                life.connection,
                ordinal,
                None,
                part,
                parts,
                frame.opcode,
                data.sequence,
                data.ts_event,
                frame.ts_recv,
                # One part alone is the whole frame, whatever the session cut out of it.
                frame.payload if parts == 1 or data.payload is None else data.payload,
                data.route,
            )
        )

    def _leave(self, reason: str, since: int | None) -> None:
        if self.leaving is None:
            self.leaving, self._slept_at = reason, since
            self._record(Leaving(reason=reason, since=since))
            self._on_leaving()

    def _wake(self) -> None:
        """After a suspension of the machine nothing is believed: no timer ran."""
        if self._clock.asleep() - self._asleep_s > _SUSPENDED_S:
            self._leave("host_suspended", self._awake_at)
        self._awake_at = self._clock.wall()

    def _ask(self, question: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        try:
            return question()
        except Exception as error:  # noqa: BLE001 - a session's bug costs the connection, no more
            self._telemetry.session_failed("timers", type(error).__name__)
            self.leave("session_failed")
            return ()

    def _apply(self, events: Sequence[Event], ordinal: int | None) -> None:
        for event in events:
            match event:
                case Send():
                    self._send(event)
                case Reconnect():
                    self.leave(event.reason)
                case Data() | Control() | Unread():
                    pass
                case _:
                    self._note(event, ordinal)

    def _note(self, event: Event, ordinal: int | None) -> None:
        record = to_record(event, ordinal)
        if record is not None:
            self._record(record)
        if isinstance(event, Refused):
            self.refused.add(event.subscription)
            self.refusal = event.reason
        elif isinstance(event, Subscribed):
            self.refused.discard(event.subscription)
        elif isinstance(event, Unsubscribed):
            gone = event.subscription.symbol
            for key in [key for key in self.counts if key[1] == gone]:
                del self.counts[key]
        self._telemetry.event(event)
        self._onlooker.noted(self, event)

    def _record(self, record: LedgerRecord) -> None:
        self._say(LEDGER, encode_record(record), symbols_of(record))

    def _say(
        self,
        kind: str,
        payload: bytes,
        symbols: tuple[str, ...] = (),
        opcode: Opcode = Opcode.TEXT,
    ) -> None:
        self._spool.write(self._life.say(kind, payload, self._clock.wall(), symbols, opcode))

    def _record_sent(self, payload: bytes, opcode: Opcode) -> None:
        self._say(SENT, payload, (), opcode)
        self._spool.flush()  # on record before it is sent

    def _send(self, send: Send) -> None:
        if self._socket is None:
            return
        if not send.secret:
            self._record_sent(send.payload, send.opcode)
        self._socket.send(send.payload, send.opcode)

    def _answer_close(self, payload: bytes) -> None:
        if self._socket is None:
            return
        code = None
        with contextlib.suppress(struct.error):
            (code,) = struct.unpack_from(">H", payload)
        if not self._socket.is_closing:
            self._record_sent(struct.pack(">H", code or NORMAL), Opcode.CLOSE)
        self._socket.answer_close(code)
