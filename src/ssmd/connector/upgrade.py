"""Between the attempt to connect and the connection that comes of it."""

import asyncio
from collections.abc import Callable
from typing import Literal

from ssmd.connector.connection import Connection
from ssmd.connector.socket import Socket
from ssmd.model.frame import Frame


class Upgrade:
    """Stands in until the upgrade is done: a connection that never opened leaves no trace.

    An attempt that is given up may still succeed, for the library goes on with it: then it is cut
    before it begins.
    """

    def __init__(self, begin: Callable[[Socket], Connection]) -> None:
        self._begin = begin
        self._socket: Socket | None = None
        self._connection: Connection | None = None
        self._abandoned = ""

    @property
    def connection(self) -> Connection:
        """The connection, once the upgrade is done."""
        if self._connection is None:
            message = "the socket is not open"
            raise RuntimeError(message)
        return self._connection

    def opened(self, socket: Socket) -> None:
        """The upgrade is done."""
        if self._abandoned:
            socket.abort(self._abandoned)
            return
        self._socket = socket
        self._connection = self._begin(socket)

    def received(self, frame: Frame) -> None:
        """A frame for the connection."""
        if self._connection is not None:
            self._connection.received(frame)

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """A loss for the connection to declare."""
        if self._connection is not None:
            self._connection.unkept(reason)

    async def abandon(self, reason: str) -> None:
        """The attempt is given up; should it have succeeded meanwhile, it is closed.

        Args:
            reason: Why, one of `runtime.words.END_REASONS`.
        """
        self._abandoned = reason
        if self._socket is not None and self._connection is not None:
            self._socket.abort(reason)
            self._connection.ended(await asyncio.shield(self._socket.ended))
