"""The facts of many segments as one story: our records in the order in which they count. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger.carry import At, Carry
from ssmd.archive.ledger.facts import Facts, Note
from ssmd.archive.presence import Range
from ssmd.model.envelope import CONNECTION
from ssmd.model.records import ConnectionRecord, LedgerRecord, decode_connection, decode_ledger

Record = ConnectionRecord | LedgerRecord
"""One of our records."""

_AFTER: Final = 1 << 62


class Frames:
    """When the frames of every connection came, as far as it matters.

    Attributes:
        spans: Per connection, least and greatest time of its frames in these facts, ns.
    """

    def __init__(self, facts: Sequence[Facts]) -> None:
        self.spans: dict[str, Range] = {}
        for one in facts:
            for connection, (first, last) in one.frames.items():
                known = self.spans.get(connection, (first, last))
                self.spans[connection] = (min(first, known[0]), max(last, known[1]))

    def last(self, connection: str, before: int | None) -> int | None:
        """The last frame's time, ns.

        Args:
            connection: Whose.
            before: What earlier facts told.
        """
        span = self.spans.get(connection)
        if span is None:
            return before
        return span[1] if before is None else max(span[1], before)


def tell(
    facts: Sequence[Facts], frames: Frames, carry: Carry
) -> Iterator[tuple[At, Record | None]]:
    """Every record that can be read, in order; None stands for a connection's first frame.

    Within a connection records go by number, and none counts as made before the one before it,
    whatever the clock did. Across connections time decides.
    """
    clocks = {life.connection: life.clock for life in carry.lives}
    notes = sorted(_noted(facts), key=lambda item: (item[0].connection, item[0].record))
    events: list[tuple[int, str, int, str, Note | None]] = []
    before: tuple[str, int] | None = None
    for note, file in notes:
        if before == (note.connection, note.record):
            continue
        before = (note.connection, note.record)
        clock = max(clocks.get(note.connection, 0), _time(note, file))
        clocks[note.connection] = clock
        events.append((clock, note.connection, note.record, file, note))
    events += [(first, who, _AFTER, "", None) for who, (first, _) in frames.spans.items()]
    events.sort(key=lambda event: event[:4])
    for ts, connection, number, file, told in events:
        at = At(ts, connection, number, file)
        if told is None:
            yield at, None
        elif (record := _read(told)) is not None:
            yield at, record


def _noted(facts: Sequence[Facts]) -> Iterator[tuple[Note, str]]:
    for one in sorted(facts, key=lambda one: one.segment):
        for note in one.notes:
            yield note, one.segment


def _time(note: Note, file: str) -> int:
    """When a record was made; in imports without times, when the slot of its segment begins."""
    if note.ts is not None:
        return note.ts
    parsed = layout.parse(file)
    return 0 if parsed is None else layout.start(parsed[0])


def _read(note: Note) -> Record | None:
    """A record; one that cannot be read says nothing."""
    try:
        if note.type == CONNECTION:
            return decode_connection(note.payload)
        return decode_ledger(note.payload)
    except (msgspec.MsgspecError, ValueError):
        return None
