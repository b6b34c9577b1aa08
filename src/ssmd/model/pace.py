"""How fast a session may send: what a venue tolerates on one connection."""

from collections import deque


class Pace:
    """At most so many sends in any window of time."""

    def __init__(self, per_second: float) -> None:
        count = max(1, int(per_second))
        self._window = count / per_second
        self._sent: deque[float] = deque(maxlen=count)

    def allows(self, mono: float) -> bool:
        """Whether one more may be sent now."""
        full = len(self._sent) == self._sent.maxlen
        return not full or mono - self._sent[0] >= self._window

    def sent(self, mono: float) -> None:
        """One more was sent."""
        self._sent.append(mono)
