"""What was written since the last good fsync: should the next one fail, it is written anew."""

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from ssmd.model.envelope import Envelope


class _Batch(msgspec.Struct, frozen=True):
    position: int
    offset: int
    envelopes: Sequence[Envelope]
    size: int


class Unsynced:
    """Everything not durable yet, in memory up to a bound; beyond it only whose it was.

    After a failed fsync the kernel calls the pages it could not write clean: the next fsync
    succeeds and proves nothing. Nobody but us can write them again.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._batches: deque[_Batch] = deque()

    def __iter__(self) -> Iterator[tuple[int, Envelope, bool]]:
        """Position, envelope, and whether its payload is here."""
        for batch in self._batches:
            for position, envelope in enumerate(batch.envelopes, batch.position):
                yield position, envelope, batch.size > 0

    @property
    def offset(self) -> int:
        """Where in its file the first of it stands; 0 when there is nothing."""
        return self._batches[0].offset if self._batches else 0

    def push(self, position: int, offset: int, envelopes: Sequence[Envelope], size: int) -> None:
        """A batch was written, from an offset of its file on; `size` bytes."""
        if not envelopes:
            return
        if self._bytes + size > self._max_bytes and self._batches:
            envelopes = [msgspec.structs.replace(envelope, payload=b"") for envelope in envelopes]
            size = 0
        self._bytes += size
        self._batches.append(_Batch(position, offset, envelopes, size))

    def forget(self, position: int) -> None:
        """Everything up to a position is durable."""
        while self._batches and self._batches[0].position <= position:
            self._bytes -= self._batches.popleft().size

    def clear(self) -> None:
        """It was written anew, and is to be pushed again."""
        self._batches.clear()
        self._bytes = 0
