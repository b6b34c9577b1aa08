"""Archives that their archiver left behind in a hurry, for tests of the drain."""

import hashlib
from pathlib import Path

from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Store
from ssmd.archive.writer import Archive
from ssmd.feeds.archiver import ArchiverConfig, Source
from tests.archive import made
from tests.archive.tables.made import FEED
from tests.archive.tables.test_build import day

CONFIG = ArchiverConfig(sources=(Source(stream=made.STREAM, feed=FEED),))
"""How these archives were written."""


def left_open(root: Path, slots: int = 3, *, dies: bool = True) -> Archive:
    """An archiver died: no slot is sealed, and there are no tables and no ledger.

    Args:
        root: The archive.
        slots: So many slots.
        dies: Whether it did already.
    """
    archive = made.archive(root)
    for delivery in made.sent(day(slots)):
        archive.append([delivery])
        archive.commit()
    if dies:
        archive.close()
    return archive


def open_segments(root: Path) -> list[str]:
    """Names of the segments that are open."""
    return sorted(path.name for path in root.rglob("*.open"))


def differing(root: Path, store: Store) -> list[str]:
    """Files that the store does not hold as they are here, by our own reading."""
    wrong = []
    for top in ("raw", "ledger", "tables", "writers"):
        for each in LocalStore(root).files(top):
            here = hashlib.sha256((root / each.name).read_bytes()).digest()
            there = store.stat(each.name)
            if there is None or hashlib.sha256(store.read(each.name)).digest() != here:
                wrong.append(each.name)
    return wrong
