"""One simulated venue a ledger: two would write their sockets into each other's evidence."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ssmd.model.errors import Busy, ConfigError

_NAME: Final = ".lock"


@contextlib.contextmanager
def claimed(ledger: Path) -> Iterator[None]:
    """Make the ledger's directory and hold it; the kernel lets go when the process ends, however.

    Raises:
        ConfigError: It cannot be made or written.
        Busy: Another simulated venue holds it.
    """
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        handle = os.open(ledger / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        message = f"The ledger directory {ledger} cannot be written: {error.strerror}."
        raise ConfigError(message, remedy="Choose a directory you may write.") from error
    try:
        _lock(handle, ledger)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, ledger: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "?"
        message = f"The ledger directory {ledger} is in use by process {owner}."
        remedy = "Stop that one, or give another --ledger."
        raise Busy(message, remedy=remedy) from None
    with contextlib.suppress(OSError):  # the number is a courtesy: a full disk may refuse it
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
