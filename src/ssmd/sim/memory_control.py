"""What is asked about a bus in memory: its stream, its messages, how far its archives are."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any, Self, cast

from ssmd.bus import api, codec
from ssmd.bus.api import StreamState
from ssmd.bus.errors import BusAway
from ssmd.bus.link import Link
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.clock import Clock
from ssmd.sim.memory_bus import LATENCY_S, MemoryBus

Reading = Callable[[tuple[str, ...], int | None], AsyncIterator[tuple[int, Envelope]]]
"""Reads messages of some types, stored from a time of the bus's on, ns, if it is given."""


class MemoryLink:
    """Answers what is asked about the stream, as a server does: what `bus.present` needs."""

    def __init__(self, bus: MemoryBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def ask(
        self,
        _kind: object,
        subject: str,
        body: dict[str, int] | None = None,
        *_: object,
        **__: object,
    ) -> api.StreamAnswer | api.MessageAnswer:
        """One request.

        Raises:
            BusAway: The bus does not answer.
        """
        await self._clock.sleep(LATENCY_S)
        if not self._bus.reachable or self._bus.stalled:
            raise BusAway("memory", "it is away")
        stream, state = self._bus.stream, self._bus.state
        if subject.startswith("STREAM.MSG.GET."):
            at = 0 if body is None else body["seq"]
            if stream is None or not 1 <= at <= stream.last:
                return api.MessageAnswer(error=api.Error(404, api.NO_MESSAGE))
            identity = stream.messages[at - 1].message_id.encode()
            headers = b"NATS/1.0\r\n%b: %b\r\n\r\n" % (codec.ID, identity)
            return api.MessageAnswer(
                message=api.RawMessage(
                    base64.b64encode(headers).decode(), format_rfc3339(stream.times[at - 1])
                )
            )
        if stream is None or state is None:
            return api.StreamAnswer(error=api.Error(404, api.NO_STREAM))
        return api.StreamAnswer(
            created=format_rfc3339(stream.created),
            ts=format_rfc3339(self._clock.wall()),
            state=api.RawState(state.messages, state.bytes, state.first, state.last),
        )


def link(bus: MemoryBus, clock: Clock) -> Link:
    """A connection to a bus in memory, as far as `bus.present` asks for one."""
    made: Any = MemoryLink(bus, clock)
    return cast(Link, made)


class MemoryStreams:
    """A stand-in for `bus.streams.Streams`, a connection of its own each time."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def connect(self, _settings: object, clock: Clock) -> Self:
        """Connect.

        Raises:
            BusAway: The bus does not answer.
        """
        await clock.sleep(LATENCY_S)
        self._answer()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def ensure(self, _stream: str, _prefix: str, **_wanted: object) -> StreamState:
        """Have the stream."""
        self._answer()
        return self._bus.ensure()

    async def archived_floor(self, stream: str, *, since: int | None = None) -> int:
        """The stream sequence up to which every archive has everything; 0 without archives.

        Raises:
            BusAway: The bus does not answer, or there is no stream.
        """
        self._answer()
        if self._bus.stream is None:
            raise BusAway("memory", f"there is no {stream}")
        held = self._bus.stream
        floors = [
            floor if since is None or held.active.get(name, 0) > since else 0
            for name, floor in held.floors.items()
        ]
        return min(floors, default=0)

    async def scan(
        self, _settings: object, clock: Clock, _stream: str, from_sequence: int
    ) -> AsyncIterator[tuple[int, Envelope]]:
        """Every envelope from a sequence to the stream's end."""
        await clock.sleep(LATENCY_S)
        self._answer()
        messages = [] if self._bus.stream is None else self._bus.stream.messages
        for sequence, envelope in enumerate(
            messages[max(0, from_sequence - 1) :], max(1, from_sequence)
        ):
            yield sequence, envelope

    def scanner(self, _settings: object, clock: Clock, stream: str, _prefix: str) -> Reading:
        """What a process asks that succeeds another."""

        async def read(
            kinds: tuple[str, ...], since: int | None
        ) -> AsyncIterator[tuple[int, Envelope]]:
            async for sequence, envelope in self.scan(None, clock, stream, 1):
                if envelope.type in kinds and self._is_stored_since(sequence, since):
                    yield sequence, envelope

        return read

    def _is_stored_since(self, sequence: int, since: int | None) -> bool:
        stream = self._bus.stream
        return stream is not None and (since is None or stream.times[sequence - 1] >= since)

    def _answer(self) -> None:
        if not self._bus.reachable or self._bus.stalled:
            raise BusAway("memory", "it is away")
