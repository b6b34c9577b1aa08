"""What a spool asks of the operating system: in one place, so that tests can let it fail."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec


def _free(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def _rename(old: Path, new: Path) -> None:
    old.rename(new)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes and names reach a disk.

    Attributes:
        write: Appends to a descriptor; gives how many bytes it took.
        overwrite: Writes at an offset of a descriptor; gives how many bytes it took.
        sync: Makes what a descriptor was given durable. Called in a thread.
        sync_folder: Makes the names in an open folder durable. Called in a thread.
        truncate: Cuts a file to a length.
        rename: Gives a file another name, in place of whatever had it.
        unlink: Takes a name away; nothing happens when there is none.
        free: Bytes free under a directory.
    """

    write: Callable[[int, memoryview], int] = os.write
    overwrite: Callable[[int, bytes, int], int] = os.pwrite
    sync: Callable[[int], None] = os.fdatasync
    sync_folder: Callable[[int], None] = os.fsync
    truncate: Callable[[Path, int], None] = os.truncate
    rename: Callable[[Path, Path], None] = _rename
    unlink: Callable[[Path], None] = _unlink
    free: Callable[[Path], int] = _free


SYSTEM = Device()
"""The machine's own."""
