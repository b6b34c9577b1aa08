"""One process at a time writes as a writer."""

import fcntl
import os
from pathlib import Path

from ssmd.archive import layout
from ssmd.archive.errors import WriterBusy


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
