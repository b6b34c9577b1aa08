"""One WebSocket, as frames with times: the only place in this room that knows the library."""

import asyncio
import logging
import socket as sockets
import ssl
import sys
from typing import Any, Final, Literal, Protocol

import msgspec
import picows

from ssmd.connector.errors import ConnectFailed
from ssmd.connector.settings import Tuning
from ssmd.model.frame import Frame, Opcode
from ssmd.model.venue import Handshake
from ssmd.runtime.clock import Clock, within
from ssmd.runtime.secrets import without_credentials

_TYPES: Final = {
    Opcode.TEXT: picows.WSMsgType.TEXT,
    Opcode.BINARY: picows.WSMsgType.BINARY,
    Opcode.PING: picows.WSMsgType.PING,
    Opcode.PONG: picows.WSMsgType.PONG,
}
_OPCODES: Final = {
    picows.WSMsgType.TEXT: Opcode.TEXT,
    picows.WSMsgType.BINARY: Opcode.BINARY,
    picows.WSMsgType.CONTINUATION: Opcode.BINARY,
    picows.WSMsgType.PING: Opcode.PING,
    picows.WSMsgType.PONG: Opcode.PONG,
    picows.WSMsgType.CLOSE: Opcode.CLOSE,
}
_KEEPALIVE_PROBES: Final = 3
NORMAL: Final = 1000
"""RFC 6455 section 7.4.1: the purpose of the connection is fulfilled."""


class End(msgspec.Struct, frozen=True):
    """How a connection ended.

    Attributes:
        reason: One of `runtime.metrics.END_REASONS`.
        code: The close code we received, if any.
    """

    reason: str
    code: int | None = None


class Receiver(Protocol):
    """Whoever listens to a socket. None of these may raise."""

    def opened(self, socket: "Socket") -> None:
        """The upgrade is done; always the first call."""
        ...

    def received(self, frame: Frame) -> None:
        """A whole frame arrived."""
        ...

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """A frame arrived and cannot be had: too long, or not as RFC 6455 has it. The last call."""
        ...


class Socket:
    """An open WebSocket.

    Attributes:
        local: Our address, `host:port`.
        peer: The other side's address, `host:port`.
        ended: Done when the socket is closed.
    """

    def __init__(self, transport: picows.WSTransport, tuning: Tuning) -> None:
        self._transport = transport
        self._under = transport.underlying_transport
        self._reason: str | None = None
        self._code: int | None = None
        self._unsent_since: float | None = None
        raw = self._under.get_extra_info("socket")
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
        raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE, tuning.keepalive_idle_s)
        raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPINTVL, tuning.keepalive_interval_s)
        raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPCNT, _KEEPALIVE_PROBES)
        self.local = _address(self._under.get_extra_info("sockname"))
        self.peer = _address(self._under.get_extra_info("peername"))
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def send(self, payload: bytes, opcode: Opcode) -> None:
        """Send a data, ping or pong frame; nothing happens when the socket is closing."""
        self._transport.send(_TYPES[opcode], payload)

    def close(self, reason: str, code: int = NORMAL) -> None:
        """Begin the closing handshake; the other side's answer is still received."""
        self._reason = self._reason or reason
        self._transport.send_close(picows.WSCloseCode(code))

    def answer_close(self, code: int | None) -> None:
        """The other side closes: answer, and let go when the answer is out."""
        self._code = code
        if not self.is_closing:
            self._reason = self._reason or "closed"
            try:
                self._transport.send_close(picows.WSCloseCode(code or NORMAL))
            except ValueError:  # private codes are not in the library's list
                self._transport.send_close(picows.WSCloseCode.OK)
        self._transport.disconnect()

    def abort(self, reason: str) -> None:
        """Cut the connection now, whatever is still to be sent."""
        self._reason = self._reason or reason
        self._transport.disconnect(graceful=False)

    def unsent_s(self, mono: float) -> float:
        """For how long something we sent has not left this machine, in seconds."""
        if self._under.get_write_buffer_size() == 0:
            self._unsent_since = None
            return 0.0
        if self._unsent_since is None:
            self._unsent_since = mono
        return mono - self._unsent_since

    @property
    def is_closing(self) -> bool:
        """Whether a close frame was sent already."""
        return self._transport.is_close_frame_sent

    @property
    def is_refused(self) -> bool:
        """Whether the library gave the connection up over what it was sent."""
        return self._reason is None and self._transport.is_close_frame_sent

    def _gone(self) -> None:
        reason = self._reason or ("protocol" if self.is_refused else "lost")
        if not self.ended.done():
            self.ended.set_result(End(reason, self._code))


class _Listener(picows.WSListener):
    def __init__(self, receiver: Receiver, clock: Clock, tuning: Tuning) -> None:
        super().__init__()
        self._tuning = tuning
        self._receiver = receiver
        self._clock = clock
        self._max_bytes = tuning.max_frame_bytes
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._parts_opcode: Opcode | None = None
        self._deaf = False
        self._violation: picows.WSCloseCode | None = None
        self.socket: Socket | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.socket = Socket(transport, self._tuning)
        self._receiver.opened(self.socket)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        now = self._clock.now()
        if self._deaf:
            return
        if frame.payload_size > self._max_bytes:
            self._give_up("oversize")
            return
        opcode = _OPCODES[frame.msg_type]
        payload = frame.get_payload_as_bytes()
        if not opcode.is_control and (self._parts_opcode is not None or not frame.fin):
            self._assemble(payload, opcode, frame, now.wall, now.mono)
            return
        self._receiver.received(Frame(payload, opcode, now.wall, now.mono))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._declare()
        if self.socket is not None:
            self.socket._gone()  # noqa: SLF001 - two halves of one thing

    def pause_writing(self) -> None:
        """Sends that do not leave are found by `Socket.unsent_s`."""

    def resume_writing(self) -> None:
        """Nothing was paused."""

    def violated(self, code: picows.WSCloseCode) -> None:
        """The library refuses what it reads, and is still to deliver the frame before it."""
        if self._violation is None:
            self._violation = code
            asyncio.get_running_loop().call_soon(self._declare)

    def _declare(self) -> None:
        """Say that a frame came which the library keeps to itself; the connection ends.

        It hands over nothing that breaks the protocol (a CLOSE with an impossible code, or with a
        reason that is no UTF-8, among them), nor its bytes.
        """
        if self._violation == picows.WSCloseCode.MESSAGE_TOO_BIG:
            self._give_up("oversize")
        elif self._violation is not None:
            self._give_up("protocol")

    def _assemble(
        self, payload: bytes, opcode: Opcode, frame: picows.WSFrame, wall: int, mono: float
    ) -> None:
        """RFC 6455 section 5.4: continuation frames make one message."""
        begins = frame.msg_type != picows.WSMsgType.CONTINUATION
        if begins and self._parts_opcode is not None:  # forbidden; keep what there was
            self._deliver(wall, mono)
        if self._parts_opcode is None:
            self._parts_opcode = opcode
        self._parts.append(payload)
        self._parts_bytes += len(payload)
        if self._parts_bytes > self._max_bytes:
            self._give_up("oversize")
        elif frame.fin:
            self._deliver(wall, mono)

    def _deliver(self, wall: int, mono: float) -> None:
        payload, opcode = b"".join(self._parts), self._parts_opcode or Opcode.BINARY
        self._parts, self._parts_bytes, self._parts_opcode = [], 0, None
        self._receiver.received(Frame(payload, opcode, wall, mono))

    def _give_up(self, reason: Literal["oversize", "protocol"]) -> None:
        if not self._deaf and self.socket is not None:
            self._deaf = True
            self._parts = []
            self._receiver.unkept(reason)
            self.socket.abort(reason)


class _Log(logging.LoggerAdapter[logging.Logger]):
    """The library's log, and the only place where it says at once what it refuses to read."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("picows.client"), {})
        self.listener: _Listener | None = None

    def error(self, msg: object, *args: object, **options: Any) -> None:  # noqa: ANN401 - as the parent's
        """Called from inside the library's handler of a protocol error, among others."""
        error = sys.exception()
        if isinstance(error, picows.WSProtocolError) and self.listener is not None:
            self.listener.violated(error.args[0])
        super().error(msg, *args, **options)


async def connect(
    handshake: Handshake,
    receiver: Receiver,
    *,
    clock: Clock,
    tuning: Tuning,
    tls: ssl.SSLContext | None = None,
) -> Socket:
    """Open a WebSocket; frames go to the receiver from the first one on.

    Args:
        handshake: Where to, and with which headers.
        receiver: Whoever listens.
        clock: Stamps the frames, times the attempt.
        tuning: How long to wait, how long a frame may be, how to keep TCP alive.
        tls: Whom to trust, for `wss`; None trusts the system's authorities.

    Raises:
        ConnectFailed: There is no connection, for whatever reason.
    """
    endpoint = without_credentials(handshake.url)
    log = _Log()

    def listen() -> _Listener:
        log.listener = _Listener(receiver, clock, tuning)
        return log.listener

    attempt = picows.ws_connect(
        listen,
        handshake.url,
        logger_name=log,
        ssl_context=tls,
        websocket_handshake_timeout=tuning.connect_s,
        enable_auto_ping=False,
        enable_auto_pong=False,
        max_frame_size=tuning.max_frame_bytes,
        extra_headers=dict(handshake.headers),
        max_redirects=0,
    )
    try:
        _, listener = await within(clock, tuning.connect_s, attempt)
    except (OSError, picows.WSError, TimeoutError, ValueError) as error:
        raise ConnectFailed(endpoint, str(error) or type(error).__name__) from error
    if not isinstance(listener, _Listener) or listener.socket is None:
        raise ConnectFailed(endpoint, "closed during the upgrade")
    return listener.socket


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Whom to trust: the system's authorities, or those of a file.

    Raises:
        OSError: The file cannot be read or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca_file)


def _address(name: tuple[object, ...] | None) -> str:
    if not name:
        return ""
    host, port = str(name[0]), name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
