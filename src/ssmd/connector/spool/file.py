"""One spool file: written at its end, read back by position, forgotten as a whole."""

import contextlib
import os
from bisect import bisect_right
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

from ssmd.connector.spool.codec import HEADER, Damage, Entry, Tail, walk
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.model.intervals import Intervals

SUFFIX: Final = ".wal"
_INDEX_EVERY: Final = 1024
_READ_BYTES: Final = 1 << 20
DRAFT: Final = ".draft"


def path_of(directory: Path, first: int) -> Path:
    """Where the file that begins at a position stands; names sort by position."""
    return directory / f"{first:020d}{SUFFIX}"


class SpoolFile:
    """The records of consecutive positions.

    Attributes:
        path: Where it stands.
        first: The least position it may hold.
        last: The greatest position it holds; `first - 1` when it holds none.
        size: Its length in bytes.
        unacked: How many of its records the bus has not acknowledged.
        sequence: The greatest stream sequence acknowledged for its records.
        is_carried: Whether what it carries forward is durable: then older files may go.
    """

    def __init__(self, path: Path, first: int, device: Device = SYSTEM) -> None:
        self.path = path
        self.first = first
        self.last = first - 1
        self.size = 0
        self.unacked = 0
        self.sequence = 0
        self.is_carried = False
        self._is_doubtful = False
        self._held = 0
        self._acked = Intervals()
        self._index: list[tuple[int, int]] = []
        self._device = device
        self._fd = -1

    @classmethod
    def create(
        cls, directory: Path, first: int, carry: bytes, device: Device, *, draft: bool = False
    ) -> Self:
        """A new file with its carry written; a draft has no place on the shelf before `publish`.

        Raises:
            OSError: There is no room; nothing is left behind.
        """
        path = path_of(directory, first)
        file = cls(path.with_suffix(DRAFT) if draft else path, first, device)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        file._fd = os.open(file.path, flags, 0o644)
        error = file.append(carry)
        if error is not None:
            file.delete()
            raise error
        return file

    @property
    def is_open(self) -> bool:
        """Whether this process writes it."""
        return self._fd >= 0

    @property
    def count(self) -> int:
        """How many records it holds."""
        return self._held

    def append(self, data: bytes) -> OSError | None:
        """Write at the end; `size` grows by what was written, the error says why not all."""
        view = memoryview(data)
        while view:
            try:
                written = self._device.write(self._fd, view)
            except OSError as error:
                return error
            self.size += written
            view = view[written:]
        return None

    def publish(self) -> None:
        """Take the place a draft was written for, whatever stood there.

        Raises:
            OSError: It cannot be taken.
        """
        place = self.path.with_suffix(SUFFIX)
        self._device.rename(self.path, place)
        self.path = place

    def trim(self, size: int) -> None:
        """Cut what was written in part."""
        self._device.truncate(self.path, size)
        self.size = size

    def sync(self) -> None:
        """Make everything written so far durable. May run in a thread.

        Raises:
            OSError: The device failed; what was written since the last sync may be lost.
        """
        try:
            self._device.sync(self._descriptor())
        except OSError:
            self._is_doubtful = True
            raise
        self.is_carried = self.is_carried or not self._is_doubtful

    def holds(self, position: int, offset: int) -> None:
        """Take note of a record: at which position, from which offset."""
        if self._held % _INDEX_EVERY == 0:
            self._index.append((position, offset))
        self._held += 1
        self.unacked += 1
        self.last = position

    def acknowledge(self, position: int, sequence: int) -> bool:
        """The bus stored the record; False when that was known."""
        if not self._acked.add(position):
            return False
        self.unacked -= 1
        self.sequence = max(self.sequence, sequence)
        return True

    def is_acknowledged(self, position: int) -> bool:
        """Whether the bus stored the record."""
        return position in self._acked

    def cut(self, beyond: Collection[int], size: int) -> None:
        """Hold these positions, its last, no more: their bytes, from `size` on, stand elsewhere."""
        self.last = min(beyond) - 1
        self.unacked -= sum(position not in self._acked for position in beyond)
        self._held -= len(beyond)
        self._index = self._index[: bisect_right(self._index, (self.last, self.size))]
        self.size = size
        with contextlib.suppress(OSError):  # left there, it is read twice by the next process
            self._device.truncate(self.path, size)

    def forget_acknowledgements(self) -> None:
        """The bus lost what it had: everything is to be published again."""
        self._acked = Intervals()
        self.unacked = self._held
        self.sequence = 0

    def first_unacked(self) -> int:
        """The least position not acknowledged; `last + 1` when there is none."""
        missing = self._acked.missing(self.first, self.last)
        return missing[0][0] if missing else self.last + 1

    def read(self, position: int, limit: int) -> list[Entry]:
        """Up to `limit` records from a position on, about a megabyte at most; damage is skipped."""
        at = max(0, bisect_right(self._index, (position, self.size)) - 1)
        if not self._index or position > self.last:
            return []
        offset = self._index[at][1]
        found: list[Entry] = []
        while offset < self.size and not found:
            offset = self._read_from(offset, position, limit, found)
        return found

    def delete(self) -> None:
        """Forget the file."""
        self.close()
        self._device.unlink(self.path)

    def close(self) -> None:
        """Let go of the descriptor; the file stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _descriptor(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        return self._fd

    def _read_from(self, offset: int, position: int, limit: int, found: list[Entry]) -> int:
        """Read one block; gives the offset where the next begins."""
        data = self._block(offset)
        if next(walk(data, 0)) == Tail(0):  # damage longer than a block: look at all that follows
            data = self._block(offset, self.size - offset)
        for piece in walk(data, 0):
            if isinstance(piece, Tail):
                whole = offset + len(data) >= self.size
                return self.size if whole else offset + piece.start
            if isinstance(piece, Damage) or piece.position < position:
                continue
            found.append(piece)
            if len(found) >= limit:
                break
        return self.size

    def _block(self, offset: int, least: int = _READ_BYTES) -> bytes:
        """About a megabyte from an offset; more when the record there is longer."""
        wanted = min(least, self.size - offset)
        data = os.pread(self._descriptor(), wanted, offset)
        length = HEADER.size + HEADER.unpack_from(data)[0] if len(data) >= HEADER.size else 0
        if wanted < length <= self.size - offset:
            data = os.pread(self._fd, length, offset)
        return data
