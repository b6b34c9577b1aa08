"""How fast commands may follow each other."""

from typing import Final

from ssmd.model import pace

_BACK_OFF_S: Final = 1.0
_BACK_OFF_CAP_S: Final = 60.0


class Pace(pace.Pace):
    """At most so many sends in any window of time, and none for a while after a reproach."""

    def __init__(self, per_second: float) -> None:
        super().__init__(per_second)
        self._until: float | None = None
        self._reproaches = 0

    def allows(self, mono: float) -> bool:
        """Whether one more may be sent now."""
        return not (self._until is not None and mono < self._until) and super().allows(mono)

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
