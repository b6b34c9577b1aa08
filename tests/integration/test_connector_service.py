"""A connector as a process: killed, starved of its bus, refused; nothing it received is missing."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.bus.consumer import Consumer
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.connector.spool.totals import spool_totals
from ssmd.model.envelope import Envelope
from ssmd.model.simulated import SimulationOptions
from ssmd.runtime.children import Child
from ssmd.runtime.service import read_run_file
from ssmd.sim import ledger, oracle
from ssmd.sim.simulation import Simulation
from ssmd.venues import load
from tests.integration.bus import CLOCK, FAST, GENEROUS_S, until

SCRIPT = Path(__file__).parent / "connector_child.py"
STREAM = "TEST_KRAKEN"


class Scene:
    """A simulated venue, a bus, and a connector between them."""

    def __init__(self, directory: Path, nats: EmbeddedServer, url: str, venue: Simulation) -> None:
        self.directory = directory
        self.nats = nats
        self.url = url
        self.venue = venue
        self.children: list[Child] = []

    async def start(self, *, wait: bool = True) -> Child:
        """Start a connector; wait until it is ready."""
        number = len(self.children)
        child = Child.spawn(
            f"connector-{number}",
            [sys.executable, str(SCRIPT), self.url, self.nats.url, str(self.directory)],
            log=self.directory / f"connector-{number}.log",
        )
        self.children.append(child)
        run_file = self.directory / "connector.json"
        if wait:
            await until(lambda: (told := read_run_file(run_file)) and told.pid == child.pid)
        return child

    @property
    def emitted(self) -> int:
        """Lines in the simulator's ledger so far."""
        return sum(
            file.read_bytes().count(b"\n")
            for file in (self.directory / "ledger").glob("socket-*.jsonl")
        )

    async def emit(self, count: int) -> None:
        """Wait until the venue sent so many more."""
        target = self.emitted + count
        await until(lambda: self.emitted >= target)

    async def on_the_bus(self) -> list[Envelope]:
        """Everything the stream holds, each message id once."""
        found: dict[str, Envelope] = {}
        async with Consumer(CLOCK, FAST) as consumer, asyncio.timeout(GENEROUS_S):
            await consumer.open(
                BusSettings(self.nats.url), STREAM, "archive-test", "test.kraken.json.>", 0
            )
            while deliveries := await consumer.fetch(0.5):
                found |= {d.envelope.message_id: d.envelope for d in deliveries}
        return list(found.values())

    def judge(self, envelopes: list[Envelope]) -> oracle.Conservation:
        """Hold what arrived against what the venue's own ledger says it sent."""
        return oracle.judge(ledger.read(self.directory / "ledger"), envelopes)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    nats = EmbeddedServer(tmp_path / "nats", CLOCK)
    await nats.start()
    simulated = load("kraken").simulated
    assert simulated is not None
    market = simulated(SimulationOptions(seed=7, rate=1500, symbols=("BTC/USD", "ETH/USD")))
    venue = Simulation(market, clock=CLOCK, directory=tmp_path / "ledger")
    url = await venue.start()
    running = asyncio.create_task(venue.run())
    made = Scene(tmp_path, nats, url, venue)
    yield made
    for child in made.children:
        if child.returncode is None:
            child.kill()
            await child.wait()
    running.cancel()
    await venue.stop()
    await nats.stop()


async def test_kill_nine_loses_nothing_that_was_received(scene: Scene) -> None:
    """The promise: a crash loses nothing that was spooled, and closes what it left open."""
    seed = int(os.environ.get("SSMD_SEED", "11"))
    chance = random.Random(seed)
    for _ in range(3):
        child = await scene.start()
        await scene.emit(chance.randint(300, 1500))
        child.kill()
        await child.wait()
    child = await scene.start()
    await scene.emit(500)
    child.terminate()
    assert await child.wait(30) == 0, child.last_words()
    result = scene.judge(await scene.on_the_bus())
    assert result.ok, (seed, result.problems)
    assert result.connections == 4
    assert result.holes == result.mismatches == result.declared_lost == 0
    assert result.received == result.archived > 1500
    totals = spool_totals(scene.directory / "spool")
    assert (totals.frames, totals.lost) == (result.received, 0)


async def test_the_bus_may_be_away_at_the_start_and_in_the_middle(scene: Scene) -> None:
    """Capture begins into the spool; when the bus returns it is given everything."""
    scene.nats.kill()
    child = await scene.start(wait=False)
    await scene.emit(1000)
    await scene.nats.restart()
    await until(lambda: read_run_file(scene.directory / "connector.json"))
    await scene.emit(500)
    scene.nats.kill()
    await scene.emit(1000)
    await scene.nats.restart()
    await scene.emit(500)
    child.terminate()
    assert await child.wait(30) == 0, child.last_words()
    result = scene.judge(await scene.on_the_bus())
    assert result.ok, result.problems
    assert result.connections == 1
    assert result.received == result.archived > 2500


async def test_a_stop_while_the_bus_is_away_leaves_the_rest_in_the_spool(scene: Scene) -> None:
    """The next start publishes it, with the same message ids."""
    child = await scene.start()
    await scene.emit(300)
    scene.nats.kill()
    await scene.emit(500)
    child.terminate()
    assert await child.wait(30) == 0, child.last_words()
    assert "connector.left_in_spool" in (scene.directory / "connector-0.log").read_text()
    await scene.nats.restart()
    child = await scene.start()
    await scene.emit(300)
    child.terminate()
    assert await child.wait(30) == 0, child.last_words()
    result = scene.judge(await scene.on_the_bus())
    assert result.ok, result.problems


async def test_a_second_connector_on_one_spool_is_refused(scene: Scene) -> None:
    """Exit 2, naming the owner; the first is not disturbed."""
    first = await scene.start()
    second = await scene.start(wait=False)
    assert await second.wait(30) == 2
    assert f"in use by process {first.pid}" in second.last_words()
    await scene.emit(200)
    first.terminate()
    assert await first.wait(30) == 0, first.last_words()
