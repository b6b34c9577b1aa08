"""Three servers, three copies: one dies, and nothing that was acknowledged is lost."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import structlog

from ssmd.bus import api
from ssmd.bus.cluster import EmbeddedCluster
from ssmd.bus.consumer import Consumer
from ssmd.bus.errors import BusAway, StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from tests.integration import bus
from tests.integration.bus import (
    CLOCK,
    FAST,
    FILTER,
    PREFIX,
    STREAM,
    Sender,
    collect,
    envelope,
    everything,
)

log = logging.getLogger(__name__)
pytestmark = pytest.mark.integration


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[EmbeddedCluster]:
    made = EmbeddedCluster(tmp_path / "cluster", CLOCK)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def streams(cluster: EmbeddedCluster) -> AsyncIterator[Streams]:
    """The control plane, with a stream of three copies."""
    async with await Streams.connect(BusSettings(cluster.url), CLOCK) as found:
        await found.ensure(STREAM, PREFIX, max_bytes=256 << 20, replicas=3)
        await whole(found)
        yield found


async def whole(streams: Streams) -> None:
    """Wait until every copy has everything."""
    async with asyncio.timeout(bus.GENEROUS_S):
        while True:
            with contextlib.suppress(BusAway):
                replicas = (await streams.placement(STREAM)).replicas
                if replicas and all(each.current and not each.offline for each in replicas):
                    return
            await CLOCK.sleep(0.05)


async def test_a_dead_server_costs_time_and_nothing_else(
    cluster: EmbeddedCluster, streams: Streams
) -> None:
    """Kill -9 of a follower, then of the leader, in the middle of publishing."""
    settings, total = BusSettings(cluster.url), 40_000
    pauses: list[float] = []
    async with Sender(settings, ack_timeout_s=2.0) as sender:
        publishing = asyncio.create_task(sender.publish(envelope(n) for n in range(total)))
        for leads in (False, True):
            leader = await cluster.leader(STREAM)
            victim = next(each for each in cluster.servers if (each is leader) == leads)
            await sender.reached(len(sender.acknowledged) + 1000)
            victim.kill()
            acknowledged = len(sender.acknowledged)
            assert acknowledged < total, "the kill must hit a publisher at work"
            began = CLOCK.mono()
            await sender.reached(min(total, acknowledged + 2500))
            pauses.append(CLOCK.mono() - began)
            await victim.restart()
            await whole(streams)
        await publishing
        await sender.drained()
    log.info("seconds until 2,500 more were acknowledged: follower %.2f, leader %.2f", *pauses)
    assert sorted(sender.acknowledged) == list(range(total))
    assert not sender.refused
    assert not sender.changes
    assert await everything(settings, total) == set(range(total))


async def test_missing_copies_are_added(cluster: EmbeddedCluster) -> None:
    """A stream made with one copy would die with one server: it is told and mended."""
    settings = BusSettings(cluster.url)
    async with await Streams.connect(settings, CLOCK) as streams:
        before = await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        with structlog.testing.capture_logs() as logs:
            after = await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20, replicas=3)
        assert [each["found"] for each in logs if each["event"] == "bus.copies_added"] == [1]
        assert after.created == before.created
        await whole(streams)
        answer = await streams._link.ask(api.StreamAnswer, f"STREAM.INFO.{STREAM}")
        assert answer.config is not None
        assert (answer.config.num_replicas, answer.config.discard) == (3, "new")


async def test_a_consumer_has_as_many_copies_as_its_stream(
    cluster: EmbeddedCluster, streams: Streams
) -> None:
    """One with a single copy would be away with its server, and the archiver with it."""
    settings = BusSettings(cluster.url)
    config = api.ConsumerConfig(
        deliver_policy="all",
        ack_policy="all",
        durable_name="archive-test",
        name="archive-test",
        filter_subject=FILTER,
        num_replicas=1,
        priority_groups=("archive",),
        priority_policy="pinned_client",
        priority_timeout=2 * api.NS,
    )
    create = f"CONSUMER.CREATE.{STREAM}.archive-test"
    body = api.CreateConsumer(STREAM, config)
    assert (await streams._link.ask(api.ConsumerAnswer, create, body)).error is None
    async with Sender(settings) as sender:
        await sender.publish(envelope(n) for n in range(1200))
        await sender.drained()
    async with Consumer(CLOCK, FAST) as consumer:
        await consumer.open(settings, STREAM, "archive-test", FILTER, 0)
        assert [d.sequence for d in await collect(consumer, 1200)] == list(range(1, 1201))
    info = await streams._link.ask(Copies, f"CONSUMER.INFO.{STREAM}.archive-test")
    assert len(info.cluster.replicas) == 2


class Copies(msgspec.Struct):
    """Where a consumer is kept."""

    cluster: api.Placement


async def test_copies_of_a_single_server_are_refused(tmp_path: Path) -> None:
    """Wanted and not to be had: said at once, not tried for ever."""
    single = bus.server(tmp_path)
    async with await Streams.connect(BusSettings(await single.start()), CLOCK) as streams:
        with pytest.raises(StreamUnfit, match="3 copies are wanted, and the bus is a single"):
            await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20, replicas=3)
        await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20)
        with pytest.raises(StreamUnfit, match="3 copies are wanted, and the bus is a single"):
            await streams.ensure(STREAM, PREFIX, max_bytes=1 << 20, replicas=3)
    await single.stop()
