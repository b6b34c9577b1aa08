"""One connection to a venue: opened as a connector would, and gone again."""

import asyncio

import pytest

from ssmd.connector.errors import ConnectFailed
from ssmd.connector.probe import reach
from ssmd.model.venue import Handshake
from ssmd.runtime.clock import SystemClock
from tests.connector.parts import Peer, venue_server

CLOCK = SystemClock()


async def test_a_venue_is_reached_and_left_in_peace() -> None:
    """Our headers go with the request; nothing is asked for, and goodbye is said."""
    async with venue_server(Peer.listen) as server:
        found = await reach(Handshake(server.url, {"X-Key": "k"}), CLOCK, timeout_s=10)
        (peer,) = server.peers
        assert "x-key: k" in peer.request.lower()  # type: ignore[attr-defined]
        assert [opcode for opcode, _ in peer.got] == [8]
        assert found.peer in server.url
        assert 0 < found.took_s < 10


async def test_a_venue_that_talks_at_once_disturbs_nobody() -> None:
    """What it says was not asked for, and is not kept."""

    async def talk(peer: Peer) -> None:
        for _ in range(100):
            peer.send(b"hello")
        await peer.listen()

    async with venue_server(talk) as server:
        found = await reach(Handshake(server.url), CLOCK, timeout_s=10)
        assert found.took_s > 0


async def test_a_venue_that_never_says_goodbye_is_cut() -> None:
    """Whoever asks a doctor waits a moment, not for ever; the socket is gone."""
    gone = asyncio.Event()

    async def stay(peer: Peer) -> None:
        while await peer.reader.read(100):
            pass
        gone.set()

    async with venue_server(stay) as server:
        await reach(Handshake(server.url), CLOCK, timeout_s=0.5)
        async with asyncio.timeout(10):
            await gone.wait()


async def test_a_venue_that_refuses_is_told_of() -> None:
    """With its status: 401 says more than `away`."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectFailed, match="401"):
        await reach(Handshake(f"ws://127.0.0.1:{port}"), CLOCK, timeout_s=10)
    server.close()
