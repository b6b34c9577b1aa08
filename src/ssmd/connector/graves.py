"""Connections of a process that died: closed where spool and bus last saw them."""

from collections.abc import AsyncIterator, Callable

from ssmd.connector.spool.lives import Life
from ssmd.connector.spool.spool import Spool
from ssmd.model.envelope import Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, Lost

Scan = Callable[[int], AsyncIterator[tuple[int, Envelope]]]
"""Every envelope on the bus from a stream sequence on."""


async def close_dead(spool: Spool, scan: Scan) -> int:
    """Close what earlier processes left open; gives how many connections.

    The bus may know numbers the spool lost with its last unsynced pages: the greater one counts,
    and what neither has in between is declared.

    Raises:
        Unavailable: The bus does not answer; nothing was said, try again later.
    """
    dead = {**spool.found.closed, **spool.dead}
    if not dead:
        return 0
    ordinals = {connection: Intervals() for connection in dead}
    records = {connection: Intervals() for connection in dead}
    async for _, envelope in scan(spool.found.scan_from + 1):
        if envelope.connection in dead:
            if envelope.ordinal is not None:
                ordinals[envelope.connection].add(envelope.ordinal)
            elif envelope.record is not None:
                records[envelope.connection].add(envelope.record)
    for connection, life in dead.items():
        _close(spool, life, ordinals[connection], records[connection])
    spool.found.closed.clear()
    return len(dead)


def _close(spool: Spool, life: Life, ordinals: Intervals, records: Intervals) -> None:
    spool_ordinals, spool_records = spool.found.missing(life.connection)
    lost_ordinals = [hole for low, high in spool_ordinals for hole in ordinals.missing(low, high)]
    lost_records = [hole for low, high in spool_records for hole in records.missing(low, high)]
    lost_ordinals += ordinals.missing(life.ordinal + 1, ordinals.last)
    lost_records += records.missing(life.record + 1, records.last)
    life.raise_to(ordinals.last, records.last)
    closed_before = life.connection in spool.found.closed
    if lost_ordinals or lost_records:
        lost = Lost(
            ordinals=tuple(lost_ordinals), records=tuple(lost_records), reason="spool_damaged"
        )
        spool.declare(life, lost)
    elif closed_before:
        return  # damaged, but everything is on the bus, the closing record too
    spool.finish(
        life,
        Closed(last_ordinal=life.ordinal, last_record=life.record, by="recovery", reason="died"),
    )
