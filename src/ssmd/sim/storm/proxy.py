"""A TCP proxy that can stall, reset and throttle what passes; it alters nothing."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine, Sequence
from typing import Final, Self

from ssmd.runtime.clock import Clock

_HOST: Final = "127.0.0.1"
_RESET: Final = struct.pack("ii", 1, 0)
_BLOCK_BYTES: Final = 64 << 10


class Proxy:
    """Passes connections on to one port of this machine.

    Attributes:
        port: Where it listens; there once `start` returned.
        passed_bytes: What passed, both ways together.
        held_bytes: What arrived during a stall and waited for its end.
        delayed_bytes: What passed late because of a throttle.
        resets: Connections that were reset.
    """

    def __init__(self, target_port: int, clock: Clock) -> None:
        self.port = 0
        self.passed_bytes = self.held_bytes = self.delayed_bytes = self.resets = 0
        self._target = target_port
        self._clock = clock
        self._open = asyncio.Event()
        self._open.set()
        self._barred = False
        self._rate: float | None = None
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._pairs)

    async def start(self) -> int:
        """Listen on a free port, which is given."""
        self._server = await asyncio.start_server(self._accept, _HOST, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._pairs)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def stall(self) -> None:
        """Let nothing pass, and keep all connections."""
        self._open.clear()

    def throttle(self, bytes_per_second: float) -> None:
        """Let so much pass, per connection and way."""
        self._rate = bytes_per_second

    def bar(self) -> None:
        """Reset every connection, and whoever comes."""
        self._barred = True
        self.reset()

    def reset(self) -> None:
        """Reset every connection: what was on its way is lost."""
        for writers in list(self._pairs.values()):
            for writer in writers:
                _reset(writer)
            self.resets += 1

    def heal(self) -> None:
        """Let everything pass again."""
        self._barred = False
        self._rate = None
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - streams call back in a task
        if self._barred:
            self.resets += 1
            _reset(writer)
            return
        self._pairs[task] = (writer,)
        try:
            with contextlib.suppress(OSError):
                there_reader, there = await asyncio.open_connection(_HOST, self._target)
                self._pairs[task] = (writer, there)
                ways = [self._pass(reader, there), self._pass(there_reader, writer)]
                await _until_first(ways)
        finally:
            writers = self._pairs.pop(task)
            for each in writers:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way, until it ends."""
        while data := await reader.read(_BLOCK_BYTES):
            if not self._open.is_set():
                self.held_bytes += len(data)
                await self._open.wait()
            if self._rate is not None:
                self.delayed_bytes += len(data)
                await self._clock.sleep(len(data) / self._rate)
            writer.write(data)
            await writer.drain()
            self.passed_bytes += len(data)


async def _until_first(ways: Sequence[Coroutine[object, object, None]]) -> None:
    """Run both ways until one ends; a connection reset is an end like any other."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset instead of a goodbye."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):  # it may be gone already
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
