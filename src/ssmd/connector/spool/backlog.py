"""What is written and not yet given to the publisher: the newest in memory, the rest on disk."""

from collections import deque
from typing import Final

from ssmd.connector.spool.shelf import Shelf
from ssmd.model.envelope import Envelope

_OVERHEAD_BYTES: Final = 600
"""About what an envelope takes in memory beside its payload."""


class Backlog:
    """The newest envelopes, bounded by bytes; older ones must be read back from the files.

    Attributes:
        cursor: The next position to be published.
    """

    def __init__(self, shelf: Shelf, max_bytes: int) -> None:
        self.cursor = shelf.first
        self._shelf = shelf
        self._max_bytes = max_bytes
        self._bytes = 0
        self._tail: deque[tuple[int, Envelope]] = deque()

    @property
    def held_bytes(self) -> int:
        """How much memory the tail takes, about."""
        return self._bytes

    @property
    def first(self) -> int | None:
        """The least position in memory; None when nothing is."""
        return self._tail[0][0] if self._tail else None

    def push(self, position: int, envelope: Envelope) -> None:
        """A newly written envelope."""
        self._tail.append((position, envelope))
        self._bytes += len(envelope.payload) + _OVERHEAD_BYTES
        while self._bytes > self._max_bytes and len(self._tail) > 1:
            self._drop()

    def give(self, limit: int, last: int) -> list[tuple[int, Envelope]]:
        """Up to `limit` envelopes from the cursor on, none beyond `last`; they are given out then."""
        limit = min(limit, last + 1 - self.cursor)
        if limit <= 0:
            return []
        given = self._take(limit)
        if given:
            return given
        before = self.first
        end = last + 1 if before is None else min(before, last + 1)
        read = self._shelf.read(self.cursor, limit)
        given = [(entry.position, entry.envelope) for entry in read if entry.position < end]
        if given:
            self.rewind(given[-1][0] + 1)
        else:  # damage: nothing is left before what memory holds
            self.rewind(end)
            given = self._take(min(limit, last + 1 - end))
        return given

    def rewind(self, position: int) -> None:
        """Publish again from a position on."""
        self.cursor = position

    def _take(self, limit: int) -> list[tuple[int, Envelope]]:
        """What memory holds from the cursor on; nothing when it does not begin there."""
        while self._tail and self._tail[0][0] < self.cursor:
            self._drop()
        if not self._tail or self._tail[0][0] != self.cursor:
            return []
        taken = [self._drop() for _ in range(min(limit, len(self._tail)))]
        self.cursor = taken[-1][0] + 1
        return taken

    def _drop(self) -> tuple[int, Envelope]:
        item = self._tail.popleft()
        self._bytes -= len(item[1].payload) + _OVERHEAD_BYTES
        return item
