"""The HTTP server: uvicorn, with bounds on how requests come in."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ssmd.api import telemetry
from ssmd.api.aborting import offer
from ssmd.feeds.api import RequestLimits
from ssmd.runtime.health import refusal

_KEEP_ALIVE_S: Final = 15
_GOODBYE_S: Final = 10
_MESSAGE_BYTES: Final = 4_096
"""Longest message of a WebSocket client: there is nothing it needs to say."""
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
"""To whoever is one connection too many: those who are connected stay served."""


class Server(uvicorn.Server):
    """A server whose signals are the service's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def server(app: ASGIApp, limits: RequestLimits) -> Server:
    """A server that is to be given its socket.

    Args:
        app: What answers.
        limits: The bounds of requests.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # we have a log of our own
    config = uvicorn.Config(
        app,
        loop="none",
        http=_protocol(limits),
        ws=_Socket,
        ws_max_size=_MESSAGE_BYTES,
        ws_max_queue=4,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
        lifespan="on",
    )
    return Server(config)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        Busy: The port is taken.
        ConfigError: The address is not one of this machine's.
    """
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(info[0], socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise refusal(host, port, error) from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(info[4])
    except OSError as error:
        made.close()
        raise refusal(host, port, error) from error
    made.setblocking(False)
    return made


def address(made: socket.socket) -> str:
    """Where a process on this machine reaches a socket."""
    host, port = made.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what is listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Guarded(HttpToolsProtocol):
    """A connection whose requests' heads must be short and come in time."""

    limits: ClassVar[RequestLimits]

    _timer: asyncio.TimerHandle | None = None
    _head = 0
    _is_head = True

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as asyncio has it
        """It begins: a head must come in time."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.write(_FULL)
            self._cut("connections")
        else:
            self._arm()

    def data_received(self, data: bytes) -> None:
        """Some more came."""
        super().data_received(data)
        if self._is_head:
            self._head += len(data)
            if self._head > self.limits.head_bytes:
                self._cut("head")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        offer(self.scope, self.transport)  # type: ignore[arg-type] # the scope is a dictionary
        self._is_head = True
        self._head = 0
        self._arm()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_head = False
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        self._disarm()
        self._timer = self.loop.call_later(self.limits.head_s, self._cut, "head")

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self, reason: str) -> None:
        if not self.transport.is_closing():
            telemetry.cut(reason)
            self.transport.close()


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that can be ended at once."""

    def handle_connect(self, event: Request) -> None:
        """It begins: whoever answers it runs after this."""
        super().handle_connect(event)
        if hasattr(self, "scope"):  # a handshake that is none has nobody to answer it
            offer(self.scope, self.transport)  # type: ignore[arg-type] # the scope is a dictionary


def _protocol(limits: RequestLimits) -> type[asyncio.Protocol]:
    """The protocol with these bounds: uvicorn makes the connections itself."""
    return type("Guarded", (_Guarded,), {"limits": limits})
