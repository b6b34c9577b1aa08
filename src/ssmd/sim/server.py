"""A real WebSocket server: every message is in the ledger before it is on the wire."""

import asyncio
import math
import socket
import ssl
import struct
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from ssmd.model.errors import Busy, ConfigError
from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission, SimulatedMarket, SimulatedSocket
from ssmd.runtime.clock import Clock
from ssmd.sim import journal, telemetry
from ssmd.sim.checkpoints import Checkpoints
from ssmd.sim.faults import Drift, Duplicate, Gap, Reorder
from ssmd.sim.ledger import SocketLedger
from ssmd.sim.tampering import Tampering

MAX_BACKLOG_BYTES: Final = 256 * 1024 * 1024
"""More than this unsent, and the venue drops a client as too slow."""
CLOSE_TIMEOUT_S: Final = 1.0
"""How long a client may take to answer a close frame, in seconds."""
_RESET: Final = struct.pack("ii", 1, 0)
_INTERNAL: Final = 1011
_MAX_REQUEST_BYTES: Final = 1 << 20


class ServedSocket(WSListener):
    """The shell around the venue's side of one socket.

    Attributes:
        number: The socket's number in the ledger; -1 before the handshake.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        clock: Clock,
        directory: Path,
        *,
        joined: Callable[["ServedSocket"], None],
        left: Callable[["ServedSocket"], None],
        books_s: float | None = None,
    ) -> None:
        self._books_s = books_s
        self._books: Checkpoints | None = None
        self.number = -1
        self._clock = clock
        self._directory = directory
        self._market = market
        self._venue: SimulatedSocket | None = None
        self._joined, self._left = joined, left
        self._transport: WSTransport | None = None
        self._ledger: SocketLedger | None = None
        self._partial = b""
        self._silent_until = -math.inf
        self._closing_since: float | None = None
        self._reason = "lost"
        self._fragments = 0
        self._pieces = 1
        self._tampering = Tampering()
        self._patience_bytes = MAX_BACKLOG_BYTES

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is complete."""
        now = self._clock.now()
        self._transport = transport
        under = transport.underlying_transport
        peer = _address(under.get_extra_info("peername"))
        ledger = SocketLedger(
            self._directory, _address(under.get_extra_info("sockname")), peer, now.wall
        )
        self._ledger = ledger
        self.number = ledger.number
        telemetry.socket_opened(self.number, peer)
        self._venue = self._market.connect()
        if self._books_s is not None:
            self._books = Checkpoints(self._directory, self.number, self._books_s)
        self._joined(self)
        self.emit(self._venue.open(now))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """The client said something."""
        try:
            self._heard(frame.msg_type, frame.fin, frame.get_payload_as_bytes())
        except Exception as error:  # noqa: BLE001 - a bug here must not go unledgered: see close()
            telemetry.socket_failed(self.number, repr(error))
            self.close(_INTERNAL, "internal error")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone, whoever ended it."""
        if self._venue is not None:
            self._venue.close()
        ledger, self._ledger = self._ledger, None
        if ledger:
            telemetry.socket_closed(self.number, self._reason, ledger.emitted)
            try:
                self._withhold(self._tampering.end())
                ledger.close(self._clock.wall(), self._reason)
            except OSError as error:
                telemetry.ledger_failed(self.number, str(error))
        self._left(self)

    def pause_writing(self) -> None:
        """The client reads slowly; what it is owed stays in memory up to the venue's patience."""

    def resume_writing(self) -> None:
        """The client caught up."""

    def tick(self) -> None:
        """Say what is due; end what did not answer or does not read."""
        now = self._clock.now()
        transport = self._transport
        if transport is None or self._venue is None:
            return
        emissions = self._venue.tick(now)
        if self._closing_since is not None:
            if now.mono - self._closing_since >= CLOSE_TIMEOUT_S:
                transport.disconnect()
            return
        if emissions and now.mono >= self._silent_until:
            self.emit(emissions)
        if self._books is not None and self._ledger is not None:
            self._books.look(self._venue, self._ledger.emitted, now)
        if transport.underlying_transport.get_write_buffer_size() > self._patience_bytes:
            self.abort("slow_client")

    def emit(self, emissions: Sequence[Emission]) -> None:
        """Write to the ledger, then send; a silent or ending socket says nothing.

        Faults of the data come first: what they withhold is noted, and never sent.
        """
        transport, ledger = self._transport, self._ledger
        if (
            transport is None
            or ledger is None
            or transport.is_disconnected
            or self._closing_since is not None
            or not emissions
            or self._clock.mono() < self._silent_until
        ):
            return
        sent, withheld = self._tampering.apply(emissions, self._clock.mono())
        try:
            self._withhold(withheld)
            ledger.append(sent, self._clock.wall())
        except OSError as error:
            telemetry.ledger_failed(self.number, str(error))
            self.abort("ledger_failed")
            return
        for emission in sent:
            self._send(transport, emission)

    def close(self, code: int | None, reason: str) -> None:
        """Say goodbye; the socket ends when the client answers, or after a second."""
        payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        self.emit([Emission(payload, Opcode.CLOSE)])
        if self._closing_since is None:
            self._reason = "closed"
            self._closing_since = self._clock.mono()

    def abort(self, reason: str = "aborted") -> None:
        """Reset the connection: what was not read yet is lost to the client."""
        if self._transport is None or self._transport.is_disconnected:
            return
        self._reason = reason
        self._closing_since = self._clock.mono()
        raw = self._transport.underlying_transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.disconnect(graceful=False)

    def silence(self, for_s: float | None) -> None:
        """Say nothing for a while, or for ever."""
        self._silent_until = math.inf if for_s is None else self._clock.mono() + for_s

    def fragment(self, parts: int, count: int) -> None:
        """Send the next messages in pieces."""
        self._pieces, self._fragments = max(1, parts), count

    def tamper(self, fault: Gap | Duplicate | Reorder | Drift) -> None:
        """Let something go wrong with the data messages to come."""
        self._tampering.add(fault, self._clock.mono())

    def hurry(self, patience_bytes: int) -> None:
        """Drop the client as soon as so many bytes are unsent."""
        self._patience_bytes = patience_bytes

    def _withhold(self, emissions: Sequence[Emission]) -> None:
        """Note what is never sent."""
        if emissions:
            journal.note_withheld(self._directory, self.number, emissions, self._clock.now())

    def _heard(self, kind: WSMsgType, fin: bool, payload: bytes) -> None:
        match kind:
            case WSMsgType.PING:
                self.emit([Emission(payload, Opcode.PONG)])
            case WSMsgType.CLOSE:
                self._goodbye(payload)
            case WSMsgType.PONG:
                pass
            case _:
                self._partial += payload
                if fin and self._venue is not None:
                    message, self._partial = self._partial, b""
                    self.emit(self._venue.receive(message, self._clock.now()))

    def _goodbye(self, payload: bytes) -> None:
        """The client closes, or answers our close: echo once, then end the connection."""
        if self._closing_since is None:
            self._reason = "closed_by_client"
            self.emit([Emission(payload[:2], Opcode.CLOSE)])
            self._closing_since = self._clock.mono()
        if self._transport is not None and self._clock.mono() >= self._silent_until:
            self._transport.disconnect()

    def _send(self, transport: WSTransport, emission: Emission) -> None:
        kind, payload = WSMsgType(int(emission.opcode)), emission.payload
        if self._fragments <= 0 or emission.opcode.is_control:
            transport.send(kind, payload)
            return
        self._fragments -= 1
        step = max(1, -(-len(payload) // self._pieces))
        pieces = [payload[at : at + step] for at in range(0, len(payload), step)] or [b""]
        for at, piece in enumerate(pieces):
            last = at == len(pieces) - 1
            transport.send(kind if at == 0 else WSMsgType.CONTINUATION, piece, fin=last)


def _address(pair: tuple[str, int]) -> str:
    """A socket address as records write it."""
    return f"{pair[0]}:{pair[1]}"


Upgrade = Callable[[Mapping[str, str], str], WSListener | int]
"""Judges whoever comes, by his headers (names in lower case) and the path he asks for: a socket
for him, or the HTTP status he is refused with."""


async def listen(
    upgrade: Upgrade, host: str, port: int, tls: ssl.SSLContext | None
) -> asyncio.Server:
    """Listen for clients; port 0 takes a free one.

    Raises:
        Busy: The port is taken, or the address is not ours.
    """

    def judged(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        headers = {name.lower(): value for name, value in request.headers.items()}
        # The query may hold what opens a door: nobody is to write it down.
        path = request.path.decode(errors="replace").partition("?")[0]
        verdict = upgrade(headers, path)
        return _refusal(verdict) if isinstance(verdict, int) else verdict

    try:
        return await ws_create_server(
            judged,
            host,
            port,
            enable_auto_pong=False,
            disconnect_on_exception=False,
            max_frame_size=_MAX_REQUEST_BYTES,
            ssl=tls,
        )
    except OSError as error:
        message = f"Cannot listen on {host}:{port}: {error}."
        raise Busy(message, remedy="Choose another port, or 0 for a free one.") from error


def server_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that serves this certificate (chain) with its key, both PEM files.

    Raises:
        ConfigError: They cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        message = f"{certificate} and {key} cannot be served: {error}."
        raise ConfigError(message, remedy="Give a PEM certificate and its own key.") from error
    return context


def _refusal(status: int) -> WSUpgradeResponseWithListener:
    """How a status is said; what is no refusal is a failure of ours."""
    known = status in set(HTTPStatus) and status >= HTTPStatus.BAD_REQUEST
    answer = HTTPStatus(status) if known else HTTPStatus.INTERNAL_SERVER_ERROR
    response = WSUpgradeResponse.create_error_response(answer, answer.phrase.encode())
    return WSUpgradeResponseWithListener(response, None)
