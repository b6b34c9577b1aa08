"""The archiver: from the bus into files, every envelope once, acknowledged when durable."""

import asyncio
from pathlib import Path

import msgspec

from ssmd.archive import telemetry
from ssmd.archive.ledger.keeping import Keeping
from ssmd.archive.source import SourceArchiver
from ssmd.archive.upkeep import Upkeep
from ssmd.bus import settings as bus_settings
from ssmd.bus.settings import BusSettings
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Factory, Stop, Tasks


async def run(
    config: ArchiverConfig,
    *,
    directory: Path | None = None,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    clock: Clock | None = None,
) -> int:
    """Archive every source until SIGTERM; then commit, acknowledge and seal everything.

    Args:
        config: What is archived, and how.
        directory: The archive root; wins over the configuration's.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        clock: The time; the machine's own when None.

    Returns:
        The exit code.

    Raises:
        SsmdError: What ended the service; it carries the exit code.
    """
    times: Clock = SystemClock() if clock is None else clock
    root = directory or Path(config.storage.path)
    bus = bus_settings.from_env()
    if config.url is not None:
        bus = msgspec.structs.replace(bus, url=config.url)
    health = Health()

    async def main(stop: Stop) -> None:
        await archive(config, root, bus, stop, health=health, clock=times)

    details = {"dir": str(root), "streams": [source.stream for source in config.sources]}
    return await service.run(
        "archiver",
        main,
        health=health,
        run_dir=run_dir,
        listen=listen,
        details=details,
        clock=times,
        announce="listening",
    )


async def archive(
    config: ArchiverConfig,
    root: Path,
    bus: BusSettings,
    stop: Stop,
    *,
    health: Health,
    clock: Clock,
) -> None:
    """Archive every source until asked to stop, without signals and health server.

    A source that breaks for good ends the others in order, and the service non-zero.
    """
    sources = []
    keeping = Keeping(root, (source.feed for source in config.sources), clock)
    for source in config.sources:
        telemetry.touch(source.feed, source.stream)
        sources.append(
            SourceArchiver(
                source, config, root, bus, health=health, clock=clock, sealed=keeping.due
            )
        )
    upkeep = Upkeep(sources, bus, config.keep_s, health=health, clock=clock)
    working = _Working()
    async with Tasks(stop, clock) as tasks:
        tasks.start("archive-upkeep", upkeep.run)
        tasks.start("archive-ledger", keeping.run)
        for each in sources:
            tasks.start(f"archive-{each.source.stream}", working.life(each, stop), may_end=True)
        await stop.wait()
        await working.ended()
    await keeping.finish()


class _Working:
    """Which sources are at work: a service must not end before they have drained."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def life(self, source: SourceArchiver, stop: Stop) -> Factory:
        """One life of a source after the other, as its supervisor asks for them."""

        async def run() -> None:
            self._count += 1
            self._idle.clear()
            try:
                await source.run(stop)
            finally:
                self._count -= 1
                if not self._count:
                    self._idle.set()

        return run

    async def ended(self) -> None:
        """Wait until none is at work."""
        await self._idle.wait()
