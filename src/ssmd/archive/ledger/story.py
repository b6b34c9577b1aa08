"""The facts of many segments as one story: our records in the order in which they count. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger.carry import At, Carry, Life
from ssmd.archive.ledger.facts import Facts, Note
from ssmd.model.envelope import CONNECTION
from ssmd.model.records import (
    MADE_FIRST,
    Closed,
    ConnectionRecord,
    LedgerRecord,
    Opened,
    decode_connection,
    decode_ledger,
)

Record = ConnectionRecord | LedgerRecord
"""One of our records."""

_AFTER: Final = 1 << 62


class Frames:
    """When the frames and records of every connection came, as far as it matters.

    Attributes:
        firsts: Per connection, least time of its frames in these facts, ns.
        lasts: Per connection, the greatest ordinal in these facts and its time, ns: a clock that
            was wrong for a moment moves no end.
        notes: Per connection, the numbers of our records and when they were made, ns, in order.
        rights: Per record of a gap, when the last right message before it came, ns.
    """

    def __init__(self, facts: Sequence[Facts]) -> None:
        self.firsts: dict[str, int] = {}
        self.lasts: dict[str, tuple[int, int]] = {}
        self.notes: dict[str, list[tuple[int, int]]] = {}
        self.rights = {
            (right.connection, right.ordinal): right.ts for one in facts for right in one.rights
        }
        for one in facts:
            for connection, (first, _) in one.frames.items():
                self.firsts[connection] = min(first, self.firsts.get(connection, first))
            for mark in one.marks:
                last = (mark.ordinal, mark.ts)
                self.lasts[mark.connection] = max(last, self.lasts.get(mark.connection, last))
            for note in one.notes:
                told = (note.record, _time(note, one.segment))
                self.notes.setdefault(note.connection, []).append(told)
        for notes in self.notes.values():
            notes.sort()

    def newest(self, facts: Sequence[Facts], before: int | None) -> int | None:
        """The last archived time of what only manifests tell, ns, and of earlier days."""
        lasts = [
            held.last_ts
            for one in facts
            for connection, held in one.held.items()
            if connection not in self.lasts and connection not in self.notes
        ]
        return max((ts for ts in (before, *lasts) if ts is not None), default=None)

    def update(self, life: Life) -> None:
        """Tell a connection when it was last heard of."""
        last = self.lasts.get(life.connection)
        if last is not None and last[0] > life.ordinal:
            life.ordinal, life.frame = last
        notes = self.notes.get(life.connection)
        if notes:
            life.said = notes[-1][1]


def tell(
    facts: Sequence[Facts], frames: Frames, carry: Carry
) -> Iterator[tuple[At, Record | None]]:
    """Every record that can be read, in order; None stands for a connection's first frame.

    Within a connection records go by number, and none counts as made before the one before it,
    whatever the clock did. Across connections time decides, but none that replaces another one
    opens before that has closed.
    """
    told = list(_clocked(facts, carry))
    floors = _floors(told)
    events: list[tuple[int, str, int, str, int, Record | None]] = [
        (max(at.ts, floors.get(at.connection, 0)), at.connection, at.record, at.file, at.ts, record)
        for at, record in told
    ]
    events += [
        (max(first, floors.get(who, 0)), who, _AFTER, "", first, None)
        for who, first in frames.firsts.items()
    ]
    events.sort(key=lambda event: event[:4])
    for _, connection, number, file, ts, record in events:
        yield At(ts, connection, number, file), record


def _clocked(facts: Sequence[Facts], carry: Carry) -> Iterator[tuple[At, Record]]:
    """Every record that can be read, by connection and number, each once."""
    clocks = {life.connection: life.clock for life in carry.lives}
    notes = sorted(_noted(facts), key=lambda item: (item[0].connection, item[0].record))
    before: tuple[str, int] | None = None
    for note, file in notes:
        if before == (note.connection, note.record):
            continue
        before = (note.connection, note.record)
        clock = max(clocks.get(note.connection, 0), _time(note, file))
        clocks[note.connection] = clock
        record = _read(note)
        if record is not None:
            yield At(clock, note.connection, note.record, file), record


def _floors(told: Sequence[tuple[At, Record]]) -> dict[str, int]:
    """Before which time no record of a connection counts, ns: the one it replaces had closed.

    What recovery closes it closes late; what is replaced on purpose goes on beside the new one.
    """
    closed: dict[str, int] = {}
    previous: dict[str, str] = {}
    for at, record in told:
        if isinstance(record, Closed) and record.by == "connector":
            closed.setdefault(at.connection, at.ts)
        elif isinstance(record, Opened) and record.previous and record.reason not in MADE_FIRST:
            previous[at.connection] = record.previous
    floors: dict[str, int] = {}
    for connection in previous:
        chain = [connection]
        while chain[-1] in previous and chain[-1] not in floors and len(chain) <= len(previous):
            chain.append(previous[chain[-1]])
        for before, after in zip(reversed(chain), reversed(chain[:-1]), strict=False):
            if before in closed:
                floors[after] = max(closed[before], floors.get(before, 0)) + 1
            else:
                floors[after] = 0
    return floors


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


def writer(file: str) -> str:
    """Who wrote a segment; empty when its name does not tell."""
    parsed = layout.parse(file)
    return "" if parsed is None else parsed[0].writer
