"""What streams and consumers a bus has: for people who look, through its own protocol."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from ssmd.bus import api
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.runtime.clock import Clock

_MOST: Final = 256
"""Most streams that are told of, and most consumers of each."""


class _Streams(msgspec.Struct, frozen=True):
    error: api.Error | None = None
    total: int = 0
    streams: tuple[api.StreamAnswer, ...] | None = None


class _Consumers(msgspec.Struct, frozen=True):
    error: api.Error | None = None
    total: int = 0
    consumers: tuple[api.ConsumerAnswer, ...] | None = None


class ConsumerSeen(msgspec.Struct, frozen=True):
    """A consumer at one moment.

    Attributes:
        name: Its name.
        acknowledged: Up to which sequence it has everything.
        lag: Messages of its stream that it has not acknowledged.
    """

    name: str
    acknowledged: int
    lag: int


class StreamSeen(msgspec.Struct, frozen=True):
    """A stream at one moment.

    Attributes:
        name: Its name.
        subjects: What it takes.
        state: Its counters.
        consumers: Who reads it, by name.
    """

    name: str
    subjects: tuple[str, ...]
    state: api.StreamState
    consumers: tuple[ConsumerSeen, ...]


async def listed(settings: BusSettings, clock: Clock, *, timeout_s: float) -> list[StreamSeen]:
    """Every stream of a bus and its consumers, by name.

    Args:
        settings: Where the bus is.
        clock: What time it is.
        timeout_s: Longest wait for a connection, in seconds.

    Raises:
        BusAway: It does not answer.
        ApiRefused: It refuses to say.
        ConfigError: The settings cannot work.
    """
    link = Link(settings, clock, name="listed")
    try:
        await link.open(timeout_s)
        found = [each async for each in _streams(link)]
        return sorted(found, key=lambda each: each.name)
    finally:
        await link.close()


async def _streams(link: Link) -> AsyncIterator[StreamSeen]:
    offset = 0
    while True:
        page = await link.ask(_Streams, "STREAM.LIST", {"offset": offset})
        api.check("STREAM.LIST", page.error)
        for answer in page.streams or ():
            if answer.config is not None:
                state = api.state(answer)
                yield StreamSeen(
                    name=answer.config.name,
                    subjects=answer.config.subjects,
                    state=state,
                    consumers=await _consumers(link, answer.config.name, state),
                )
        offset += len(page.streams or ())
        if not page.streams or offset >= min(page.total, _MOST):
            return


async def _consumers(link: Link, stream: str, state: api.StreamState) -> tuple[ConsumerSeen, ...]:
    subject = f"CONSUMER.LIST.{stream}"
    page = await link.ask(_Consumers, subject, {"offset": 0})
    api.check(subject, page.error)
    found = [_consumer(each, state) for each in (page.consumers or ())[:_MOST]]
    return tuple(sorted(found, key=lambda each: each.name))


def _consumer(answer: api.ConsumerAnswer, state: api.StreamState) -> ConsumerSeen:
    acknowledged = answer.ack_floor.stream_seq
    lag = state.last - max(acknowledged, state.first - 1)
    return ConsumerSeen(answer.name, acknowledged, max(0, lag))
