"""A disk that forgets what was not synced, refuses when told to, and ends processes mid-write.

The files are real ones, below one folder (best on a tmpfs). Processes reach them through a `Port`
each, in place of the devices of spool and archive; what a port saw and no sync confirmed is in
doubt when the power is cut: bytes may be gone, torn or zeros, names may be the old ones or none.
"""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, NoReturn

import msgspec

from ssmd.archive import durable
from ssmd.connector.spool import device

PAGE: Final = 4096
"""What a kernel writes, and gives up, at once, in bytes."""
PLENTY: Final = 1 << 40
"""What a disk says is free while nobody limits it, in bytes."""


class Killed(BaseException):
    """The process ended inside a call to its disk: nothing it would have done next happens."""


class _Change(msgspec.Struct, frozen=True):
    """Bytes in doubt: from `offset` on `length` bytes are new (0: the file was cut there)."""

    offset: int
    length: int
    old: bytes


class _Renaming(msgspec.Struct, frozen=True):
    """A name in doubt: `new` was `old` (None: it is one more name), and `kept` stood there."""

    old: Path | None
    new: Path | None
    kept: Path | None


class _Content:
    """What is in doubt of one file: since the last sync, and what a failed one gave up."""

    def __init__(self) -> None:
        self.dirty: list[_Change] = []
        self.gone: list[_Change] = []

    def revive(self, begin: int, end: int) -> None:
        """Pages are dirty again: what was given up of them is written with the next sync."""
        gone, self.gone = self.gone, []
        for change in gone:
            last = change.offset + change.length
            low, high = max(change.offset, begin), min(last, end)
            if low >= high:
                self.gone.append(change)
                continue
            self.gone += [_part(change, change.offset, low)] if change.offset < low else []
            self.gone += [_part(change, high, last)] if high < last else []
            self.dirty.append(_part(change, low, high))


def _part(change: _Change, begin: int, end: int) -> _Change:
    """The change of some of its bytes."""
    return _Change(begin, end - begin, change.old[begin - change.offset : end - change.offset])


class _Names:
    """What is in doubt of one folder's names since its last sync."""

    def __init__(self) -> None:
        self.durable: set[str] = set()
        self.changes: list[_Renaming] = []


class SimulatedDisk:
    """The disk of one machine.

    Args:
        root: What is on it.
        rng: Decides what a power cut spares.

    Attributes:
        undone: Writes and names that power cuts took back.
    """

    def __init__(self, root: Path, rng: Random) -> None:
        self.root = root
        self.undone = 0
        self._rng = rng
        self._attic = root.parent / f"{root.name}.attic"
        self._attic.mkdir(parents=True)
        self._kept = 0
        self._contents: dict[int, _Content] = {}
        self._names: dict[Path, _Names] = {}
        root.mkdir(exist_ok=True)

    def power_cut(self) -> None:
        """Leave what a machine finds when it is switched on again; no process may be alive."""
        for folder in self._folders():
            self._forget_names(folder)
        for folder in self._folders():
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                content = self._contents.get(entry.inode())
                if content is not None:
                    self._forget_bytes(Path(entry.path), content)
        self._contents.clear()
        self._names.clear()
        for folder in self._folders():
            self._names_of(folder).durable = {entry.name for entry in folder.iterdir()}

    # --- what ports tell

    def wrote(self, handle: int, offset: int, length: int, old: bytes) -> None:
        """Bytes were written that no sync confirmed."""
        content = self._content_of(handle, fresh=offset == 0 and not old)
        content.revive(offset - offset % PAGE, -(-(offset + length) // PAGE) * PAGE)
        content.dirty.append(_Change(offset, length, old))

    def cut(self, path: Path, size: int) -> None:
        """A file is about to be cut."""
        with path.open("rb") as file:
            content = self._content_of(file.fileno())
            file.seek(size)
            content.dirty.append(_Change(size, 0, file.read()))

    def synced(self, handle: int, *, failed: bool) -> None:
        """A sync ended; what a failed one did not write is clean to the kernel, and not there."""
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            if not failed:
                self._synced_names(Path(f"/proc/self/fd/{handle}").resolve())
            return
        content = self._contents.get(state.st_ino)
        if content is not None:
            if failed:
                content.gone += content.dirty
            content.dirty = []

    def renamed(self, old: Path, new: Path) -> None:
        """A file is about to take another name."""
        kept = self._keep(new) if new.exists() else None
        self._names_of(new.parent).changes.append(_Renaming(old, new, kept))

    def linked(self, new: Path) -> None:
        """A file has one more name."""
        self._names_of(new.parent).changes.append(_Renaming(None, new, None))

    def unlinked(self, path: Path) -> None:
        """A name is about to go."""
        self._names_of(path.parent).changes.append(_Renaming(None, None, self._keep(path)))

    # --- inside

    def _folders(self) -> list[Path]:
        return sorted(Path(folder) for folder, _, _ in os.walk(self.root))

    def _content_of(self, handle: int, *, fresh: bool = False) -> _Content:
        inode = os.fstat(handle).st_ino
        if fresh or inode not in self._contents:
            self._contents[inode] = _Content()
        return self._contents[inode]

    def _names_of(self, folder: Path) -> _Names:
        return self._names.setdefault(folder, _Names())

    def _keep(self, path: Path) -> Path:
        """One more name for a file, where nobody looks; its own name stands behind the number."""
        self._kept += 1
        kept = self._attic / f"{self._kept}={path.name}"
        os.link(path, kept)
        return kept

    def _synced_names(self, folder: Path) -> None:
        names = self._names_of(folder)
        for change in names.changes:
            if change.kept is not None:
                change.kept.unlink()
        names.changes = []
        names.durable = {entry.name for entry in folder.iterdir()}

    def _forget_names(self, folder: Path) -> None:
        """Take back the last changes, and some of the names that are new."""
        names = self._names_of(folder)
        kept = self._rng.randint(0, len(names.changes))
        for change in reversed(names.changes[kept:]):
            self.undone += 1
            if change.new is not None and change.old is not None:
                change.new.rename(change.old)
            elif change.new is not None:
                change.new.unlink()
            if change.kept is not None:
                change.kept.rename(change.new or folder / change.kept.name.partition("=")[2])
        sure = names.durable | {c.new.name for c in names.changes[:kept] if c.new is not None}
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name not in sure and entry.is_file() and self._rng.random() < 0.5:  # noqa: PLR2004 - a coin
                Path(entry.path).unlink()
                self.undone += 1

    def _forget_bytes(self, path: Path, content: _Content) -> None:
        """Let the changes in doubt be there, gone, torn, or zeros where their bytes belong."""
        rng, dirty = self._rng, content.dirty
        kept = rng.choice((0, 0, len(dirty), rng.randint(0, len(dirty))))
        lost = dirty[kept:]
        self.undone += len(lost) + len(content.gone)
        with path.open("r+b") as file:
            handle = file.fileno()
            if lost and rng.random() < 0.25:  # noqa: PLR2004 - the length was written, the bytes were not
                content.gone += lost
            elif lost:
                torn = os.pread(handle, rng.randint(0, lost[0].length), lost[0].offset)
                for change in reversed(lost):
                    _undo(handle, change)
                if rng.random() < 0.5:  # noqa: PLR2004 - a coin
                    os.pwrite(handle, torn, lost[0].offset)
            size = os.fstat(handle).st_size
            for change in content.gone:
                length = max(0, min(change.length, size - change.offset))
                os.pwrite(handle, change.old[:length].ljust(length, b"\0"), change.offset)


def _undo(handle: int, change: _Change) -> None:
    if change.old:
        os.pwrite(handle, change.old, change.offset)
    size = os.fstat(handle).st_size
    if change.length > len(change.old) and size <= change.offset + change.length:
        os.ftruncate(handle, min(size, change.offset + len(change.old)))


class Port:
    """One process's way to a simulated disk.

    Args:
        disk: Which disk.
        rng: Where a write is torn.
        dying: Called when the trap springs, before `Killed` is raised.

    Attributes:
        room: Bytes that may still be written; None for no limit.
        failing: How many of the next syncs fail.
        trap: In how many calls the process dies; None for never.
        dead: Whether nothing has an effect any more.
        trapped: Whether it died of the trap.
        refused: Writes that found no room.
        failed: Syncs that failed.
    """

    def __init__(self, disk: SimulatedDisk, rng: Random, dying: Callable[[], None]) -> None:
        self.room: int | None = None
        self.failing = 0
        self.trap: int | None = None
        self.dead = False
        self.trapped = False
        self.refused = 0
        self.failed = 0
        self._disk = disk
        self._rng = rng
        self._dying = dying

    @property
    def archive(self) -> durable.Device:
        """The disk as an archive asks for it."""
        return durable.Device(
            write=self._write,
            sync=self._sync,
            sync_data=self._sync,
            rename=self._rename,
            link=self._link,
            unlink=self._unlink,
        )

    @property
    def spool(self) -> device.Device:
        """The disk as a spool asks for it."""
        return device.Device(
            write=self._write,
            overwrite=self._overwrite,
            sync=self._sync,
            sync_folder=self._sync,
            truncate=self._truncate,
            rename=self._rename,
            unlink=self._unlink,
            free=lambda _: PLENTY if self.room is None else self.room,
        )

    def heal(self) -> None:
        """Refuse nothing any more."""
        self.room = self.trap = None
        self.failing = 0

    def _write(self, handle: int, data: memoryview) -> int:
        if self.dead:
            return len(data)
        springs = self._springs()
        if springs:
            data = data[: self._rng.randint(0, len(data))]
        elif self.room is not None:
            if self.room <= 0:
                self.refused += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data = data[: self.room]
            self.room -= len(data)
        at = os.fstat(handle).st_size
        written = os.write(handle, data)
        self._disk.wrote(handle, at, written, b"")
        if springs:
            self._die()
        return written

    def _overwrite(self, handle: int, data: bytes, offset: int) -> int:
        if self._passes():
            old = os.pread(handle, len(data), offset)
            os.pwrite(handle, data, offset)
            self._disk.wrote(handle, offset, len(data), old)
        return len(data)

    def _sync(self, handle: int) -> None:
        if self._passes():
            failed = self.failing > 0
            self._disk.synced(handle, failed=failed)
            if failed:
                self.failing -= 1
                self.failed += 1
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _truncate(self, path: Path, size: int) -> None:
        if self._passes():
            self._disk.cut(path, size)
            os.truncate(path, size)

    def _rename(self, old: Path, new: Path) -> None:
        if self._passes():
            self._disk.renamed(old, new)
            old.rename(new)

    def _link(self, old: Path, new: Path) -> None:
        if self._passes():
            os.link(old, new)
            self._disk.linked(new)

    def _unlink(self, path: Path) -> None:
        if self._passes() and path.exists():
            self._disk.unlinked(path)
            path.unlink()

    def _passes(self) -> bool:
        """Whether a call has an effect; the one on which the trap springs has none."""
        if not self.dead and self._springs():
            self._die()
        return not self.dead

    def _springs(self) -> bool:
        if self.trap is None:
            return False
        self.trap -= 1
        return self.trap < 0

    def _die(self) -> NoReturn:
        self.dead = self.trapped = True
        self._dying()
        raise Killed
