"""The spool's face: envelopes go in, are on disk before anybody sees them, and stay until archived.

What is given while the disk refuses (`full`) or our own limit is reached (`bound`) is declared
lost: first in reserved space, then, once there is room, in records of its own.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Final, Literal

from ssmd.connector.spool.backlog import Backlog
from ssmd.connector.spool.codec import Totals, encode_all
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.connector.spool.durable import Durable
from ssmd.connector.spool.lives import Life
from ssmd.connector.spool.lock import Lock, unusable
from ssmd.connector.spool.losses import LossesFile
from ssmd.connector.spool.owed import Owed
from ssmd.connector.spool.recovery import Found, counted, recover
from ssmd.connector.spool.settings import SpoolLimits
from ssmd.connector.spool.shelf import Shelf
from ssmd.connector.spool.space import Space
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
        more: Set whenever something new can be taken, or became durable.
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
        device: Device = SYSTEM,
        lock: Lock | None = None,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._telemetry = telemetry
        self._lock = Lock.claim(directory) if lock is None else lock
        try:
            self._reserve = LossesFile(directory / "losses", device)
            self.found: Found = recover(directory, device)
            self._shelf = Shelf(directory, self.found.files, self.found.sequence, device)
            self._shelf.sync(self.found.files)  # the process before may have died before its own
        except OSError as error:
            self._lock.release()
            raise unusable(directory, error) from error
        self._space = Space(directory, limits, self._shelf, device, telemetry)
        found = self.found
        self.lives = found.lives
        self._file_bytes = max(1, min(limits.file_bytes, limits.max_bytes // 8))
        self._backlog = Backlog(self._shelf, limits.memory_bytes)
        self._owed = Owed(self._reserve, found, clock)
        self.dead = dict(found.lives.open)
        """Connections of earlier processes that still need a closing record."""
        self.state: State = "ok"
        self._next = found.next_position
        self._totals = found.totals
        self._durable = Durable(
            self._shelf,
            self._reserve,
            self.lives,
            (self.written, self._totals),
            limits.memory_bytes,
        )
        self._batch: list[Envelope] = []
        self._scheduled = False
        self._retry_at = 0.0
        self._floor = 0
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
            began = batch[0].ts_recv
            if self.state == "ok" or self._try_again():
                self._write(batch)
            else:
                self._lose(batch)
            if began is not None:
                self._telemetry.flushed(self._clock.wall() - began)

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

    def take(self, limit: int, through: int | None = None) -> list[tuple[int, Envelope]]:
        """Envelopes not given out yet, with their positions, in order.

        Args:
            limit: Most of them.
            through: The last position that may be given out; None gives whatever is written.
        """
        return self._backlog.give(limit, self.written if through is None else through)

    def find(self, position: int) -> Envelope | None:
        """The envelope at a position, read back; None when it is gone."""
        return self._shelf.find(position)

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
        self._floor = 0  # of sequences that are given out anew
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
        return self._durable.position

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
        """Whether everything given is kept, and a sentence when it is not."""
        if self._durable.failed is not None:
            return False, f"the disk fails to sync: {self._durable.failed}"
        match self.state:
            case "full":
                return False, "the disk is full: frames are declared lost"
            case "bound":
                return False, "the spool is at its bound: frames are declared lost"
        return True, ""

    @property
    def warning(self) -> str:
        """A sentence when the disk will be full before long; else empty."""
        return self._space.warning

    async def run(self) -> None:
        """Make writes durable, group by group, for ever."""
        while True:
            await self._durable.wanted.wait()
            await self._clock.sleep(self._limits.fsync_s)
            self._durable.wanted.clear()
            await self.sync()

    async def sync(self) -> None:
        """Make everything written so far durable, without blocking the loop."""
        said, failed_before = self._owed.said, self._durable.failed is not None
        began = self._clock.mono()
        error = await self._durable.sync(lambda: (self.written, self._totals))
        if error is not None:
            self._telemetry.sync_failed(str(error))
            if failed_before or not self._rewrite():
                self._fail("full", str(error))
            return
        if self._durable.failed is not None:
            return  # good, but of files nobody doubts: `inspect` tries to write the others anew
        self._telemetry.synced(self._clock.mono() - began)
        self.more.set()
        with contextlib.suppress(OSError):  # then the declarations are repeated, no harm
            self._owed.durable(said)
        if failed_before and self.state != "ok":
            self._retry_at = self._clock.mono()
            self._try_again()

    def inspect(self) -> None:
        """Look at the disk, try again what failed, report sizes; to be called every second."""
        if self.state != "ok":
            self.flush()
            self._try_again()
        elif self._space.is_full:
            self.flush()
            self._fail("full", f"{self._space.free} bytes are free")
        self._space.look(self._clock.wall(), self.synced)

    def close(self) -> None:
        """Write what is left and let another connector in."""
        self.flush()
        self._rewrite()
        active = self._shelf.active
        if not active.unacked and active.sequence <= self._floor and active.last >= active.first:
            self._rotate()
        try:
            self._durable.sync_now()
        except OSError as error:
            self._telemetry.sync_failed(str(error))
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
        self._durable.wanted.set()

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
        if not self._space.has(size):
            self._fail("bound", "")
            return False
        return True

    def _keep(self, batch: list[Envelope], chunks: list[bytes], offset: int) -> None:
        position, frames, began = self._next, 0, offset
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
        self._durable.wrote(self._next - len(batch), began, batch, offset - began)
        self.more.set()

    def _fail(self, state: Literal["full", "bound"], error: str) -> None:
        if self.state == "ok":  # else whatever fails meanwhile would put the next attempt off
            self._retry_at = self._clock.mono() + self._limits.retry_s
        self.state = state
        self.writable.clear()
        self._telemetry.spool_failed(state, error)

    def _try_again(self) -> bool:
        """Begin anew if there is room again; whether envelopes are kept now."""
        if self.state == "ok":
            return True
        if self._clock.mono() < self._retry_at:
            return False
        self._retry_at = self._clock.mono() + self._limits.retry_s
        if self._durable.failed is not None:  # only a good fsync ends that
            self._rewrite()
            return False
        if self._space.is_full or not self._space.has(_ROOM_BYTES):
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
        self._declare(batch, "spool_bound" if self.state == "bound" else "spool_full")

    def _rewrite(self) -> bool:
        """Write anew what a failed fsync left in doubt, and declare what cannot be."""
        done = self._durable.rewrite()
        if done is None:
            return False
        self._totals, lost = done
        self._declare(lost, "spool_damaged")
        with contextlib.suppress(OSError):
            self._owed.renew()
        self._settle()
        return True

    def _declare(self, batch: list[Envelope], reason: LossReason) -> None:
        frames = self._owed.frames
        try:
            self._owed.lose(batch, reason)
        except OSError as error:
            self._telemetry.spool_failed(self.state, str(error))
        self._telemetry.lost(reason, self._owed.frames - frames)
        self._durable.wanted.set()

    def _settle(self) -> None:
        """Say in records what is owed."""
        if self.state == "ok" and self._owed:
            self._write(self._owed.settle())
