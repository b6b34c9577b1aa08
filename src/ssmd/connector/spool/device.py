"""What a spool asks of the operating system: in one place, so that tests can let it fail."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec


def _free(directory: Path) -> int:
    return shutil.disk_usage(directory).free


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes reach a disk.

    Attributes:
        write: Appends to a descriptor; gives how many bytes it took.
        sync: Makes what a descriptor was given durable. Called in a thread.
        free: Bytes free under a directory.
    """

    write: Callable[[int, memoryview], int] = os.write
    sync: Callable[[int], None] = os.fdatasync
    free: Callable[[Path], int] = _free


SYSTEM = Device()
"""The machine's own."""
