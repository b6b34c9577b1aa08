"""All files of a spool: which one is written, what may go, where a position stands."""

import contextlib
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from ssmd.connector.spool.codec import Carry, Entry, Totals, encode_carry
from ssmd.connector.spool.device import Device
from ssmd.connector.spool.file import SpoolFile
from ssmd.connector.spool.lag import Lag
from ssmd.connector.spool.lives import Lives
from ssmd.model.envelope import Envelope


class Shelf:
    """Spool files, oldest first; the last one is written.

    Attributes:
        files: Every file, oldest first.
        sequence: The greatest stream sequence acknowledged.
        unsynced: Files written since they were last made durable.
        lag: How far the archive is behind the bus.
    """

    def __init__(
        self, directory: Path, files: Sequence[SpoolFile], sequence: int, device: Device
    ) -> None:
        self.files = list(files)
        self.sequence = sequence
        self.unsynced: set[SpoolFile] = set()
        self.lag = Lag()
        self._directory = directory
        self._device = device
        self._bytes = sum(file.size for file in files)
        self._syncing: set[SpoolFile] = set()
        self._is_listed = True

    @property
    def active(self) -> SpoolFile:
        """The file that is written."""
        return self.files[-1]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._bytes

    @property
    def unacked(self) -> int:
        """Records the bus has not acknowledged."""
        return sum(file.unacked for file in self.files)

    @property
    def unarchived(self) -> int:
        """Records that are not known to rest in the archive."""
        return self.unacked + self.lag.count

    @property
    def first_unarchived(self) -> int:
        """The least position that is not known to rest in the archive."""
        return max(self.first, self.lag.position + 1)

    @property
    def published(self) -> int:
        """Everything up to this position is acknowledged by the bus; less than `first` if nothing."""
        return self._acked() - 1

    @property
    def first(self) -> int:
        """The least position kept."""
        return self.files[0].first if self.files else 0

    def rotate(self, first: int, totals: Totals, lives: Lives) -> None:
        """Begin a new file.

        Raises:
            OSError: There is no room; the files are as before.
        """
        if self.files and self.active.first == first:
            if self.active.is_open:
                return  # it holds nothing yet
            self._remove(self.active)  # left empty by another process: its name is needed
        carry = self._carry(first, totals, lives)
        self._put(SpoolFile.create(self._directory, first, carry, self._device))

    def rewrite(
        self,
        doubtful: Sequence[int],
        offset: int,
        records: Sequence[tuple[int, bytes]],
        first: int,
        totals: Totals,
        lives: Lives,
    ) -> list[int]:
        """Write anew what a failed fsync left in doubt; the files it stood in lose it.

        Args:
            doubtful: Positions in doubt, ascending: the last ones of the shelf.
            offset: Where in its file the first of them stands.
            records: What is left of them, with their positions.
            first: The position after the last one that is durable.
            totals: Counts up to there.
            lives: Connections without a closing record.

        Returns:
            The offset of every record in the new file.

        Raises:
            OSError: There is no room; the files are as before.
        """
        carry = self._carry(first, totals, lives)
        file = SpoolFile.create(self._directory, first, carry, self._device, draft=True)
        offsets = list(accumulate((len(data) for _, data in records), initial=file.size))
        error = file.append(b"".join(data for _, data in records))
        try:
            if error is not None:
                raise error
            file.publish()
        except OSError:
            file.delete()
            raise
        for (position, _), at in zip(records, offsets, strict=False):
            file.holds(position, at)
        self._move(file, doubtful, offset)
        self._put(file)
        return offsets[:-1]

    def append(self, records: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write to the active file; gives how many records arrived whole, and why not all."""
        before = self.active.size
        error = self.active.append(b"".join(records))
        kept = len(records)
        if error is not None:
            ends = list(accumulate(map(len, records)))
            kept = bisect_right(ends, self.active.size - before)
            with contextlib.suppress(OSError):  # left torn, the next reader skips it
                self.active.trim(before + (ends[kept - 1] if kept else 0))
        self._bytes += self.active.size - before
        self.unsynced.add(self.active)
        return kept, error

    def acknowledge(self, position: int, sequence: int) -> bool:
        """The bus stored a record; False when that was known or the record is gone."""
        file = self._file_of(position)
        if file is None or not file.acknowledge(position, sequence):
            return False
        self.sequence = max(self.sequence, sequence)
        self.lag.acknowledge(position, sequence)
        return True

    def is_acknowledged(self, position: int) -> bool:
        """Whether the bus stored a record."""
        file = self._file_of(position)
        return file is not None and file.is_acknowledged(position)

    def forget_acknowledgements(self) -> None:
        """Everything kept must be published again."""
        self.sequence = 0
        self.lag.forget()
        for file in self.files:
            file.forget_acknowledgements()

    def drop_archived(self, floor: int) -> int:
        """Delete the oldest files whose every record rests in the archive; gives the records."""
        self.lag.reach(floor)
        return self._drop(lambda file: file.sequence <= floor)

    def drop_acknowledged(self, most: int) -> int:
        """Delete the oldest acknowledged files until `most` bytes are left; gives the records."""
        return self._drop(lambda _: self._bytes > most)

    def read(self, position: int, limit: int) -> list[Entry]:
        """Up to `limit` records from a position on, from one file."""
        for file in self.files[max(0, self._index_of(position)) :]:
            entries = file.read(position, limit)
            if entries:
                return entries
        return []

    def find(self, position: int) -> Envelope | None:
        """The envelope at a position, read back; None when it is gone."""
        entries = self.read(position, 1)
        return entries[0].envelope if entries and entries[0].position == position else None

    def begin_sync(self) -> list[SpoolFile]:
        """The files to be made durable now; none of them goes until `end_sync`."""
        self._syncing, self.unsynced = self.unsynced, set()
        return sorted(self._syncing, key=lambda file: file.first)

    def sync(self, files: Sequence[SpoolFile]) -> None:
        """Make files durable, new names included. May run in a thread.

        Raises:
            OSError: The device failed: nothing written since the last good one may be trusted.
        """
        listed, self._is_listed = self._is_listed, True
        for file in files:
            file.sync()
        if not listed:
            descriptor = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._device.sync_folder(descriptor)
            finally:
                os.close(descriptor)

    def end_sync(self) -> None:
        """They are durable, or never will be."""
        self._syncing = set()

    def close(self) -> None:
        """Let go of all files."""
        for file in self.files:
            file.close()

    def _carry(self, first: int, totals: Totals, lives: Lives) -> bytes:
        return encode_carry(
            Carry(
                first=first,
                acked=self._acked() - 1,
                sequence=self.sequence,
                totals=totals,
                lives=tuple(life.state() for life in lives.open.values()),
                latest=lives.latest,
            )
        )

    def _put(self, file: SpoolFile) -> None:
        self.files.append(file)
        self._bytes += file.size
        self.unsynced.add(file)
        self._is_listed = False

    def _move(self, file: SpoolFile, doubtful: Sequence[int], offset: int) -> None:
        """A rewritten file takes positions, and what is known of them, from older files."""
        for old in [old for old in self.files if old.last >= file.first or old.first >= file.first]:
            moved = [position for position in doubtful if old.first <= position <= old.last]
            for position in moved:
                if old.is_acknowledged(position):
                    file.acknowledge(position, old.sequence)
            if old.first >= file.first:
                self._remove(old, replaced=old.path == file.path)
            else:
                self._bytes += offset - old.size
                old.cut(moved, offset)

    def _drop(self, wanted: Callable[[SpoolFile], bool]) -> int:
        dropped = 0
        while len(self.files) > 1:
            file = self.files[0]
            busy = file in self._syncing or file in self.unsynced
            if file.unacked or busy or not self.files[1].is_carried or not wanted(file):
                break
            dropped += file.count
            self._remove(file)
        return dropped

    def _remove(self, file: SpoolFile, *, replaced: bool = False) -> None:
        self.files.remove(file)
        self.unsynced.discard(file)
        self._bytes -= file.size
        if replaced:
            file.close()
        else:
            file.delete()

    def _acked(self) -> int:
        """The least position not acknowledged."""
        for file in self.files:
            if file.unacked:
                return file.first_unacked()
        return self.files[-1].last + 1 if self.files else 0

    def _index_of(self, position: int) -> int:
        return bisect_right(self.files, position, key=lambda file: file.first) - 1

    def _file_of(self, position: int) -> SpoolFile | None:
        if self.files and position >= self.active.first:
            return self.active
        at = self._index_of(position)
        return self.files[at] if at >= 0 else None
