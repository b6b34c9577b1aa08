"""Nothing that was received is lost, whoever is killed in the middle of it."""

import asyncio
import logging
import random
import sys
from pathlib import Path

import nats
import pytest

from ssmd.cli.pipeline import ARCHIVER
from ssmd.cli.stage import Stage
from ssmd.feeds.archiver import Commit
from ssmd.feeds.machine import ArchiveSettings, FeedChoice, MachineConfig
from ssmd.runtime.children import Child
from tests import tier
from tests.e2e.acts import CLOCK, FEED, drained, judged, stage, total, until

log = logging.getLogger(__name__)

KILLS = tier.scale(gate=3, full=20)
PIECES = [[0], [1], [2]] if tier.FULL else [[0, 1, 2]]
"""Which of connector, archiver and bus are killed: one at a time in the long form."""
SLOW_COMMITS = ArchiveSettings(commit=Commit(interval_s=1.0, messages=12_500))


def machine(root: Path) -> MachineConfig:
    """Commits a second apart, so that a kill finds something uncommitted."""
    return MachineConfig(
        dir=str(root), environment="test", feeds=(FeedChoice(feed=FEED),), archive=SLOW_COMMITS
    )


async def flowing(stage: Stage, name: str = "ssmd_connector_frames_total") -> None:
    """Wait until a counter of the running pipeline grows."""
    before = await total(stage, name)

    async def grew() -> bool:
        return await total(stage, name) > before

    await until(grew, f"{name} to grow")


async def pending(stage: Stage) -> int:
    """Messages the bus delivered to the archiver and has no acknowledgement for."""
    client = await nats.connect(stage.pipeline.bus.url)
    try:
        stream = stage.pipeline.streams[0]
        consumers = await client.jetstream().consumers_info(stream)
        return sum(c.num_ack_pending or 0 for c in consumers if c.name.startswith("archive-"))
    finally:
        await client.close()


async def outstanding(stage: Stage) -> int:
    """Frames on their way between socket and bus, or arriving this moment."""
    frames = await total(stage, "ssmd_connector_frames_total")
    await flowing(stage)
    return int(await total(stage, "ssmd_connector_frames_total") - frames)


async def crash_bus(stage: Stage) -> None:
    """Kill the bus as hard as the kernel can, and start it again."""
    server = stage.pipeline.server
    assert server is not None
    server.kill()
    await server.restart()


async def strike(stage: Stage, victim: str, told: list[str]) -> None:
    """Kill the victim while it is at work, and start it again."""
    await flowing(stage)
    if victim == "bus":
        in_flight = await outstanding(stage)
        await crash_bus(stage)
    elif victim == ARCHIVER:
        found: list[int] = []

        async def busy() -> bool:
            found.append(await pending(stage))
            return found[-1] > 0

        await until(busy, "something delivered and not yet durable")
        in_flight = found[-1]
        await stage.pipeline.crash(ARCHIVER)
    else:
        in_flight = await outstanding(stage)
        await stage.pipeline.crash(victim)
    told.append(f"{victim}: {in_flight} in flight")
    assert in_flight > 0, "a kill that hits an idle process proves nothing"


@pytest.mark.timeout(580)
@pytest.mark.parametrize("piece", PIECES, ids=str)
async def test_kills_at_random_moments_lose_nothing(
    tmp_path: Path, seed: int, piece: list[int]
) -> None:
    """Kill -9 of connector, archiver and bus under load: every frame once, byte for byte."""
    chance = random.Random(seed)
    told: list[str] = []
    async with stage(tmp_path / "data", seed=seed, machine=machine(tmp_path / "data")) as made:
        known = [made.pipeline.connectors[0], ARCHIVER, "bus"]
        victims = [known[each] for each in piece] * KILLS
        chance.shuffle(victims)
        for victim in victims:
            await CLOCK.sleep(chance.uniform(0.1, 1.0))
            await strike(made, victim, told)
        await flowing(made, "ssmd_archiver_messages_total")
        await drained(made)
        found = await judged(made, tmp_path / "data")
    log.info("seed %s: %s; %s", seed, "; ".join(told), found)
    assert len(told) == len(piece) * KILLS
    assert found.declared_lost == 0
    assert found.archived > 1000


async def test_an_archiver_killed_before_its_fsync_and_back_within_a_second(
    tmp_path: Path, seed: int
) -> None:
    """The new one is given new messages while the old one's are pending: the files must win."""
    async with stage(tmp_path / "data", seed=seed, machine=machine(tmp_path / "data")) as made:
        await flowing(made, "ssmd_archiver_messages_total")

        async def many() -> bool:
            return await pending(made) > 100

        await until(many, "a hundred messages delivered and not durable")
        before = CLOCK.mono()
        await made.pipeline.kill(ARCHIVER)
        restart = asyncio.create_task(made.pipeline.spawn(ARCHIVER))
        gap_s = CLOCK.mono() - before
        await restart
        log.info("started again %.3f s after the kill", gap_s)
        await flowing(made, "ssmd_archiver_messages_total")
        await drained(made)
        found = await judged(made, tmp_path / "data")
    assert found.declared_lost == 0


async def test_two_archivers_on_one_durable_lose_nothing(tmp_path: Path, seed: int) -> None:
    """The second waits; when the first is killed it goes on where the files end."""
    root = tmp_path / "data"
    async with stage(root, seed=seed, machine=machine(root)) as made:
        await flowing(made, "ssmd_archiver_messages_total")
        config = made.pipeline.run_dir / "config" / "archiver.yaml"
        argv = [sys.executable, "-m", "ssmd", "archiver", "run", "--config", str(config)]
        standby = Child.spawn("standby", argv, log=tmp_path / "standby.log")
        try:
            await flowing(made, "ssmd_archiver_messages_total")
            assert standby.returncode is None, standby.last_words()
            await made.pipeline.kill(ARCHIVER)
            floor = await made.pipeline.behind()

            async def taken_over() -> bool:
                return await made.pipeline.behind() < floor

            await until(taken_over, "the standby to archive", patience_s=120.0)
            await drained(made, standby)
        finally:
            await standby.end()
        await judged(made, root)


@pytest.mark.timeout(580)
async def test_the_bus_may_be_away(tmp_path: Path, seed: int) -> None:
    """At 2,000 messages a second nothing is lost, and the connector's memory stays flat."""
    await bus_away(tmp_path / "data", seed, seconds=tier.scale(gate=6, full=30), rate=2000.0)


async def bus_away(root: Path, seed: int, *, seconds: float, rate: float) -> None:
    """Take the bus away, watch the connector's memory, bring it back, judge."""
    async with stage(root, seed=seed, rate=rate) as made:
        await flowing(made, "ssmd_archiver_messages_total")
        await CLOCK.sleep(2.0)
        pid = made.pipeline.child(made.pipeline.connectors[0]).pid
        server = made.pipeline.server
        assert server is not None
        server.kill()
        before = rss_kb(pid)
        await CLOCK.sleep(seconds)
        during = rss_kb(pid)
        waiting = await total(made, "ssmd_spool_unpublished")
        await server.restart()
        await drained(made)
        found = await judged(made, root)
    log.info(
        "seed %s: %d waited in the spool; RSS %d -> %d kB; %s", seed, waiting, before, during, found
    )
    assert waiting > seconds * rate / 4, "too little came in meanwhile to prove anything"
    assert during < before + (32 << 10), "memory must not grow with the outage"
    assert found.declared_lost == 0


def rss_kb(pid: int) -> int:
    """Resident memory of a process, in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    message = f"no VmRSS of {pid}"
    raise AssertionError(message)
