"""What lies in an archive's raw folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from ssmd.archive import durable, layout
from ssmd.archive.layout import Kind, Place
from ssmd.archive.store.port import Store
from ssmd.model.errors import ConfigError


def check(root: Path | Store) -> None:
    """Refuse a directory that is no archive: a mistyped name must not look empty and sound.

    Raises:
        ConfigError: There is no archive at `root`.
        Unavailable: The store does not answer.
    """
    if isinstance(root, Path):
        known = (root / layout.RAW).is_dir() or (root / layout.IDENTITY).exists()
    else:
        known = bool(root.folders(layout.RAW)) or root.stat(layout.IDENTITY) is not None
    if not known:
        raise ConfigError(
            f"There is no archive at {root if isinstance(root, Path) else root.url}.",
            remedy=f"Name the directory that holds `{layout.RAW}` and `{layout.IDENTITY}`.",
        )


def walk(root: Path | Store, feed: str | None = None) -> Iterator[tuple[Place, Kind]]:
    """Every file of the raw folder, by path; files that are none of ours are passed over."""
    for name in names(root, layout.RAW if feed is None else layout.feed_folder(feed)):
        known = layout.parse(name)
        if known is not None:
            yield known


def names(root: Path | Store, under: str) -> Iterator[str]:
    """Names of all files under a folder, relative to the root, sorted."""
    if not isinstance(root, Path):
        yield from (stored.name for stored in root.files(under))
        return
    try:
        entries = sorted(os.scandir(root / under), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        name = f"{under}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from names(root, name)
        else:
            yield name


def read(root: Path | Store, name: str) -> bytes:
    """A whole file.

    Raises:
        FileNotFoundError: There is none of that name.
        Unavailable: The store does not answer.
    """
    return (root / name).read_bytes() if isinstance(root, Path) else root.read(name)


def size(root: Path | Store, name: str) -> int:
    """How many bytes a file has; 0 when it is gone."""
    if not isinstance(root, Path):
        stored = root.stat(name)
        return 0 if stored is None else stored.size
    try:
        return (root / name).stat().st_size
    except FileNotFoundError:
        return 0


def clean(root: Path, writer: str) -> None:
    """Remove what a writer's unfinished writes left: only its own process may call this."""
    for under in (layout.RAW, layout.WRITERS):
        for name in names(root, under):
            if writer in name and layout.is_temporary(name):
                durable.unlink(root / name)
