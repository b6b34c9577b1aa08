"""Writing so that a power cut leaves the old or the new, never half.

Everything the archive asks of a disk goes through the `Device` of this process, so that a test
entry point can put another one in its place (`use`); nothing shipped does.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


def _write(handle: int, data: memoryview) -> int:
    return os.write(handle, data)


def _sync(handle: int) -> None:
    os.fsync(handle)


def _sync_data(handle: int) -> None:
    os.fdatasync(handle)


def _rename(old: Path, new: Path) -> None:
    old.rename(new)


def _link(old: Path, new: Path) -> None:
    os.link(old, new)


def _unlink(path: Path) -> None:
    path.unlink()


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes and names reach a disk. All may raise OSError.

    Attributes:
        write: Writes at a descriptor's place; gives how many bytes it took.
        sync: Makes a file durable, or the names in a folder.
        sync_data: Makes the bytes of a file durable, and its length.
        rename: Gives a file another name, in place of whatever had it.
        link: Gives a file one more name; refuses one that is taken.
        unlink: Takes a name away.
    """

    write: Callable[[int, memoryview], int] = _write
    sync: Callable[[int], None] = _sync
    sync_data: Callable[[int], None] = _sync_data
    rename: Callable[[Path, Path], None] = _rename
    link: Callable[[Path, Path], None] = _link
    unlink: Callable[[Path], None] = _unlink


SYSTEM: Final = Device()
"""The machine's own."""

_devices: Final = [SYSTEM]
"""The last one is in use."""


@contextmanager
def use(device: Device) -> Iterator[None]:
    """Let this process reach its disk through another device, for as long as the block lasts."""
    _devices.append(device)
    try:
        yield
    finally:
        _devices.remove(device)


def put(handle: int, block: bytes) -> None:
    """Write a block whole.

    Raises:
        OSError: The disk refused; a part of it may be there.
    """
    rest = memoryview(block)
    while rest:
        rest = rest[_devices[-1].write(handle, rest) :]


def sync(handle: int) -> None:
    """Make a file durable.

    Raises:
        OSError: The disk refused; what is durable is unknown.
    """
    _devices[-1].sync(handle)


def sync_data(handle: int) -> None:
    """Make what was written to a file durable.

    Raises:
        OSError: The disk refused; what is durable is unknown.
    """
    _devices[-1].sync_data(handle)


def rename(old: Path, new: Path) -> None:
    """Give a file another name; durable once its folder is.

    Raises:
        OSError: The disk refused.
    """
    _devices[-1].rename(old, new)


def link(old: Path, new: Path) -> None:
    """Give a file one more name; durable once its folder is.

    Raises:
        FileExistsError: The name is taken.
        OSError: The disk refused.
    """
    _devices[-1].link(old, new)


def unlink(path: Path) -> None:
    """Take a name away; durable once its folder is. Twice is fine.

    Raises:
        OSError: The disk refused.
    """
    if path.exists():
        _devices[-1].unlink(path)


def sync_directory(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably; twice is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_directory(folder.parent)


@contextmanager
def writing(path: Path) -> Iterator[int]:
    """A file to be written from its beginning: its content is durable when the block ends."""
    handle = os.open(path, _NEW | os.O_TRUNC, 0o644)
    try:
        yield handle
        sync(handle)
    finally:
        os.close(handle)


def write(path: Path, content: bytes) -> None:
    """Write a file and make its content durable; not yet its name."""
    with writing(path) as handle:
        put(handle, content)


def replace(path: Path, content: bytes) -> None:
    """Write a file whole: a reader, or a power cut, meets the old one or the new one."""
    temporary = layout.temporary(path)
    write(temporary, content)
    rename(temporary, path)
    sync_directory(path.parent)
