"""The archiver's consumer: always begun where the files end, and never acknowledged beyond them."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

import msgspec

from ssmd.bus import chunks, codec, telemetry, wire
from ssmd.bus.api import StreamState
from ssmd.bus.durable import GROUP, Durable
from ssmd.bus.errors import ApiRefused, BusAway, Foreign, PinLost, Rebuilt, StreamUnfit
from ssmd.bus.link import Link
from ssmd.bus.present import Place, Present
from ssmd.bus.pull import Failure, Puller, PullSettings
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.runtime.clock import Clock

_ACK: Final = b"+ACK"


class ConsumerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream is consumed."""

    pull: PullSettings = PullSettings()
    """How messages are asked for."""

    pin_ttl_s: float = 10.0
    """A holder that asks for nothing this long loses the consumer to the standby, in seconds."""

    max_ack_pending: int = 50_000
    """Most messages delivered and not acknowledged: at least four commits' worth."""

    ack_wait_s: float = 600.0
    """The server delivers again what is not acknowledged in this time, in seconds. Long, because
    every loss of a connection begins the consumer anew."""

    ack_timeout_s: float = 2.0
    """Longest wait for the confirmation of an acknowledgement, in seconds."""

    chunk_wait_s: float = 600.0
    """How long a message with missing pieces holds the watermark back, in seconds."""

    chunk_bytes: int = 256 << 20
    """Most bytes of pieces kept in memory."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """An envelope from the bus.

    Attributes:
        sequence: Its stream sequence; the highest, when it came in pieces.
        low: Stream sequence of its earliest piece, else `sequence`.
        envelope: What was published.
        safe: Once this and everything delivered before it is durable, every message of the
            stream up to this sequence is: the position to store and to acknowledge. Less than
            `sequence` while another message's pieces are incomplete.
    """

    sequence: int
    low: int
    envelope: Envelope
    safe: int


Where = int | Callable[[Present], Awaitable[Place]]
"""The files' position, or how to find it: a standby looks only once the consumer is its own."""
_NOWHERE: Final = Place()


class Consumer:
    """One durable consumer of one stream, for one archiver at a time.

    Args:
        clock: What time it is.
        settings: How the stream is consumed.
        feed: Label of the metrics.
    """

    def __init__(
        self, clock: Clock, settings: ConsumerSettings | None = None, *, feed: str = ""
    ) -> None:
        self.state: StreamState | None = None
        """The stream as it was when the consumer was opened."""
        self.standing_by = False
        """Whether another archiver holds the consumer."""
        self._settings = settings or ConsumerSettings()
        self._clock = clock
        self._feed = feed
        self._link: Link | None = None
        self._puller: Puller | None = None
        self._name = ""
        self._durable: Durable | None = None
        self._pin = ""
        self._joiner = self._new_joiner()
        self._watch = telemetry.ConsumerWatch(feed, "")
        self._replies: deque[tuple[Place, bytes]] = deque()
        self._present: Present | None = None
        self._sound = _NOWHERE
        self._delivered = 0
        self._highest = 0
        self._pending = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(
        self,
        settings: BusSettings,
        stream: str,
        durable: str,
        filter: str,  # noqa: A002 - the word of the protocol
        after: Where,
        *,
        take_over: bool = False,
        timeout_s: float = 10.0,
    ) -> None:
        """Begin after a position; waits, however long, while another archiver consumes.

        The server's own idea of what was acknowledged is overruled. Discard what is not
        committed before calling this again.

        Args:
            settings: Where the bus is and how we are let in.
            stream: Name of the stream.
            durable: Name of the consumer; one per stream and archive root.
            filter: Subjects wanted.
            after: The last stream sequence that is durable in the files, or a function that
                finds it when the time has come, in the stream as it is then.
            take_over: Take the consumer from whoever holds it: right only for someone who knows
                that the holder is dead, because they hold the archive's lock.
            timeout_s: Longest wait for the bus, in seconds.

        Raises:
            BusAway: The bus does not answer.
            Rebuilt: The consumer could not be set; try again.
            StreamUnfit: There is no such stream, its consumer is of another kind, or the
                position lies beyond its end.
        """
        self._forget()
        self._name = name = durable
        self._watch = telemetry.ConsumerWatch(self._feed, stream)
        if self._link is None:
            self._link = Link(settings, self._clock, name=f"consumer-{name}")
        link = self._link
        await link.open(timeout_s)
        target = self._durable = Durable(
            link,
            stream,
            name,
            filter,
            self._settings.pin_ttl_s,
            self._settings.ack_wait_s,
            self._settings.max_ack_pending,
        )
        holder = await target.holder()
        if holder and take_over and holder != self._pin:
            await target.unpin(self._settings.ack_timeout_s)
            holder = ""
        if not holder:
            self._pin = ""
        elif holder != self._pin:
            self._pin = ""
            await self._stand_by(link, target)
        self.state = await target.state()
        present = self._present = Present(link, stream, self.state)
        try:
            begin = Place(after) if isinstance(after, int) else await after(present)
        except ApiRefused as error:
            raise Rebuilt(name, error.message) from error
        if begin.sequence > self.state.last:
            raise StreamUnfit(
                stream,
                f"the archive's position is {begin.sequence}, and its last sequence {self.state.last}",
                remedy="It was deleted or lost its end: begin at its end, or under another name.",
            )
        if await target.begin_after(begin.sequence):
            self._pin = ""
        self._sound = begin
        self._puller = Puller(
            link, stream, name, self._pull_settings(), self._clock, group=GROUP, pin=self._pin
        )
        self._watch.active(True)
        telemetry.consumer_opened(name, begin.sequence)

    async def fetch(self, timeout_s: float) -> list[Delivery]:
        """What has come; empty when nothing came in time.

        Raises:
            PinLost: Another archiver has the consumer: discard, and open again.
            Rebuilt: Messages may have been missed: discard, and open again.
        """
        puller = self._puller
        if puller is None:
            raise Rebuilt(self._name, "it is not open")
        messages = await puller.fetch(timeout_s)
        deliveries: list[Delivery] = []
        mono = self._clock.mono()
        for message in messages:
            delivery = self._delivery(message, mono)
            if delivery is not None:
                deliveries.append(delivery)
            if puller.failure is not None:
                break
        if puller.failure is not None:
            self._raise(puller.failure)
        self._pin = puller.pin
        if messages:
            self._watch.lag(self._pending)
        if self._joiner.is_waiting:
            for lost in self._joiner.abandon(mono):
                telemetry.chunks_abandoned(lost.identity, lost.found, lost.total, lost.low)
        return deliveries

    @property
    def safe(self) -> int:
        """The stream position reached once everything delivered so far is durable."""
        low = self._joiner.low
        return self._highest if low is None else min(self._highest, low - 1)

    @property
    def stored(self) -> int:
        """When the server stored the message at `safe`, ns: its identity; 0 when unknown."""
        safe = self.safe
        known = (place.ts for place, _ in reversed(self._replies) if place.sequence == safe)
        return next(known, self._sound.ts if self._sound.sequence == safe else 0)

    async def is_sound(self) -> bool:
        """Whether `safe` may become the files' position; to be asked before every commit.

        It may while the stream holds both what was found sound last and what stands at `safe`: then
        everything between was delivered. A stream that lost its end behind a connection that lives
        (a cluster can) gives old numbers to new messages, and delivers none of those. Then False,
        as when the bus does not say: discard, and the next `fetch` asks to open again.
        """
        puller, present, place = self._puller, self._present, Place(self.safe, self.stored)
        if puller is None or present is None or place.sequence <= self._sound.sequence:
            return True
        try:
            for each in (self._sound, place):
                if puller.failure is None and await present.lacks(each):
                    reason = f"what stood at sequence {each.sequence} of the stream is gone"
                    puller.fail("stream_changed", reason)
        except (BusAway, ApiRefused) as error:
            puller.fail("errors", error.message)
        if puller.failure is not None:
            return False
        self._sound = place
        return True

    async def ack(self, sequence: int) -> bool:
        """Tell the server that everything up to a stream sequence is durable.

        The connector lets its spool go by this word; the files' own position rules at the next
        `open`. True when confirmed; True as well when there is nothing to tell.
        """
        reply = b""
        while self._replies and self._replies[0][0].sequence <= sequence:
            reply = self._replies.popleft()[1]
        link, puller = self._link, self._puller
        if not reply or link is None or puller is None:
            return True
        if puller.failure is not None:
            return False  # a new connection may know the number as another message's
        try:
            await link.request(reply.decode(), _ACK, self._settings.ack_timeout_s)
        except BusAway as error:
            self._watch.ack_failed()
            telemetry.ack_unconfirmed(self._name, sequence, error.reason)
            return False
        return True

    async def close(self) -> None:
        """Let the consumer go, so that a standby need not wait, and end the connection."""
        link, self._link = self._link, None
        self._forget()
        if link is None:
            return
        if self._pin and link.connected and self._durable is not None:
            await self._durable.unpin(self._settings.ack_timeout_s)
        self._pin = ""
        await link.close()

    def _delivery(self, message: wire.Msg, mono: float) -> Delivery | None:
        """Read one message; None for a piece, or for what is not ours."""
        # $JS.ACK.<stream>.<consumer>.<times>.<stream seq>.<consumer seq>.<time>.<pending>
        words = message.reply.split(b".")
        times, sequence, number, ts, pending = map(int, words[-5:])
        if number != self._delivered + 1 and self._puller is not None:
            reason = f"delivery {number} came after {self._delivered}: someone else was given some"
            self._puller.fail("errors", reason)
            return None
        self._delivered = number
        self._highest = max(self._highest, sequence)
        self._replies.append((Place(sequence, ts), message.reply))
        self._pending = pending
        if times > 1:
            self._watch.redelivered()
        headers, payload, low = message.headers, message.payload, sequence
        try:
            if headers.find(chunks.CHUNK) >= 0:
                joined = self._joiner.add(headers, payload, sequence, mono)
                if joined is None:
                    return None
                payload, low = joined.payload, joined.low
            envelope = codec.decode(message.subject, headers, payload)
        except (Foreign, ValueError) as error:
            self._watch.foreign()
            telemetry.foreign_message(message.subject.decode(errors="replace"), str(error))
            return None
        return Delivery(sequence, low, envelope, self.safe)

    def _raise(self, failure: Failure) -> None:
        telemetry.consumer_failed(self._name, failure.reason)
        self._watch.rebuilt(failure.kind)
        self._watch.active(False)
        self._forget()
        if failure.kind == "pin_lost":
            self._pin = ""
            raise PinLost(self._name, failure.reason)
        raise Rebuilt(self._name, failure.reason)

    def _forget(self) -> None:
        """Nothing delivered so far counts any more."""
        if self._puller is not None:
            self._puller.close()
            self._puller = None
        self._replies.clear()
        self._joiner = self._new_joiner()
        self._delivered = self._highest = 0

    def _new_joiner(self) -> chunks.Joiner:
        return chunks.Joiner(self._settings.chunk_wait_s, self._settings.chunk_bytes)

    def _pull_settings(self) -> PullSettings:
        """Requests short enough that asking again keeps the pin: one that waits does not [ran]."""
        pull, most = self._settings.pull, self._settings.pin_ttl_s * 0.4
        expires = min(pull.expires_s, most)
        return msgspec.structs.replace(
            pull, expires_s=expires, heartbeat_s=min(pull.heartbeat_s, expires / 2)
        )

    async def _stand_by(self, link: Link, durable: Durable) -> None:
        """Wait until the consumer is nobody's, or has been given to us."""
        self.standing_by = True
        self._watch.active(False)
        telemetry.standing_by(durable.name)
        pull = msgspec.structs.replace(self._pull_settings(), batch=1)
        try:
            while True:
                puller = Puller(link, durable.stream, durable.name, pull, self._clock, group=GROUP)
                try:
                    # One message, not kept: the position is set before anything counts.
                    found = await puller.fetch(pull.expires_s)
                    if puller.failure is not None:
                        raise Rebuilt(durable.name, puller.failure.reason)
                    if found:
                        self._pin = puller.pin
                        return
                finally:
                    puller.close()
                if not await durable.holder():
                    return
        finally:
            self.standing_by = False
