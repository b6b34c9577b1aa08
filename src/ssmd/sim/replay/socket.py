"""One client of a replay: the venue's answers, and what was recorded of what it subscribed."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from ssmd.model.errors import SsmdError
from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission, KeepsSubscriptions, Owed, SimulatedSocket
from ssmd.runtime.clock import Clock
from ssmd.sim.replay import telemetry
from ssmd.sim.replay.listener import Begin, Listener, Subject
from ssmd.sim.replay.taped import Key, Taped

PATIENCE_BYTES: Final = 256 << 20
"""A client with more unsent than this is dropped as too slow, as venues do."""
BUSY_BYTES: Final = 1 << 20
"""A client with more unsent than this is waited for when no time has to be kept."""
BUSY_FRAMES: Final = 20_000
"""The same, in frames that wait for older ones."""
GOODBYE_S: Final = 1.0
"""How long a client may take to answer a goodbye, in seconds."""
_INTERNAL: Final = 1011
_TOO_SLOW: Final = 1008
_BATCH: Final = 500


class Station(Protocol):
    """What a client needs of the feed it came to."""

    feed: str
    clock: Clock

    def joined(self, client: "Client") -> int:
        """A client came; gives its number."""
        ...

    def left(self, client: "Client") -> None:
        """A client is gone."""
        ...

    def subscribed(self, client: "Client", owed: frozenset[Owed]) -> Key:
        """A client's subscriptions are these now; gives the place of the last frame served."""
        ...

    async def lead_in(
        self, listener: Listener, wanted: set[Subject], upto: Key
    ) -> tuple[list[Taped], Mapping[Subject, Begin]]:
        """What was recorded of some states from their snapshots on, up to a place."""
        ...


class _Change(msgspec.Struct, frozen=True):
    """The client's subscriptions changed, at a place of the recording."""

    owed: frozenset[Owed]
    upto: Key


class Client(WSListener):
    """The shell around the venue's side of one socket.

    Attributes:
        number: The client's number, from 0; -1 before the handshake.
        peer: Its address.
        listener: What it is to hear.
        asked_mono: When it last asked for anything.
    """

    def __init__(self, station: Station, venue: SimulatedSocket, listener: Listener) -> None:
        self.number = -1
        self.peer = ""
        self.listener = listener
        self.asked_mono = 0.0
        self._station = station
        self._venue = venue
        self._transport: WSTransport | None = None
        self._partial = b""
        self._owed: frozenset[Owed] = frozenset()
        self._queue: deque[Taped | _Change] = deque()
        self._work: asyncio.Task[None] | None = None
        self._closing_mono: float | None = None
        self._reason = "lost"

    @property
    def is_subscribed(self) -> bool:
        """Whether it is to hear anything, and has all that is older."""
        return bool(self._owed) and self._work is None

    @property
    def is_busy(self) -> bool:
        """Whether it should be waited for, when no time has to be kept."""
        return len(self._queue) > BUSY_FRAMES or self._unsent > BUSY_BYTES

    @property
    def is_done(self) -> bool:
        """Whether everything for it is on its way."""
        return self._work is None and self._unsent == 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is complete."""
        self._transport = transport
        host, port = transport.underlying_transport.get_extra_info("peername")[:2]
        self.peer = f"{host}:{port}"
        self.number = self._station.joined(self)
        telemetry.client_came(self._station.feed, self.number, self.peer)
        self._say(self._venue.open(self._station.clock.now()))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """The client said something."""
        try:
            self._heard(frame.msg_type, frame.fin, frame.get_payload_as_bytes())
        except Exception as error:  # noqa: BLE001 - a bug of ours must not look like a venue
            telemetry.failed(self._station.feed, self.number, repr(error))
            self.close(_INTERNAL, "internal error")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone, whoever ended it."""
        self._venue.close()
        self._queue.clear()
        if self._work is not None:
            self._work.cancel()
        sent = self.listener.counts.sent
        telemetry.client_left(self._station.feed, self.number, self._reason, sent)
        self._station.left(self)

    def pause_writing(self) -> None:
        """The client reads slowly; what it is owed stays in memory up to our patience."""

    def resume_writing(self) -> None:
        """The client caught up."""

    def hear(self, frame: Taped) -> None:
        """A frame's turn has come, and it may concern this client."""
        if self._work is not None:
            self._queue.append(frame)
        elif self._closing_mono is None:
            self._tell(frame)

    def tick(self) -> None:
        """Heartbeats; the end of whoever does not answer or does not read."""
        transport, now = self._transport, self._station.clock.now()
        if transport is None:
            return
        if self._closing_mono is not None:
            if now.mono - self._closing_mono >= GOODBYE_S:
                transport.disconnect()
            return
        self._say(self._venue.tick(now))
        if self._unsent > PATIENCE_BYTES:
            self.close(_TOO_SLOW, "too slow")

    def close(self, code: int, reason: str) -> None:
        """Say goodbye; the socket ends when the client answers, or after a second."""
        if self._closing_mono is None and self._transport is not None:
            self._reason = reason
            self._transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode())
            self._closing_mono = self._station.clock.mono()

    def abort(self) -> None:
        """End the socket without another word."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    @property
    def _unsent(self) -> int:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return 0
        return transport.underlying_transport.get_write_buffer_size()

    def _heard(self, kind: WSMsgType, fin: bool, payload: bytes) -> None:
        match kind:
            case WSMsgType.PING:
                self._say([Emission(payload, Opcode.PONG)])
            case WSMsgType.CLOSE:
                self._goodbye(payload)
            case WSMsgType.PONG:
                pass
            case _:
                self._partial += payload
                if fin:
                    message, self._partial = self._partial, b""
                    self._asked(message)

    def _asked(self, message: bytes) -> None:
        """Answer as the venue does, but for its data: that is recorded."""
        now = self._station.clock.now()
        self.asked_mono = now.mono
        self._say(self._venue.receive(message, now))
        assert isinstance(self._venue, KeepsSubscriptions)  # noqa: S101 - the station saw to it
        owed = self._venue.owed()
        if owed == self._owed:
            return
        self._owed = owed
        change = _Change(owed, self._station.subscribed(self, owed))
        if self._work is not None:
            self._queue.append(change)
            return
        begun = self.listener.change(owed)
        if begun:
            self._work = asyncio.get_running_loop().create_task(self._catch_up(begun, change.upto))

    async def _catch_up(self, begun: set[Subject], upto: Key) -> None:
        """Tell what a state builds on, then what was recorded meanwhile."""
        try:
            await self._lead(begun, upto)
            while self._queue:
                entry = self._queue.popleft()
                if isinstance(entry, Taped):
                    self._tell(entry)
                elif begun := self.listener.change(entry.owed):
                    await self._lead(begun, entry.upto)
        except SsmdError as error:
            telemetry.failed(self._station.feed, self.number, error.message)
            self.close(_INTERNAL, "the recording cannot be read")
        finally:
            self._work = None

    async def _lead(self, begun: set[Subject], upto: Key) -> None:
        frames, begins = await self._station.lead_in(self.listener, begun, upto)
        counts = self.listener.counts
        before = counts.lead
        for number, payload in enumerate(self.listener.lead(frames, begins), 1):
            self._send(payload, Opcode.TEXT)
            while number % _BATCH == 0 and self._unsent > BUSY_BYTES:
                await self._station.clock.sleep(0.001)
        telemetry.led_in(self._station.feed, self.number, len(begins), counts.lead - before)

    def _tell(self, frame: Taped) -> None:
        payload = self.listener.take(frame)
        if payload is not None:
            self._send(payload, Opcode.BINARY if frame.is_binary else Opcode.TEXT)

    def _say(self, emissions: Sequence[Emission]) -> None:
        """Send the venue's talk; data that it would make up is left out."""
        for emission in emissions:
            if not emission.symbols:
                self._send(emission.payload, emission.opcode)

    def _send(self, payload: bytes, opcode: Opcode) -> None:
        transport = self._transport
        if transport is not None and not transport.is_disconnected and self._closing_mono is None:
            transport.send(WSMsgType(int(opcode)), payload)

    def _goodbye(self, payload: bytes) -> None:
        """The client closes, or answers our goodbye: echo once, then end the connection."""
        if self._transport is None:
            return
        if self._closing_mono is None:
            self._reason = "closed_by_client"
            self._transport.send(WSMsgType.CLOSE, payload[:2])
            self._closing_mono = self._station.clock.mono()
        self._transport.disconnect()
