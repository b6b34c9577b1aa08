"""The archiver on a real bus: positions, restarts, standbys, losses, purges."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ssmd.archive import manifest, reader, verify
from ssmd.archive.ledger.keeping import Keeping
from ssmd.archive.ledger.rebuild import rebuild
from ssmd.archive.service import archive
from ssmd.archive.source import SourceArchiver
from ssmd.archive.upkeep import Upkeep
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.feeds.archiver import ArchiverConfig, ArchiveStorage, Commit, Source
from ssmd.model.envelope import Envelope
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop
from tests.archive.made import Talk
from tests.integration import bus
from tests.integration.bus import GENEROUS_S, STREAM, Sender, until

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
CONFIG = ArchiverConfig(
    sources=(Source(stream=STREAM, feed="kraken"),),
    commit=Commit(interval_s=0.02),
    storage=ArchiveStorage(low_disk_bytes=0, min_free_bytes=0),
    keep_s=0,
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A real JetStream server with the stream of the tests."""
    made = bus.server(tmp_path)
    url = await made.start()
    await bus.stream(BusSettings(url=url))
    yield made
    await made.stop()


@pytest.fixture
def settings(server: EmbeddedServer) -> BusSettings:
    """How to reach it."""
    return BusSettings(url=server.url)


class Running:
    """An archiver inside this process."""

    def __init__(self, root: Path, settings: BusSettings, config: ArchiverConfig = CONFIG) -> None:
        self.stop = Stop()
        self.health = Health()
        self.root = root
        self.task = asyncio.create_task(
            archive(config, root, settings, self.stop, health=self.health, clock=CLOCK)
        )

    async def archived(self, count: int) -> None:
        """Wait until so many envelopes are committed."""
        await until(lambda: self.task.done() or lines(self.root) >= count)

    async def end(self) -> None:
        """As SIGTERM does."""
        self.stop.request("test")
        await asyncio.wait_for(self.task, GENEROUS_S)

    async def kill(self) -> None:
        """End at the next await, committing nothing."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


def lines(root: Path) -> int:
    """How many envelopes can be read."""
    with contextlib.suppress(ConfigError):  # not begun yet
        return sum(1 for _ in reader.read(root))
    return 0


def proved(root: Path, *lives: list[Envelope]) -> verify.Report:
    """The archive holds exactly these envelopes, and proves it."""
    report = verify.verify(root)
    assert report.ok, report.problems
    found = sorted((line.envelope for line in reader.read(root)), key=lambda e: e.message_id)
    wanted = sorted((each for life in lives for each in life), key=lambda e: e.message_id)
    assert found == wanted
    return report


async def test_a_stream_is_archived_acknowledged_and_sealed(
    tmp_path: Path, settings: BusSettings
) -> None:
    """SIGTERM commits, acknowledges and seals everything."""
    life = Talk().life(3000)
    running = Running(tmp_path / "a", settings)
    async with Sender(settings) as sender:
        await sender.publish(life)
        await sender.drained()
    await running.health.wait_ready()
    await running.archived(3002)
    async with await Streams.connect(settings, CLOCK) as streams:
        await running.end()
        assert await streams.archived_floor(STREAM) == 3002
    report = proved(tmp_path / "a", life)
    assert report.open_segments == []
    again = rebuild(tmp_path / "a", report).ledger
    assert (again.days, again.behind, again.problems) == (1, [], [])


async def test_what_the_end_seals_is_in_the_ledger(
    tmp_path: Path, settings: BusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody comes after it: it must not hang on whether the keeper's task still had its turn."""

    async def never(_keeping: Keeping) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Keeping, "run", never)
    running = Running(tmp_path / "a", settings)
    async with Sender(settings) as sender:
        await sender.publish(Talk().life(20))
        await sender.drained()
    await running.archived(22)
    assert list((tmp_path / "a").rglob("day.json")) == []
    await running.end()
    assert len(list((tmp_path / "a").rglob("day.json"))) == 1


async def test_nothing_is_acknowledged_before_it_is_durable(
    tmp_path: Path, settings: BusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool lets go of what is below the floor: an early ack is a loss waiting to happen."""
    sync, slow, waiting = os.fdatasync, threading.Event(), threading.Event()

    def held_back(handle: int) -> None:
        waiting.set()
        assert slow.wait(GENEROUS_S)
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", held_back)
    running = Running(tmp_path / "a", settings)
    async with (
        Sender(settings) as sender,
        await Streams.connect(settings, CLOCK) as streams,
    ):
        await sender.publish(Talk().life(100))
        await sender.drained()
        await until(waiting.is_set)
        assert await streams.archived_floor(STREAM) == 0
        slow.set()
        async with asyncio.timeout(GENEROUS_S):
            while await streams.archived_floor(STREAM) < 102:
                await CLOCK.sleep(0.01)
    await running.end()


async def test_killed_and_restarted_the_files_win(tmp_path: Path, settings: BusSettings) -> None:
    """Between delivery and fsync, again and again, with no pause: no hole, no duplicate."""
    life = Talk().life(4000)
    async with Sender(settings) as sender:
        publishing = asyncio.create_task(sender.publish(life))
        for count in (1, 500, 1200, 2100, 3300):
            running = Running(tmp_path / "a", settings)
            await running.archived(count)
            await running.kill()
        await publishing
        await sender.drained()
    running = Running(tmp_path / "a", settings)
    await running.archived(4002)
    await running.end()
    proved(tmp_path / "a", life)


async def test_a_second_archiver_waits_and_takes_over(
    tmp_path: Path, settings: BusSettings
) -> None:
    """Two on one root: the second is a standby; losing the first loses nothing."""
    life = Talk().life(2000)
    first = Running(tmp_path / "a", settings)
    await first.health.wait_ready()
    second = Running(tmp_path / "a", settings)
    await until(lambda: any("already writes" in reason for reason in second.health.ready()[1]))
    async with Sender(settings) as sender:
        await sender.publish(life[:1000])
        await first.archived(200)
        await first.kill()
        await sender.publish(life[1000:], first_key=1000)
        await sender.drained()
    await second.health.wait_ready()
    await second.archived(2002)
    await second.end()
    proved(tmp_path / "a", life)


async def test_the_bus_going_away_costs_nothing(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings
) -> None:
    """What was not committed is discarded and delivered again."""
    life = Talk().life(1500)
    running = Running(tmp_path / "a", settings)
    async with Sender(settings) as sender:
        await sender.publish(life[:700])
        await running.archived(1)
        server.kill()
        await server.restart()
        await sender.publish(life[700:], first_key=700)
        await sender.drained()
    await running.archived(1502)
    await running.end()
    proved(tmp_path / "a", life)


async def test_what_is_archived_and_old_is_purged(tmp_path: Path, settings: BusSettings) -> None:
    """Never above the archived floor, never what is younger than `keep_s`."""
    life = Talk().life(300)
    root = tmp_path / "a"
    async with Sender(settings) as sender:
        await sender.publish(life)
        await sender.drained()
    running = Running(root, settings)
    await running.archived(302)
    await running.end()
    health = Health()
    source = SourceArchiver(CONFIG.sources[0], CONFIG, root, settings, health=health, clock=CLOCK)
    stop = Stop()
    working = asyncio.create_task(source.run(stop))
    await health.wait_ready()
    async with await Streams.connect(settings, CLOCK) as streams:
        ages = {keep_s: Upkeep([source], settings, keep_s, health=health, clock=CLOCK)
                for keep_s in (10.0**9, -(10.0**9))}  # fmt: skip
        assert await ages[10.0**9].look_after(streams, source, check=True) == 0
        assert await ages[-(10.0**9)].look_after(streams, source, check=True) == 301
        found = await streams.state(STREAM)
        assert (found.first, found.last) == (302, 302), "the last one tells where the stream ends"
    stop.request("test")
    await working
    again = Running(root, settings)
    await again.health.wait_ready()
    await again.end()
    proved(root, life)


async def test_a_bus_that_lost_something_is_declared(tmp_path: Path, settings: BusSettings) -> None:
    """Purged by others, or the stream made anew: said in the next manifest, then archived."""
    talk = Talk()
    life = talk.life(400)
    root = tmp_path / "a"
    running = Running(root, settings)
    async with Sender(settings) as sender:
        await sender.publish(life[:100])
        await sender.drained()
        await running.archived(100)
        await running.end()
        await sender.publish(life[100:200], first_key=100)
        await sender.drained()
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.purge_below(STREAM, 151)
            running = Running(root, settings)
            await running.archived(150)
            await running.end()
            (hole,) = verify.verify(root).problems
            assert (hole.connection, hole.ordinals) == (talk.id, ((99, 148),))
            await streams.delete(STREAM)
            await bus.stream(settings)
        # the spool publishes again what is not archived
        await sender.publish(life[100:150] + life[200:], first_key=200)
        await sender.drained()
    running = Running(root, settings)
    await running.archived(402)
    await running.end()
    proved(root, life)
    losses = [
        (loss.first, loss.last)
        for path in sorted(root.glob("raw/*/*/*.manifest.json"))
        for loss in manifest.decode(path.read_bytes(), "x").bus_losses
    ]
    assert losses == [(101, 150), (None, None)]


async def test_an_archiver_waits_for_its_stream(tmp_path: Path, settings: BusSettings) -> None:
    """It may be started before the connector that makes the stream; readiness says why."""
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams.delete(STREAM)
    running = Running(tmp_path / "a", settings)
    await until(lambda: any("does not exist" in reason for reason in running.health.ready()[1]))
    await bus.stream(settings)
    life = Talk().life(10)
    async with Sender(settings) as sender:
        await sender.publish(life)
        await sender.drained()
    await running.archived(12)
    await running.end()
    proved(tmp_path / "a", life)


async def test_an_archiver_without_a_bus_is_alive_and_not_ready(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings
) -> None:
    """A stream that says nothing is no trouble; a bus that is gone is, until it is back."""
    running = Running(tmp_path / "a", settings)
    await running.health.wait_ready()
    assert (running.health.status, running.health.warnings) == ("ok", []), "nothing came, all well"
    await server.stop()
    await until(lambda: running.health.status != "ok")
    assert running.health.status == "degraded"
    assert any(f"archive-{STREAM}: " in reason for reason in running.health.ready()[1])
    await server.start()
    await until(lambda: running.health.status == "ok")
    await running.end()


async def test_too_little_space_is_said_and_waited_for(
    tmp_path: Path, settings: BusSettings
) -> None:
    """Below the reserve the archiver stops taking, while it can still finish what is open."""
    huge = ArchiveStorage(low_disk_bytes=1 << 50, min_free_bytes=1 << 50)
    config = ArchiverConfig(sources=CONFIG.sources, storage=huge)
    running = Running(tmp_path / "a", settings, config)
    await until(lambda: any("min_free_bytes" in reason for reason in running.health.ready()[1]))
    assert not running.task.done()
    await running.end()


@pytest.mark.parametrize("kills", [3])
async def test_killed_for_real_at_any_moment(
    kills: int, tmp_path: Path, settings: BusSettings
) -> None:
    """Kill -9 of the process: zero holes, zero duplicates."""
    life = Talk().life(6000)
    root = tmp_path / "a"
    config = tmp_path / "archiver.yaml"
    config.write_text(
        f"sources: [{{stream: {STREAM}, feed: kraken}}]\nurl: {settings.url}\n"
        f"storage: {{path: {root}, low_disk_bytes: 0, min_free_bytes: 0}}\n"
        "commit: {interval_s: 0.05}\n"
    )
    program = (
        "import sys\nfrom pathlib import Path\nfrom ssmd.archive import service\n"
        "from ssmd.feeds.archiver import ArchiverConfig\nfrom ssmd.runtime import loop, settings\n"
        "sys.exit(loop.run(service.run(settings.load(Path(sys.argv[1]), ArchiverConfig))))"
    )

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(config), stderr=asyncio.subprocess.DEVNULL
        )

    share = len(life) // (kills + 1)
    async with Sender(settings) as sender:
        for number in range(kills):
            before = lines(root)
            child = await start()
            sending = asyncio.create_task(
                sender.publish(life[number * share : (number + 1) * share], number * share)
            )
            await until(lambda count=before: lines(root) > count)  # type: ignore[misc]
            child.kill()
            assert await child.wait() == -signal.SIGKILL
            await sending
        await sender.publish(life[kills * share :], kills * share)
        await sender.drained()
    child = await start()
    await until(lambda: lines(root) >= len(life))
    child.terminate()
    assert await child.wait() == 0
    report = proved(root, life)
    assert report.open_segments == []
