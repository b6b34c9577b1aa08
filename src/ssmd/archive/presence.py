"""Which frames and records of a connection are there: the sets that conservation is about."""

from collections.abc import Iterable

import msgspec

from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, Lost, Opened, decode_connection, decode_ledger

Range = tuple[int, int]
"""First and last counter value, both included."""


class Opening(msgspec.Struct, frozen=True):
    """What an opening record says that others need.

    Attributes:
        previous: The shard's connection before this one, if there was one.
        reason: Why the connection was made.
        source: The capture file an import read.
    """

    previous: str | None
    reason: str
    source: str | None = None


class Closing(msgspec.Struct, frozen=True):
    """What a closing record says that others need.

    Attributes:
        last_ordinal: The greatest ordinal given; -1 when no frame came.
        last_record: The number of the closing record.
        by: Who says so.
        reason: Why it ended.
    """

    last_ordinal: int
    last_record: int
    by: str
    reason: str


class Incomplete(msgspec.Struct, frozen=True):
    """A split frame of which parts are elsewhere.

    Attributes:
        ordinal: Which frame.
        parts: How many it was split into.
        present: The parts that are here.
    """

    ordinal: int
    parts: int
    present: tuple[Range, ...]


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a segment holds of one connection, as a manifest tells it.

    Attributes:
        ordinals: Frames that are here in full.
        records: Our records that are here.
        incomplete: Split frames of which only some parts are here.
        first_ts: Least `ts_recv`, ns; None when no envelope has one.
        last_ts: Greatest `ts_recv`, ns.
        opened: The opening record, when it is here.
        closed: The closing record, when it is here.
        lost: Frames declared lost by records that are here.
        lost_records: Records declared lost by records that are here.
    """

    ordinals: tuple[Range, ...] = ()
    records: tuple[Range, ...] = ()
    incomplete: tuple[Incomplete, ...] = ()
    first_ts: int | None = None
    last_ts: int | None = None
    opened: Opening | None = None
    closed: Closing | None = None
    lost: tuple[Range, ...] = ()
    lost_records: tuple[Range, ...] = ()


class Presence:
    """Which frames, parts and records of one connection are there, and what they declare."""

    __slots__ = (
        "closed",
        "first_ts",
        "frames",
        "last_ts",
        "lost",
        "lost_records",
        "opened",
        "parts",
        "records",
    )

    def __init__(self) -> None:
        self.frames = Intervals()
        self.records = Intervals()
        self.parts: dict[int, tuple[int, Intervals]] = {}
        self.lost = Intervals()
        self.lost_records = Intervals()
        self.opened: Opening | None = None
        self.closed: Closing | None = None
        self.first_ts: int | None = None
        self.last_ts: int | None = None

    def add(self, envelope: Envelope) -> bool:
        """Put an envelope in; False, changing nothing, when it was there already."""
        if envelope.record is not None:
            new = self.records.add(envelope.record)
            if new:
                self._declare(envelope)
        else:
            ordinal = -1 if envelope.ordinal is None else envelope.ordinal
            new = (
                self.frames.add(ordinal)
                if envelope.parts == 1
                else self._add_part(ordinal, envelope.part, envelope.parts)
            )
        if new and envelope.ts_recv is not None:
            self._seen(envelope.ts_recv, envelope.ts_recv)
        return new

    def has(self, envelope: Envelope) -> bool:
        """Whether an envelope is there already."""
        if envelope.record is not None:
            return envelope.record in self.records
        ordinal = -1 if envelope.ordinal is None else envelope.ordinal
        if ordinal in self.frames:
            return True
        known = self.parts.get(ordinal)
        return known is not None and envelope.part in known[1]

    def merge(self, held: Held) -> tuple[list[Range], list[Range]]:
        """Put in what a manifest tells.

        Returns:
            The frames and the records that were there already: each is archived twice.
        """
        again = _shared(self.frames, held.ordinals)
        again_records = _shared(self.records, held.records)
        for first, last in held.ordinals:
            self.frames.add_range(first, last)
        for first, last in held.records:
            self.records.add_range(first, last)
        for piece in held.incomplete:
            for first, last in piece.present:
                for part in range(first, last + 1):
                    if not self._add_part(piece.ordinal, part, piece.parts):
                        again.append((piece.ordinal, piece.ordinal))
        for first, last in held.lost:
            self.lost.add_range(first, last)
        for first, last in held.lost_records:
            self.lost_records.add_range(first, last)
        self.opened = held.opened or self.opened
        self._close(held.closed)
        if held.first_ts is not None and held.last_ts is not None:
            self._seen(held.first_ts, held.last_ts)
        return again, again_records

    def held(self) -> Held:
        """The same as a manifest tells it."""
        return Held(
            ordinals=tuple(self.frames),
            records=tuple(self.records),
            incomplete=tuple(
                Incomplete(ordinal, parts, tuple(present))
                for ordinal, (parts, present) in sorted(self.parts.items())
            ),
            first_ts=self.first_ts,
            last_ts=self.last_ts,
            opened=self.opened,
            closed=self.closed,
            lost=tuple(self.lost),
            lost_records=tuple(self.lost_records),
        )

    @property
    def is_complete(self) -> bool:
        """Whether it is closed, and everything it numbered is here or declared lost."""
        return (
            self.closed is not None
            and not self.parts
            and not self.holes(self.closed.last_ordinal)
            and not self.record_holes(self.closed.last_record)
        )

    @property
    def difference(self) -> int:
        """Frames received less archived less declared lost and not archived; 0 while it is open."""
        if self.closed is None:
            return 0
        known = self.frames.copy()
        known.update(self.lost)
        return self.closed.last_ordinal + 1 - known.count

    @property
    def last_ordinal(self) -> int:
        """The greatest ordinal known of, declared lost ones included; -1 when there is none."""
        return max(self.frames.last, self.lost.last, *self.parts, -1)

    def holes(self, last: int) -> list[Range]:
        """Frames up to `last` that are neither here nor declared lost."""
        known = self.frames.copy()
        known.update(self.lost)
        return known.missing(0, last)

    def record_holes(self, last: int) -> list[Range]:
        """Records up to `last` that are neither here nor declared lost."""
        known = self.records.copy()
        known.update(self.lost_records)
        return known.missing(0, last)

    def _add_part(self, ordinal: int, part: int, parts: int) -> bool:
        if ordinal in self.frames:
            return False
        present = self.parts.setdefault(ordinal, (parts, Intervals()))[1]
        if not present.add(part):
            return False
        if present.count >= parts:
            del self.parts[ordinal]
            self.frames.add(ordinal)
        return True

    def _declare(self, envelope: Envelope) -> None:
        """Take in what a record says about the connection; one we cannot read says nothing."""
        try:
            if envelope.type == CONNECTION:
                record = decode_connection(envelope.payload)
                if isinstance(record, Opened):
                    self.opened = Opening(record.previous, record.reason, record.source)
                else:
                    self._close(_closing(record))
            elif envelope.type == LEDGER:
                entry = decode_ledger(envelope.payload)
                if isinstance(entry, Lost):
                    _add_all(self.lost, entry.ordinals)
                    _add_all(self.lost_records, entry.records)
        except (msgspec.MsgspecError, ValueError):
            return

    def _close(self, closing: Closing | None) -> None:
        """Take in a closing record; what is declared afterwards is closed once more, by a later."""
        if closing is not None and (
            self.closed is None or closing.last_record > self.closed.last_record
        ):
            self.closed = closing

    def _seen(self, first: int, last: int) -> None:
        if self.first_ts is None or first < self.first_ts:
            self.first_ts = first
        if self.last_ts is None or last > self.last_ts:
            self.last_ts = last


def _closing(record: Closed) -> Closing:
    return Closing(record.last_ordinal, record.last_record, record.by, record.reason)


def _add_all(target: Intervals, ranges: Iterable[Range]) -> None:
    for first, last in ranges:
        target.add_range(first, last)


def _shared(known: Intervals, ranges: Iterable[Range]) -> list[Range]:
    """The parts of ranges that are members already."""
    shared: list[Range] = []
    for first, last in ranges:
        absent = Intervals(known.missing(first, last))
        shared += absent.missing(first, last)
    return shared
