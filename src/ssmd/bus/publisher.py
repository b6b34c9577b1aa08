"""Publishing with receipts: a bounded window, batched writes, and retries that lose nothing."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

import msgspec

from ssmd.bus import api, chunks, codec, telemetry, wire
from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused, BusAway
from ssmd.bus.link import Link
from ssmd.bus.outstanding import Item, Outstanding, Whole
from ssmd.bus.present import Memory
from ssmd.bus.pressure import Pressure
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import Envelope
from ssmd.runtime.clock import Clock

_DENIED: Final = re.compile(r'Permissions Violation for Publish to "([^"]+)"', re.IGNORECASE)
_DENIALS: Final = 3
"""Refusals of one message, while others are taken, before it is set aside."""
_NO_RESPONDERS: Final = 503
_AGAIN_S: Final = 0.2


class Publisher:
    """Publishes envelopes to one stream and says which are stored.

    Every key given to `publish` comes back exactly once, through `acknowledged` or `refused`, as
    long as the process lives and the bus returns. Callbacks run on the event loop, must not
    raise, and may call `publish`.

    What may pass is waited out: no connection, no stream, no room in it, no leader, no receipt
    in time. Meanwhile `room` is 0 and one message at a time is tried. A message that can never
    be stored is refused and stands in nobody's way.

    Args:
        settings: Where the bus is and how we are let in.
        stream: Name of the stream that must take the messages.
        prefix: First tokens of the subjects.
        acknowledged: Called with the key, its stream sequence (the highest, when it was cut)
            and whether the stream had it already.
        refused: Called with the key and the reason.
        clock: What time it is.
        stream_changed: Called when the stream is not the one published to before (deleted and
            made again, rolled back, or it lost its end, whoever published since): what was
            acknowledged may be gone.
        window: Most messages outstanding; stay below 4000 for all publishers of a stream.
        window_bytes: `room` is 0 while more bytes than this are outstanding.
        ack_timeout_s: How long to wait for a receipt before trying again, in seconds.
        flush_delay_s: How long to gather messages before writing; 0 writes once per loop turn.
        feed: Label of the metrics.
        category: Label of the metrics.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        stream: str,
        prefix: str,
        acknowledged: Callable[[int, int, bool], None],
        refused: Callable[[int, str], None],
        clock: Clock,
        stream_changed: Callable[[StreamState], None] | None = None,
        window: int = 2000,
        window_bytes: int = 64 << 20,
        ack_timeout_s: float = 5.0,
        flush_delay_s: float = 0.0,
        feed: str = "",
        category: str | None = None,
    ) -> None:
        self.stream = stream
        self._prefix = prefix
        self._acknowledged = acknowledged
        self._refused = refused
        self._stream_changed = stream_changed
        self._clock = clock
        self._window = window
        self._window_bytes = window_bytes
        self._ack_timeout_s = ack_timeout_s
        self._flush_delay_s = flush_delay_s
        self._watch = telemetry.PublisherWatch(feed, category, window)
        self._link = Link(settings, clock, name=f"publisher-{stream}")
        self._link.on_connected.append(self._connected)
        self._link.on_lost.append(self._lost)
        self._link.on_failure.append(self._failed)
        self._inbox = self._link.inbox + b".a"
        sid = self._link.subscribe(self._inbox + b".*", self._answered)
        self._link.fast = wire.AckReader(self._inbox, sid, stream, self._stored)
        self._outstanding = Outstanding()
        self._receipts = 0
        self.memory = Memory(stream)  # what is known of the stream
        self._looking = asyncio.Lock()
        self._unverified = ""
        self._buffer: list[bytes] = []
        self._flushing: asyncio.Handle | None = None
        self._ready = False
        self._suspected = False
        self._pressure = Pressure(stream, clock, self._probe)
        self._progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin connecting, in the background: the bus need not be there yet."""
        self._link.start()
        self._spawn(self._watch_receipts())

    async def close(self) -> None:
        """End the connection; what is outstanding stays unanswered."""
        self._flush()
        self._ready = False
        for task in (*self._tasks, *self._pressure.tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._pressure.tasks, return_exceptions=True)
        await self._link.close()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent at this moment."""
        return self._ready

    @property
    def problem(self) -> str:
        """Why nothing is taken, for people; empty when all is well."""
        reason = self._pressure.reason or self._unverified
        return reason or ("" if self._ready else self._link.problem or "connecting")

    async def confirm(self) -> bool:
        """Whether at this moment the stream still holds everything it has acknowledged.

        If it does not, `stream_changed` was called. False as well when it cannot be asked.
        """
        return self._ready and await self._look("looked at now and then") == "same"

    @property
    def outstanding(self) -> int:
        """Messages not stored yet, pieces counted, sent or not."""
        return len(self._outstanding.items)

    @property
    def room(self) -> int:
        """How many more messages are welcome now; 0 while the bus takes none."""
        if not self._ready or self._pressure.is_on or self._outstanding.bytes >= self._window_bytes:
            return 0
        return max(0, self._window - len(self._outstanding.items))

    async def wait_room(self) -> None:
        """Wait until `room` is not 0."""
        while self.room == 0:
            self._progress.clear()
            await self._progress.wait()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is outstanding; False when the time ran out first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._outstanding.items:
                    self._progress.clear()
                    await self._progress.wait()
        return not self._outstanding.items

    def publish(self, key: int, envelope: Envelope) -> None:
        """Send an envelope as soon as the bus takes it; look at `room` first."""
        try:
            message = codec.encode(self._prefix, envelope)
        except ValueError as error:
            asyncio.get_running_loop().call_soon(self._refuse_key, key, f"unencodable: {error}")
            return
        whole = Whole(key, message, envelope.ts_recv)
        if len(message.headers) + len(message.payload) <= self._link.info.max_payload:
            self._outstanding.admit(Item(message, whole))
        else:
            self._cut(whole)
        self._pump()

    def _cut(self, whole: Whole) -> None:
        try:
            pieces = list(chunks.cut(whole.message, self._link.info.max_payload))
        except ValueError as error:
            asyncio.get_running_loop().call_soon(self._refuse_key, whole.key, str(error))
            return
        whole.left = len(pieces)
        whole.sequence, whole.duplicate = 0, True
        for piece in pieces:
            self._outstanding.admit(Item(piece, whole))

    def _pump(self) -> None:
        """Send from the queue while the window has room."""
        if not self._ready or self._pressure.is_on:
            return
        queue, sent = self._outstanding.queue, self._outstanding.sent
        while queue and len(sent) < self._window:
            self._send(queue.popleft())

    def _send(self, number: int) -> None:
        item = self._outstanding.items[number]
        item.sent_at = self._clock.mono()
        self._outstanding.sent[number] = None
        message = item.message
        self._buffer.append(
            wire.publish_with_headers(
                message.subject, b"%b.%d" % (self._inbox, number), message.headers, message.payload
            )
        )
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            if self._flush_delay_s > 0:
                self._flushing = loop.call_later(self._flush_delay_s, self._flush)
            else:
                self._flushing = loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._buffer:
            self._watch.sent(len(self._buffer))
            self._link.write(b"".join(self._buffer))
            self._buffer.clear()

    def _stored(self, receipt: wire.Ack) -> None:
        """The stream we publish to holds a message."""
        number = receipt.number
        item = self._outstanding.take(number)
        if item is None:
            return  # a second receipt, of a retry
        self._receipts += 1
        self._watch.stored(receipt.duplicate, item, self._clock)
        if not self.memory.acknowledged(receipt, item.message.id):
            self._suspect()
        whole = item.whole
        whole.left -= 1
        whole.sequence = max(whole.sequence, receipt.sequence)
        whole.duplicate = whole.duplicate and receipt.duplicate
        if self._pressure.relieved_by(number):
            self._suspect()
        if whole.left == 0:
            self._acknowledged(whole.key, whole.sequence, whole.duplicate)
        self._pump()
        self._progress.set()

    def _answered(self, message: wire.Msg) -> None:
        """A receipt that is not of the common shape, or a refusal."""
        number = int(message.subject.rpartition(b".")[2])
        if number not in self._outstanding.items:
            return
        if not message.payload and codec.status(message.headers) == _NO_RESPONDERS:
            self._postpone(number, "no_stream", "no stream takes the subject")
            return
        try:
            receipt = api.read_receipt(message.payload)
        except msgspec.DecodeError as error:
            self._postpone(number, "refused", f"an answer that is no receipt: {error}")
            return
        if receipt.error is None and receipt.stream == self.stream:
            self._stored(wire.Ack(number, receipt.seq, receipt.duplicate))
        elif receipt.error is None:
            # Not the message's fault: nothing is lost while it waits for the stream to be mended.
            self._postpone(number, "refused", f"the stream {receipt.stream} took the message")
        elif receipt.error.is_passing:
            self._postpone(number, "stream_full", receipt.error.description)
        else:
            self._set_aside(number, f"{receipt.error.description} ({receipt.error.err_code})")

    def _postpone(self, number: int, kind: telemetry.Failing, reason: str) -> None:
        """Try a message again later, and nothing else until then."""
        if self._outstanding.postpone(number):
            self.memory.doubt()  # the stream that takes messages again may be another
            self._watch.failed(kind)
            self._pressure.began(number, reason)

    def _probe(self) -> int | None:
        """Under pressure: send the next message alone; returns its number."""
        if not self._ready or not self._outstanding.queue:
            self._progress.set()
            return None
        number = self._outstanding.queue.popleft()
        self._send(number)
        return number

    def _set_aside(self, number: int, reason: str) -> None:
        """A message can never be stored; its other pieces go with it."""
        relieved = self._pressure.relieved_by(number)
        whole = self._outstanding.items[number].whole
        self._outstanding.forget(whole)
        self._refuse_key(whole.key, reason)
        if relieved:
            self._pump()
        self._progress.set()

    def _refuse_key(self, key: int, reason: str) -> None:
        self._watch.set_aside()
        telemetry.publish_refused(self.stream, key, reason)
        self._refused(key, reason)

    def _failed(self, reason: str) -> None:
        """The server complains; a denied publish has no other answer."""
        denied = _DENIED.search(reason)
        if denied is None:
            return
        subject = denied[1].encode()
        # One complaint per message, in order: the oldest of the subject not accounted for yet.
        for number in self._outstanding.sent:
            item = self._outstanding.items[number]
            if item.message.subject == subject:
                self._denied(number, item, reason)
                return

    def _denied(self, number: int, item: Item, reason: str) -> None:
        """Denied alone, it is the message's fault; denied like all others, the permissions'."""
        if item.denials == 0:
            item.denied_at = self._receipts
        item.denials += 1
        if item.denials >= _DENIALS and self._receipts > item.denied_at:
            self._set_aside(number, reason)
        else:
            self._postpone(number, "refused", reason)

    def _connected(self) -> None:
        self._watch.connected()
        self._spawn(self._resume())

    def _lost(self) -> None:
        """Everything sent may or may not have arrived: it goes again, in order."""
        self._ready = False
        self.memory.doubt()
        self._watch.lost(len(self._outstanding.sent))
        self._buffer.clear()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._outstanding.recall()
        self._pressure.paused()

    async def _resume(self) -> None:
        reason = "the connection was made again"
        # Nothing is sent before the stream is recognised: our own messages would cover the traces.
        while await self._look(reason) is None and not self.memory.is_blank:
            await self._clock.sleep(_AGAIN_S)
            if not self._link.connected:
                return  # the next connection resumes
        if not self._link.connected:
            return
        self._recut()
        self._ready = True
        if self._pressure.is_on:
            self._pressure.resumed()
        self._pump()
        self._progress.set()

    def _recut(self) -> None:
        """Another server may take less: what no longer fits is cut for it."""
        for whole in self._outstanding.oversized(self._link.info.max_payload):
            self._outstanding.forget(whole)
            self._cut(whole)

    def _suspect(self) -> None:
        if not self._suspected:
            self._suspected = True
            self._spawn(self._look_again())

    async def _look_again(self) -> None:
        self._suspected = False
        await self._look("sequences went back, or the stream was away")

    async def _look(self, reason: str) -> Literal["same", "changed", "missing"] | None:
        """See whether the stream is still the one we know; None when it cannot be asked."""
        async with self._looking:
            try:
                state = await self.memory.recognise(self._link, reason)
            except (BusAway, ApiRefused, msgspec.DecodeError) as error:
                if isinstance(error, ApiRefused) and error.err_code == api.NO_STREAM:
                    return "missing"  # shown by its `created` when it is made again
                telemetry.stream_unverified(self.stream, str(error))
                self._unverified = "" if self._ready else f"the stream does not say: {error}"
                return None
            self._unverified = ""
            if state is None:
                return "same"
            if self._stream_changed is not None:
                self._stream_changed(state)
            return "changed"

    async def _watch_receipts(self) -> None:
        """Try again what got no receipt in time."""
        while True:
            await self._clock.sleep(self._ack_timeout_s / 4)
            limit = self._clock.mono() - self._ack_timeout_s
            for number in self._outstanding.late(limit):
                self._postpone(number, "timeout", "no receipt in time")
            self._watch.show(self.outstanding)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
