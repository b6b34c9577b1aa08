"""The whole pipeline on one machine, as child processes that die with us."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import yaml

from ssmd.archive import layout
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.cli.options import bus_settings
from ssmd.feeds.archiver import Source
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.model import subject
from ssmd.model.errors import Unavailable
from ssmd.runtime.backoff import delay
from ssmd.runtime.children import Child
from ssmd.runtime.clock import Clock

ARCHIVER: Final = "archiver"
"""Name of the archiver among the services."""
COMPACTOR: Final = "compactor"
"""Name of the compactor among the services."""
ANY_PORT: Final = ("--listen", "127.0.0.1:0")
"""Each child listens somewhere free, whatever `SSMD_LISTEN` says to its parent."""
PROGRAM: Final = (sys.executable, "-m", "ssmd")
"""What runs as connector and archiver."""
_READY_S: Final = 60.0
_END_S: Final = 90.0
_LOOK_S: Final = 0.25


def spool_folder(directory: Path, feed: str) -> Path:
    """Where the connector of a feed keeps its spool."""
    return layout.run_folder(directory) / "spool" / feed


class Pipeline:
    """One connector a feed, one archiver, perhaps a compactor, and a bus: embedded unless given.

    Args:
        machine: What this machine is to do.
        feeds: What is recorded.
        clock: What time it is.
        program: What runs as connector and archiver, with its first arguments.
        through: Given the embedded bus's address, gives the one that the services are told
            instead; None tells them the address itself.
        death_signal: What the kernel sends all of them when we die: see `Child`.
        compacts: Whether a compactor makes tables of what is sealed.

    Attributes:
        machine: What this machine is to do.
        run_dir: Where run files and logs lie.
        addresses: Base URL of each running service's health server, by name.
        server: The bus that runs here; None when it runs elsewhere.
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
    ) -> None:
        self._compacts = compacts
        self._program = program
        self._death_signal = death_signal
        self._through = through
        self.machine = machine
        self.run_dir = layout.run_folder(Path(machine.dir))
        self.addresses: dict[str, str] = {}
        self._feeds = {f"connector-{feed.name}": feed for feed in feeds}
        self._clock = clock
        self.server: EmbeddedServer | None = None
        self._bus = bus_settings(machine.nats_url)
        if machine.nats_url is None and "NATS_URL" not in os.environ:
            store = self.run_dir / "nats"
            self.server = EmbeddedServer(store, clock, death_signal=death_signal)
        self._children: dict[str, Child] = {}

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
        environment = self.machine.environment
        return {
            self._stream(feed): subject.prefix(environment, feed.name, feed.category)
            for feed in self._feeds.values()
        }

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
        if self.server is not None:
            self._bus = msgspec.structs.replace(self._bus, url=await self.server.start())
        told = self._bus.url if self._through is None else await self._through(self._bus.url)
        self._write_configuration(told)
        names = (*self.connectors, ARCHIVER, *((COMPACTOR,) if self._compacts else ()))
        for name in names:
            self._launch(name)
        for name in names:
            await self._until_up(name)

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
            await self._clock.sleep(_LOOK_S)

    async def behind(self) -> int:
        """How many messages of the streams are not archived yet."""
        missing = 0
        async with await Streams.connect(self._bus, self._clock) as streams:
            for stream in self.streams:
                state = await streams.state(stream)
                missing += max(0, state.last - await streams.archived_floor(stream))
        return missing

    async def close(self) -> None:
        """End everything that still runs, the bus last."""
        # Each is asked once: a second SIGTERM would end it without its drain.
        await asyncio.gather(*(child.end() for child in self._children.values()))
        self._children.clear()
        if self.server is not None:
            await self.server.stop()

    def _launch(self, name: str) -> None:
        self.addresses.pop(name, None)
        self._children[name] = Child.spawn(
            name, self._argv(name), log=self.log(name), death_signal=self._death_signal
        )

    async def _until_up(self, name: str) -> None:
        run_file = self.run_dir / f"{name}.json"
        child = self._children[name]
        told = await child.ready(run_file, timeout_s=_READY_S, clock=self._clock)
        if told is not None:
            self.addresses[name] = told.health

    def _argv(self, name: str) -> list[str]:
        if name == COMPACTOR:
            own = ["--dir", self.machine.dir, "--run-dir", str(self.run_dir), *ANY_PORT]
            own += [] if self.machine.upload is None else ["--upload", str(self._file("upload"))]
            return [*PROGRAM, "compactor", "run", *own]
        base = [*self._program]
        common = ["--dir", self.machine.dir, "--run-dir", str(self.run_dir), *ANY_PORT]
        if name == ARCHIVER:
            return [*base, "archiver", "run", "--config", str(self._file(ARCHIVER)), *common]
        files = ["--feed", str(self._file(name)), "--env", str(self._file("environment"))]
        return [*base, "connector", "run", *files, *common]

    def _stream(self, feed: FeedConfig) -> str:
        return subject.stream(self.machine.environment, feed.name, feed.category)

    def _file(self, name: str) -> Path:
        return self.run_dir / "config" / f"{name}.yaml"

    def _write_configuration(self, url: str) -> None:
        """What each service is told, as files a person can read."""
        self._file(ARCHIVER).parent.mkdir(parents=True, exist_ok=True)
        for name, feed in self._feeds.items():
            self._write(name, feed)
        sources = [
            Source(stream=self._stream(feed), feed=feed.name) for feed in self._feeds.values()
        ]
        self._write("environment", self.machine.environment_config(url))
        self._write(ARCHIVER, self.machine.archiver_config(sources, url))
        if self.machine.upload is not None:
            self._write("upload", self.machine.upload)

    def _write(self, name: str, value: object) -> None:
        plain = msgspec.to_builtins(value, str_keys=True)
        self._file(name).write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
