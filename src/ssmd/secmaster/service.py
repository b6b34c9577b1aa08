"""The security master's service: some venues kept up until SIGTERM, through every loss of the database."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec

from ssmd.bus.settings import BusSettings
from ssmd.model.errors import SsmdError
from ssmd.model.venue import Venue
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Factory, Stop, Tasks
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.freshness import Freshness
from ssmd.secmaster.keeper import Heard, Keeper, Stream
from ssmd.secmaster.retention import prune
from ssmd.secmaster.settings import KeeperSettings
from ssmd.secmaster.statement import Statement

_RETRY_S: Final = 1.0
_LOOK_S: Final = 2.0


class Kept(msgspec.Struct, frozen=True):
    """A venue that is kept up.

    Attributes:
        venue: The exchange.
        addresses: Of its REST services, by name, where they differ from its own.
        streams: Where the bus tells of its instruments.
    """

    venue: Venue
    addresses: Mapping[str, str] = {}
    streams: tuple[Stream, ...] = ()


async def run(
    kept: Sequence[Kept],
    *,
    database: str | None,
    directory: Path,
    bus: BusSettings | None,
    settings: KeeperSettings | None = None,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    clock: Clock | None = None,
) -> int:
    """Keep venues up until asked to stop.

    Args:
        kept: Which, and where they answer.
        database: Its address; None takes `DATABASE_URL`, else the embedded one.
        directory: Where that lies.
        bus: Where events come from; None hears none.
        settings: How often everything is done.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        clock: The time; the machine's own when None.

    Returns:
        The exit code.

    Raises:
        SsmdError: What ended the service; it carries the exit code.
    """
    times: Clock = SystemClock() if clock is None else clock
    health = Health()
    health.set("database", ok=False, reason="starting")
    wanted = settings or KeeperSettings()
    venues = [each.venue.id for each in kept]
    fresh = Freshness(venues, times, wanted.interval_s, health)

    async def main(stop: Stop) -> None:
        with health.looking(fresh.look):
            await through(stop)

    async def through(stop: Stop) -> None:
        """Through every loss of the database."""
        while not stop.requested.is_set():
            try:
                async with open_database(database, directory, times) as opened:
                    health.set("database", ok=True)
                    await keep(kept, opened, times, stop, bus=bus, settings=wanted, fresh=fresh)
            except SsmdError as error:
                if not error.retryable:
                    raise
                health.set("database", ok=False, reason=str(error))
                await times.sleep(_RETRY_S)

    return await service.run(
        "secmaster",
        main,
        health=health,
        run_dir=run_dir,
        listen=listen,
        details={"venues": venues},
        clock=times,
        announce="listening",
    )


async def keep(
    kept: Sequence[Kept],
    database: Database,
    clock: Clock,
    stop: Stop,
    *,
    bus: BusSettings | None = None,
    settings: KeeperSettings | None = None,
    fresh: Freshness | None = None,
    heard: Heard = lambda _: None,
) -> None:
    """Keep venues up until asked to stop; every task that dies is started again.

    Args:
        kept: Which.
        database: Where they are kept.
        clock: What time it is.
        stop: When to end.
        bus: Where events come from; None hears none.
        settings: How often everything is done.
        fresh: Told what became of every round; None when nobody asks how old everything is.
        heard: Told what became of every round.
    """
    wanted = settings or KeeperSettings()

    def listener(venue: str) -> Heard:
        def tell(outcome: Statement | SsmdError) -> None:
            if fresh is not None:
                fresh.heard(venue, outcome)
            heard(outcome)

        return tell

    async with AsyncExitStack() as stack:
        keepers: list[tuple[Keeper, Kept]] = []
        for each in kept:
            keeper = Keeper(
                each.venue,
                database,
                clock,
                addresses=each.addresses,
                settings=wanted,
                heard=listener(each.venue.id),
            )
            await stack.enter_async_context(keeper.open())
            keepers.append((keeper, each))
        tasks = await stack.enter_async_context(Tasks(stop, clock))
        for keeper, each in keepers:
            _start(tasks, keeper, each, bus)
        tasks.start("retention", lambda: _tidy(database, wanted, clock))
        if fresh is not None:
            tasks.start("database", _asking(database, fresh, clock))
        await stop.wait()


def _start(tasks: Tasks, keeper: Keeper, each: Kept, bus: BusSettings | None) -> None:
    venue = each.venue.id
    tasks.start(f"sweep-{venue}", keeper.sweeps)
    tasks.start(f"lookups-{venue}", keeper.lookups)
    if bus is not None:
        for stream in each.streams:
            tasks.start(f"lifecycle-{stream.name}", _listening(keeper, bus, stream))
    tasks.start(f"rounds-{venue}", keeper.rounds)


def _listening(keeper: Keeper, bus: BusSettings, stream: Stream) -> Factory:
    async def listen() -> None:
        await keeper.listen(bus, stream)

    return listen


def _asking(database: Database, fresh: Freshness, clock: Clock) -> Factory:
    """Ask the database now and then whether it is there: rounds are far apart."""

    async def ask() -> None:
        while True:
            trouble = ""
            try:
                async with database.session() as session:
                    await session.execute("SELECT 1")
            except DatabaseAway as error:
                trouble = error.message
            fresh.database(trouble)
            await clock.sleep(_LOOK_S)

    return ask


async def _tidy(database: Database, settings: KeeperSettings, clock: Clock) -> None:
    while True:
        await prune(database, settings, clock)
        await clock.sleep(settings.tidy_s)
