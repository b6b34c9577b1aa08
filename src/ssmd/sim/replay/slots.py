"""The segments of a feed that can hold a range, slot by slot."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from ssmd.archive import layout, manifest, reader
from ssmd.archive.layout import Kind, Place
from ssmd.model.envelope import Envelope
from ssmd.sim.replay.taped import Lag, Taped, is_data, joined, ordered

Segment = tuple[Place, Kind]


class Slot(msgspec.Struct, frozen=True):
    """The segments of one feed and slot, by writer, each writer's in the order of writing."""

    start: int
    writers: tuple[tuple[Segment, ...], ...]


class Strand(msgspec.Struct, frozen=True):
    """What must be known of a writer's lines of a slot before they can be put in order.

    Attributes:
        lines: How many lines each segment had, which may be open and grow.
        lag_ns: How far they are out of order.
        disordered: Connections whose lines are not in the order of their ordinals.
    """

    lines: tuple[int, ...]
    lag_ns: int
    disordered: frozenset[str]


def slots(root: Path, feed: str, since: int | None, until: int | None) -> list[Slot]:
    """Every slot that can hold a range, by time; manifests tell which sealed segments cannot."""
    found: dict[int, dict[str, list[Segment]]] = defaultdict(lambda: defaultdict(list))
    for place, kind in reader.segments(root, feed):
        if _may_hold(root, place, kind, since, until):
            found[layout.start(place)][place.writer].append((place, kind))
    return [
        Slot(start, tuple(tuple(writers[name]) for name in sorted(writers)))
        for start, writers in sorted(found.items())
    ]


def _may_hold(root: Path, place: Place, kind: Kind, since: int | None, until: int | None) -> bool:
    if until is not None and layout.start(place) >= until:
        return False
    if since is None or kind == "open":
        return True
    name = place.name("manifest")
    try:
        known = manifest.decode((root / name).read_bytes(), name)
    except FileNotFoundError:
        return True
    last = known.contents.last_ts
    return last is not None and last >= since


def lines(root: Path, segment: Segment) -> Iterator[Envelope]:
    """The envelopes of one segment."""
    for line in reader.read_segment(root, *segment):
        yield line.envelope


def strands(root: Path, slot: Slot) -> tuple[Strand, ...]:
    """What must be known of a slot nobody has surveyed, by reading it once."""
    known = []
    for segments in slot.writers:
        lag, counts = Lag(), []
        for segment in segments:
            count = 0
            for count, envelope in enumerate(lines(root, segment), 1):  # noqa: B007 - the last is wanted
                if envelope.ts_recv is not None and is_data(envelope):
                    lag.see(envelope)
            counts.append(count)
        known.append(Strand(tuple(counts), lag.ns, frozenset(lag.disordered)))
    return tuple(known)


def frames(
    root: Path,
    slot: Slot,
    known: tuple[Strand, ...],
    since: int | None = None,
    until: int | None = None,
) -> Iterator[Taped]:
    """The venue's messages of a slot, in the order of their receipt."""

    def within(segments: tuple[Segment, ...], strand: Strand) -> Iterator[Envelope]:
        for segment, count in zip(segments, strand.lines, strict=True):
            for envelope in islice(lines(root, segment), count):
                if is_data(envelope) and is_within(envelope.ts_recv, since, until):
                    yield envelope

    return joined(
        ordered(within(segments, strand), strand.lag_ns, strand.disordered)
        for segments, strand in zip(slot.writers, known, strict=True)
    )


def is_within(ts: int | None, since: int | None, until: int | None) -> bool:
    """Whether a time of receipt lies in a range; one that nobody noted does not."""
    return ts is not None and (since is None or ts >= since) and (until is None or ts < until)
