"""A connection that runs, as shards and those who look at them see it."""

from ssmd.connector.connection import Connection
from ssmd.connector.socket import Socket


class Live:
    """A connection with its socket.

    Attributes:
        over_mono: Monotonic time of the socket's end, in seconds; None before.
    """

    def __init__(self, connection: Connection, socket: Socket) -> None:
        self.connection = connection
        self.socket = socket
        self.over_mono: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the socket is closed."""
        return self.socket.ended.done()
