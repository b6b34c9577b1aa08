"""What is odd about a security master: questions whose answers a verdict is built on.

Nothing is judged here; each gives rows. `samples` names a few of what is counted.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import sql

from ssmd.model.venue import Clocked
from ssmd.secmaster.apply import TIMES
from ssmd.secmaster.database import Session
from ssmd.secmaster.rows import Row

_ROUNDS: Final = """
SELECT v.venue, v.since,
       max(r.finished_at) FILTER (WHERE r.state = 'done') AS good_at,
       max(r.finished_at) FILTER (WHERE r.state = 'done' AND r.mode = 'full') AS whole_at,
       (array_agg(r.error ORDER BY r.id DESC) FILTER (WHERE r.state = 'failed'))[1] AS error
FROM (SELECT venue, min(known_at) AS since FROM change_set WHERE venue <> '*' GROUP BY venue) v
LEFT JOIN sync_round r ON r.venue = v.venue
GROUP BY v.venue, v.since ORDER BY v.venue
"""
_ILL_NAMED: Final = """
SELECT venue, count(*) AS n, (array_agg(symbol ORDER BY symbol))[1:3] AS samples FROM instrument
WHERE NOT venue = ANY (%(venues)s) OR symbol !~ '^[[:graph:]]+$' OR starts_with(symbol, venue || ':')
GROUP BY venue ORDER BY venue
"""
_TOTALS: Final = """
SELECT (SELECT count(*) FROM instrument) AS instruments, (SELECT count(*) FROM event WHERE listed) AS events
"""
_LATE: Final = """
SELECT venue, count(*) AS n, (array_agg(symbol ORDER BY {column}, symbol))[1:3] AS samples FROM instrument
WHERE venue = %(venue)s AND listed AND status = %(status)s AND {column} < %(before)s
GROUP BY venue
"""
_UNOPENED: Final = """
SELECT venue, count(*) AS n, (array_agg(symbol ORDER BY open_at, symbol))[1:3] AS samples FROM instrument
WHERE listed AND status = 'pre_open' AND open_at < %(before)s GROUP BY venue ORDER BY venue
"""
_UNRESOLVED: Final = """
SELECT venue, count(*) AS n, (array_agg(symbol ORDER BY symbol))[1:3] AS samples FROM instrument
WHERE kind = 'event' AND status = 'settled' AND coalesce(result, '') = '' AND settlement_value IS NULL
GROUP BY venue ORDER BY venue
"""
_SET_ASIDE: Final = """
SELECT venue, entity, coalesce(raw_status, '') AS raw_status, count(*) AS n,
       (array_agg(symbol ORDER BY symbol))[1:3] AS samples
FROM quarantine WHERE kind = %(kind)s AND released_at IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_ACTIVE: Final = """
SELECT venue, kind, count(*) AS n FROM instrument_version
WHERE listed AND status = 'active' AND known_to = 'infinity' AND valid_from <= %(at)s AND valid_to > %(at)s
GROUP BY venue, kind
"""
_PARENTLESS: Final = """
SELECT i.venue, %(parent)s AS entity, count(*) AS n, (array_agg(i.symbol ORDER BY i.symbol))[1:3] AS samples
FROM instrument i
WHERE i.listed AND i.{parent} IS NOT NULL AND EXISTS (SELECT FROM {parent} p WHERE p.venue = i.venue)
  AND NOT EXISTS (SELECT FROM {parent} p WHERE p.venue = i.venue AND p.symbol = i.{parent})
GROUP BY i.venue ORDER BY i.venue
"""
_CHILDLESS: Final = """
SELECT e.venue, 'childless' AS entity, count(*) AS n, (array_agg(e.symbol ORDER BY e.symbol))[1:3] AS samples
FROM event e
WHERE e.listed AND e.known_from < %(before)s
  AND NOT EXISTS (SELECT FROM instrument i WHERE i.venue = e.venue AND i.event = e.symbol)
GROUP BY e.venue ORDER BY e.venue
"""
_COLLISIONS: Final = """
SELECT venue, scheme, value, count(*) AS n, (array_agg(symbol ORDER BY symbol))[1:3] AS samples
FROM alias JOIN instrument i USING (venue, symbol)
WHERE venue = %(venue)s AND scheme = ANY (%(schemes)s) AND i.listed AND i.status = 'active'
GROUP BY venue, scheme, value HAVING count(DISTINCT symbol) > 1 ORDER BY n DESC, scheme, value
"""
_STANDING: Final = """
SELECT symbol, status, listed, status_at, known_from FROM instrument
WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) ORDER BY symbol
"""


async def rounds(session: Session) -> list[Row]:
    """How each venue was asked.

    Returns:
        Rows: `good_at` of the last good round, `whole_at` of the last that saw all that is listed,
        `since` when the venue is known, the last `error`.
    """
    return await _rows(session, _ROUNDS, {})


async def ill_named(session: Session, venues: Iterable[str]) -> list[Row]:
    """Instruments of no venue that we know, or whose symbol is none, by venue."""
    return await _rows(session, _ILL_NAMED, {"venues": sorted(venues)})


async def totals(session: Session) -> tuple[int, int]:
    """How many instruments there are, and how many listed events."""
    (row,) = await _rows(session, _TOTALS, {})
    return row["instruments"], row["events"]


async def late(
    session: Session, venue: str, clocked: Iterable[Clocked], before: datetime
) -> list[Row]:
    """Instruments of a venue that are still what its clock should have ended before a time."""
    found: list[Row] = []
    for rule in clocked:
        if rule.status == "pre_open":
            continue  # of whatever venue: `unopened`
        query = sql.SQL(_LATE).format(column=sql.Identifier(TIMES[rule.when]))
        told = {"venue": venue, "status": rule.status, "before": before}
        cursor = await session.execute(query, told)
        found += [{**row, "what": f"{rule.status} past its end"} for row in await cursor.fetchall()]
    return found


async def unopened(session: Session, before: datetime) -> list[Row]:
    """Instruments that should have opened before a time, and are said not to have."""
    return await _rows(session, _UNOPENED, {"before": before}, what="pre_open past its opening")


async def unresolved(session: Session) -> list[Row]:
    """Outcomes that were paid, and nobody says what."""
    return await _rows(session, _UNRESOLVED, {}, what="settled without a result")


async def set_aside(session: Session, kind: str) -> list[Row]:
    """What waits in quarantine for one reason, by venue, entity and raw status."""
    return await _rows(session, _SET_ASIDE, {"kind": kind})


async def active(session: Session, at: datetime) -> dict[tuple[str, str], int]:
    """How many instruments were active at a time, as it is known now, by venue and kind."""
    found = await _rows(session, _ACTIVE, {"at": at})
    return {(row["venue"], row["kind"]): row["n"] for row in found}


async def orphans(session: Session, before: datetime) -> list[Row]:
    """What hangs in the air, by venue; one that lists no parents has no orphans.

    Returns:
        Rows: instruments whose event or series is nowhere; listed events, known before a time, of
        which there is no instrument.
    """
    found: list[Row] = []
    for parent in ("event", "series"):
        query = sql.SQL(_PARENTLESS).format(parent=sql.Identifier(parent))
        cursor = await session.execute(query, {"parent": parent})
        found += [
            {**row, "what": f"instruments whose {parent} is nowhere"}
            for row in await cursor.fetchall()
        ]
    childless = await _rows(session, _CHILDLESS, {"before": before})
    return found + [{**row, "what": "events without an instrument"} for row in childless]


async def collisions(session: Session, venue: str, schemes: Iterable[str]) -> list[Row]:
    """Names of a venue that should mean one instrument, and mean several active ones."""
    return await _rows(session, _COLLISIONS, {"venue": venue, "schemes": sorted(schemes)})


async def standing(session: Session, venue: str, symbols: Iterable[str]) -> list[Row]:
    """How some instruments stand; of those that are not known there is no row."""
    return await _rows(session, _STANDING, {"venue": venue, "symbols": sorted(symbols)})


async def _rows(
    session: Session, query: LiteralString, told: Mapping[str, Any], **more: str
) -> list[Row]:
    cursor = await session.execute(query, told)
    return [{**row, **more} for row in await cursor.fetchall()]
