"""What an archive holds, by feed and date: `ssmd data ls`."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from ssmd.archive import files, manifest
from ssmd.archive.contents import Contents
from ssmd.archive.layout import Kind, Place
from ssmd.archive.scan import scan
from ssmd.archive.store.opening import as_store
from ssmd.archive.store.port import Store


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What is archived of one feed for one date.

    Attributes:
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC.
        segments: Sealed segments.
        open: Segments not sealed yet.
        bytes: Size on disk.
        raw_bytes: Size of the lines uncompressed.
        lines: Envelopes.
        types: Envelopes by message type.
        first_ts: Least `ts_recv`, ns; None when no envelope has one.
        last_ts: Greatest `ts_recv`, ns.
        connections: How many connections have envelopes here.
        gaps: What the venue lost, as records tell.
    """

    feed: str
    date: str
    segments: int
    open: int
    bytes: int
    raw_bytes: int
    lines: int
    types: dict[str, int]
    first_ts: int | None
    last_ts: int | None
    connections: int
    gaps: int


def listing(root: Path | Store, feed: str | None = None) -> list[Day]:
    """What an archive holds, from its manifests; open segments are read.

    Args:
        root: The archive; of a local one, what was let go here counts all the same.
        feed: Only this feed.

    Raises:
        ConfigError: There is no archive at `root`.
        Damaged: A manifest is not what was written.
        Unavailable: The store does not answer.
    """
    root = as_store(root)
    files.check(root)
    days: dict[tuple[str, str], dict[Place, set[Kind]]] = {}
    for place, kind in files.walk(root, feed):
        days.setdefault((place.feed, place.date), {}).setdefault(place, set()).add(kind)
    return [_day(root, name, date, places) for (name, date), places in sorted(days.items())]


def _day(root: Store, feed: str, date: str, places: dict[Place, set[Kind]]) -> Day:
    found: list[Contents] = []
    size = segments = unsealed = 0
    for place, kinds in places.items():
        if "manifest" in kinds:
            name = place.name("manifest")
            known = manifest.decode(root.read(name), name)
            if kinds & {"sealed", "open"}:
                found.append(known.contents)
                size += known.bytes
                segments += 1
        elif kinds & {"sealed", "open"}:
            scanned = scan(root.open(place.name("open" if "open" in kinds else "sealed")), feed)
            found.append(scanned.tally.contents())
            size += scanned.bytes
            unsealed += 1
    types: dict[str, int] = {}
    for contents in found:
        for kind, count in contents.types.items():
            types[kind] = types.get(kind, 0) + count
    return Day(
        feed=feed,
        date=date,
        segments=segments,
        open=unsealed,
        bytes=size,
        raw_bytes=sum(contents.raw_bytes for contents in found),
        lines=sum(contents.lines for contents in found),
        types=dict(sorted(types.items())),
        first_ts=min(_known(c.first_ts for c in found), default=None),
        last_ts=max(_known(c.last_ts for c in found), default=None),
        connections=len({connection for c in found for connection in c.connections}),
        gaps=sum(len(contents.gaps) for contents in found),
    )


def _known(times: Iterable[int | None]) -> list[int]:
    return [ts for ts in times if ts is not None]
