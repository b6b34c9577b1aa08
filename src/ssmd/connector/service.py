"""A connector: one feed, from the venue's sockets over the spool to the bus."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ssmd.bus.api import StreamState
from ssmd.bus.publisher import Publisher
from ssmd.bus.reader import scan
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.connector.asking import Asking, addresses
from ssmd.connector.blocked import LoopWatch, tell
from ssmd.connector.conditions import Conditions
from ssmd.connector.draining import drain
from ssmd.connector.feed import Feed, secrets_of
from ssmd.connector.gate import Gate
from ssmd.connector.graves import close_dead
from ssmd.connector.heritage import Heritage, scanner
from ssmd.connector.liveness import Liveness
from ssmd.connector.onlooker import Onlooker
from ssmd.connector.pump import Pump
from ssmd.connector.settings import Tuning, spool_limits, tuning
from ssmd.connector.shard import Shard
from ssmd.connector.socket import tls_context
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.connector.spool.lock import Lock
from ssmd.connector.spool.spool import Spool
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.connector.universe import SharedUniverse, StaticUniverse
from ssmd.connector.versions import Versions
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.registry import stream_of
from ssmd.feeds.share import WHOLE, Share
from ssmd.model.errors import ConfigError, Unavailable
from ssmd.model.universe import UniverseSource
from ssmd.runtime import service
from ssmd.runtime.clock import Clock, SystemClock, today
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Stop, Tasks
from ssmd.runtime.timekeeping import Timekeeper
from ssmd.venues import load

_RETRY_S: Final = 2.0
_FLOOR_S: Final = 2.0
_COVERAGE_S: Final = 300.0
_INSPECT_S: Final = 1.0


async def run(
    feed: FeedConfig,
    environment: EnvironmentConfig,
    *,
    directory: Path,
    bus: BusSettings,
    run_dir: Path | None = None,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    ca_file: str | None = None,
    name: str = "connector",
    universe: Callable[[Health], UniverseSource] | None = None,
    share: Share = WHOLE,
    details: Mapping[str, object] | None = None,
    clock: Clock | None = None,
    device: Device = SYSTEM,
) -> int:
    """Record a feed until asked to stop.

    Args:
        feed: What to record.
        environment: Where to, and within which bounds.
        directory: The spool's own directory.
        bus: Where the bus is; it need not be there yet.
        run_dir: Where the run file goes; None writes none.
        listen: Host and port of the health server; port 0 takes a free one.
        ca_file: Certificates that may sign the venue's; None trusts the system's.
        name: The service's name, also of its run file.
        universe: Makes what says what is wanted, given where to show how it is; None takes the
            feed's own.
        share: What of it is ours, where several connectors record the feed.
        details: More for the run file.
        clock: The time; the machine's own when None.
        device: The disk under the spool.

    Returns:
        The exit code: 0 after a clean end.

    Raises:
        Busy: Another connector has the spool, or the port is taken.
        ConfigError: The feed cannot be recorded as configured, or its stream is not fit.
        Unavailable: The spool's directory cannot be used.
    """
    times: Clock = SystemClock() if clock is None else clock
    environment.require_feed(feed.name)
    health = Health()
    connector = Connector(
        feed,
        environment,
        directory=directory,
        bus=bus,
        ca_file=ca_file,
        universe=None if universe is None else universe(health),
        share=share,
        health=health,
        clock=times,
        device=device,
    )
    shown = {
        "feed": feed.name,
        "stream": connector.stream,
        "share": str(share),
        "spool": str(directory),
        **(details or {}),
    }
    return await service.run(
        name,
        connector.main,
        health=connector.health,
        run_dir=run_dir,
        listen=listen,
        details=shown,
        clock=times,
        announce="listening",
        timekeeper=connector.timekeeper,
    )


class Connector:
    """The parts of one connector, wired.

    Attributes:
        health: Its conditions: `shards`, `spool`, `bus`; `universe` when it is not static.
        timekeeper: How right its clock is.
        stream: The stream it publishes to.
    """

    def __init__(
        self,
        feed: FeedConfig,
        environment: EnvironmentConfig,
        *,
        directory: Path,
        bus: BusSettings,
        clock: Clock,
        ca_file: str | None = None,
        universe: UniverseSource | None = None,
        share: Share = WHOLE,
        health: Health | None = None,
        device: Device = SYSTEM,
    ) -> None:
        place = stream_of(feed, environment)
        venue = load(feed.venue)
        at = today(clock)
        self.health = health or Health()
        self.timekeeper = Timekeeper(clock)
        self.stream = place.stream
        self._transport = environment.transport
        self._prefix = place.subject_prefix
        self._bus = bus
        self._clock = clock
        self._tuning: Tuning = tuning(environment.connector)
        self._share = share
        self._telemetry = Telemetry(feed.name, feed.category, venue.types, share.first)
        self._feed = Feed(
            name=feed.name,
            category=feed.category,
            venue=venue,
            endpoint=feed.endpoint(at),
            limits=share.limits(environment.connector.limits(feed.limits(venue.limits, at))),
            parameters=feed.parameters(at),
            secrets=secrets_of(feed, environment, at),
            timekeeper=self.timekeeper,
            share=share,
        )
        complaints = venue.check(self._feed.parameters)
        if complaints:
            message = f"The parameters of the feed {feed.name!r} are refused: {complaints[0]}"
            raise ConfigError(message, remedy="Correct parser_config in feed.yaml.")
        if universe is None and feed.universe.secmaster is not None:
            message = f"The feed {feed.name!r} follows the security master, which is not here."
            raise ConfigError(message, remedy="Start it with `ssmd connector run`, or `ssmd up`.")
        self._versions = Versions(feed, at)
        self._channels = feed.universe.channels
        self._universe = universe or StaticUniverse(feed, venue, self._telemetry)
        self._discovery = feed.universe.discovery if universe is None else None
        self._rest = addresses(feed, venue, at)
        encrypted = any(address.startswith("https:") for address in self._rest.values())
        self._tls = tls_context(ca_file) if self._feed.endpoint.startswith("wss:") else None
        self._rest_tls = self._tls or (tls_context(ca_file) if encrypted else None)
        self._directory = directory
        self._device = device
        self._spool_limits = spool_limits(environment.spool)
        self._lock = Lock.claim(directory)  # whoever comes second is told before it disturbs
        self._stream_fits = asyncio.Event()

    async def main(self, stop: Stop) -> None:
        """Record until asked to stop, then drain."""
        self.health.set("shards", ok=False, reason="starting")
        self.health.set("bus", ok=False, reason="starting")
        self.health.set("spool", ok=False, reason="what the last run left is being read")
        watch = LoopWatch(self._clock, self._tuning.blocked_s, tell(self.health, self._telemetry))
        watch.start()
        try:
            # In a thread: gigabytes may be there, and whoever asks is to hear that we live.
            spool = await asyncio.to_thread(self._open_spool)
            await self._record(spool, stop)
        finally:
            watch.close()

    def _open_spool(self) -> Spool:
        return Spool(
            self._directory,
            self._spool_limits,
            self._clock,
            self._telemetry,
            device=self._device,
            lock=self._lock,
        )

    async def _record(self, spool: Spool, stop: Stop) -> None:
        found = spool.found
        self._telemetry.recovered(
            records=sum(file.unacked for file in found.files),
            connections=len(spool.dead),
            torn=found.torn_bytes,
            damaged=found.damaged_bytes,
        )
        pump = Pump(spool, self._telemetry, aside=self._directory / "refused")
        publisher = self._publisher(spool, pump)
        asking = Asking(
            self._feed,
            self._rest,
            spool=spool,
            clock=self._clock,
            telemetry=self._telemetry,
            tls=self._rest_tls,
        )
        backfill = asking.backfill(self._tuning) if self._tuning.backfill else None
        supervisor = self._supervisor(spool, backfill.absences if backfill else None)
        universe = self._universe
        if self._discovery is not None:
            universe = asking.discover(self._discovery, self._channels, self.health)
        conditions = Conditions(self.health, self._feed.venue, self._clock, spool, supervisor)
        conditions.include(
            publisher,
            self._stream_fits.is_set,
            lambda: not pump.has_given and spool.unpublished > 0,
        )
        try:
            async with Tasks(stop, self._clock) as tasks:
                tasks.start("fsync", spool.run)
                tasks.start("inspect", lambda: self._inspect(spool, supervisor, conditions, asking))
                tasks.start("bus", lambda: self._tend_bus(spool, publisher))
                tasks.start("pump", lambda: self._run_pump(pump, publisher))
                tasks.start("universe", lambda: self._follow(spool, supervisor, universe))
                tasks.start("watchdog", supervisor.watchdog)
                tasks.start("reconcile", supervisor.reconcile)
                tasks.start("liveness", lambda: self._watch_rhythm(supervisor, asking))
                tasks.start("versions", self._versions.follow(self._clock, self.health, stop))
                if backfill is not None:
                    tasks.start("backfill", backfill.run)
                with self.health.looking(conditions.look):
                    await stop.wait()
                for name in ("backfill", "watchdog", "reconcile", "liveness", "universe"):
                    await tasks.end(name)
                await supervisor.close()
                asking.finish()
                await drain(
                    spool,
                    publisher,
                    clock=self._clock,
                    tuning=self._tuning,
                    telemetry=self._telemetry,
                )
        finally:
            await asking.close()
            await publisher.close()
            spool.close()

    def _supervisor(self, spool: Spool, onlooker: Onlooker | None) -> Supervisor:
        gate = Gate(
            self._clock,
            interval_s=max(self._tuning.stagger_s, self._feed.limits.connect_interval_s),
            at_once=self._tuning.concurrent_connects,
            sockets=self._feed.limits.connections + 1,
        )

        def shard(index: int) -> Shard:
            return Shard(
                self._share.first + index,
                self._feed,
                spool=spool,
                clock=self._clock,
                gate=gate,
                tuning=self._tuning,
                telemetry=self._telemetry.shard(index),
                tls=self._tls,
                onlooker=onlooker,
                shards=lambda: supervisor.size,
            )

        supervisor = Supervisor(
            self._feed.name,
            self._feed.limits,
            shard,
            clock=self._clock,
            tuning=self._tuning,
            telemetry=self._telemetry,
        )
        return supervisor

    async def _follow(self, spool: Spool, supervisor: Supervisor, universe: UniverseSource) -> None:
        """Learn what other processes have of our shards, then record our share of the universe."""
        scan = scanner(self._bus, self._clock, self.stream, self._prefix)
        await Heritage(self._share, spool.lives, scan, self._clock, self._telemetry).learn()
        await supervisor.follow(SharedUniverse(universe, self._share))

    async def _watch_rhythm(self, supervisor: Supervisor, asking: Asking) -> None:
        """Find instruments that stand still while their peers move."""
        liveness = Liveness(
            self._feed.venue,
            supervisor.shards.values,
            asking.testify,
            clock=self._clock,
            telemetry=self._telemetry,
            tuning=self._tuning,
        )
        await liveness.run()

    def _publisher(self, spool: Spool, pump: Pump) -> Publisher:
        def changed(_: StreamState) -> None:
            spool.republish()
            self._telemetry.stream_changed(self.stream, spool.unpublished)

        return Publisher(
            self._bus,
            stream=self.stream,
            prefix=self._prefix,
            acknowledged=pump.acknowledged,
            refused=pump.refuse,
            clock=self._clock,
            stream_changed=changed,
            window=self._share.window(self._transport.window),
            feed=self._feed.name,
            category=self._feed.category,
        )

    async def _run_pump(self, pump: Pump, publisher: Publisher) -> None:
        await self._stream_fits.wait()
        publisher.start()
        await pump.run(publisher)

    async def _tend_bus(self, spool: Spool, publisher: Publisher) -> None:
        """Make the stream, judge it, bury the dead, then follow the archive's floor."""
        while True:
            try:
                async with await Streams.connect(self._bus, self._clock) as streams:
                    await self._with_bus(spool, publisher, streams)
            except Unavailable as error:
                self.health.set("bus", ok=False, reason=error.message)
                self._telemetry.waiting_for_bus(error.message)
                await self._clock.sleep(_RETRY_S)

    async def _with_bus(self, spool: Spool, publisher: Publisher, streams: Streams) -> None:
        transport = self._transport
        await streams.ensure(
            self.stream,
            self._prefix,
            max_bytes=transport.max_bytes,
            allow_discard=transport.allow_discard,
            replicas=transport.replicas,
        )
        self._telemetry.bus_answers(self.stream)
        await close_dead(spool, lambda after: scan(self._bus, self._clock, self.stream, after))
        self._stream_fits.set()
        checked = self._clock.mono()
        while True:
            floor = await streams.archived_floor(self.stream, since=publisher.memory.since)
            # Asked after the floor: both then speak of the same life of the stream.
            if await publisher.confirm():
                spool.archived(floor)
            if self._clock.mono() - checked > _COVERAGE_S:
                checked = self._clock.mono()
                await streams.check_coverage(
                    self.stream, self._prefix, allow_discard=transport.allow_discard
                )
            await self._clock.sleep(_FLOOR_S)

    async def _inspect(
        self, spool: Spool, supervisor: Supervisor, conditions: Conditions, asking: Asking
    ) -> None:
        while True:
            asking.report()
            spool.inspect()
            supervisor.look()
            conditions.look()
            await self._clock.sleep(_INSPECT_S)
