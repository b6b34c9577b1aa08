"""Group fsync, and what becomes of the records in doubt when one fails."""

import asyncio
from collections.abc import Callable

from ssmd.connector.spool.codec import Totals, encode
from ssmd.connector.spool.file import SpoolFile
from ssmd.connector.spool.lives import Lives
from ssmd.connector.spool.losses import LossesFile
from ssmd.connector.spool.recovery import counted
from ssmd.connector.spool.shelf import Shelf
from ssmd.connector.spool.unsynced import Unsynced
from ssmd.model.envelope import Envelope

State = tuple[int, Totals]
"""The greatest position written, and counts up to there."""


class Durable:
    """Knows how far the spool is durable, and takes it there.

    Attributes:
        position: The greatest durable position.
        failed: Why the last fsync failed; None when it did not.
        wanted: Set whenever there is something to be made durable.
    """

    def __init__(
        self, shelf: Shelf, reserve: LossesFile, lives: Lives, start: State, max_bytes: int
    ) -> None:
        self.position, self._totals = start
        self.failed: OSError | None = None
        self.wanted = asyncio.Event()
        self._shelf = shelf
        self._reserve = reserve
        self._lives = lives
        self._unsynced = Unsynced(max_bytes)
        self._in_doubt = False
        self._turn = asyncio.Lock()

    def wrote(self, position: int, offset: int, envelopes: list[Envelope], size: int) -> None:
        """A batch was written to the active file, from an offset on."""
        self._unsynced.push(position, offset, envelopes, size)
        self.wanted.set()

    async def sync(self, state: Callable[[], State]) -> OSError | None:
        """Make everything written so far durable, without blocking the loop; the error if not.

        Without one nothing is claimed all the same while something is in doubt: `failed` says so.
        """
        async with self._turn:
            position, totals = state()
            files = self._shelf.begin_sync()
            try:
                await asyncio.to_thread(self._sync, files)
            except asyncio.CancelledError:
                self._shelf.unsynced.update(files)  # nobody heard how it ended
                raise
            except OSError as error:
                self.failed, self._in_doubt = error, True
                return error
            finally:
                self._shelf.end_sync()
            if not self._in_doubt:
                self.failed = None
                self.position, self._totals = position, totals
                self._unsynced.forget(position)
            return None

    def sync_now(self) -> None:
        """The same, waiting for it: for the end.

        Raises:
            OSError: The device failed.
        """
        try:
            self._sync(self._shelf.begin_sync())
        finally:
            self._shelf.end_sync()

    def rewrite(self) -> tuple[Totals, list[Envelope]] | None:
        """Write anew what is in doubt; nothing more is claimed before the next good fsync.

        Returns:
            Counts up to what is written now, and the envelopes that are gone and not on the bus
            either; None when it cannot be done now.
        """
        if not self._in_doubt or self._turn.locked():
            return None
        before, positions = self._totals, []
        kept: list[tuple[int, Envelope]] = []
        lost: list[Envelope] = []
        for position, known, is_whole in self._unsynced:
            positions.append(position)
            envelope = known if is_whole else self._shelf.find(position)
            if envelope is not None:
                kept.append((position, envelope))
            elif self._shelf.is_acknowledged(position):
                before = counted(before, known)
            else:
                lost.append(known)
        records = [(position, encode(position, envelope)) for position, envelope in kept]
        try:
            offsets = self._shelf.rewrite(
                positions, self._unsynced.offset, records, self.position + 1, before, self._lives
            )
        except OSError:
            return None
        self._unsynced.clear()
        totals = before
        for (position, envelope), (_, data), at in zip(kept, records, offsets, strict=True):
            self._unsynced.push(position, at, [envelope], len(data))
            totals = counted(totals, envelope)
        self._totals, self._in_doubt = before, False
        self.wanted.set()
        return totals, lost

    def _sync(self, files: list[SpoolFile]) -> None:
        self._shelf.sync(files)
        self._reserve.sync()
