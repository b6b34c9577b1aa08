"""What a segment held that cannot be read any more, as its manifest still knows it. Pure."""

from collections.abc import Iterator

import msgspec

from ssmd.archive.ledger.entries import Hole
from ssmd.archive.ledger.facts import UNREAD, Facts, Mark, Note, Unread
from ssmd.archive.manifest import Manifest
from ssmd.archive.presence import Held, Range
from ssmd.model.envelope import CONNECTION
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, Opened, encode
from ssmd.model.timestamp import SECOND_NS


def told(facts: Facts, known: Manifest) -> Facts:
    """What a damaged or removed segment tells, with what its manifest says beyond that.

    It held what it held: none of its frames is missing for other reasons. When its connections
    began and ended is known; what they wanted, what came and what was declared lost is not.

    Args:
        facts: What could be read of it.
        known: Its manifest.
    """
    frames, notes, marks = dict(facts.frames), list(facts.notes), list(facts.marks)
    begin, end = known.slot, known.slot + known.interval_s * SECOND_NS
    channels = tuple(name for name in sorted(known.contents.types) if name[0] != "_")
    asked = f"{facts.feed}-rest-"  # what is asked for over REST is no subscription
    unread: list[Unread] = []
    kept = dict(known.contents.connections)
    for connection, held in known.contents.connections.items():
        read = facts.held.get(connection, Held())
        if read == held:
            continue
        # Who declared a loss cannot be read: then it is one nobody declared.
        kept[connection] = msgspec.structs.replace(held, lost=read.lost)
        first = begin if held.first_ts is None else held.first_ts
        last = end if held.last_ts is None else held.last_ts
        since = min(last, first if read.last_ts is None else read.last_ts)
        here = {note.record for note in facts.notes if note.connection == connection}
        notes += _notes(connection, facts.feed, held, here, (first, last))
        if held.ordinals:
            before = frames.get(connection, (first, last))
            frames[connection] = (before[0], last)
            marks.append(Mark(connection, held.ordinals[-1][1], last))
        ordinals = _ends(held.ordinals, read.ordinals)
        unread.append(
            Unread(
                connection=connection,
                since=since,
                until=last + 1,
                ordinals=ordinals,
                channels=() if ordinals is None or connection.startswith(asked) else channels,
            )
        )
    return msgspec.structs.replace(
        facts,
        held=kept,
        frames=dict(sorted(frames.items())),
        notes=tuple(sorted(notes, key=lambda note: (note.connection, note.record))),
        marks=tuple(sorted(marks)),
        unread=tuple(unread),
    )


def holes(facts: Facts) -> Iterator[Hole]:
    """What of a segment cannot be read, as the ledger lists it."""
    for each in facts.unread:
        yield Hole(
            feed=facts.feed,
            since=each.since,
            until=each.until,
            reason=UNREAD,
            connection=each.connection,
            record=None,
            file=facts.segment,
            symbols=(),
            ordinals=(0, -1) if each.ordinals is None else each.ordinals,
        )


def _notes(connection: str, feed: str, held: Held, here: set[int], times: Range) -> Iterator[Note]:
    """The records that follow from what a manifest tells."""
    first, last = times
    if held.opened is not None and 0 not in here:
        opened = Opened(
            feed=feed,
            venue="",
            shard="",
            endpoint="",
            local="",
            peer="",
            previous=held.opened.previous,
            reason=held.opened.reason,
            version="",
            host="",
            source=held.opened.source,
        )
        yield Note(first, connection, 0, CONNECTION, encode(opened))
    closed = held.closed
    ending = -1 if closed is None else closed.last_record
    if closed is not None and ending not in here:
        payload = msgspec.convert(msgspec.structs.asdict(closed), Closed)
        yield Note(last, connection, ending, CONNECTION, encode(payload))


def _ends(held: tuple[Range, ...], read: tuple[Range, ...]) -> Range | None:
    left = _left(held, read)
    return (left[0][0], left[-1][1]) if left else None


def _left(held: tuple[Range, ...], read: tuple[Range, ...]) -> tuple[Range, ...]:
    """What is in some ranges and not in others."""
    there = Intervals(read)
    return tuple(gap for first, last in held for gap in there.missing(first, last))
