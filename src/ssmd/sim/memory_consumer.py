"""The consuming end of a bus in memory, as the archiver expects it."""

import contextlib
from types import TracebackType
from typing import Final, Self

from ssmd.bus.consumer import Delivery, Where
from ssmd.bus.errors import ApiRefused, BusAway, Rebuilt, StreamUnfit
from ssmd.bus.present import Place, Present
from ssmd.runtime.clock import Clock
from ssmd.sim.memory_bus import LATENCY_S, MemoryBus, MemoryStream
from ssmd.sim.memory_control import link

_RETRY_S: Final = 0.1
_BATCH: Final = 500
_HELD_S: Final = 1.5


class MemoryConsumer:
    """A stand-in for `bus.consumer.Consumer`."""

    def __init__(self, bus: MemoryBus, clock: Clock, **_labels: object) -> None:
        self._bus = bus
        self._clock = clock
        self._name = ""
        self._next = 1
        self._held: list[tuple[float, Delivery]] = []
        self._stream: MemoryStream | None = None
        self._times: list[int] = []
        self._broken = False
        self._present: Present | None = None
        self._sound = Place()
        bus.on_lost.append(self._lost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(
        self,
        _settings: object,
        stream: str,
        durable: str,
        _filter: str,
        after: Where,
        *,
        take_over: bool = False,
    ) -> None:
        """Begin after a position.

        Raises:
            BusAway: The bus does not answer.
            StreamUnfit: There is no such stream, or it ends before the position.
        """
        await self._clock.sleep(LATENCY_S)
        if not self._bus.reachable or self._bus.stalled:
            raise BusAway("memory", "it is away")
        state = self._bus.state
        if state is None:
            raise StreamUnfit(stream, "it does not exist", remedy="Wait for its connector.")
        present = self._present = Present(link(self._bus, self._clock), stream, state)
        try:
            begin = Place(after) if isinstance(after, int) else await after(present)
        except ApiRefused as error:
            raise Rebuilt(durable, error.message) from error
        position = begin.sequence
        if position > state.last:
            raise StreamUnfit(stream, "the position lies beyond its end", remedy="Begin earlier.")
        if self._bus.stream is None or not self._bus.reachable:
            raise BusAway("memory", "it is away")
        stream_held = self._stream = self._bus.stream
        stream_held.floors[durable] = position
        stream_held.active.pop(durable, None)
        self._sound = begin
        self._name = durable
        self._next = position + 1
        self._times = stream_held.times[:position]
        self._held = []
        self._broken = False

    async def fetch(self, timeout_s: float) -> list[Delivery]:
        """What has come; empty when nothing came in time.

        Raises:
            Rebuilt: Messages may have been missed.
        """
        until = self._clock.mono() + timeout_s
        left = timeout_s
        while not self._waits:  # and sleep once at least: others are to have their turn
            await self._clock.sleep(min(left, _RETRY_S))
            left = until - self._clock.mono()
            if left <= 0:
                break
        if self._broken or self._stream is not self._bus.stream:
            self._bus.happened("rebuilt")
            raise Rebuilt(self._name, "the connection ended")
        return self._taken()

    @property
    def safe(self) -> int:
        """The stream position reached once everything delivered so far is durable."""
        return min([self._next - 1, *(delivery.sequence - 1 for _, delivery in self._held)])

    @property
    def stored(self) -> int:
        """When the server stored the message at `safe`, ns; 0 when there is none."""
        times, safe = self._times, self.safe
        return times[safe - 1] if 0 < safe <= len(times) else 0

    async def is_sound(self) -> bool:
        """Whether `safe` may become the files' position; to be asked before every commit."""
        present, place = self._present, Place(self.safe, self.stored)
        if self._broken or present is None or place.sequence <= self._sound.sequence:
            return not self._broken
        try:
            for each in (self._sound, place):
                self._broken = self._broken or await present.lacks(each)
        except (BusAway, ApiRefused):
            self._broken = True
        if not self._broken:
            self._sound = place
        return not self._broken

    async def ack(self, sequence: int) -> bool:
        """Tell the server that everything up to a stream sequence is durable."""
        stream = self._bus.stream
        if stream is None or stream is not self._stream or self._broken or self._bus.stalled:
            return False
        stream.floors[self._name] = max(stream.floors.get(self._name, 0), sequence)
        stream.active[self._name] = self._clock.wall()
        return True

    async def close(self) -> None:
        """Let the consumer go."""
        with contextlib.suppress(ValueError):
            self._bus.on_lost.remove(self._lost)

    @property
    def _waits(self) -> bool:
        """Whether something can be had at once, or will never come."""
        stream = self._bus.stream
        due = any(at <= self._clock.mono() for at, _ in self._held)
        if self._broken or stream is not self._stream or stream is None:
            return True
        return not self._bus.stalled and (due or stream.last >= self._next)

    def _taken(self) -> list[Delivery]:
        bus, stream, mono = self._bus, self._bus.stream, self._clock.mono()
        assert stream is not None  # noqa: S101 - looked at by the caller
        if bus.stalled:
            return []
        due = [delivery for at, delivery in self._held if at <= mono]
        self._held = [each for each in self._held if each[0] > mono]
        found: list[Delivery] = []
        while self._next <= stream.last and len(found) < _BATCH:
            delivery = Delivery(self._next, self._next, stream.messages[self._next - 1], 0)
            self._times[self._next - 1 :] = [stream.times[self._next - 1]]
            self._next += 1
            if bus.to_hold:
                bus.to_hold -= 1
                bus.happened("held")
                self._held.append((mono + _HELD_S, delivery))
            else:
                found.append(delivery)
        while bus.to_repeat and self._next > 1:
            bus.to_repeat -= 1
            bus.happened("repeated")
            sequence = bus.rng.randint(1, self._next - 1)
            if all(held.sequence != sequence for _, held in self._held):
                again = Delivery(sequence, sequence, stream.messages[sequence - 1], 0)
                found.insert(bus.rng.randint(0, len(found)), again)
        return found + due

    def _lost(self) -> None:
        self._broken = True
