"""The bus comes back with an older state: nothing that a venue sent is lost, and nothing twice."""

import logging
import random
from pathlib import Path

import pytest

from ssmd.bus.streams import Streams
from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds.capture import MIB, SpoolSettings
from ssmd.feeds.machine import FeedChoice, MachineConfig
from tests import tier
from tests.e2e.acts import CLOCK, FEED, drained, judged, stage, total, until
from tests.integration.rollback import Copies

log = logging.getLogger(__name__)

AGES = (0.3, 1.0, 3.0, 8.0)
"""How old the copy is that is put back, in seconds."""
ALIVE, ARCHIVER_DEAD, CONNECTOR_DEAD, BOTH_DEAD = range(4)
RATE = tier.scale(gate=500, full=700)
SMALL_FILES = SpoolSettings(file_bytes=MIB)
"""So that the spool lets go of what is archived within seconds, and could let go too early."""


async def last(made: Stage) -> int:
    """The stream's last sequence."""
    async with await Streams.connect(made.pipeline.bus, CLOCK) as streams:
        return (await streams.state(made.pipeline.streams[0])).last


async def archiving(made: Stage) -> None:
    """Wait until the archive grows."""
    seen: list[float] = []

    async def grew() -> bool:
        seen.append(await total(made, "ssmd_archiver_messages_total"))
        return seen[-1] > seen[0]

    await until(grew, "the archive to grow")


async def roll_back(made: Stage, folder: Path, age_s: float, dead: int) -> None:
    """Copy the store, let it grow, put the copy back while some of the services are dead."""
    server, pipeline = made.pipeline.server, made.pipeline
    assert server is not None
    copies = Copies(server, folder)
    await archiving(made)
    copies.take()
    at = await last(made)
    await CLOCK.sleep(age_s)
    end = await last(made)
    assert end > at, "nothing would be lost"
    connector = pipeline.connectors[0]
    if dead in {ARCHIVER_DEAD, BOTH_DEAD}:
        await pipeline.kill(ARCHIVER)
    if dead in {CONNECTOR_DEAD, BOTH_DEAD}:
        await pipeline.kill(connector)
    await copies.restore()
    if dead in {CONNECTOR_DEAD, BOTH_DEAD}:
        await pipeline.spawn(connector)
    if dead in {ARCHIVER_DEAD, BOTH_DEAD}:

        async def beyond() -> bool:
            return await last(made) > end

        await until(beyond, "old numbers to be given out again, and more")
        await pipeline.spawn(ARCHIVER)
    await archiving(made)
    log.info("rolled back from %d to %d, %d", end, at, dead)


async def published(made: Stage) -> None:
    """Wait until the spool has given the bus everything once more."""
    await made.quiet()

    async def all_of_it() -> bool:
        return not await total(made, "ssmd_spool_unpublished")

    await until(all_of_it, "the spool to be published again", patience_s=240.0)


async def recreate(made: Stage) -> None:
    """Delete the stream under everybody's feet; the connector makes it again."""
    async with await Streams.connect(made.pipeline.bus, CLOCK) as streams:
        await streams.delete(made.pipeline.streams[0])
    await archiving(made)


@pytest.mark.timeout(580)
async def test_an_older_store_put_back_under_load_loses_nothing(tmp_path: Path, seed: int) -> None:
    """At several ages, archiver and connector alive or dead, sequences given out again."""
    chance, root = random.Random(seed), tmp_path / "data"
    plan = [
        (age, dead) for age in AGES for dead in (ALIVE, ARCHIVER_DEAD, CONNECTOR_DEAD, BOTH_DEAD)
    ]
    chance.shuffle(plan)
    gate = [(0.5, ARCHIVER_DEAD), (1.0, ALIVE), (0.3, CONNECTOR_DEAD)]
    machine = MachineConfig(
        dir=str(root), environment="test", feeds=(FeedChoice(feed=FEED),), spool=SMALL_FILES
    )
    async with stage(root, seed=seed, rate=RATE, machine=machine) as made:
        for number, (age_s, dead) in enumerate(plan if tier.FULL else gate):
            await roll_back(made, tmp_path / f"copy-{number}", age_s, dead)
        await recreate(made)
        await published(made)
        await drained(made)
        found = await judged(made, root)
    log.info("seed %s: %s", seed, found)
    assert found.declared_lost == 0
    assert found.archived > 1000
