"""Whether a connection lives: only what was received counts, never our timers or our sends."""

from ssmd.model.subscription import Limits


class Keepalive:
    """What a session knows of its connection's life.

    Attributes:
        opened: When it was opened, monotonic seconds; None before.
        pong: When the last pong came; None when none ever did.
        ended: Whether it is closed or given up: nothing is sent any more.
    """

    def __init__(self, limits: Limits) -> None:
        self.opened: float | None = None
        self.pong: float | None = None
        self.ended = False
        self._limits = limits
        self._heard = 0.0
        self._pinged = 0.0

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.opened is not None and not self.ended

    def open(self, mono: float) -> None:
        """The socket is open."""
        self.opened = self._heard = self._pinged = mono

    def hear(self, mono: float) -> None:
        """A frame arrived."""
        self._heard = mono

    def dead(self, mono: float) -> str | None:
        """Why the connection is to be given up; None while it is well."""
        if mono - self._heard > self._limits.silence_s:
            return "silence"
        answered = self.pong if self.pong is not None else self.opened or 0.0
        if mono - answered > self._limits.pong_intervals * self._limits.ping_interval_s:
            return "pong"
        return None

    def is_ping_due(self, mono: float) -> bool:
        """Whether a keepalive is to be sent now; one that is due is taken as sent."""
        if mono - self._pinged < self._limits.ping_interval_s:
            return False
        self._pinged = mono
        return True
