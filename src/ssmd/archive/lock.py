"""One process at a time does what must not be done twice at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ssmd.archive import layout
from ssmd.archive.errors import WriterBusy

COMPACTOR: Final = "compactor"
"""As whom compactors are at work: several share it. No stream's writer has a name without an id."""


@contextmanager
def alone(path: Path, *, wait: bool = False, shared: bool = False) -> Iterator[bool]:
    """Be the only one that holds a file's lock; False when somebody else does, unless we wait.

    Args:
        path: The file.
        wait: Whether we wait for it.
        shared: Whether others may hold it too that share it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(handle, how | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


class Lock:
    """A lock that dies with its process, whatever kills it."""

    def __init__(self, root: Path, writer: str) -> None:
        """Take the lock.

        Raises:
            WriterBusy: A live process holds it.
            OSError: The disk refused.
        """
        path = layout.lock(root, writer)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._handle, 64).decode(errors="replace").strip()
            self.release()
            raise WriterBusy(root, writer, f"Process {owner or '?'}") from None
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # a full disk must not keep the archive from being locked
            return

    def release(self) -> None:
        """Let go; twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
