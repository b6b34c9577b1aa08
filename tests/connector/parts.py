"""Spools, sessions and a scripted WebSocket server for the tests of this room."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ssmd.connector.spool.device import Device
from ssmd.connector.spool.settings import SpoolLimits
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import Envelope
from ssmd.model.event import Control, Data, Event, Send, Unread
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.row import Decoded
from ssmd.model.subscription import Limits, Subscription
from ssmd.model.timestamp import connection_id
from ssmd.model.venue import Handshake, Venue
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.sim.manual_clock import ManualClock
from tests.venues.made import no_rest

FEED = "feed"
_DEVICE = ("write", "sync", "free")
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def make_spool(directory: Path, clock: Clock | None = None, **limits: object) -> Spool:
    """A spool with small files."""
    values = {"low_disk_bytes": 0, **limits}
    device = Device(**{name: values.pop(name) for name in _DEVICE if name in values})  # type: ignore[arg-type]
    return Spool(
        directory,
        SpoolLimits(**values),  # type: ignore[arg-type]
        clock or ManualClock(),
        Telemetry(FEED),
        device=device,
    )


def an_id(number: int = 0, shard: int = 0) -> str:
    """A connection id that sorts by number."""
    return connection_id(FEED, shard, 1_800_000_000_000_000_000 + number * 1_000_000, number)


def a_frame(connection: str, ordinal: int, payload: bytes = b"{}", part: int = 0) -> Envelope:
    """A frame's envelope."""
    return Envelope(
        FEED, None, "trade", ("A/B",), connection, ordinal, None, part, 1, Opcode.TEXT,
        None, None, 1_800_000_000_000_000_000 + ordinal, payload,
    )  # fmt: skip


def everything(spool: Spool) -> list[tuple[int, Envelope]]:
    """All that is left to be published."""
    found: list[tuple[int, Envelope]] = []
    while taken := spool.take(100):
        found += taken
    return found


class Talk:
    """A session that says what the test tells it to."""

    def __init__(self) -> None:
        self.wanted: frozenset[Subscription] = frozenset()
        self.ready = True
        self.acknowledged: frozenset[Subscription] = frozenset()
        self.pong_mono: float | None = None
        self.opening: list[Event] = []
        self.ticking: list[Event] = []
        self.answers: Callable[[Frame], Sequence[Event]] = lambda _: (Data("trade", ("A/B",)),)

    def open(self, now: Now) -> Sequence[Event]:
        return self.opening

    def receive(self, frame: Frame) -> Sequence[Event]:
        if frame.opcode.is_control:
            return (Control(frame.opcode.name.lower()),)
        return self.answers(frame)

    def want(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        self.wanted = subscriptions
        return [Send(f"want {len(subscriptions)}".encode())]

    def renew(self, subscriptions: frozenset[Subscription], now: Now) -> Sequence[Event]:
        return [Send(f"renew {len(subscriptions)}".encode())]

    def tick(self, now: Now) -> Sequence[Event]:
        return self.ticking

    def close(self, now: Now, code: int | None, reason: str) -> Sequence[Event]:
        return ()


def unread(frame: Frame) -> Sequence[Event]:
    """A session that understands nothing."""
    return (Unread("malformed"),)


def a_venue(session: Callable[[], Talk], **limits: object) -> Venue:
    """An exchange whose conversations are the test's."""
    values = {"subscriptions_per_connection": 10, "sends_per_second": 10, **limits}
    return Venue(
        id="test",
        title="Test",
        channels=frozenset({"trade"}),
        types=frozenset({"trade"}),
        limits=Limits(**values),  # type: ignore[arg-type]
        handshake=lambda endpoint, *_: Handshake(endpoint),
        session=lambda *_: session(),
        subscriptions=lambda channels, symbols: frozenset(
            Subscription(c, s) for c in channels for s in symbols
        ),
        check=lambda _: [],
        rest=no_rest(),
        rows=lambda _: Decoded(),
        tables=(),
        facts=lambda _: (),
        pause=lambda _: None,
    )


async def until(condition: Callable[[], bool], clock: ManualClock | None = None) -> None:
    """Let real sockets work until a condition holds; manual time advances meanwhile if given."""
    async with asyncio.timeout(10):
        while not condition():
            if clock is not None:
                await clock.advance(0.1)
            await SystemClock().sleep(0.002)


class Peer:
    """The server's side of one WebSocket, in plain bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.got: list[tuple[int, bytes]] = []
        self.address = "{}:{}".format(*writer.get_extra_info("peername")[:2])

    def send(self, payload: bytes, opcode: int = 1, *, fin: bool = True) -> None:
        self.writer.write(header(len(payload), opcode, fin=fin) + payload)

    async def listen(self) -> None:
        """Collect what the client sends until it goes."""
        try:
            while True:
                first, second = await self.reader.readexactly(2)
                size = second & 0x7F
                if size == 126:
                    (size,) = struct.unpack(">H", await self.reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
                mask = await self.reader.readexactly(4)
                masked = await self.reader.readexactly(size)
                payload = bytes(b ^ mask[i % 4] for i, b in enumerate(masked))
                self.got.append((first & 0xF, payload))
                if first & 0xF == 8:
                    self.send(payload, 8)
                    self.writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return


def header(size: int, opcode: int, *, fin: bool = True) -> bytes:
    """A frame header as a server sends it."""
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        return bytes([first, size])
    if size < 65536:
        return bytes([first, 126]) + struct.pack(">H", size)
    return bytes([first, 127]) + struct.pack(">Q", size)


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """A scripted venue on a free loopback port."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.peers: list[Peer] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.split(":", 1)[1].strip()
            for line in request.split("\r\n")
            if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT).digest()).decode()  # noqa: S324 - RFC 6455
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        peer = Peer(reader, writer)
        peer.request = request  # type: ignore[attr-defined]
        self.peers.append(peer)
        await self._script(peer)


@asynccontextmanager
async def venue_server(script: Script) -> AsyncIterator[Server]:
    """Serve a script; every socket is closed at the end."""
    server = Server(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"ws://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        for peer in server.peers:
            peer.writer.transport.abort()
