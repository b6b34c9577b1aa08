"""A folder of this machine as a store."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final

from ssmd.archive import durable, layout
from ssmd.archive.store.errors import NotProved
from ssmd.archive.store.port import Scan, Stored

BLOCK: Final = 1 << 20
"""So many bytes are copied or hashed at a time."""


class LocalStore:
    """A folder.

    Attributes:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.root)

    def folders(self, under: str) -> Sequence[str]:
        """Folders directly in a folder, sorted; links to folders count."""
        try:
            found = [entry.name for entry in os.scandir(self.root / under) if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [f"{under}/{name}" if under else name for name in sorted(found)]

    def files(self, under: str) -> Iterator[Stored]:
        """Every file below a folder, folder by folder; what vanishes meanwhile is left out."""
        try:
            entries = sorted(os.scandir(self.root / under), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            name = f"{under}/{entry.name}" if under else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from self.files(name)
                continue
            try:
                yield _stored(name, entry.stat())
            except FileNotFoundError:
                continue

    def stat(self, name: str) -> Stored | None:
        """A file as the disk tells of it."""
        try:
            found = (self.root / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _stored(name, found) if S_ISREG(found.st_mode) else None

    def read(self, name: str) -> bytes:
        """A whole file."""
        return (self.root / name).read_bytes()

    def open(self, name: str) -> BinaryIO:
        """The file itself: who replaces it gives the name to another."""
        return (self.root / name).open("rb")

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        """The files' paths."""
        return [Scan(tuple(str(self.root / name) for name in names), None)]

    def put(self, name: str, source: bytes | Path, *, sha256: str) -> Stored:
        """Write a file so that a power cut leaves the old or the new; then read it back."""
        path = self.root / name
        durable.make_folder(path.parent)
        if isinstance(source, bytes):
            durable.replace(path, source)
        else:
            _copy(source, path)
        found = self.digest(name)
        if found != sha256:
            raise NotProved(self.url, name, wanted=sha256, found=found)
        return _stored(name, path.stat())

    def digest(self, name: str) -> str:
        """The sha256 of a file as the disk gives it."""
        with (self.root / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def delete(self, name: str) -> None:
        """Take a file away, durably."""
        path = self.root / name
        durable.unlink(path)
        if path.parent.is_dir():
            durable.sync_directory(path.parent)


def _copy(source: Path, path: Path) -> None:
    temporary = layout.temporary(path)
    with source.open("rb") as file, durable.writing(temporary) as handle:
        while block := file.read(BLOCK):
            durable.put(handle, block)
    durable.rename(temporary, path)
    durable.sync_directory(path.parent)


def _stored(name: str, found: os.stat_result) -> Stored:
    mark = f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
    return Stored(name, found.st_size, found.st_mtime_ns, mark)
