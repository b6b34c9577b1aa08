"""How much of what the bus has is not in the archive yet."""

from collections import deque
from typing import Final

_EVERY: Final = 64
"""Acknowledgements between two marks."""


class Lag:
    """Relates stream sequences to positions, by marks: memory stays small however far behind.

    Attributes:
        position: The greatest position known to rest in the archive; -1 when none is.
    """

    __slots__ = ("_acked", "_archived", "_last", "_marks", "_sequence", "position")

    def __init__(self) -> None:
        self.position = self._last = -1
        self._acked = self._archived = self._sequence = 0
        self._marks: deque[tuple[int, int, int]] = deque()

    @property
    def count(self) -> int:
        """How many acknowledged records are beyond the archive's floor, to within one mark."""
        return self._acked - self._archived

    def acknowledge(self, position: int, sequence: int) -> None:
        """The bus stored a record."""
        self._acked += 1
        if sequence > self._sequence:
            self._sequence, self._last = sequence, position
        if not self._acked % _EVERY:
            self._marks.append((self._sequence, self._last, self._acked))

    def reach(self, floor: int) -> None:
        """Everything up to a stream sequence rests in the archive."""
        while self._marks and self._marks[0][0] <= floor:
            _, self.position, self._archived = self._marks.popleft()
        if self._sequence <= floor:
            self.position, self._archived = self._last, self._acked

    def forget(self) -> None:
        """The bus lost what it had, and sequences begin anew."""
        self._archived, self._sequence = self._acked, 0
        self.position = self._last = -1
        self._marks.clear()
