"""The fingerprint of a day: made of its segments, kept beside them when the day is over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable, layout, manifest, reader
from ssmd.archive.layout import Kind, Place
from ssmd.archive.lock import alone
from ssmd.archive.store.port import Store
from ssmd.model.envelope import UNREAD, Envelope
from ssmd.model.frame import Opcode
from ssmd.quality.drift.fingerprint import Fingerprint, Ref, Taking

FORMAT: Final = 1
"""Version of what is kept: whoever changes how fingerprints are made raises it."""

Progress = Callable[[int, int], None]
"""Told the bytes read, and the bytes there are to read."""

_OURS: Final = "_"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A day's fingerprint as it is kept.

    Attributes:
        format: Version.
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC.
        segments: The segments it was made from, and their digests.
        fingerprint: How the messages are made.
    """

    format: int
    feed: str
    date: str
    segments: dict[str, str]
    fingerprint: Fingerprint


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What is archived of a feed and a date.

    Attributes:
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC.
        segments: Its segments, sealed or open, in order.
        sealed: Digests of the segments by name; None while one of them is open.
        size: Bytes of the segment files.
    """

    feed: str
    date: str
    segments: tuple[tuple[Place, Kind], ...]
    sealed: dict[str, str] | None
    size: int


_kept = msgspec.json.Decoder(Kept)


def days(store: Store, feed: str, dates: Sequence[str] | None = None) -> list[Day]:
    """The days of a feed of which something is archived, in order.

    Args:
        store: The archive.
        feed: The feed's name.
        dates: Only these; None for all.
    """
    found: dict[str, list[tuple[Place, Kind]]] = {}
    for place, kind in reader.segments(store, feed):
        found.setdefault(place.date, []).append((place, kind))
    return [
        _day(store, feed, date, segments)
        for date, segments in sorted(found.items())
        if dates is None or date in dates
    ]


def dates(store: Path | Store, feed: str) -> list[str]:
    """The dates of which something is archived, in order."""
    return sorted({place.date for place, _ in reader.segments(store, feed)})


def recall(store: Store, day: Day) -> Fingerprint | None:
    """The fingerprint that is kept of a day; None when it was made of other segments, or is none.

    Raises:
        Unavailable: The store does not answer.
    """
    try:
        kept = _kept.decode(store.read(layout.drift(day.feed, day.date)))
    except (FileNotFoundError, msgspec.MsgspecError, ValueError, RecursionError):
        return None  # whatever it is, it is made again from raw
    is_ours = (kept.format, kept.feed, kept.date) == (FORMAT, day.feed, day.date)
    return kept.fingerprint if is_ours and kept.segments == day.sealed else None


def make(store: Store, day: Day, progress: Callable[[int], None]) -> Fingerprint:
    """Read a day.

    Args:
        store: The archive.
        day: Which day.
        progress: Told the bytes of the segments that were read.

    Raises:
        Damaged: A sealed segment cannot be read to its end.
        Unavailable: The store does not answer.
    """
    taking = Taking()
    for place, kind in day.segments:
        for envelope, ref in frames(store, place, kind):
            taking.take(envelope.type, envelope.payload, frozenset(envelope.symbols), ref)
        progress(_size(store, place, kind))
    return taking.fingerprint


def frames(store: Store, place: Place, kind: Kind) -> Iterator[tuple[Envelope, Ref]]:
    """The messages of a segment of which fingerprints are made, and where each rests.

    Talk about the connection and answers over REST are none: under one type they are of many
    makes, and how many there are of each is as the day went.

    Raises:
        Damaged: It is sealed and cannot be read to its end.
    """
    for line in reader.read_segment(store, place, kind):
        each = line.envelope
        if (
            each.ordinal is not None
            and each.opcode in {Opcode.TEXT, Opcode.BINARY}
            and (each.type == UNREAD or not each.type.startswith(_OURS))
        ):
            yield each, Ref(each.ts_recv or 0, each.connection, each.ordinal, each.part, line.file)


def keep(root: Path, day: Day, fingerprint: Fingerprint) -> bool:
    """Keep a day's fingerprint beside the segments it was made of; False when that cannot be.

    What is kept spares time and nothing else: an archive that may not be written is read without.
    """
    if day.sealed is None:
        return False
    kept = Kept(
        format=FORMAT,
        feed=day.feed,
        date=day.date,
        segments=day.sealed,
        fingerprint=fingerprint,
    )
    path = root / layout.drift(day.feed, day.date)
    try:
        with alone(layout.drift_lock(root, day.feed)) as mine:
            if mine:
                durable.make_folder(path.parent)
                durable.replace(path, msgspec.json.encode(kept, order="deterministic") + b"\n")
            return mine
    except OSError:
        return False


def told(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Adds up what was read, for whoever wants to know how far it is."""
    done = 0

    def add(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    return add


def _day(store: Store, feed: str, date: str, segments: list[tuple[Place, Kind]]) -> Day:
    digests: Mapping[str, str | None] = {
        place.name(): _digest(store, place) if kind == "sealed" else None
        for place, kind in segments
    }
    sealed = {name: digest for name, digest in digests.items() if digest is not None}
    return Day(
        feed=feed,
        date=date,
        segments=tuple(segments),
        sealed=sealed if len(sealed) == len(segments) else None,
        size=sum(_size(store, place, kind) for place, kind in segments),
    )


def _digest(store: Store, place: Place) -> str | None:
    """The digest of a sealed segment; None while it has no manifest yet.

    Raises:
        Damaged: Its manifest is not what was written.
    """
    name = place.name("manifest")
    try:
        return manifest.decode(store.read(name), name).sha256
    except FileNotFoundError:
        return None


def _size(store: Store, place: Place, kind: Kind) -> int:
    known = store.stat(place.name(kind))
    return 0 if known is None else known.size
