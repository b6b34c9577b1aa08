"""Several nats-servers of our own on this machine: what a cluster does, seen without one."""

import asyncio
from pathlib import Path
from typing import Final

from ssmd.bus import api
from ssmd.bus.embedded import HOST, EmbeddedServer, free_ports
from ssmd.bus.errors import BusAway
from ssmd.bus.link import Link
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.runtime.children import ChildFailed
from ssmd.runtime.clock import Clock

SERVERS: Final = 3
_ATTEMPTS: Final = 5
_READY_S: Final = 60.0
_LOOK_S: Final = 0.05


class EmbeddedCluster:
    """JetStream servers that know each other and listen on loopback alone.

    On one machine it guards against the death of a process, not of the machine: it is for tests
    and trials. Its addresses are chosen once and kept.

    Args:
        store_dir: Where they keep their streams, a folder each.
        clock: What time it is.
        size: How many; an odd number, for a majority.
        sync_interval: How often they sync their files, in NATS's own words.

    Attributes:
        servers: Each of them; it may be killed, stopped and started by itself.
    """

    def __init__(
        self, store_dir: Path, clock: Clock, *, size: int = SERVERS, sync_interval: str = "1s"
    ) -> None:
        self.servers: list[EmbeddedServer] = []
        self._dir = store_dir
        self._clock = clock
        self._size = size
        self._sync_interval = sync_interval

    @property
    def url(self) -> str:
        """All their addresses, as `BusSettings` takes them."""
        return ",".join(server.url for server in self.servers)

    async def start(self) -> str:
        """Start all, wait until they have agreed on a leader, and give their addresses.

        Raises:
            ServerMissing: There is no such program here.
            ChildFailed: One does not start; the message quotes its log.
            BusAway: They do not agree.
        """
        for left in reversed(range(_ATTEMPTS)):
            fresh = not self.servers
            if fresh:
                self.servers = self._servers()
            try:
                await asyncio.gather(*(server.start() for server in self.servers))
                break
            except ChildFailed:
                await self.stop()
                if not fresh or not left:
                    raise
                self.servers = []  # another took one of the ports meanwhile
        await self.ready()
        return self.url

    async def ready(self, timeout_s: float = _READY_S) -> None:
        """Wait until JetStream answers: a majority runs and has a leader.

        Raises:
            BusAway: It does not answer in time.
        """
        link = Link(BusSettings(self.url), self._clock, name="cluster")
        deadline = self._clock.mono() + timeout_s
        try:
            await link.open(timeout_s)
            while True:
                try:
                    answer = await link.ask(api.Done, "INFO", timeout_s=1.0)
                    reason = "" if answer.error is None else answer.error.description
                except BusAway as error:
                    reason = error.reason
                if not reason:
                    return
                if self._clock.mono() > deadline:
                    raise BusAway(link.settings.address, reason)
                await self._clock.sleep(_LOOK_S)
        finally:
            await link.close()

    async def leader(self, stream: str) -> EmbeddedServer | None:
        """The server that leads a stream; None while there is none.

        Raises:
            BusAway: None of them answers.
            StreamUnfit: There is no such stream.
        """
        async with await Streams.connect(BusSettings(self.url), self._clock) as streams:
            name = (await streams.placement(stream)).leader
        return next((server for server in self.servers if server.name == name), None)

    async def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        await asyncio.gather(*(server.stop() for server in self.servers))

    def _servers(self) -> list[EmbeddedServer]:
        ports = free_ports(self._size)  # a route must be known before the server at its end is
        routes = ", ".join(f'"nats://{HOST}:{port}"' for port in ports)
        return [
            EmbeddedServer(
                self._dir / f"server-{index}",
                self._clock,
                sync_interval=self._sync_interval,
                name=f"ssmd-{index}",
                extra=f'cluster {{ name: "ssmd", listen: "{HOST}:{port}", routes: [{routes}] }}',
            )
            for index, port in enumerate(ports)
        ]
