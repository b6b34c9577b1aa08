"""How a real bus stands, told by looking: streams, bounds, who consumes, and what is missing."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from ssmd.bus import reader
from ssmd.bus.consumer import Consumer
from ssmd.bus.errors import BusAway
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.bus.survey import survey
from ssmd.model.envelope import Envelope
from tests.integration.bus import (
    CLOCK,
    FAST,
    FILTER,
    GENEROUS_S,
    PREFIX,
    STREAM,
    Sender,
    collect,
    envelope,
    server,
    stream,
)

pytestmark = pytest.mark.integration
LARGE = bytes(3 << 20)
"""More than fits into one message."""


async def publish(settings: BusSettings, *envelopes: Envelope) -> None:
    """Have envelopes on the stream."""
    async with Sender(settings) as sender:
        await sender.publish(envelopes)
        await sender.drained()


async def test_a_bus_is_told_of_as_it_stands(tmp_path: Path) -> None:
    """Before anything, with what nobody archives, with an archiver at work, and after it went."""
    nats = server(tmp_path)
    settings = BusSettings(await nats.start())
    wanted = {STREAM: PREFIX}
    try:
        found = await survey(settings, CLOCK, wanted, timeout_s=10)
        assert found.server.startswith("nats-server 2.")
        assert found.store_bytes == 0
        assert found.asked_s < 5
        (absent,) = found.streams
        assert absent.unfit is not None
        assert "does not exist" in absent.unfit.message

        await stream(settings, 1 << 20)
        await publish(settings, *map(envelope, range(20)))
        found = await survey(settings, CLOCK, wanted, timeout_s=10)
        (alone,) = found.streams
        assert (alone.messages, alone.max_bytes, alone.durables) == (20, 1 << 20, ())
        assert found.store_bytes >= alone.bytes > 0

        async with Consumer(CLOCK, FAST) as consumer:
            await consumer.open(settings, STREAM, "archive-x", FILTER, 0, timeout_s=GENEROUS_S)
            taken = await collect(consumer, 20)
            await consumer.ack(taken[11].sequence)
            (held,) = (await survey(settings, CLOCK, wanted, timeout_s=10)).streams
            assert [(each.name, each.behind) for each in held.durables] == [("archive-x", 8)]
            assert held.durables[0].is_held
            assert held.unfit is None

        narrow = await survey(settings, CLOCK, {STREAM: "test.other"}, timeout_s=10)
        assert narrow.streams[0].unfit is not None
        assert narrow.streams[0].messages == 20
    finally:
        await nats.stop()
    with pytest.raises(BusAway):
        await survey(settings, CLOCK, wanted, timeout_s=0.2)


async def test_looking_leaves_a_bus_as_it_was(tmp_path: Path) -> None:
    """A stream without a bound has none afterwards; nothing is made that was missing."""
    nats = server(tmp_path)
    settings = BusSettings(await nats.start())
    try:
        await stream(settings)
        async with await Streams.connect(settings, CLOCK) as streams:
            before = await streams.state(STREAM)
            await survey(settings, CLOCK, {STREAM: PREFIX, "OTHER": "test.x"}, timeout_s=10)
            assert await streams.state(STREAM) == before
        found = await survey(settings, CLOCK, {"OTHER": "test.x"}, timeout_s=10)
        assert found.streams[0].unfit is not None
    finally:
        await nats.stop()


async def test_a_tail_without_payloads_names_everything_else(tmp_path: Path) -> None:
    """What is in pieces is told of once, when it is whole; the bytes stay where they are."""
    nats = server(tmp_path)
    settings = BusSettings(await nats.start())
    found: list[Envelope] = []
    try:
        await stream(settings)

        async def follow() -> None:
            async for item in reader.tail(settings, CLOCK, STREAM, payloads=False):
                found.append(item)  # noqa: PERF401 - looked at while it grows

        following = asyncio.create_task(follow())
        async with Sender(settings) as sender, asyncio.timeout(GENEROUS_S):
            ordinal = 0
            while not found or found[-1].ordinal != ordinal - 1:
                await sender.publish([envelope(ordinal), envelope(ordinal + 1, LARGE)], ordinal)
                await sender.drained()
                ordinal += 2
                await CLOCK.sleep(0.05)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    finally:
        await nats.stop()
    assert {each.payload for each in found} == {b""}
    assert {each.symbols for each in found} == {("BTC/USD",)}
    numbers = [each.ordinal for each in found if each.ordinal is not None]
    assert numbers == sorted(set(numbers))
