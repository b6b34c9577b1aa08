"""One connector per spool."""

import fcntl
import os
from pathlib import Path
from typing import Self

from ssmd.model.errors import Busy, Unavailable


class Lock:
    """An exclusive claim on a spool directory, for as long as the process lives.

    The claim is the kernel's (flock): it ends with its process, however that ends, so the number
    left in the file by a dead one is no obstacle.

    Raises:
        Busy: Another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / "lock"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            message = f"The spool {directory} is in use by process {owner}."
            raise Busy(
                message, remedy=f"Stop process {owner}, or give this connector another directory."
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    @classmethod
    def claim(cls, directory: Path) -> Self:
        """Make the directory and claim it.

        Raises:
            Busy: Another process holds it.
            Unavailable: It cannot be made or written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            return cls(directory)
        except OSError as error:
            raise unusable(directory, error) from error

    def release(self) -> None:
        """Let another connector in."""
        os.close(self._fd)


def unusable(directory: Path, error: OSError) -> Unavailable:
    """What to say of a spool the operating system refuses."""
    return Unavailable(
        f"The spool {directory} cannot be used: {error}.",
        remedy="Free space there, or name another one.",
    )
