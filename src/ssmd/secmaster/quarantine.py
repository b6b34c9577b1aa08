"""What of a listing cannot be taken: kept apart with what was said, until a later round takes it."""

from datetime import datetime
from typing import Final

from ssmd.secmaster.database import Session
from ssmd.secmaster.diff import Refused
from ssmd.secmaster.statement import SetAside

_ORPHANS: Final = """
    WITH gone AS (
        DELETE FROM stage_{child} s
        WHERE s.round = %(round)s AND s.{column} IS NOT NULL
          AND (EXISTS (SELECT FROM stage_{column} p WHERE p.round = %(round)s)
               OR EXISTS (SELECT FROM {column} p WHERE p.venue = s.venue))
          AND NOT EXISTS (SELECT FROM stage_{column} p WHERE p.round = %(round)s AND p.symbol = s.{column})
          AND NOT EXISTS (SELECT FROM {column} p WHERE p.venue = s.venue AND p.symbol = s.{column})
        RETURNING s.*)
    INSERT INTO stage_reject (round, seq, venue, entity, symbol, kind, raw_status, reason, payload)
    SELECT round, seq, venue, '{child}', symbol, 'orphan', {raw},
           '{child} ' || left(symbol, 80) || ': its {column} ' || left({column}, 80) || ' is nowhere listed',
           left(payload::text, 2000)
    FROM gone"""
_KEEP: Final = """
    INSERT INTO quarantine AS q
        (venue, entity, symbol, kind, raw_status, reason, payload, first_at, last_at)
    SELECT DISTINCT ON (venue, entity, symbol, kind)
           venue, entity, symbol, kind, raw_status, reason, payload, %(at)s, %(at)s
    FROM stage_reject WHERE round = %(round)s
    ORDER BY venue, entity, symbol, kind, seq DESC
    ON CONFLICT (venue, entity, symbol, kind) DO UPDATE
    SET raw_status = excluded.raw_status, reason = excluded.reason, payload = excluded.payload,
        last_at = excluded.last_at, times = q.times + 1, released_at = NULL"""
_RELEASE: Final = """
    UPDATE quarantine q SET released_at = %(at)s
    WHERE q.venue = %(venue)s AND q.entity = '{table}' AND q.released_at IS NULL
      AND EXISTS (SELECT FROM stage_{table} s WHERE s.round = %(round)s AND s.symbol = q.symbol)
      AND NOT EXISTS (
        SELECT FROM stage_reject r WHERE r.round = %(round)s AND r.entity = q.entity
        AND r.symbol = q.symbol AND r.kind = q.kind)"""
_NAMELESS: Final = """
    UPDATE quarantine q SET released_at = %(at)s
    WHERE q.venue = %(venue)s AND q.released_at IS NULL AND q.symbol LIKE '?%%' AND NOT EXISTS (
        SELECT FROM stage_reject r WHERE r.round = %(round)s AND r.entity = q.entity
        AND r.symbol = q.symbol AND r.kind = q.kind)"""
_COUNT: Final = """
    SELECT entity, kind, count(DISTINCT symbol) AS n, min(raw_status) AS raw_status, min(reason) AS reason
    FROM stage_reject WHERE round = %(round)s GROUP BY entity, kind ORDER BY entity, kind"""
_REFUSE: Final = """
    INSERT INTO refusal AS f (venue, symbol, from_status, to_status, raw_status, source, why, first_at, last_at)
    VALUES (%(venue)s, %(symbol)s, %(before)s, %(after)s, %(raw)s, %(source)s, %(why)s, %(at)s, %(at)s)
    ON CONFLICT (venue, symbol, from_status, to_status, raw_status, source) DO UPDATE
    SET last_at = excluded.last_at, times = f.times + 1"""


async def set_orphans_aside(session: Session, number: int) -> None:
    """Set aside what names a parent that is nowhere; a venue that lists no parents has no orphans."""
    for child, column, raw in (
        ("event", "series", "NULL"),
        ("instrument", "event", "raw_status"),
        ("instrument", "series", "raw_status"),
    ):
        statement = _ORPHANS.format(child=child, column=column, raw=raw)
        await session.execute(statement, {"round": number})


async def keep(
    session: Session, venue: str, number: int, at: datetime | None, *, whole: bool
) -> list[SetAside]:
    """Remember what a round set aside, and release what it took; gives how much there is.

    Args:
        session: Within the round's transaction.
        venue: Whose listing it was.
        number: The round's.
        at: When it is done.
        whole: Whether it saw everything: then an entry without a name is judged as well.
    """
    told = {"round": number, "venue": venue, "at": at}
    for table in ("series", "event", "instrument", "fee", "funding"):
        await session.execute(_RELEASE.format(table=table), told)
    if whole:
        await session.execute(_NAMELESS, told)
    await session.execute(_KEEP, told)
    cursor = await session.execute(_COUNT, told)
    return [
        SetAside(
            entity=row["entity"],
            kind=row["kind"],
            number=row["n"],
            raw_status=row["raw_status"],
            reason=row["reason"],
        )
        for row in await cursor.fetchall()
    ]


async def refuse(session: Session, venue: str, one: Refused, at: datetime | None) -> None:
    """Remember a transition that is not allowed: once, and how often it was said."""
    await session.execute(
        _REFUSE,
        {
            "venue": venue,
            "symbol": one.symbol,
            "before": one.before.status,
            "after": one.said.status,
            "raw": one.said.raw_status,
            "source": one.said.source,
            "why": one.why,
            "at": at,
        },
    )
