"""Many readers of one feed at once, on real sockets: none of the fast ones loses a message."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.feeds.api import LiveLimits
from ssmd.runtime import live_metrics
from tests.api.live.test_live import PATH
from tests.api.world import app_of, serving
from tests.archive.made import Talk
from tests.integration.bus import CLOCK, Sender, until
from tests.integration.test_stream import server, settings
from tests.tier import scale

__all__ = ["server", "settings"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
READERS = scale(gate=20, full=200)
RATE = scale(gate=500, full=200)
SECONDS = scale(gate=3, full=30)
LIMITS = LiveLimits(slow_s=1.0, heartbeat_s=30.0, queue_bytes=1 << 20)
_NUMBER = re.compile(rb'"ordinal":(\d+)')
_MORE_BYTES = 256 << 20


class Fast:
    """Reads bytes as they come, and keeps the ordinals in them."""

    def __init__(self) -> None:
        self.ordinals: list[int] = []
        self.has_begun = asyncio.Event()
        self._rest = b""

    async def read(self, host: str, port: int) -> None:
        """Until it is cancelled."""
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        try:
            while data := await reader.read(1 << 16):
                self._rest += data
                whole, _, self._rest = self._rest.rpartition(b"\n\n")
                if b"event: seam" in whole:
                    self.has_begun.set()
                self.ordinals += map(int, _NUMBER.findall(whole))
        finally:
            writer.close()


@pytest.fixture
async def stuck() -> AsyncIterator[socket.socket]:
    """A socket that will never read what it is sent."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.setblocking(False)
    yield made
    made.close()


async def test_nobody_fast_loses_a_message_and_one_who_stopped_is_dropped(
    tmp_path: Path, server: EmbeddedServer, settings: BusSettings, stuck: socket.socket
) -> None:
    """Every ordinal, on the bytes, of every reader; the stopped one goes for its reason; memory is bounded."""
    frames = Talk().frames(RATE * SECONDS, size=3_000)
    slow = live_metrics.ENDED.labels("kraken", "slow")
    before = slow._value.get()
    memory = psutil.Process().memory_info().rss
    async with (
        serving(app_of(tmp_path, bus=settings, environment="test", live=LIMITS)) as url,
        Sender(settings) as sender,
    ):
        host, _, port = url.removeprefix("http://").partition(":")
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stuck, (host, int(port)))
        await loop.sock_sendall(stuck, f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        fast = [Fast() for _ in range(READERS)]
        tasks = [asyncio.ensure_future(each.read(host, int(port))) for each in fast]
        for each in fast:
            await each.has_begun.wait()
        began = CLOCK.mono()
        for at in range(0, len(frames), 50):
            await sender.publish(frames[at : at + 50], at)
            await CLOCK.sleep(max(0.0, began + (at + 50) / RATE - CLOCK.mono()))
        wanted = list(range(len(frames)))
        for each in fast:
            await until(lambda one=each: len(one.ordinals) >= len(wanted))  # type: ignore[misc] # of this turn
            assert each.ordinals == wanted
        await until(lambda: slow._value.get() > before)
        assert slow._value.get() == before + 1
        assert psutil.Process().memory_info().rss - memory < _MORE_BYTES
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
