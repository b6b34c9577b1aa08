"""The spool's face: envelopes go in, are on disk before anybody sees them, and stay until archived.

What is given while the disk refuses (`full`) or our own limit is reached (`bound`) is declared
lost: first in reserved space, then, once there is room, in records of its own.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from ssmd.connector.spool.backlog import Backlog
from ssmd.connector.spool.codec import Totals, encode_all
from ssmd.connector.spool.file import SpoolFile, Write
from ssmd.connector.spool.lives import Life
from ssmd.connector.spool.lock import Lock
from ssmd.connector.spool.losses import LossesFile
from ssmd.connector.spool.owed import Owed
from ssmd.connector.spool.recovery import Found, counted, recover
from ssmd.connector.spool.settings import SpoolLimits
from ssmd.connector.spool.shelf import Shelf
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.errors import Unavailable
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, LossReason, Lost
from ssmd.model.records import encode as encode_record
from ssmd.runtime.clock import Clock

State = Literal["ok", "full", "bound"]
_ROOM_BYTES: Final = 64 << 10
"""Room there must be before we try again at the bound: else it would flap."""


class Spool:
    """A connector's write-ahead log.

    Use from the event loop's thread only. `run` must run as a task for anything to be durable.

    Attributes:
        found: What recovery read at the start.
        lives: Counters of connections, and the last connection of each shard.
        state: Whether envelopes are kept.
        written: The greatest position written; -1 when none.
        synced: The greatest position made durable by this process.
        more: Set whenever something new can be taken.
        writable: Set while the state is `ok`.

    Raises:
        Busy: Another process has the spool.
        Unavailable: There is no room to begin, or the directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        limits: SpoolLimits,
        clock: Clock,
        telemetry: Telemetry,
        *,
        write: Write = os.write,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._telemetry = telemetry
        self._free = free
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(directory)
            self._reserve = LossesFile(directory / "losses")
            self.found: Found = recover(directory, write)
        except OSError as error:
            message = f"The spool {directory} cannot be used: {error}."
            raise Unavailable(message, remedy="Free space there, or name another one.") from error
        found = self.found
        self.lives = found.lives
        self._shelf = Shelf(directory, found.files, found.sequence, write)
        self._file_bytes = max(1, min(limits.file_bytes, limits.max_bytes // 8))
        self._backlog = Backlog(self._shelf.first, limits.memory_bytes)
        self._owed = Owed(self._reserve, found, clock)
        self.dead = dict(found.lives.open)
        """Connections of earlier processes that still need a closing record."""
        self.state: State = "ok"
        self._next = found.next_position
        self._synced = self._next - 1
        self._totals = found.totals
        self._batch: list[Envelope] = []
        self._scheduled = False
        self._retry_at = 0.0
        self._low = False
        self._floor = 0
        self._sync_failed: OSError | None = None
        self._dirty = asyncio.Event()
        self.more = asyncio.Event()
        self.writable = asyncio.Event()
        self._begin()

    def life(self, connection: str) -> Life | None:
        """The counters of a connection, open or lately closed."""
        return self.lives.open.get(connection) or self._owed.gone(connection)

    def write(self, envelope: Envelope) -> None:
        """Keep an envelope: written to disk with all others of this turn of the loop."""
        self._batch.append(envelope)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what this turn brought, in one piece."""
        self._scheduled = False
        batch, self._batch = self._batch, []
        if batch:
            if self.state == "ok" or self._try_again():
                self._write(batch)
            else:
                self._lose(batch)

    def declare(self, life: Life, lost: Lost) -> None:
        """Say that frames of a connection are lost; a closed connection is closed again after."""
        self.write(life.say(LEDGER, encode_record(lost), self._clock.wall()))
        self._telemetry.lost(lost.reason, Intervals(lost.ordinals).count)
        self._owed.reopen(life.connection)
        if self._owed:
            self.flush()
            self._settle()

    def finish(self, life: Life, closed: Closed) -> None:
        """Write the closing record, its numbers filled in, as soon as there is room."""
        self._owed.close(life, closed)
        self.dead.pop(life.connection, None)
        self.flush()
        self._settle()

    def take(self, limit: int) -> list[tuple[int, Envelope]]:
        """Up to `limit` envelopes not given out yet, with their positions, in order."""
        taken = self._backlog.take(limit)
        if taken or self._backlog.cursor >= self._next:
            return taken
        before = self._backlog.first
        read = self._shelf.read(self._backlog.cursor, limit)
        taken = [
            (entry.position, entry.envelope)
            for entry in read
            if before is None or entry.position < before
        ]
        if taken:
            self._backlog.rewind(taken[-1][0] + 1)
        else:  # damage: nothing is left before what memory holds
            self._backlog.rewind(self._next if before is None else before)
            taken = self._backlog.take(limit)
        return taken

    def find(self, position: int) -> Envelope | None:
        """The envelope at a position, read back; None when it is gone."""
        entries = self._shelf.read(position, 1)
        return entries[0].envelope if entries and entries[0].position == position else None

    def acknowledged(self, position: int, sequence: int) -> None:
        """The bus stored an envelope under a stream sequence (0: it was set aside)."""
        self._shelf.acknowledge(position, sequence)

    def archived(self, floor: int) -> None:
        """Everything up to a stream sequence rests in the archive: those files may go."""
        self._floor = floor
        active = self._shelf.active
        if active.size >= self._file_bytes and not active.unacked:
            self._rotate()
        self._shelf.drop_archived(floor)

    def republish(self) -> None:
        """The bus lost what it had: give out everything again that is still here."""
        self._shelf.forget_acknowledgements()
        self._backlog.rewind(self._shelf.first)
        self.more.set()

    @property
    def written(self) -> int:
        """The greatest position written; -1 when none."""
        return self._next - 1

    @property
    def synced(self) -> int:
        """The greatest position made durable."""
        return self._synced

    @property
    def totals(self) -> Totals:
        """Counts over the spool's life, losses not yet in the spool included."""
        return Totals(self._totals.frames, self._totals.lost + self._owed.frames)

    @property
    def unpublished(self) -> int:
        """Records the bus has not acknowledged."""
        return self._shelf.unacked

    @property
    def condition(self) -> tuple[bool, str]:
        """Whether everything given is kept, and a sentence when it is not or will soon not be."""
        if self._sync_failed is not None:
            return False, f"the disk fails to sync: {self._sync_failed}"
        match self.state:
            case "full":
                return False, "the disk is full: frames are declared lost"
            case "bound":
                return False, "the spool is at its bound: frames are declared lost"
        return True, "disk space is low" if self._low else ""

    async def run(self) -> None:
        """Make writes durable, group by group, for ever."""
        while True:
            await self._dirty.wait()
            await self._clock.sleep(self._limits.fsync_s)
            self._dirty.clear()
            await self.sync()

    async def sync(self) -> None:
        """Make everything written so far durable, without blocking the loop."""
        position, said = self.written, self._owed.said
        began = self._clock.mono()
        files = self._shelf.begin_sync()
        try:
            await asyncio.to_thread(self._sync_files, files)
        except OSError as error:
            # What was not durable may be gone from the page cache: claim nothing, begin anew.
            self._sync_failed = error
            self._telemetry.sync_failed(str(error))
            self._fail("full", str(error))
            return
        finally:
            self._shelf.end_sync()
        self._sync_failed = None
        self._synced = position
        self._telemetry.synced(position, self._clock.mono() - began)
        with contextlib.suppress(OSError):  # then the declarations are repeated, no harm
            self._owed.durable(said)

    def inspect(self) -> None:
        """Look at the disk, try again what failed, report sizes; to be called every second."""
        free = self._free(self._directory)
        low = free < self._limits.low_disk_bytes
        if low and not self._low:
            self._telemetry.disk_low(free, self._limits.low_disk_bytes)
        self._low = low
        if self.state != "ok":
            self.flush()
            self._try_again()
        elif free < self._limits.min_free_bytes:
            self.flush()
            self._fail("full", f"{free} bytes are free")
        self._telemetry.spool_sizes(
            free_bytes=free,
            size_bytes=self._shelf.size,
            files=len(self._shelf.files),
            unpublished=self._shelf.unacked,
        )

    def close(self) -> None:
        """Write what is left and let another connector in."""
        self.flush()
        active = self._shelf.active
        if not active.unacked and active.sequence <= self._floor and active.last >= active.first:
            self._rotate()
        self._sync_files(self._shelf.begin_sync())
        self._shelf.end_sync()
        self._shelf.drop_archived(self._floor)
        self._shelf.close()
        self._reserve.close()
        self._lock.release()

    def _begin(self) -> None:
        try:
            self._rotate()
        except OSError as error:
            if not self._shelf.files:
                message = f"The spool {self._directory} cannot be written: {error}."
                raise Unavailable(message, remedy="Free space there.") from error
            self._fail("full", str(error))
            return
        self.writable.set()
        self.more.set()
        self._settle()

    def _rotate(self) -> None:
        self._shelf.rotate(self._next, self._totals, self.lives)
        self._dirty.set()

    def _write(self, batch: list[Envelope]) -> None:
        """Write envelopes; what does not arrive is lost and declared."""
        batch, chunks = encode_all(self._next, batch)
        size = sum(map(len, chunks))
        if not self._prepare(size):
            self._lose(batch)
            return
        offset = self._shelf.active.size
        kept, failure = self._shelf.append(chunks)
        self._keep(batch[:kept], chunks, offset)
        if failure is not None:
            self._fail("full", str(failure))
            self._lose(batch[kept:])

    def _prepare(self, size: int) -> bool:
        """Have a file, and room within the bound, for `size` more bytes."""
        active = self._shelf.active
        if active.size + size > self._file_bytes and active.last >= active.first:
            try:
                self._rotate()
            except OSError as error:
                self._fail("full", str(error))
                return False
        if not self._has_room(size):
            self._fail("bound", "")
            return False
        return True

    def _keep(self, batch: list[Envelope], chunks: list[bytes], offset: int) -> None:
        position, frames = self._next, 0
        holds, push, lives = self._shelf.active.holds, self._backlog.push, self.lives.open
        for envelope, chunk in zip(batch, chunks, strict=False):
            holds(position, offset)
            push(position, envelope)
            offset += len(chunk)
            position += 1
            if envelope.ordinal is None:
                self.lives.observe(envelope)
                self._totals = counted(self._totals, envelope)
            else:
                lives[envelope.connection].kept_ordinal = envelope.ordinal
                frames += not envelope.part
        self._next = position
        self._totals = Totals(self._totals.frames + frames, self._totals.lost)
        self._dirty.set()
        self.more.set()

    def _has_room(self, size: int) -> bool:
        """Whether `size` more bytes are within the bound, dropping what the bus has if need be."""
        if self._shelf.size + size > self._limits.max_bytes:
            dropped = self._shelf.drop_acknowledged(self._limits.max_bytes - size)
            if dropped:
                self._telemetry.bound_dropped(dropped)
        return self._shelf.size + size <= self._limits.max_bytes

    def _fail(self, state: Literal["full", "bound"], error: str) -> None:
        self.state = state
        self.writable.clear()
        self._retry_at = self._clock.mono() + self._limits.retry_s
        self._telemetry.spool_failed(state, error)

    def _try_again(self) -> bool:
        """Begin anew if there is room again; whether envelopes are kept now."""
        if self.state == "ok":
            return True
        if self._clock.mono() < self._retry_at:
            return False
        self._retry_at = self._clock.mono() + self._limits.retry_s
        if not self._has_room(_ROOM_BYTES):
            return False
        if self._free(self._directory) < self._limits.min_free_bytes:
            return False
        try:
            self._rotate()
        except OSError:
            return False
        self.state = "ok"
        self._settle()
        if self.state == "ok":  # settling may have failed again
            self.writable.set()
            self._telemetry.spool_recovered()
        return self.state == "ok"

    def _lose(self, batch: list[Envelope]) -> None:
        """Declare what could not be written, in the reserved space."""
        reason: LossReason = "spool_bound" if self.state == "bound" else "spool_full"
        frames = self._owed.frames
        try:
            self._owed.lose(batch, reason)
        except OSError as error:
            self._telemetry.spool_failed(self.state, str(error))
        self._telemetry.lost(reason, self._owed.frames - frames)
        self._dirty.set()

    def _settle(self) -> None:
        """Say in records what is owed."""
        if self.state == "ok" and self._owed:
            self._write(self._owed.settle())

    def _sync_files(self, files: list[SpoolFile]) -> None:
        for file in files:
            file.sync()
        self._reserve.sync()
