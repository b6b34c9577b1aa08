"""Whether the watch still brings what happens: our own renewals of the Lease have to come back.

An API server that is away is no reason to end: nothing can be renewed then, and nothing is missed.
A watch that is silent while renewals succeed is blind, and only a new process sees again.
"""

from ssmd.runtime.clock import Clock


class Liveness:
    """Renewals that were made, and whether the watch has brought any of them since."""

    def __init__(self, clock: Clock, *, limit_s: float) -> None:
        """Make it.

        Args:
            clock: Times everything.
            limit_s: A watch that brings none of our renewals for so long is blind, in seconds.
        """
        self._clock = clock
        self._limit_s = limit_s
        self._unseen: float | None = None
        self._last_renewal = 0.0

    def renewed(self) -> None:
        """The Lease was renewed; the watch has to bring that."""
        now = self._clock.mono()
        if self._unseen is None or now - self._last_renewal > self._limit_s:
            self._unseen = now  # the API server was away in between: it begins anew
        self._last_renewal = now

    def seen(self) -> None:
        """The watch brought our Lease."""
        self._unseen = None

    @property
    def blind_s(self) -> float:
        """So long the watch has brought none of the renewals that succeeded, in seconds."""
        return 0.0 if self._unseen is None else self._last_renewal - self._unseen

    @property
    def alive(self) -> bool:
        """Whether the watch sees, or may be excused."""
        return self.blind_s <= self._limit_s
