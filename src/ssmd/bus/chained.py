"""Publishing in a chain: each message must follow the one before it, or it is refused.

A stream that is written so holds every message once and in order, whatever dies: see `chain`. One
writer at a time; a second one finds itself, or the first, displaced.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final

import msgspec

from ssmd.bus import api, chunks, codec, telemetry, wire
from ssmd.bus.chain import Chain
from ssmd.bus.errors import ApiRefused, BusAway, Displaced
from ssmd.bus.link import Link
from ssmd.bus.present import info, message
from ssmd.bus.reader import scan
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

_EXPECTED: Final = b"Nats-Expected-Last-Sequence"
_MARK: Final = b"Ssmd-Mark"
_NO_RESPONDERS: Final = 503
_TOO_LARGE: Final = frozenset({10054})
"""Refusals that are the message's own fault, for good: it is larger than the stream allows."""


class End(msgspec.Struct, frozen=True):
    """Where a chained stream ends.

    Attributes:
        created: When the stream was made, ns since the Unix epoch.
        last: Its last sequence; 0 when it never held a message.
        mark: What the last message that counts says of its place; empty when there is none.
        connection: Whose message that is; empty when there is none.
        ordinal: The last ordinal of that connection; -1 when it gave none, as far as we look.
        record: Its last record number; -1 likewise.
        closed: Whether that connection is closed.
        greatest: Its greatest ordinal in the stream, those that do not count included.
        missing: Its ordinals, first and last, that never came while later ones did.
    """

    created: int
    last: int
    mark: bytes = b""
    connection: str = ""
    ordinal: int = -1
    record: int = -1
    closed: bool = True
    greatest: int = -1
    missing: tuple[int, int] | None = None


class _Item(msgspec.Struct):
    """One message on its way.

    Attributes:
        message: What is sent.
        sequence: Where it must stand.
        sent_at: When it was sent last, monotonic seconds; None while it was not.
        stored: Whether the stream says that it holds it.
    """

    message: codec.Message
    sequence: int
    sent_at: float | None = None
    stored: bool = False


class ChainedPublisher:
    """Publishes to one stream, in order, each message once; mends itself through every loss.

    Args:
        settings: Where the bus is and how we are let in.
        clock: What time it is.
        stream: Name of the stream; it must exist, and hold nothing but such chains.
        window: Most messages outstanding.
        window_bytes: Most bytes outstanding.
        ack_timeout_s: How long to wait for a receipt before asking the stream, in seconds.

    Attributes:
        stored: Every message up to this stream sequence is stored.
    """

    def __init__(
        self,
        settings: BusSettings,
        clock: Clock,
        *,
        stream: str,
        window: int = 256,
        window_bytes: int = 16 << 20,
        ack_timeout_s: float = 5.0,
    ) -> None:
        self.stream = stream
        self.stored = 0
        self._settings = settings
        self._clock = clock
        self._window = window
        self._window_bytes = window_bytes
        self._ack_timeout_s = ack_timeout_s
        self._link = Link(settings, clock, name=f"chain-{stream}")
        self._link.on_lost.append(lambda: self._stumble("the connection was lost"))
        self._inbox = self._link.inbox + b".c"
        self._link.subscribe(self._inbox + b".>", self._answered)
        self._created = 0
        self._items: deque[_Item] = deque()
        self._bytes = 0
        self._epoch = 0
        self._buffer: list[bytes] = []
        self._flushing: asyncio.Handle | None = None
        self._trouble = ""
        self._failure: Displaced | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self, timeout_s: float = 10.0) -> End:
        """See where the stream ends, and go on from there.

        Raises:
            BusAway: The bus does not answer.
            ApiRefused: It refuses to say; with `NO_STREAM` there is no such stream.
            StreamUnfit: There is no such stream.
        """
        await self._link.open(timeout_s)
        state = api.state(await info(self._link, self.stream))
        chain = Chain()
        # Whatever was stored out of turn lies within one window of its end.
        begin = max(state.first, state.last - self._window - 2)
        if begin <= state.last:
            found = scan(self._settings, self._clock, self.stream, begin, timeout_s=timeout_s)
            async with contextlib.aclosing(found) as messages:  # type: ignore[type-var]
                async for sequence, envelope in messages:
                    if sequence <= state.last:
                        chain.take(sequence, envelope)
        mark = b""
        if chain.sequence:
            headers = await message(self._link, self.stream, chain.sequence)
            mark = codec.header(headers or b"", _MARK) or b""
        self._created, self.stored = state.created, state.last
        self._task = asyncio.create_task(self._tend(), name=f"chain-{self.stream}")
        return End(
            state.created,
            state.last,
            mark,
            chain.connection,
            chain.ordinal,
            chain.record,
            chain.closed or not chain.connection,
            chain.greatest,
            chain.missing,
        )

    async def close(self) -> None:
        """End the connection; what is outstanding may or may not be stored."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._flushing is not None:
            self._flushing.cancel()
        await self._link.close()

    @property
    def connected(self) -> bool:
        """Whether messages are taken at this moment."""
        return self._link.connected and not self._trouble

    @property
    def problem(self) -> str:
        """Why nothing is taken, for people; empty when all is well."""
        return self._trouble or ("" if self._link.connected else self._link.problem)

    @property
    def outstanding(self) -> int:
        """Messages not stored yet, pieces counted."""
        return len(self._items)

    def check(self) -> None:
        """Refuse to go on when the chain is broken.

        Raises:
            Displaced: Something stands in the stream where a message of ours should.
        """
        if self._failure is not None:
            raise self._failure

    async def publish(self, subject: str, envelope: Envelope, mark: bytes) -> int:
        """Send an envelope, after waiting for room.

        Args:
            subject: Where to.
            envelope: What.
            mark: What it says of its place, for whoever opens the stream next: one line of ASCII.

        Returns:
            The stream sequence its last piece will have: once `stored` has come there, it is safe.

        Raises:
            Displaced: The chain is broken.
            ValueError: The envelope holds what no header can.
        """
        bare = codec.encode("", envelope, subject.encode("ascii"))
        headers = bare.headers[:-2] + b"%b: %b\r\n\r\n" % (_MARK, mark)
        whole = codec.Message(bare.subject, headers, bare.payload, bare.id)
        limit = self._link.info.max_payload - len(_EXPECTED) - 32
        pieces = [whole]
        if len(whole.headers) + len(whole.payload) > limit:
            pieces = list(chunks.cut(whole, limit))
        for piece in pieces:
            await self._room()
            last = self._items[-1].sequence if self._items else self.stored
            item = _Item(piece, last + 1)
            self._items.append(item)
            self._bytes += len(piece.payload)
            if self.connected:
                self._send([item])
        return self._items[-1].sequence if self._items else self.stored

    async def flush(self, sequence: int | None = None) -> None:
        """Wait until everything published, or everything up to a sequence, is stored.

        Raises:
            Displaced: The chain is broken.
        """
        until = (self._items[-1].sequence if self._items else 0) if sequence is None else sequence
        while self.stored < until:
            self.check()
            self._changed.clear()
            await self._changed.wait()
        self.check()

    async def wait(self) -> None:
        """Wait until something was stored, or went wrong."""
        self._changed.clear()
        await self._changed.wait()

    async def _room(self) -> None:
        self.check()
        while len(self._items) >= self._window or self._bytes >= self._window_bytes:
            self._changed.clear()
            await self._changed.wait()
            self.check()

    def _send(self, items: list[_Item]) -> None:
        now = self._clock.mono()
        for item in items:
            item.sent_at = now
            self._buffer.append(
                wire.publish_with_headers(
                    item.message.subject,
                    b"%b.%d.%d" % (self._inbox, self._epoch, item.sequence),
                    item.message.headers[:-2] + b"%b: %d\r\n\r\n" % (_EXPECTED, item.sequence - 1),
                    item.message.payload,
                )
            )
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write what was gathered in this turn of the loop at once."""
        self._flushing = None
        self._link.write(b"".join(self._buffer))
        self._buffer.clear()

    def _answered(self, answer: wire.Msg) -> None:
        epoch, number = (int(word) for word in answer.subject.split(b".")[-2:])
        if not answer.payload and codec.status(answer.headers) == _NO_RESPONDERS:
            reason = "no stream takes the subject"
        else:
            try:
                receipt = api.read_receipt(answer.payload)
            except msgspec.DecodeError as error:
                receipt = api.Receipt(error=api.Error(500, 0, f"no receipt: {error}"))
            if receipt.error is None and (receipt.stream, receipt.seq) == (self.stream, number):
                self._store(number)
                return
            reason = "stored elsewhere" if receipt.error is None else receipt.error.description
            if receipt.error is not None and receipt.error.err_code in _TOO_LARGE:
                self._fail(f"message {number} can never be stored: {reason}")
        if epoch == self._epoch:  # what was sent before the last mending was sent again since
            self._stumble(reason)

    def _store(self, sequence: int) -> None:
        """The stream holds a message of ours at a sequence; so it does all before it."""
        at = sequence - (self._items[0].sequence if self._items else sequence + 1)
        if not 0 <= at < len(self._items):
            return
        self._items[at].stored = True
        self._settle()

    def _settle(self) -> None:
        """Forget what is stored, from the oldest on."""
        while self._items and self._items[0].stored:
            item = self._items.popleft()
            self._bytes -= len(item.message.payload)
            self.stored = item.sequence
        self._changed.set()

    def _stumble(self, reason: str) -> None:
        """Something went wrong: nothing is sent until the stream was looked at."""
        if not self._trouble:
            self._trouble = reason
            telemetry.chain_stumbled(self.stream, reason, len(self._items))
        self._changed.set()

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = Displaced(self.stream, reason)
            telemetry.chain_broken(self.stream, reason)
        self._trouble = reason
        self._changed.set()

    async def _tend(self) -> None:
        """Look at the stream whenever something went wrong, and send again what it lacks."""
        attempt, looked = 0, self._clock.mono()
        while self._failure is None:
            await self._clock.sleep(self._ack_timeout_s / 20)
            limit = self._clock.mono() - self._ack_timeout_s
            sent_at = self._items[0].sent_at if self._items else None
            if sent_at is not None and sent_at < limit:
                self._stumble("no receipt in time")
            # Now and then when idle too: a stream may be deleted and made again while nothing happens.
            due = not self._items and looked < limit
            if not (self._trouble or due) or not self._link.connected:
                continue
            try:
                await self._mend()
                attempt, looked = 0, self._clock.mono()
            except (BusAway, ApiRefused, msgspec.DecodeError) as error:
                self._trouble = str(error)
                telemetry.stream_unverified(self.stream, str(error))
                await self._clock.sleep(backoff.delay(attempt, 0.1, 2.0, 1.0))
                attempt += 1

    async def _mend(self) -> None:
        """See that the stream is as it should be; after trouble, send again what it lacks."""
        known = self.stored  # receipts may overtake the answer
        try:
            state = api.state(await info(self._link, self.stream))
        except ApiRefused as error:
            if error.err_code != api.NO_STREAM:
                raise
            self._fail("the stream is gone")
            return
        if state.created != self._created:
            self._fail("the stream was deleted and made again")
            return
        last = self._items[-1].sequence if self._items else self.stored
        if not known <= state.last <= last:
            self._fail(f"it ends at {state.last}, and not from {known} to {last}")
            return
        if not self._trouble:
            return
        for item in list(self._items):
            if item.sequence > state.last:
                break
            headers = await message(self._link, self.stream, item.sequence)
            if codec.header(headers or b"", codec.ID) != item.message.id:
                self._fail(f"message {item.sequence} is not ours")
                return
            item.stored = True
        self._epoch += 1
        self._trouble = ""
        self._buffer.clear()
        self._settle()
        self._send(list(self._items))
