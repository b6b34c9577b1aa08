"""One connection to a venue, opened and closed again: is it reachable, and does it let us in."""

import asyncio
import contextlib
import ssl
from typing import Literal

import msgspec

from ssmd.connector.settings import Tuning
from ssmd.connector.socket import Socket, connect
from ssmd.model.frame import Frame
from ssmd.model.venue import Handshake
from ssmd.runtime.clock import Clock, within

_PURPOSE = "probe"


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A venue that accepted our upgrade.

    Attributes:
        peer: Its address, `host:port`.
        took_s: How long it took, from the first packet to the accepted upgrade, in seconds.
    """

    peer: str
    took_s: float


class _Deaf:
    """Listens to a socket and keeps nothing: what comes was not asked for."""

    def opened(self, socket: Socket) -> None:
        """Nothing is sent."""

    def received(self, frame: Frame) -> None:
        """Nothing is kept."""

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """Nothing is kept."""


async def reach(
    handshake: Handshake,
    clock: Clock,
    *,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> Reached:
    """Open a WebSocket as a connector would, ask for nothing, and close it.

    Args:
        handshake: Where to, and with which headers.
        clock: What time it is.
        timeout_s: Longest wait for the connection, in seconds.
        tls: Whom to trust, for `wss`; None trusts the system's authorities.

    Raises:
        ConnectFailed: There is no connection, or the upgrade is refused.
    """
    tuning = Tuning(connect_s=timeout_s)
    began = clock.mono()
    socket = await connect(handshake, _Deaf(), clock=clock, tuning=tuning, tls=tls)
    took_s = clock.mono() - began
    socket.close(_PURPOSE)
    with contextlib.suppress(TimeoutError):
        await within(clock, min(timeout_s, tuning.close_s), asyncio.shield(socket.ended))
    socket.abort(_PURPOSE)
    return Reached(peer=socket.peer, took_s=took_s)
