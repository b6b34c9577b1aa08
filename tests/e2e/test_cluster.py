"""Three servers, three copies of every message: any one may die, and capture goes on."""

import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from ssmd.bus.cluster import EmbeddedCluster
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import ApiRefused, BusAway
from ssmd.bus.streams import Streams
from ssmd.cli.stage import Stage
from ssmd.feeds.capture import MIB, SpoolSettings
from ssmd.feeds.machine import FeedChoice, MachineConfig
from tests import tier
from tests.e2e.acts import CLOCK, FEED, drained, judged, stage, total, until

log = logging.getLogger(__name__)
RATE = 500.0
UNDER_WAY = 3 * RATE
"""More than what is between socket and archive: a commit's worth, a second."""
ROUNDS = tier.scale(gate=1, full=4)


class Scene:
    """A pipeline on a cluster.

    Attributes:
        made: The pipeline and its venue.
        cluster: The servers.
    """

    def __init__(self, made: Stage, cluster: EmbeddedCluster) -> None:
        self.made = made
        self.cluster = cluster

    async def archiving(self) -> None:
        """Wait until more is archived than can have been under way at this moment."""
        before = await total(self.made, "ssmd_archiver_messages_total")

        async def archived() -> bool:
            found = await total(self.made, "ssmd_archiver_messages_total")
            return found > before + UNDER_WAY

        await until(archived, "frames of now to be archived", patience_s=120.0)

    async def whole(self) -> None:
        """Wait until every copy has everything: the next death finds two that do."""

        async def is_whole() -> bool:
            try:
                async with await Streams.connect(self.made.pipeline.bus, CLOCK) as streams:
                    found = await streams.placement(self.made.pipeline.streams[0])
            except (ApiRefused, BusAway):
                return False
            return len(found.replicas) == 2 and all(
                each.current and not each.offline for each in found.replicas
            )

        await until(is_whole, "three whole copies", patience_s=120.0)

    async def one(self, *, leads: bool) -> EmbeddedServer:
        """The leader of the stream, or another server."""
        await self.whole()
        leader = await self.cluster.leader(self.made.pipeline.streams[0])
        return next(each for each in self.cluster.servers if (each is leader) == leads)


async def killed(scene: Scene, *, leads: bool) -> None:
    """Kill -9 of one server under load; it is back only when capture went on without it."""
    victim = await scene.one(leads=leads)
    victim.kill()
    began = CLOCK.mono()
    await scene.archiving()
    log.info("leader: %s, archived again after %.1f s", leads, CLOCK.mono() - began)
    await victim.restart()


async def leader_killed(scene: Scene) -> None:
    """The one everybody talks to."""
    await killed(scene, leads=True)


async def follower_killed(scene: Scene) -> None:
    """One of the others."""
    await killed(scene, leads=False)


async def rolled(scene: Scene) -> None:
    """A rolling restart: SIGTERM, one after the other, as an upgrade does."""
    for server in scene.cluster.servers:
        await scene.whole()
        await server.restart()
    await scene.archiving()


async def quorum_lost(scene: Scene) -> None:
    """Two of three dead: nothing is acknowledged any more, and the spool keeps it all."""
    await scene.whole()
    victims = scene.cluster.servers[:2]
    for each in victims:
        each.kill()
    before = await total(scene.made, "ssmd_connector_frames_total")

    async def kept() -> bool:
        frames = await total(scene.made, "ssmd_connector_frames_total") - before
        return frames > 1000 and await total(scene.made, "ssmd_spool_unpublished") > 500

    await until(kept, "the spool to fill")
    for each in victims:
        await each.restart()
    await scene.archiving()


ACTS: Final[Mapping[str, Callable[[Scene], Awaitable[None]]]] = {
    "follower killed": follower_killed,
    "leader killed": leader_killed,
    "quorum lost": quorum_lost,
    "rolled": rolled,
}


@asynccontextmanager
async def scene(folder: Path, seed: int) -> AsyncIterator[Scene]:
    """A cluster, and a pipeline on it that keeps three copies."""
    cluster = EmbeddedCluster(folder / "cluster", CLOCK)
    try:
        machine = MachineConfig(
            dir=str(folder / "data"),
            environment="test",
            feeds=(FeedChoice(feed=FEED),),
            nats_url=await cluster.start(),
            replicas=3,
            spool=SpoolSettings(file_bytes=MIB),
        )
        async with stage(folder / "data", seed=seed, rate=RATE, machine=machine) as made:
            yield Scene(made, cluster)
    finally:
        await cluster.stop()


@pytest.mark.timeout(580)
@pytest.mark.parametrize("acts", [list(ACTS)] if tier.FULL else [["leader killed"]], ids=str)
async def test_a_cluster_loses_servers_and_nothing_else(
    tmp_path: Path, seed: int, acts: list[str]
) -> None:
    """Publisher and archiver fail over by themselves; the spool carries what takes seconds."""
    order = acts * ROUNDS
    random.Random(seed).shuffle(order)
    async with scene(tmp_path, seed) as here:
        await here.archiving()
        for act in order:
            log.info("%s", act)
            await ACTS[act](here)
        await drained(here.made)
        found = await judged(here.made, tmp_path / "data")
    log.info("seed %s: %s; %s", seed, order, found)
    assert found.declared_lost == 0
    assert found.archived > 1000
