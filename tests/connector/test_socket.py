"""What the socket hands over: whole messages, exactly, or a declared end."""

import asyncio
import gc
import socket as sockets
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme

from ssmd.connector.errors import ConnectFailed
from ssmd.connector.settings import Tuning
from ssmd.connector.socket import Socket, connect
from ssmd.model.frame import Frame, Opcode
from ssmd.model.venue import Handshake
from ssmd.runtime.clock import SystemClock
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import Peer, Server, header, until, venue_server

DEEP = b"[" * 2000 + b"]" * 2000


class Ear:
    """A receiver that remembers."""

    def __init__(self) -> None:
        self.socket: Socket | None = None
        self.frames: list[Frame] = []
        self.lost: list[str] = []
        self.opened_after: int | None = None

    def opened(self, socket: Socket) -> None:
        self.socket = socket
        self.opened_after = len(self.frames)

    def received(self, frame: Frame) -> None:
        self.frames.append(frame)

    def unkept(self, reason: str) -> None:
        self.lost.append(reason)


async def talk(script: Callable[[Peer], Awaitable[None]], **tuning: object) -> tuple[Ear, str]:
    """Connect to a script and wait for the end."""
    ear = Ear()
    async with venue_server(script) as server:
        socket = await connect(
            Handshake(server.url),
            ear,
            clock=SystemClock(),
            tuning=Tuning(**tuning),  # type: ignore[arg-type]
        )
        async with asyncio.timeout(20):
            end = await socket.ended
    return ear, end.reason


@pytest.mark.parametrize(
    ("payload", "opcode"),
    [
        (b"not json", Opcode.TEXT),
        (DEEP, Opcode.TEXT),
        (b"\xff\xfe invalid", Opcode.TEXT),
        (b"\x00\x01\x02", Opcode.BINARY),
        (b"[]", Opcode.TEXT),
        (b"", Opcode.TEXT),
        (b"x" * 20_000_000, Opcode.TEXT),
        (b"a ping", Opcode.PING),
        (b"a pong", Opcode.PONG),
    ],
    ids=["malformed", "deep", "utf8", "binary", "array", "empty", "20MB", "ping", "pong"],
)
async def test_bad_input_arrives_exactly(payload: bytes, opcode: Opcode) -> None:
    """The socket keeps; judging is for others."""

    async def script(peer: Peer) -> None:
        peer.send(payload, opcode)
        peer.send(b"after")
        await peer.writer.drain()
        peer.writer.close()

    ear, reason = await talk(script)
    assert [(f.payload, f.opcode) for f in ear.frames] == [
        (payload, opcode),
        (b"after", Opcode.TEXT),
    ]
    assert (reason, ear.opened_after) == ("lost", 0)


async def test_continuation_frames_make_one_message_around_a_ping() -> None:
    """RFC 6455 section 5.4: control frames may stand between the pieces."""

    async def script(peer: Peer) -> None:
        peer.send(b"one ", 1, fin=False)
        peer.send(b"two ", 0, fin=False)
        peer.send(b"now?", 9)
        peer.send(b"three", 0)
        peer.writer.close()

    ear, _ = await talk(script)
    assert [(f.payload, f.opcode) for f in ear.frames] == [
        (b"now?", Opcode.PING),
        (b"one two three", Opcode.TEXT),
    ]


@pytest.mark.parametrize("kind", ["header", "header_slow", "whole", "pieces"])
async def test_a_frame_beyond_the_bound_ends_the_connection_declared(kind: str) -> None:
    """However it announces itself."""

    async def script(peer: Peer) -> None:
        peer.send(b"before")
        if kind == "header":  # the payload never comes
            peer.writer.write(header(2000, 1))
        elif kind == "header_slow":
            await peer.writer.drain()
            await SystemClock().sleep(0.05)
            peer.writer.write(header(2000, 1) + b"x" * 1999)
            await SystemClock().sleep(0.05)
            peer.writer.write(b"x")
        elif kind == "whole":
            peer.send(b"x" * 2000)
            peer.send(b"after")
        else:
            for number in range(5):
                peer.send(b"x" * 400, 1 if number == 0 else 0, fin=False)
        await peer.listen()

    ear, reason = await talk(script, max_frame_bytes=1000)
    assert [f.payload for f in ear.frames] == [b"before"]
    assert (ear.lost, reason) == (["oversize"], "oversize")


async def test_pings_are_not_answered_behind_our_back_and_none_are_sent() -> None:
    """Whoever records the ping sends the pong."""

    async def script(peer: Peer) -> None:
        peer.send(b"?", 9)
        listening = asyncio.create_task(peer.listen())
        await SystemClock().sleep(0.05)
        assert peer.got == []
        peer.writer.close()
        await listening

    ear, _ = await talk(script)
    assert [f.opcode for f in ear.frames] == [Opcode.PING]


async def test_no_compression_is_offered_and_tcp_is_kept_alive() -> None:
    """Bytes are kept as sent; a dead path is noticed by the kernel too."""

    async def script(peer: Peer) -> None:
        assert "extensions" not in peer.request.lower()  # type: ignore[attr-defined]
        await peer.listen()

    ear = Ear()
    async with venue_server(script) as server:
        socket = await connect(Handshake(server.url), ear, clock=SystemClock(), tuning=Tuning())
        raw = socket._under.get_extra_info("socket")
        options = [
            raw.getsockopt(level, option)
            for level, option in (
                (sockets.SOL_SOCKET, sockets.SO_KEEPALIVE),
                (sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE),
                (sockets.IPPROTO_TCP, sockets.TCP_KEEPINTVL),
            )
        ]
        assert options == [1, 30, 10]
        assert socket.local == server.peers[0].address
        assert socket.peer == server.url.removeprefix("ws://")
        socket.abort("shutdown")
        await socket.ended


async def test_sends_that_do_not_leave_are_noticed() -> None:
    """A full TCP buffer once hid an outage of hours."""
    stop = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await stop.wait()

    clock = ManualClock()
    async with venue_server(script) as server:
        socket = await connect(Handshake(server.url), Ear(), clock=clock, tuning=Tuning())
        assert socket.unsent_s(clock.mono()) == 0
        for _ in range(100):
            socket.send(b"x" * 1_000_000, Opcode.TEXT)
        assert socket.unsent_s(clock.mono()) == 0
        await clock.advance(11)
        assert socket.unsent_s(clock.mono()) == 11
        socket.abort("send_timeout")
        assert (await socket.ended).reason == "send_timeout"
        stop.set()


async def test_a_close_is_received_answered_and_understood() -> None:
    """The venue's last words are a frame like any other."""

    async def script(peer: Peer) -> None:
        peer.send(b"\x03\xe9bye", 8)
        await peer.listen()

    ear = Ear()
    async with venue_server(script) as server:
        socket = await connect(Handshake(server.url), ear, clock=SystemClock(), tuning=Tuning())
        await until(lambda: bool(ear.frames))
        socket.answer_close(1001)
        end = await socket.ended
        await until(lambda: bool(server.peers[0].got))
    assert (ear.frames[0].payload, ear.frames[0].opcode) == (b"\x03\xe9bye", Opcode.CLOSE)
    assert (end.reason, end.code) == ("closed", 1001)
    assert server.peers[0].got[0] == (8, b"\x03\xe9")


async def test_a_protocol_error_is_named() -> None:
    """Not every end is the network's."""

    async def script(peer: Peer) -> None:
        peer.writer.write(b"\x83\x00")
        await peer.listen()

    _, reason = await talk(script)
    assert reason == "protocol"


MALFORMED = {
    "impossible_code": b"\x03\xed",  # 1005 is never sent
    "unknown_code": b"\x00\x07bye",
    "half_a_code": b"\x03",
    "no_utf8": b"\x03\xe8\xff\xfe",
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_close_is_lost_aloud(payload: bytes) -> None:
    """The library keeps it to itself; that it came is known all the same."""

    async def script(peer: Peer) -> None:
        peer.send(b"before")
        peer.send(payload, 8)
        await peer.listen()

    ear, reason = await talk(script)
    assert [f.payload for f in ear.frames] == [b"before"]
    assert (ear.lost, reason) == (["protocol"], "protocol")


async def test_nobody_there_is_one_error_with_a_reason() -> None:
    """Refused, silent and wrong servers end the attempt alike."""
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectFailed):
        await connect(
            Handshake(f"ws://127.0.0.1:{port}"), Ear(), clock=SystemClock(), tuning=Tuning()
        )


async def test_a_silent_server_ends_the_attempt_in_time() -> None:
    """Name, TCP, TLS and upgrade share one deadline."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = ManualClock()
    attempt = asyncio.create_task(
        connect(Handshake(f"ws://127.0.0.1:{port}"), Ear(), clock=clock, tuning=Tuning())
    )
    await until(lambda: clock.sleepers == 1)
    await clock.advance(9.9)
    assert not attempt.done()
    await clock.advance(0.2)
    with pytest.raises(ConnectFailed, match="TimeoutError"):
        await attempt
    server.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_trusts_the_given_authority_and_no_other() -> None:
    """Wss with a test CA is the same code path."""
    authority, stranger = trustme.CA(), trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)

    async def script(peer: Peer) -> None:
        peer.send(b"secret")
        await peer.writer.drain()
        peer.writer.close()

    served = Server(script)
    listening = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=serving)
    url = f"wss://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    trusting, distrusting = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)
    stranger.configure_trust(distrusting)
    ear = Ear()
    socket = await connect(Handshake(url), ear, clock=SystemClock(), tuning=Tuning(), tls=trusting)
    await socket.ended
    assert [f.payload for f in ear.frames] == [b"secret"]
    with pytest.raises(ConnectFailed, match="certificate"):
        await connect(Handshake(url), Ear(), clock=SystemClock(), tuning=Tuning(), tls=distrusting)
    listening.close()
    for peer in served.peers:
        peer.writer.transport.abort()
    del socket, listening
    await SystemClock().sleep(0.05)
    gc.collect()  # the library leaves the refused handshake's transport to the collector
