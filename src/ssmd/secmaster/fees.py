"""What trading costs, as stretches of time that follow one another; and observations of funding.

A fee holds from when it is effective until the next one of the same thing begins. The ends are never
listed: they are made again from the beginnings whenever one is learned, late or ahead of time. A fee
whose beginning the venue does not state holds since it was first seen.
"""

from typing import Final

from ssmd.secmaster import diff
from ssmd.secmaster.columns import FEE
from ssmd.secmaster.database import Session
from ssmd.secmaster.diff import Counts
from ssmd.secmaster.staging import FUNDING

_WHAT: Final = ("venue", "scope", "symbol")
_CONTENT: Final = ("kind", "currency", "multiplier", "maker", "taker")
_BODY: Final = (*_CONTENT, "source_id")

_SEEN: Final = f"""
    DELETE FROM stage_fee s WHERE s.round = %(round)s AND s.effective_from IS NULL AND EXISTS (
        SELECT FROM fee t WHERE t.venue = s.venue AND t.scope = s.scope AND t.symbol = s.symbol
        AND t.effective_from <= s.fetched_at AND s.fetched_at < t.effective_to
        AND ({diff.columns(_CONTENT, "t")}) IS NOT DISTINCT FROM ({diff.columns(_CONTENT, "s")}))"""  # noqa: S608 - our own columns
_FIRST: Final = """
    UPDATE stage_fee s SET effective_from = s.fetched_at
    WHERE s.round = %(round)s AND s.effective_from IS NULL"""
_LATEST: Final = """
    DELETE FROM stage_fee s USING (
        SELECT scope, symbol, effective_from, max(seq) AS seq FROM stage_fee WHERE round = %(round)s
        GROUP BY scope, symbol, effective_from HAVING count(*) > 1) last
    WHERE s.round = %(round)s AND s.scope = last.scope AND s.symbol = last.symbol
      AND s.effective_from IS NOT DISTINCT FROM last.effective_from AND s.seq < last.seq"""
_KNOWN: Final = f"""
    DELETE FROM stage_fee s USING fee t
    WHERE s.round = %(round)s AND t.venue = s.venue AND t.scope = s.scope AND t.symbol = s.symbol
      AND t.effective_from = s.effective_from
      AND ({diff.columns(_BODY, "t")}) IS NOT DISTINCT FROM ({diff.columns(_BODY, "s")})"""  # noqa: S608 - our own columns
_MOVED: Final = """
    DELETE FROM fee t USING stage_fee s
    WHERE s.round = %(round)s AND t.venue = s.venue AND t.scope = s.scope AND t.symbol = s.symbol
      AND t.source_id = s.source_id AND t.effective_from <> s.effective_from AND NOT EXISTS (
        SELECT FROM stage_fee o WHERE o.round = %(round)s AND o.scope = t.scope AND o.symbol = t.symbol
        AND o.effective_from = t.effective_from)"""
_LINES: Final = f"""
    CREATE TEMP TABLE fee_line ON COMMIT DROP AS
    WITH touched AS (SELECT DISTINCT {", ".join(_WHAT)} FROM stage_fee WHERE round = %(round)s),
    told AS (
        SELECT {", ".join(_WHAT)}, effective_from, {", ".join(_BODY)} FROM stage_fee WHERE round = %(round)s
        UNION ALL
        SELECT {diff.columns(_WHAT, "t")}, t.effective_from, {diff.columns(_BODY, "t")}
        FROM fee t JOIN touched USING ({", ".join(_WHAT)})
        WHERE NOT EXISTS (
            SELECT FROM stage_fee s WHERE s.round = %(round)s AND s.scope = t.scope
            AND s.symbol = t.symbol AND s.effective_from = t.effective_from))
    SELECT *, lead(effective_from, 1, 'infinity') OVER (
        PARTITION BY {", ".join(_WHAT)} ORDER BY effective_from) AS effective_to FROM told"""  # noqa: S608 - our own columns
_UPDATE: Final = f"""
    UPDATE fee t SET {diff.assignments((*_BODY, "effective_to"), "s")} FROM fee_line s
    WHERE {" AND ".join(f"t.{name} = s.{name}" for name in FEE.key)}
      AND {diff.differs(FEE, "s", "t")}"""  # noqa: S608 - our own columns
_INSERT: Final = f"""
    INSERT INTO fee ({", ".join(FEE.columns)}) SELECT {diff.columns(FEE.columns, "s")} FROM fee_line s
    WHERE NOT EXISTS (
        SELECT FROM fee t WHERE {" AND ".join(f"t.{name} = s.{name}" for name in FEE.key)})
    ORDER BY {diff.columns(FEE.key, "s")}"""  # noqa: S608 - our own columns
_OBSERVED: Final = f"""
    INSERT INTO funding ({", ".join(FUNDING)}) SELECT {diff.columns(FUNDING, "s")} FROM stage_funding s
    WHERE s.round = %(round)s ORDER BY s.seq
    ON CONFLICT DO NOTHING"""  # noqa: S608 - our own columns
_LACKING: Final = """
    SELECT s.symbol FROM series s
    WHERE s.venue = %(venue)s AND s.listed AND NOT EXISTS (
        SELECT FROM fee f WHERE f.venue = s.venue AND f.scope = 'series' AND f.symbol = s.symbol
        AND f.effective_from <= %(now)s AND %(now)s < f.effective_to)
      AND (NOT EXISTS (
            SELECT FROM instrument i WHERE i.venue = s.venue AND i.series = s.symbol AND i.listed)
        OR EXISTS (
            SELECT FROM instrument i WHERE i.venue = s.venue AND i.series = s.symbol AND i.listed
            AND NOT EXISTS (
                SELECT FROM fee f WHERE f.venue = i.venue AND (f.scope, f.symbol) IN (
                    ('instrument', i.symbol), ('event', i.event))
                AND f.effective_from <= %(now)s AND %(now)s < f.effective_to)))
    ORDER BY s.symbol"""


async def write_fees(session: Session, number: int, counts: Counts) -> None:
    """Bring the stretches of every fee that a round names in order."""
    told = {"round": number}
    cursor = await session.execute(
        "SELECT count(*) AS n FROM stage_fee WHERE round = %(round)s", told
    )
    row = await cursor.fetchone()
    if row is None or not row["n"]:
        return
    known = 0
    for statement in (_LATEST, _SEEN, _FIRST, _LATEST, _KNOWN):
        done = await session.execute(statement, told)
        known += done.rowcount if statement is not _FIRST else 0
    counts.unchanged = known
    if known == row["n"]:
        return
    await session.execute("SET CONSTRAINTS ALL DEFERRED")
    counts.closed = (await session.execute(_MOVED, told)).rowcount
    await session.execute(_LINES, told)
    counts.changed = (await session.execute(_UPDATE)).rowcount
    counts.inserted = (await session.execute(_INSERT)).rowcount
    await session.execute("DROP TABLE fee_line")


async def write_funding(session: Session, number: int, counts: Counts) -> None:
    """Keep what holding perpetuals cost; what is known already is left alone."""
    cursor = await session.execute(
        "SELECT count(*) AS n FROM stage_funding WHERE round = %(round)s", {"round": number}
    )
    row = await cursor.fetchone()
    counts.inserted = (await session.execute(_OBSERVED, {"round": number})).rowcount
    counts.unchanged = (row["n"] if row else 0) - counts.inserted


async def without_fee(session: Session, venue: str, now: object) -> list[str]:
    """Series that are listed, and of which no fee holds at a time."""
    cursor = await session.execute(_LACKING, {"venue": venue, "now": now})
    return [row["symbol"] for row in await cursor.fetchall()]
