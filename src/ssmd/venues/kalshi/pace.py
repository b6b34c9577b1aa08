"""How fast commands may follow each other."""

from collections import deque
from typing import Final

_BACK_OFF_S: Final = 1.0
_BACK_OFF_CAP_S: Final = 60.0


class Pace:
    """At most so many sends in any window of time, and none for a while after a reproach."""

    def __init__(self, per_second: float) -> None:
        count = max(1, int(per_second))
        self._window = count / per_second
        self._sent: deque[float] = deque(maxlen=count)
        self._until: float | None = None
        self._reproaches = 0

    def allows(self, mono: float) -> bool:
        """Whether one more may be sent now."""
        if self._until is not None and mono < self._until:
            return False
        full = len(self._sent) == self._sent.maxlen
        return not full or mono - self._sent[0] >= self._window

    def sent(self, mono: float) -> None:
        """One more was sent."""
        self._sent.append(mono)

    def back_off(self, mono: float) -> None:
        """The venue said that it was too much: be silent, for longer each time."""
        if self._until is not None and mono < self._until:
            return  # another answer to the same burst
        pause = min(_BACK_OFF_S * 2.0**self._reproaches, _BACK_OFF_CAP_S)
        self._reproaches = min(self._reproaches + 1, 16)
        self._until = mono + pause

    def accepted(self) -> None:
        """The venue took a command: all is well again."""
        self._reproaches = 0
