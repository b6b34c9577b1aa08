"""What has to be read for the rows that are wanted, slot by slot. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ssmd.access.ask import Ask
from ssmd.access.bounds import Bounds
from ssmd.access.times import Range
from ssmd.archive import layout
from ssmd.archive.tables.built import TableFile
from ssmd.archive.tables.progress import Segment
from ssmd.archive.tables.reading import Contents

_UNIT_BYTES: Final = 32 << 20
"""So much of compressed files is read before rows are given out; whole slots at least."""
_SKEW_NS: Final = layout.DAY_NS
"""How far a venue's clock may be ahead of ours in segments of which no statistics tell."""
_STATES: Final = "book"
"""The table whose rows follow from all messages before."""


class Unit(msgspec.Struct):
    """What is read before rows are given out: some slots, whole.

    Attributes:
        start: When the first of them begins, ns.
        end: When the last one is over, ns, as far as is known.
        files: Their files.
        segments: Those of their segments that have no files yet.
    """

    start: int
    end: int
    files: list[TableFile]
    segments: list[Segment]


def units(contents: Contents, ask: Ask, bounds: Bounds, since: int | None = None) -> list[Unit]:
    """What has to be read, in order of time.

    Args:
        contents: What there is.
        ask: What is wanted.
        bounds: What else is known of the rows that are wanted.
        since: What was received before this was read already, ns.
    """
    received = bounds.received.shared(Range(since, None))
    event = bounds.event
    if ask.by == "ts_recv":
        received = received.shared(ask.asked)
    slots: dict[int, Unit] = {}
    for link in contents.built:
        for file in link.files:
            if (
                file.table == ask.table
                and link.feed in ask.symbols
                and _may_hold(file, received, event)
                and (ask.by == "ts_recv" or _may_hold_by_event(file, ask.asked))
            ):
                start = link.slot.start
                unit = slots.setdefault(start, Unit(start, start, [], []))
                unit.end = max(unit.end, link.end)
                unit.files.append(file)
    if ask.by == "ts_event":
        event = event.shared(ask.asked)
    for segment in contents.unbuilt:
        start = layout.start(segment.place)
        if segment.place.feed in ask.symbols and _may_be_told(start, received, event):
            slots.setdefault(start, Unit(start, start, [], [])).segments.append(segment)
    return _joined(unit for _, unit in sorted(slots.items()))


def _joined(slots: Iterable[Unit]) -> list[Unit]:
    """Slots that are read together: so many that their files are worth the trouble.

    What overlaps is never read apart: of one feed an hour may have become one file.
    """
    found: list[Unit] = []
    size = 0
    for slot in slots:
        more = sum(file.bytes for file in slot.files)
        if found and (size + more <= _UNIT_BYTES or slot.start < found[-1].end):
            found[-1].end = max(found[-1].end, slot.end)
            found[-1].files += slot.files
            found[-1].segments += slot.segments
            size += more
        else:
            found.append(slot)
            size = more
    return found


def with_what_came_before(
    segments: Sequence[Segment], unbuilt: Sequence[Segment], table: str
) -> list[Segment]:
    """The segments, and those before them that tell which of their rows are repeats.

    That is the slot before; for books, everything since the last slot that has its checkpoint.
    """
    found: list[Segment] = []
    for feed in sorted({segment.place.feed for segment in segments}):
        own = [each for each in segments if each.place.feed == feed]
        first = min(layout.start(each.place) for each in own)
        before = [
            each for each in unbuilt if each.place.feed == feed and layout.start(each.place) < first
        ]
        if before and table != _STATES:
            last = max(layout.start(each.place) for each in before)
            before = [each for each in before if layout.start(each.place) == last]
        found += before + own
    return found


def _may_hold(file: TableFile, received: Range, event: Range) -> bool:
    return _overlaps(file.first_ts, file.last_ts, received) and (
        _overlaps(file.first_event, file.last_event, event)
    )


def _may_hold_by_event(file: TableFile, asked: Range) -> bool:
    """Whether a row may lie in a range by the venue's clock, or by ours if that is silent."""
    return _overlaps(file.first_event, file.last_event, asked) or (
        file.untimed > 0 and _overlaps(file.first_ts, file.last_ts, asked)
    )


def _overlaps(first: int | None, last: int | None, asked: Range) -> bool:
    if asked == Range():
        return True
    if first is None or last is None:
        return False
    return (asked.until is None or first < asked.until) and (
        asked.since is None or last >= asked.since
    )


def _may_be_told(start: int, received: Range, event: Range) -> bool:
    """Whether a segment of a slot may hold a row; how long the slot is its name does not tell."""
    end = start - start % layout.DAY_NS + layout.DAY_NS
    return (
        (received.until is None or start < received.until)
        and (received.since is None or end > received.since)
        and (event.since is None or end + _SKEW_NS > event.since)
    )
