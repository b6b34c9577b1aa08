"""Writing so that a power cut leaves the old or the new, never half."""

import os
from pathlib import Path

from ssmd.archive import layout


def sync_directory(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably; twice is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_directory(folder.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file and make its content durable; not yet its name."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Write a file whole: a reader, or a power cut, meets the old one or the new one."""
    temporary = layout.temporary(path)
    write(temporary, content)
    temporary.rename(path)
    sync_directory(path.parent)
