"""Between the attempt to connect and the connection that comes of it."""

from collections.abc import Callable
from typing import Literal

from ssmd.connector.connection import Connection
from ssmd.connector.socket import Socket
from ssmd.model.frame import Frame


class Upgrade:
    """Stands in until the upgrade is done: a connection that never opened leaves no trace."""

    def __init__(self, begin: Callable[[Socket], Connection]) -> None:
        self._begin = begin
        self._socket: Socket | None = None
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection, once the upgrade is done."""
        if self._connection is None:
            message = "the socket is not open"
            raise RuntimeError(message)
        return self._connection

    def opened(self, socket: Socket) -> None:
        """The upgrade is done."""
        self._socket = socket
        self._connection = self._begin(socket)

    def received(self, frame: Frame) -> None:
        """A frame for the connection."""
        self.connection.received(frame)

    def unkept(self, reason: Literal["oversize", "protocol"]) -> None:
        """A loss for the connection to declare."""
        self.connection.unkept(reason)

    def abandon(self) -> None:
        """The attempt was given up; should it have succeeded meanwhile, it is closed."""
        if self._socket is not None and self._connection is not None:
            connection = self._connection
            self._socket.ended.add_done_callback(lambda ended: connection.ended(ended.result()))
            self._socket.abort("connect_failed")
