"""A plain WebSocket client for tests of the server: keeps every message as it came."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


class Client(WSListener):
    """Receives until told otherwise; fragments are put together."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.pieces = 0
        self.gone = asyncio.Event()
        self.transport: WSTransport | None = None
        self._changed = asyncio.Event()
        self._partial: list[bytes] = []
        self._kind = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind, payload = frame.msg_type.value, frame.get_payload_as_bytes()
        if frame.msg_type in {WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self.pieces += 1
            self._kind = kind or self._kind
            self._partial.append(payload)
            if not frame.fin:
                return
            kind, payload = self._kind, b"".join(self._partial)
            self._partial.clear()
        self.messages.append((kind, payload))
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
        self._changed.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone.set()
        self._changed.set()

    @property
    def address(self) -> str:
        """Our end, as the ledger writes it."""
        assert self.transport
        host, port = self.transport.underlying_transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def say(self, payload: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        assert self.transport
        self.transport.send(kind, payload)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that a message or the end of the connection brings about."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def connected(
    url: str, tls: ssl.SSLContext | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """A client of this address."""
    transport, client = await ws_connect(
        Client,
        url,
        ssl_context=tls,
        enable_auto_pong=False,
        max_frame_size=100 << 20,
        extra_headers=headers,
    )
    assert isinstance(client, Client)
    try:
        yield client
    finally:
        transport.disconnect(graceful=False)
        await transport.wait_disconnected()
