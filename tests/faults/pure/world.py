"""One simulated machine room: a venue, a bus, a connector and an archiver, and what befalls them.

The code under test is the shipped code: `Connector` with its shards, sessions, spool and pump,
`SourceArchiver` with its archive. Replaced are the socket, the bus, the disk, the clock and chance.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from ssmd.archive import durable, source
from ssmd.archive.source import SourceArchiver
from ssmd.bus.settings import BusSettings
from ssmd.connector import service, shard
from ssmd.connector.onlooker import Onlooker
from ssmd.connector.service import Connector
from ssmd.connector.spool.spool import Spool
from ssmd.connector.supervisor import Supervisor
from ssmd.feeds.archiver import ArchiverConfig, ArchiveStorage, Commit, Rotation, Source
from ssmd.model.errors import Unavailable
from ssmd.model.subscription import Subscription
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop
from ssmd.sim.disk import Killed, Port, SimulatedDisk
from ssmd.sim.memory_bus import MemoryBus
from ssmd.sim.memory_consumer import MemoryConsumer
from ssmd.sim.memory_control import MemoryStreams
from ssmd.sim.memory_publisher import MemoryPublisher
from tests.faults.pure.configured import CHANNELS, FEED, configuration
from tests.faults.pure.venue import SYMBOLS, SimulatedVenue
from tests.faults.pure.virtual import LoopClock, VirtualLoop

STREAM = "SIM_KRAKEN"
AGAIN_S = 0.5
"""Pause before a process that could not start is started again, in seconds."""
SMALL_FILES = 6_000
"""Size of a spool file: small, so that files are dropped while a schedule runs, in bytes."""


class GhostSpool(Spool):
    """The spool of a dead process: nothing it is told has an effect."""

    def write(self, envelope: object) -> None: ...
    def flush(self) -> None: ...
    def declare(self, life: object, lost: object) -> None: ...
    def finish(self, life: object, closed: object) -> None: ...
    def acknowledged(self, position: int, sequence: int) -> None: ...
    def archived(self, floor: int) -> None: ...
    def republish(self) -> None: ...
    def inspect(self) -> None: ...
    def close(self) -> None: ...
    async def sync(self) -> None: ...
    def take(self, limit: int, through: int | None = None) -> list[Any]:
        return []


class Universe:
    """What is wanted, changed at will."""

    def __init__(self) -> None:
        self.wanted = frozenset(Subscription(c, s) for c in CHANNELS for s in SYMBOLS)
        self._news = asyncio.Event()

    def want(self, wanted: frozenset[Subscription]) -> None:
        self.wanted = wanted
        self._news.set()

    async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        while True:
            yield self.wanted
            self._news.clear()
            await self._news.wait()


class Life:
    """One life of a process."""

    def __init__(self, disk: SimulatedDisk, rng: Random, dying: Callable[[], None]) -> None:
        self.port = Port(disk, rng, dying)
        self.stop = Stop()
        self.task: asyncio.Task[None] | None = None


class World:
    """Everything of one schedule.

    Attributes:
        connector, archiver: The process that lives now; None while none does.
        broken: What must not happen and did, one sentence each.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.rng = Random(seed)
        self.clock = LoopClock(loop)
        self.disk = SimulatedDisk(folder / "disk", Random(self.rng.getrandbits(64)))
        self.root = self.disk.root / "data"
        self.spools = self.disk.root / "spool"
        self.spools.mkdir()
        self.bus = MemoryBus(self.clock, Random(self.rng.getrandbits(64)))
        self.venue = SimulatedVenue(FEED, self.rng.getrandbits(32), 18.0, self.clock)
        self.universe = Universe()
        self.connector: Life | None = None
        self.archiver: Life | None = None
        self.kept: Spool | None = None
        self.archiving: SourceArchiver | None = None
        self.supervisor: Supervisor | None = None
        self.broken: list[str] = []
        self.cut_at_trap = False
        self.revive_s = 0.5
        self.commit_delay = 0.0
        self.delayed = 0
        self._serving: list[asyncio.Task[None]] = []
        loop.delay = self._delay
        loop.failed = self._failed

    # --- processes

    def start_bus_and_venue(self) -> None:
        self._serving = [asyncio.create_task(self.venue.run()), asyncio.create_task(self.bus.run())]

    def start_connector(self) -> None:
        life = self.connector = Life(
            self.disk, Random(self.rng.getrandbits(64)), self._connector_trapped
        )
        life.task = asyncio.create_task(self._survives(self._started(life)))

    def start_archiver(self) -> None:
        life = self.archiver = Life(
            self.disk, Random(self.rng.getrandbits(64)), self._archiver_trapped
        )
        life.task = asyncio.create_task(self._survives(self._archiver(life)))

    async def _started(self, life: Life) -> None:
        """A connector whose disk refuses the start says so and ends, and is started again."""
        while True:
            with contextlib.suppress(Unavailable):
                return await self._connector(life)
            await self.clock.sleep(AGAIN_S)

    async def _connector(self, life: Life) -> None:
        feed, environment = configuration()
        connector = Connector(
            feed,
            environment,
            directory=self.spools,
            bus=BusSettings(),
            clock=self.clock,
            universe=self.universe,
        )
        limits = msgspec.structs.replace(connector._spool_limits, file_bytes=SMALL_FILES)
        try:
            spool = Spool(
                self.spools,
                limits,
                self.clock,
                connector._telemetry,
                device=life.port.spool,
                lock=connector._lock,
            )
        except Killed:
            connector._lock.release()
            raise
        self.kept = spool
        make = connector._supervisor

        def supervisor(spool: Spool, onlooker: Onlooker | None) -> Supervisor:
            self.supervisor = make(spool, onlooker)
            return self.supervisor

        connector._supervisor = supervisor  # type: ignore[method-assign]
        await connector._record(spool, life.stop)

    async def _archiver(self, life: Life) -> None:
        configured = Source(stream=STREAM, feed=FEED)
        config = ArchiverConfig(
            sources=(configured,),
            storage=ArchiveStorage(low_disk_bytes=0, min_free_bytes=0),
            rotation=Rotation(interval_s=60, grace_s=1.0),
            commit=Commit(interval_s=0.3),
        )
        archiving = self.archiving = SourceArchiver(
            configured, config, self.root, BusSettings(), health=Health(), clock=self.clock
        )
        with durable.use(life.port.archive):
            await archiving.run(life.stop)

    async def _survives(self, work: Awaitable[None]) -> None:
        """A process: what it dies of is told, unless we killed it."""
        try:
            await work
        except (Killed, asyncio.CancelledError):
            return
        except BaseException as error:  # noqa: BLE001 - a process that dies by itself is a finding
            self.broken.append(f"a process died of {error!r}")

    def kill_connector(self) -> None:
        """The connector is killed: its files stay, its sockets and its memory go."""
        life, self.connector = self.connector, None
        if life is None:
            return
        life.port.dead = True
        self.venue.deaths += 1
        self.supervisor = None
        spool, self.kept = self.kept, None
        if spool is not None:
            spool.__class__ = GhostSpool
            spool._shelf.close()
            spool._reserve.close()
            spool._lock.release()
        for socket in tuple(self.venue.sockets.values()):
            socket.vanish()
        self._end(life)

    def kill_archiver(self) -> None:
        """The archiver is killed: what is not committed comes again."""
        life, self.archiver = self.archiver, None
        if life is not None:
            life.port.dead = True
            self._end(life)

    def _end(self, life: Life) -> None:
        task = life.task
        if task is not None and task is not asyncio.current_task():
            self.loop.call_soon(task.cancel)

    def cut_power(self) -> None:
        """Everything dies at once, and what was not synced may be gone."""
        self.kill_connector()
        self.kill_archiver()
        self.bus.power_cut()
        self.disk.power_cut()

    def revive(self) -> None:
        """Whatever is dead or away comes back."""
        self.bus.come_back()
        if self.connector is None:
            self.start_connector()
        if self.archiver is None:
            self.start_archiver()

    def heal(self) -> None:
        """All that went wrong is over."""
        self.venue.barred = False
        self.cut_at_trap = False
        self.commit_delay = 0.0
        self.bus.calm()
        for life in (self.connector, self.archiver):
            if life is not None:
                life.port.heal()
        self.revive()

    async def end_connector(self) -> None:
        """Let the connector end politely."""
        spool = self.kept
        await self._end_politely(self.connector)
        if spool is None or spool.unpublished or spool._owed:
            self.broken.append("the connector ended with something to say")
        self.connector = self.kept = self.supervisor = None

    async def end_archiver(self) -> None:
        """Let the archiver end politely."""
        await self._end_politely(self.archiver)
        self.archiver = None

    @property
    def drained(self) -> bool:
        """Whether everything on the bus is archived."""
        archive = None if self.archiving is None else self.archiving.archive
        at = None if archive is None else archive.position
        state = self.bus.state
        return (
            at is not None
            and state is not None
            and (at.created, at.sequence) == (state.created, state.last)
        )

    async def _end_politely(self, life: Life | None) -> None:
        if life is None or life.task is None:
            self.broken.append("a process is not there at the end")
            return
        life.stop.request("the schedule is over")
        await asyncio.wait((life.task,), timeout=60)
        if not life.task.done():
            self.broken.append("a process does not end")

    def _connector_trapped(self) -> None:
        self._trapped(self.kill_connector)

    def _archiver_trapped(self) -> None:
        self._trapped(self.kill_archiver)

    def _trapped(self, kill: Callable[[], None]) -> None:
        """A process died inside a call to its disk, and perhaps the machine with it."""
        if self.cut_at_trap:
            self.cut_at_trap = False
            self.kill_connector()
            self.kill_archiver()
            self.bus.power_cut()
            self.loop.call_soon(self.disk.power_cut)  # the call itself is still to end
        else:
            kill()
        self.loop.call_later(self.revive_s, self.revive)

    async def abandon(self) -> None:
        """Let go of everything, whatever state it is in."""
        self.kill_connector()
        self.kill_archiver()
        mine = asyncio.current_task()
        tasks = [task for task in {*self._serving, *asyncio.all_tasks()} if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the machine

    def _delay(self, work: Callable[..., object]) -> float:
        """How long a thread takes: commits may be slow."""
        if not self.commit_delay:
            return 0.0
        archive = None if self.archiving is None else self.archiving.archive
        inner = work.args[0] if isinstance(work, partial) and work.args else work
        if archive is None or inner != archive.commit:
            return 0.0
        self.delayed += 1
        return self.commit_delay

    def _failed(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, Killed):
            self.broken.append(f"a callback raised {error!r}")


@contextmanager
def replaced(world: World, seed: int) -> Iterator[None]:
    """Put socket, bus and chance of a world in the place of the real ones."""
    streams = MemoryStreams(world.bus)
    chance = Random(seed)
    places: list[tuple[Any, str, Any]] = [
        (service, "Publisher", partial(MemoryPublisher, world.bus)),
        (service, "Streams", streams),
        (service, "scan", streams.scan),
        (service, "scanner", streams.scanner),
        (service, "_FLOOR_S", 0.4),
        (source, "Consumer", partial(MemoryConsumer, world.bus)),
        (shard, "connect", world.venue.connect),
        (secrets, "randbits", chance.getrandbits),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    state = random.getstate()
    random.seed(seed)
    try:
        for place, name, stand_in in places:
            setattr(place, name, stand_in)
        yield
    finally:
        for place, name, real in before:
            setattr(place, name, real)
        random.setstate(state)
        with suppress(AttributeError):
            world.loop.delay = lambda _: 0.0
