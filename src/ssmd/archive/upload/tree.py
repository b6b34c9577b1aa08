"""The folders of an archive by day, and whether anything in them changed since it was looked at."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ssmd.archive import layout
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Stored
from ssmd.model.timestamp import SECOND_NS

Day = tuple[str, str]
"""A feed, and a date."""

_SETTLED_NS: Final = 2 * SECOND_NS
"""A folder that changed later than this may change again at what its time tells as the same."""


def days(root: Path) -> dict[Day, dict[str, int]]:
    """Every day of every feed, its folders, and when something in each changed, ns; by date."""
    found: dict[Day, dict[str, int]] = {}
    for top in (layout.RAW, layout.LEDGER, layout.TABLES):
        for folder, changed in _folders(root, top):
            day = layout.day_of(folder)
            if day is not None:
                found.setdefault(day, {})[folder] = changed
    return dict(sorted(found.items(), key=lambda item: (item[0][1], item[0][0])))


def files(root: Path, folders: dict[str, int]) -> dict[str, Stored]:
    """The files of a day by name."""
    store = LocalStore(root)
    return {each.name: each for folder in folders for each in store.files(folder)}


def is_settled(folders: dict[str, int], now: int) -> bool:
    """Whether a change from now on would be seen in the folders' times.

    Args:
        folders: When something in each changed, ns.
        now: The time, ns.
    """
    return all(changed < now - _SETTLED_NS for changed in folders.values())


def _folders(root: Path, under: str) -> Iterator[tuple[str, int]]:
    try:
        entries = sorted(os.scandir(root / under), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            continue
        name = f"{under}/{entry.name}"
        if layout.day_of(name) is not None:
            try:
                yield name, entry.stat().st_mtime_ns
            except FileNotFoundError:
                continue
        else:
            yield from _folders(root, name)
