"""The proof for one connection: received = archived + declared lost. Pure."""

from typing import Literal

import msgspec

from ssmd.archive.presence import Presence, Range
from ssmd.model.intervals import Intervals

State = Literal["ok", "open", "unknown", "failed"]
"""What is proved: everything; nothing yet; nothing any more; that something is wrong."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it was promised.

    Attributes:
        kind: Which promise is broken, from a small fixed set.
        message: What is wrong, for people.
        file: Which file, relative to the root; None when it is not about one.
        connection: Which connection; None when no connection is known.
        ordinals: The frames concerned.
        records: Our records concerned.
    """

    kind: str
    message: str
    file: str | None = None
    connection: str | None = None
    ordinals: tuple[Range, ...] = ()
    records: tuple[Range, ...] = ()

    def __str__(self) -> str:
        parts = [self.file or "", self.connection or ""]
        if self.ordinals:
            parts.append("ordinals " + spell(self.ordinals))
        if self.records:
            parts.append("records " + spell(self.records))
        where = ", ".join(part for part in parts if part)
        return f"{where}: {self.message}" if where else self.message


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive proves of one connection.

    Attributes:
        connection: Its id.
        feed: The feed's name.
        state: What is proved.
        received: Frames given an ordinal, as the closing record tells; None without one.
        archived: Frames that are archived in full.
        declared_lost: Frames declared lost.
        holes: Frames that are neither; before the closing record, those known to be missing.
        overlap: Frames received while its predecessor was still open.
        records: Our records that are archived.
        first_ts: Least `ts_recv`, ns; None when no envelope has one.
        last_ts: Greatest `ts_recv`, ns.
        previous: The shard's connection before it.
        successor: The shard's connection after it.
        closed_by: Who closed it; None while nobody did.
        reason: Why it ended.
    """

    connection: str
    feed: str
    state: State
    received: int | None
    archived: int
    declared_lost: int
    holes: int
    overlap: int
    records: int
    first_ts: int | None
    last_ts: int | None
    previous: str | None
    successor: str | None
    closed_by: str | None
    reason: str | None


def judge(
    connection: str,
    presence: Presence,
    *,
    feed: str,
    successor: str | None,
    overlap: int,
    settled: bool,
) -> tuple[Connection, list[Problem]]:
    """What is proved of a connection, and what is wrong with it.

    Args:
        connection: Its id.
        presence: Everything the archive holds of it, over all segments.
        feed: The feed's name.
        successor: The connection that names it as its previous one.
        overlap: Frames received while its predecessor was still open.
        settled: Whether nothing of it can still be on its way.
    """
    closed = presence.closed
    last = presence.last_ordinal if closed is None else closed.last_ordinal
    last_record = presence.records.last if closed is None else closed.last_record
    holes = presence.holes(last)
    problems = _contradictions(connection, presence)
    if settled:
        problems += _missing(connection, presence, last, last_record)
    wrong = bool(problems)
    if settled and closed is None and successor is not None:
        problems.append(
            Problem(
                kind="unknown",
                message=f"it has no closing record, and {successor} came after it: whether frames"
                f" after ordinal {last} were received is not known.",
                connection=connection,
                ordinals=((last + 1, last + 1),),
            )
        )
    state: State = "ok"
    if wrong:
        state = "failed"
    elif closed is None:
        state = "unknown" if settled and successor is not None else "open"
    report = Connection(
        connection=connection,
        feed=feed,
        state=state,
        received=None if closed is None else closed.last_ordinal + 1,
        archived=presence.frames.count,
        declared_lost=_lost(presence),
        holes=sum(high - low + 1 for low, high in holes),
        overlap=overlap,
        records=presence.records.count,
        first_ts=presence.first_ts,
        last_ts=presence.last_ts,
        previous=presence.opened.previous if presence.opened else None,
        successor=successor,
        closed_by=closed.by if closed else None,
        reason=closed.reason if closed else None,
    )
    return report, problems


def _lost(presence: Presence) -> int:
    """How many frames are declared lost, and not archived all the same."""
    both = _common(presence.lost.ranges(), presence.frames.ranges())
    return presence.lost.count - sum(last - first + 1 for first, last in both)


def spell(ranges: tuple[Range, ...]) -> str:
    """Ranges as people write them: `0..4, 7`; at most eight."""
    most = 8
    words = [str(low) if low == high else f"{low}..{high}" for low, high in ranges[:most]]
    more = len(ranges) - most
    return ", ".join(words) + (f" and {more} more ranges" if more > 0 else "")


def _missing(connection: str, presence: Presence, last: int, last_record: int) -> list[Problem]:
    """Frames and records that are in no segment, whole or in part."""
    parts = tuple((ordinal, ordinal) for ordinal in sorted(presence.parts))
    holes = Intervals(presence.holes(last))
    absent = tuple(
        piece
        for low, high in holes
        for piece in Intervals((ordinal, ordinal) for ordinal in presence.parts).missing(low, high)
    )
    records = tuple(presence.record_holes(last_record))
    found = (
        ("hole", "received, but neither archived nor declared lost.", absent, ()),
        ("parts", "only some parts of a split frame are archived.", parts, ()),
        ("record_hole", "our own records are missing.", (), records),
    )
    return [
        Problem(
            kind=kind, message=message, connection=connection, ordinals=ordinals, records=lacking
        )
        for kind, message, ordinals, lacking in found
        if ordinals or lacking
    ]


def _contradictions(connection: str, presence: Presence) -> list[Problem]:
    """What cannot be true at once."""
    problems = []
    both = _common(presence.lost.ranges(), presence.frames.ranges())
    by_recovery = presence.closed is not None and presence.closed.by == "recovery"
    if both and not by_recovery:  # which knows less than the archive, and says too much if in doubt
        problems.append(
            Problem(
                kind="lost_but_present",
                message="declared lost, and archived all the same.",
                connection=connection,
                ordinals=both,
            )
        )
    closed = presence.closed
    if closed is not None:
        after = tuple(
            (max(low, closed.last_ordinal + 1), high)
            for low, high in presence.frames
            if high > closed.last_ordinal
        )
        later = tuple(
            (max(low, closed.last_record + 1), high)
            for low, high in presence.records
            if high > closed.last_record
        )
        if after or later:
            problems.append(
                Problem(
                    kind="beyond_closing",
                    message=f"archived, though its closing record ends at ordinal"
                    f" {closed.last_ordinal}, record {closed.last_record}.",
                    connection=connection,
                    ordinals=after,
                    records=later,
                )
            )
    return problems


def _common(some: list[Range], others: list[Range]) -> tuple[Range, ...]:
    """What two lists of ranges share."""
    shared = [
        (max(low, first), min(high, last))
        for low, high in some
        for first, last in others
        if max(low, first) <= min(high, last)
    ]
    return tuple(shared)
