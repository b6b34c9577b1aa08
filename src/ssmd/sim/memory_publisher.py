"""The publishing end of a bus in memory, as the connector's pump expects it.

It keeps what the real one promises: at least once, in order unless something went wrong, and a
stream that is another one is noticed, on reconnecting and by sequences that go back.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused, BusAway
from ssmd.bus.present import Memory
from ssmd.bus.wire import Ack
from ssmd.model.envelope import Envelope
from ssmd.runtime.clock import Clock
from ssmd.sim.memory_bus import LATENCY_S, MemoryBus
from ssmd.sim.memory_control import link

_ACK_TIMEOUT_S: Final = 1.0
_RETRY_S: Final = 0.1


class MemoryPublisher:
    """A stand-in for `bus.publisher.Publisher`.

    Args:
        bus: Where to.
        clock: What time it is.
        acknowledged: Told key, stream sequence, and whether the stream had it already.
        stream_changed: Told when the stream is another one, or lost its end.
        window: Most messages outstanding.
    """

    def __init__(
        self,
        bus: MemoryBus,
        *_settings: object,
        clock: Clock,
        acknowledged: Callable[[int, int, bool], None],
        stream_changed: Callable[[StreamState], None] | None = None,
        window: int = 2000,
        **_labels: object,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._acknowledged = acknowledged
        self._stream_changed = stream_changed
        self._window = window
        self._waiting: deque[tuple[int, Envelope]] = deque()
        self._sent: dict[int, tuple[int, Envelope, float]] = {}
        self._number = 0
        self._ready = False
        self.memory = Memory("memory")
        self._link = link(bus, clock)
        self._news = asyncio.Event()
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        bus.on_lost.append(self._lost)

    def start(self) -> None:
        """Begin connecting, in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End the connection; what is outstanding stays unanswered."""
        self._ready = False
        with contextlib.suppress(ValueError):
            self._bus.on_lost.remove(self._lost)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """Whether messages can be sent at this moment."""
        return self._ready

    @property
    def problem(self) -> str:
        """Why nothing is taken; empty when all is well."""
        return "" if self._ready else "the bus is away"

    @property
    def room(self) -> int:
        """How many more messages are welcome now."""
        taken = len(self._waiting) + len(self._sent)
        return max(0, self._window - taken) if self._ready else 0

    async def wait_room(self) -> None:
        """Wait until `room` is not 0."""
        while self.room == 0:
            self._progress.clear()
            await self._progress.wait()

    def publish(self, key: int, envelope: Envelope) -> None:
        """Send an envelope as soon as the bus takes it."""
        self._waiting.append((key, envelope))
        self._news.set()

    async def _run(self) -> None:
        doubted = False
        while True:
            if not self._ready:
                await self._connect()
            if not self._waiting and not self._sent:
                self._news.clear()
                await self._news.wait()
            await self._clock.sleep(LATENCY_S)
            self._repeat()
            if not self._ready or self._bus.stalled or self._bus.stream is None:
                self.memory.doubt()
                doubted = True
                await self._clock.sleep(_RETRY_S)
            elif self._waiting:
                doubted = self._deliver() or doubted
                if doubted and await self._look("sequences went back, or the stream was away"):
                    doubted = False
            else:
                await self._clock.sleep(_RETRY_S)

    async def _connect(self) -> None:
        while not await self._look("the connection was made again") or not self._bus.reachable:
            await self._clock.sleep(_RETRY_S)
        self._ready = True
        self._progress.set()

    def _deliver(self) -> bool:
        """Everything that waits reaches the stream; whether the receipts look strange."""
        bus, mono = self._bus, self._clock.mono()
        batch = []
        while self._waiting:
            key, envelope = self._waiting.popleft()
            self._number += 1
            self._sent[self._number] = key, envelope, mono
            batch.append((self._number, envelope))
        if bus.to_shuffle and len(batch) > 1:
            bus.to_shuffle -= 1
            bus.rng.shuffle(batch)
            bus.happened("shuffled")
        suspected = False
        for number, envelope in batch:
            assert bus.stream is not None  # noqa: S101 - looked at by the caller
            sequence, duplicate = bus.stream.store(envelope, self._clock.wall(), mono)
            if bus.receipts_to_lose:
                bus.receipts_to_lose -= 1
                bus.happened("receipts")
                continue
            receipt = Ack(number, sequence, duplicate)
            if not self.memory.acknowledged(receipt, envelope.message_id.encode()):
                suspected = True
            key = self._sent.pop(number)[0]
            self._acknowledged(key, sequence, duplicate)
        self._progress.set()
        return suspected

    def _repeat(self) -> None:
        """What got no receipt in time goes again."""
        limit = self._clock.mono() - _ACK_TIMEOUT_S
        late = [number for number, (_, _, sent) in self._sent.items() if sent <= limit]
        for number in reversed(late):
            key, envelope, _ = self._sent.pop(number)
            self._waiting.appendleft((key, envelope))
            self.memory.doubt()

    def _lost(self) -> None:
        """Everything sent may or may not have arrived: it goes again, in order."""
        if self._ready and (self._sent or self._waiting):
            self._bus.happened("recalled")
        self._ready = False
        self.memory.doubt()
        for key, envelope, _ in reversed(self._sent.values()):
            self._waiting.appendleft((key, envelope))
        self._sent.clear()
        self._news.set()

    async def confirm(self) -> bool:
        """Whether at this moment the stream still holds everything it has acknowledged."""
        before = self.memory.since, self.memory.created
        return (
            self._ready
            and await self._look("looked at now and then")
            and before == (self.memory.since, self.memory.created)
        )

    async def _look(self, reason: str) -> bool:
        """See whether the stream is still the one we know; False when it cannot be asked."""
        try:
            state = await self.memory.recognise(self._link, reason)
        except (BusAway, ApiRefused):
            return False
        if state is not None and self._stream_changed is not None:
            self._stream_changed(state)
        return True
