"""Everything told anew: the tables and their history as they were at one moment."""

import msgspec

from ssmd.runtime.clock import Clock
from ssmd.secmaster.changes.desk import Picture
from ssmd.secmaster.changes.frames import SNAPSHOT, Mark, Place, Shape, Source
from ssmd.secmaster.changes.writer import Writer

_encode = msgspec.json.encode


async def publish(
    picture: Picture, writer: Writer, clock: Clock, source: Source, lsn: int, reason: str
) -> tuple[Mark, int]:
    """Publish a picture of the tables between its beginning and its end.

    Args:
        picture: Taken where the slot begins.
        writer: Its connection is open.
        clock: What time it is.
        source: Whose tables they are.
        lsn: Where the slot begins.
        reason: Why everything is told anew.

    Returns:
        The place the stream has then, and how many rows there were.

    Raises:
        DatabaseAway: The connection was lost.
        Displaced: The chain is broken.
    """
    tables = await picture.tables()
    taken = clock.wall()
    number = 0

    def place(last: bool = False) -> tuple[Place, Mark]:
        # What is committed at the very beginning of the slot comes after the picture.
        mark = Mark(source.system, source.generation, lsn - 1, number, lsn if last else 0, not last)
        return Place(lsn - 1, lsn - 1, taken, None, number, last), mark

    said = _encode({"reason": reason, "tables": [name for name, _ in tables]})
    await writer.note(source, SNAPSHOT, "begin", *place(), said)
    counts = {}
    for name, columns in tables:
        shape = Shape(name, columns)
        before = number
        async for row in picture.rows(name, columns):
            number += 1
            await writer.frame(source, "snapshot", *place(), shape, (None, row))
        counts[name] = number - before
    rows = number
    number += 1
    where, mark = place(last=True)
    await writer.note(source, SNAPSHOT, "end", where, mark, _encode({"counts": counts}))
    return mark, rows
