"""The whole pipeline on one machine, as child processes that die with us."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import yaml

from ssmd.archive import layout
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import StreamUnfit
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.cli.master import POSTGRES, Master
from ssmd.cli.options import bus_settings
from ssmd.cli.targets import Targets
from ssmd.feeds.archiver import Source
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.feeds.registry import FeedStream, streams_of
from ssmd.model.errors import SsmdError, Unavailable
from ssmd.runtime.backoff import delay
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock

ARCHIVER: Final = "archiver"
"""Name of the archiver among the services."""
COMPACTOR: Final = "compactor"
"""Name of the compactor among the services."""
API: Final = "api"
"""Name of the HTTP API among the services."""
ANY_PORT: Final = ("--listen", "127.0.0.1:0")
"""Each child listens somewhere free, whatever `SSMD_LISTEN` says to its parent."""
PROGRAM: Final = (sys.executable, "-m", "ssmd")
"""What runs as connector and archiver."""
_READY_S: Final = 60.0
_END_S: Final = 90.0
_LOOK_S: Final = 0.25


def spool_folder(directory: Path, recorder: str) -> Path:
    """Where the connector of a feed, or of one division of it, keeps its spool."""
    return layout.run_folder(directory) / "spool" / recorder


def recorders_of(feed: FeedConfig) -> dict[str, str | None]:
    """What records a feed: one, or one for each division.

    Returns:
        The division of each, by its name among connectors and spools.
    """
    if not feed.categories:
        return {feed.name: None}
    return {f"{feed.name}.{category}": category for category in feed.categories}


class Pipeline:
    """One connector a feed (or division of it), one archiver, and a bus: embedded unless given.

    Perhaps a compactor; perhaps a security master, which is no condition of recording: unless a feed
    follows it, the pipeline goes on without one that cannot be started.

    Args:
        machine: What this machine is to do.
        feeds: What is recorded.
        clock: What time it is.
        program: What runs as connector and archiver, with its first arguments.
        through: Given the embedded bus's address, gives the one that the services are told
            instead; None tells them the address itself.
        death_signal: What the kernel sends all of them when we die: see `Child`.
        compacts: Whether a compactor makes tables of what is sealed.
        keeps: Whether a security master is kept.
        serves: Whether the HTTP API and the status page are served.

    Attributes:
        machine: What this machine is to do.
        run_dir: Where run files and logs lie.
        addresses: Base URL of each running service's health server, by name.
        server: The bus that runs here; None when it runs elsewhere.
        master: The security master; None without one.
        trouble: Why there is none though there should be; empty otherwise.
        page: Where the status page is; empty without one.
    """

    def __init__(
        self,
        machine: MachineConfig,
        feeds: Sequence[FeedConfig],
        *,
        clock: Clock,
        program: Sequence[str] = PROGRAM,
        through: Callable[[str], Awaitable[str]] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        compacts: bool = False,
        keeps: bool = False,
        serves: bool = False,
    ) -> None:
        self._compacts = compacts
        self._serves = serves
        self.page = ""
        self._program = program
        self._death_signal = death_signal
        self._through = through
        self.machine = machine
        self.run_dir = layout.run_folder(Path(machine.dir))
        self.addresses: dict[str, str] = {}
        self._feeds = {
            f"connector-{name}": (feed, category)
            for feed in feeds
            for name, category in recorders_of(feed).items()
        }
        self._clock = clock
        self.server: EmbeddedServer | None = None
        self._bus = bus_settings(machine.nats_url)
        if machine.nats_url is None and "NATS_URL" not in os.environ:
            store = self.run_dir / "nats"
            self.server = EmbeddedServer(store, clock, death_signal=death_signal)
        self.master: Master | None = None
        self.trouble = ""
        if keeps:
            self.master = Master(
                machine, feeds, run_dir=self.run_dir, clock=clock, death_signal=death_signal
            )
        self._told = ""
        self._children: dict[str, Child] = {}
        self._targets = Targets(Path(machine.dir))

    @property
    def connectors(self) -> list[str]:
        """Names of the connectors among the services."""
        return list(self._feeds)

    @property
    def bus(self) -> BusSettings:
        """How to reach the bus; complete once the pipeline started."""
        return self._bus

    @property
    def streams(self) -> list[str]:
        """The stream of each feed."""
        return list(self.prefixes)

    @property
    def prefixes(self) -> dict[str, str]:
        """The prefix of the subjects of each stream."""
        return {each.stream: each.subject_prefix for _, found in self._streams() for each in found}

    def child(self, name: str) -> Child:
        """The running process of a service."""
        return self._children[name]

    def log(self, name: str) -> Path:
        """Where a service writes its log."""
        return self.run_dir / "logs" / f"{name}.log"

    async def start(self) -> None:
        """Start the bus, then all services together.

        Raises:
            Unavailable: One of them did not come up.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._targets.clear()
        if self.server is not None:
            self._bus = msgspec.structs.replace(self._bus, url=await self.server.start())
        self._told = self._bus.url if self._through is None else await self._through(self._bus.url)
        self._write_configuration(self._told)
        self._write_archiver(self._told)
        # Whoever needs no database does not wait for one.
        following = [name for name, (feed, _) in self._feeds.items() if feed.universe.secmaster]
        names = [name for name in self.connectors if name not in following]
        names += [ARCHIVER, *((COMPACTOR,) if self._compacts else ())]
        for name in names:
            self._launch(name)
        later = [*await self._start_master(needed=bool(following)), *following]
        for name in later:
            self._launch(name)
        if self._serves:
            self._launch(API)
        for name in (*names, *later):
            await self._until_up(name)
        if self._serves:
            with contextlib.suppress(Unavailable):  # recording does not hang on it: see `supervise`
                await self._until_up(API)

    async def _start_master(self, *, needed: bool) -> tuple[str, ...]:
        """Start the database of the security master; the services that it makes possible."""
        if self.master is None:
            return ()
        try:
            await self.master.start()
        except SsmdError as error:
            if needed:
                raise
            self.trouble = str(error)
            self.master = None
            await self._until_up(ARCHIVER)
            await self.stop([ARCHIVER])  # it was told of a stream that will never be
            self._write_archiver(self._told)
            self._launch(ARCHIVER)
            return ()
        return self.master.names

    async def spawn(self, name: str) -> None:
        """Start one service and wait until it answers; why it is not ready it says itself."""
        self._launch(name)
        await self._until_up(name)

    async def crash(self, name: str) -> None:
        """Kill a service as hard as the kernel can, and start it again."""
        await self.kill(name)
        await self.spawn(name)

    async def kill(self, name: str) -> None:
        """Kill a service as hard as the kernel can, and leave it dead."""
        child = self._children[name]
        child.kill()
        await child.wait(clock=self._clock)

    async def stop(self, names: Sequence[str]) -> None:
        """Ask services to drain and end, and wait.

        Raises:
            Unavailable: One ended with a failure, or did not end.
        """
        for name in names:
            self._children[name].terminate()
        for name in names:
            code = await self._children.pop(name).wait(_END_S, clock=self._clock)
            self.addresses.pop(name, None)
            self._targets.drop(name)
            if code:
                message = f"{name} ended with {code}."
                raise Unavailable(message, remedy=f"Read its log, {self.log(name)}.")

    async def supervise(self, died: Callable[[str, int], None]) -> None:
        """Start every service again that ends by itself, after a growing pause; never returns.

        Args:
            died: Told the name and the return code of each that ended.
        """
        attempts: dict[str, int] = {}
        while True:
            for name, child in list(self._children.items()):
                if (code := child.returncode) is None:
                    continue
                died(name, code)
                attempts[name] = attempts.get(name, 0) + 1
                await self._clock.sleep(delay(attempts[name], 0.2, 30.0, 1.0))
                with contextlib.suppress(Unavailable):
                    await self.spawn(name)
            if self.server is not None and not self.server.is_running:
                died("nats-server", 0)
                await self.server.restart()
            await self._mend_database(died, attempts)
            await self._clock.sleep(_LOOK_S)

    async def _mend_database(
        self, died: Callable[[str, int], None], attempts: dict[str, int]
    ) -> None:
        """Start the database again when it ended; what fails is tried again at the next look."""
        server = None if self.master is None else self.master.server
        if self.master is None or server is None or server.is_running:
            return
        died(POSTGRES, 0)
        attempts[POSTGRES] = attempts.get(POSTGRES, -1) + 1
        await self._clock.sleep(delay(attempts[POSTGRES], 0.2, 30.0, 1.0))
        with contextlib.suppress(SsmdError):
            await self.master.mend()

    async def behind(self) -> int:
        """How many messages of the streams are not archived yet."""
        missing = 0
        async with await Streams.connect(self._bus, self._clock) as streams:
            for stream in self.streams:
                missing += await _behind(streams, stream)
            if self.master is not None:
                with contextlib.suppress(StreamUnfit):  # there is none before the first change
                    missing += await _behind(streams, self.master.stream)
        return missing

    async def close(self) -> None:
        """End everything that still runs, the bus last."""
        # Each is asked once: a second SIGTERM would end it without its drain.
        await asyncio.gather(*(child.end() for child in self._children.values()))
        self._children.clear()
        self._targets.clear()
        if self.master is not None:
            await self.master.stop()
        if self.server is not None:
            await self.server.stop()

    def _launch(self, name: str) -> None:
        self.addresses.pop(name, None)
        self._children[name] = Child.spawn(
            name,
            self._argv(name),
            log=self.log(name),
            env=None if self.master is None else self.master.environ,
            death_signal=self._death_signal,
        )

    async def _until_up(self, name: str) -> None:
        run_file = self.run_dir / f"{name}.json"
        child = self._children[name]
        told = await child.ready(run_file, timeout_s=_READY_S, clock=self._clock)
        if told is not None:
            self.addresses[name] = told.health
            if name == API:
                self.page = str(told.details.get("url", ""))
            self._targets.add(name, told.health)

    def _argv(self, name: str) -> list[str]:
        if name == COMPACTOR:
            own = ["--dir", self.machine.dir, "--run-dir", str(self.run_dir), *ANY_PORT]
            own += [] if self.machine.upload is None else ["--upload", str(self._file("upload"))]
            return [*PROGRAM, "compactor", "run", *own]
        base = [*self._program]
        common = ["--dir", self.machine.dir, "--run-dir", str(self.run_dir), *ANY_PORT]
        if name == API:
            own = ["--no-keys", "--port", str(self.machine.api.port), "--nats-url", self._told]
            own += ["--env-name", self.machine.environment]
            return [*PROGRAM, "api", "run", *own, *common]
        if self.master is not None and name in self.master.names:
            return [*PROGRAM, *self.master.argv(name, self._told, common)]
        if name == ARCHIVER:
            return [*base, "archiver", "run", "--config", str(self._file(ARCHIVER)), *common]
        feed, category = self._feeds[name]
        file = self._file(f"connector-{feed.name}")
        own = ["--feed", str(file), "--env", str(self._file("environment"))]
        own += [] if category is None else ["--category", category]
        return [*base, "connector", "run", *own, *common]

    def _streams(self) -> Iterator[tuple[FeedConfig, tuple[FeedStream, ...]]]:
        """Each feed once, with the streams that it fills."""
        environment = self.machine.environment_config()
        feeds = {feed.name: feed for feed, _ in self._feeds.values()}
        for feed in feeds.values():
            yield feed, streams_of(feed, environment)

    def _file(self, name: str) -> Path:
        return self.run_dir / "config" / f"{name}.yaml"

    def _write_configuration(self, url: str) -> None:
        """What each connector is told, as files a person can read."""
        self._file("environment").parent.mkdir(parents=True, exist_ok=True)
        for feed, _ in self._streams():
            self._write(f"connector-{feed.name}", feed)
        self._write("environment", self.machine.environment_config(url))
        if self.machine.upload is not None:
            self._write("upload", self.machine.upload)

    def _write_archiver(self, url: str) -> None:
        """What the archiver is told: every stream that there will be."""
        sources = [
            Source(stream=each.stream, feed=feed.name)
            for feed, found in self._streams()
            for each in found
        ]
        if self.master is not None:
            sources.append(self.master.source)
        self._write(ARCHIVER, self.machine.archiver_config(sources, url))

    def _write(self, name: str, value: object) -> None:
        plain = msgspec.to_builtins(value, str_keys=True)
        self._file(name).write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")


async def _behind(streams: Streams, stream: str) -> int:
    state = await streams.state(stream)
    return max(0, state.last - await streams.archived_floor(stream))
