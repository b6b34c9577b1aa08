"""One raw segment while it is open: written at every commit, and readable up to the last one."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import zstandard

from ssmd.archive import durable, line, telemetry
from ssmd.archive.contents import Position, Tally
from ssmd.archive.layout import Place
from ssmd.archive.rewrite import Sealed, draft, install
from ssmd.archive.settings import ArchiveSettings
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode

_QUIET_BYTES: Final = 32 << 10
"""Lines flushed in smaller portions than this compress worse than gzip -6: measured, see
`benchmarks/archive.py`. Such a segment is compressed anew when it is sealed."""


class Segment:
    """One segment being written.

    Nothing is durable before `sync` returned. After any OSError the file is in an unknown state:
    it must be left to recovery.

    Attributes:
        place: Which segment.
        slot: When its slot begins, ns.
        tally: What was written so far.
        last_write: Number of the commit that last wrote to it.
    """

    def __init__(self, root: Path, place: Place, slot: int, settings: ArchiveSettings) -> None:
        """Create the file.

        Raises:
            FileExistsError: A segment of this name exists.
            OSError: The disk refused.
        """
        self.place = place
        self.slot = slot
        self.tally = Tally()
        self.last_write = 0
        self._settings = settings
        self._path = root / place.name("open")
        durable.make_folder(self._path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o644)
        self._named = False
        self._syncs = 0
        self._size = 0
        self._frame_size = 0
        self._digest = hashlib.sha256()
        self._zstd = zstandard.ZstdCompressor(level=settings.level, write_checksum=True)
        self._frame = self._zstd.compressobj()

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Add lines, in order.

        Raises:
            OSError: The disk refused.
        """
        batch: list[bytes] = []
        size = 0
        for envelope in envelopes:
            encoded = line.encode(envelope)
            self.tally.add(envelope, len(encoded))
            batch.append(encoded)
            size += len(encoded)
            if self._frame_size + size >= self._settings.frame_bytes:
                self._compress(b"".join(batch), size)
                self._end_frame()
                batch.clear()
                size = 0
        self._compress(b"".join(batch), size)

    def write_position(self, position: Position, ts: int) -> None:
        """Add the line that states a bus position; everything below it must be synced already.

        Raises:
            OSError: The disk refused.
        """
        encoded = position_line(self.place.feed, self.place.writer, position, ts)
        self.tally.add_commit(position, len(encoded))
        self._compress(encoded, len(encoded))

    def sync(self) -> None:
        """Make everything written durable, and the file's name with it.

        Raises:
            OSError: The disk refused; what is durable is unknown.
        """
        if self._frame_size:
            self._put(self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        durable.sync_data(self._handle)
        self._syncs += 1
        if not self._named:
            durable.sync_directory(self._path.parent)
            self._named = True

    def finish(self) -> Sealed:
        """End the file and make it durable; nothing can be written any more.

        A quiet feed's many small blocks are compressed anew; if that fails the file stays as it
        is.

        Raises:
            OSError: The disk refused.
        """
        if self._frame_size:
            self._end_frame()
        durable.sync(self._handle)
        durable.sync_directory(self._path.parent)
        self.close()
        sealed = self._drafted()
        if sealed is not None:
            install(self._path)
            return sealed
        return Sealed(self._size, self._digest.hexdigest())

    def _drafted(self) -> Sealed | None:
        """The file compressed anew, beside it; None when that would not pay or failed."""
        if self._syncs < 2 or self.tally.raw_bytes >= self._syncs * _QUIET_BYTES:  # noqa: PLR2004
            return None
        try:
            return draft(
                self._path,
                whole=0,
                rest=self.tally.raw_bytes,
                frame_bytes=self._settings.frame_bytes,
                level=self._settings.level,
            )
        except (OSError, Damaged) as error:
            telemetry.rewrite_failed(self.place.name("open"), str(error))
            return None

    def close(self) -> None:
        """Let go of the file as it is; twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _compress(self, block: bytes, size: int) -> None:
        if size:
            self._frame_size += size
            self._put(self._frame.compress(block))

    def _end_frame(self) -> None:
        self._put(self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        self._frame = self._zstd.compressobj()
        self._frame_size = 0

    def _put(self, block: bytes) -> None:
        durable.put(self._handle, block)
        self._digest.update(block)
        self._size += len(block)


def position_line(feed: str, writer: str, position: Position, ts: int) -> bytes:
    """The `_commit` line of a position.

    Args:
        feed: The feed's name.
        writer: Who commits.
        position: What is durable.
        ts: Time of the commit, ns.
    """
    return line.encode(
        Envelope(
            feed=feed,
            category=None,
            type=line.COMMIT,
            symbols=(),
            connection=writer,
            ordinal=None,
            record=position.commit,
            part=0,
            parts=1,
            opcode=Opcode.TEXT,
            sequence=None,
            ts_event=None,
            ts_recv=ts,
            payload=position.payload,
        )
    )
