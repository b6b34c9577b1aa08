"""The proxy between the bus and its clients: it delays and cuts, and alters nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from ssmd.runtime.clock import SystemClock, within
from ssmd.sim.storm.proxy import Proxy
from tests import tier

CLOCK = SystemClock()
SIZE = 1 << 20
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing() -> AsyncIterator[Proxy]:
    """A server that says everything back, behind a proxy."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(SIZE):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1], CLOCK) as proxy:
        yield proxy


async def dial(proxy: Proxy) -> Ends:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def said_back(ends: Ends, data: bytes) -> bytes:
    """What comes back of some bytes."""
    reader, writer = ends
    reading = asyncio.ensure_future(reader.readexactly(len(data)))
    writer.write(data)
    await writer.drain()
    return await within(CLOCK, 60.0, reading)


async def test_everything_passes_unaltered() -> None:
    """Both ways, in order, however large."""
    data = Random(tier.SEED).randbytes(SIZE)
    async with echoing() as proxy:
        one, other = await dial(proxy), await dial(proxy)
        assert await said_back(one, data) == data
        assert await said_back(other, data[::-1]) == data[::-1]
        assert proxy.passed_bytes == 4 * SIZE
        assert proxy.connections == 2
        assert (proxy.held_bytes, proxy.delayed_bytes, proxy.resets) == (0, 0, 0)
        one[1].close()
        other[1].close()


async def test_a_stall_holds_back_and_loses_nothing() -> None:
    """The connection stays; what was said meanwhile comes when it is over."""
    async with echoing() as proxy:
        reader, writer = await dial(proxy)
        assert await said_back((reader, writer), b"before") == b"before"
        proxy.stall()
        writer.write(b"meanwhile")
        await writer.drain()
        while not proxy.held_bytes:
            await CLOCK.sleep(0.01)
        passed = proxy.passed_bytes
        waiting = asyncio.ensure_future(reader.readexactly(9))
        with pytest.raises(TimeoutError):
            await within(CLOCK, 0.1, asyncio.shield(waiting))
        assert proxy.passed_bytes == passed
        proxy.heal()
        assert await within(CLOCK, 60.0, waiting) == b"meanwhile"
        writer.close()


async def test_a_throttle_makes_it_slow() -> None:
    """Nothing is lost by it either."""
    async with echoing() as proxy:
        ends = await dial(proxy)
        proxy.throttle(100_000)
        began = CLOCK.mono()
        data = Random(tier.SEED).randbytes(20_000)
        assert await said_back(ends, data) == data
        assert CLOCK.mono() - began >= 2 * len(data) / 100_000
        assert proxy.delayed_bytes == 2 * len(data)
        ends[1].close()


async def test_a_reset_is_no_goodbye() -> None:
    """Clients see the connection break; barred ones break again until it is healed."""
    async with echoing() as proxy:
        ends = await dial(proxy)
        assert await said_back(ends, b"hello") == b"hello"
        proxy.bar()
        with pytest.raises(ConnectionResetError):
            await within(CLOCK, 60.0, ends[0].readexactly(1))
        again = await dial(proxy)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await within(CLOCK, 60.0, again[0].readexactly(1))
        assert proxy.resets >= 2
        proxy.heal()
        last = await dial(proxy)
        assert await said_back(last, b"again") == b"again"
        for _, writer in (ends, again, last):
            writer.close()


async def test_nobody_behind_it_is_a_closed_connection() -> None:
    """A bus that is away looks as it does without the proxy: the client is not kept waiting."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with Proxy(port, CLOCK) as proxy:
        reader, writer = await dial(proxy)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await within(CLOCK, 60.0, reader.readexactly(1))
        writer.close()
