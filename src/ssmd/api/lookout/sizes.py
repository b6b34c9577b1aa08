"""What lies in an archive, by feed: counted from names and sizes alone, so that no file is opened."""

from pathlib import Path

import msgspec

from ssmd.archive import files, layout
from ssmd.archive.store.record import Record, store_id, targets


class Uploaded(msgspec.Struct, frozen=True):
    """What is proved to be in far stores.

    Attributes:
        files: How many files.
        bytes: Their size.
    """

    files: int
    bytes: int


class FeedHeld(msgspec.Struct, kw_only=True):
    """What lies there of one feed.

    Attributes:
        feed: Which.
        days: Days of which something was recorded.
        raw_bytes: Size of the segments.
        table_bytes: Size of the typed tables.
        ledger_bytes: Size of the ledger.
        segments: Sealed segments.
        open: Segments that are being written.
        manifests: Proofs.
        files: All files of it.
        first: When the first segment began, ns; None without segments.
        last: When the last one began, ns.
        uploaded: What is in far stores; None when none is known.
    """

    feed: str
    days: int = 0
    raw_bytes: int = 0
    table_bytes: int = 0
    ledger_bytes: int = 0
    segments: int = 0
    open: int = 0
    manifests: int = 0
    files: int = 0
    first: int | None = None
    last: int | None = None
    uploaded: Uploaded | None = None


def held(root: Path) -> list[FeedHeld]:
    """What lies in an archive, by feed.

    Raises:
        ConfigError: There is no archive at `root`.
        Damaged: What says where it is uploaded to is not what was written.
    """
    files.check(root)
    found: dict[str, FeedHeld] = {}
    _segments(root, found)
    for top in (layout.TABLES, layout.LEDGER):
        _others(root, top, found)
    stores = [store_id(each.url) for each in targets(root)]
    for each in found.values():
        if stores:
            each.uploaded = _uploaded(root, stores, each.feed)
    return [found[feed] for feed in sorted(found)]


def _segments(root: Path, found: dict[str, FeedHeld]) -> None:
    days: dict[str, set[str]] = {}
    for place, kind in files.walk(root):
        told = found.setdefault(place.feed, FeedHeld(feed=place.feed))
        days.setdefault(place.feed, set()).add(place.date)
        told.files += 1
        if kind == "manifest":
            told.manifests += 1
            continue
        told.raw_bytes += files.size(root, place.name(kind))
        told.open += kind == "open"
        told.segments += kind == "sealed"
        begins = layout.start(place)
        told.first = begins if told.first is None else min(told.first, begins)
        told.last = begins if told.last is None else max(told.last, begins)
    for feed, dates in days.items():
        found[feed].days = len(dates)


def _others(root: Path, top: str, found: dict[str, FeedHeld]) -> None:
    for name in files.names(root, top):
        feed = layout.feed_in(name)
        if feed is None:
            continue
        told = found.setdefault(feed, FeedHeld(feed=feed))
        told.files += 1
        if top == layout.TABLES:
            told.table_bytes += files.size(root, name)
        else:
            told.ledger_bytes += files.size(root, name)


def _uploaded(root: Path, stores: list[str], feed: str) -> Uploaded:
    proved = [
        each
        for store in stores
        for path in (root / layout.uploaded_feed(layout.uploaded_folder(store), feed)).rglob(
            "*.jsonl"
        )
        for each in Record(path).values()
        if each.sha256
    ]
    return Uploaded(len(proved), sum(each.size for each in proved))
