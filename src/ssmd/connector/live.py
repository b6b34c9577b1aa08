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
        self._answered = False

    @property
    def is_over(self) -> bool:
        """Whether the socket is closed."""
        return self.socket.ended.done()

    @property
    def is_answered(self) -> bool:
        """Whether everything it was to hold was confirmed or refused, at least once.

        What is added later does not undo it: an instrument more is no new beginning.
        """
        self._answered = self._answered or self.connection.session.ready
        return self._answered
