"""What a whole round staged becomes what the database says: one transaction, parents first.

Rows are compared by the database, set by set, in every column of `columns`; what says the same is not
written at all. Only instruments whose status differs come here, to be judged by the status machine.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from ssmd.model.venue import Clocked
from ssmd.secmaster import diff
from ssmd.secmaster.columns import ALIAS, TABLES
from ssmd.secmaster.database import Session
from ssmd.secmaster.diff import Applied, Counts

TIMES: Final[Mapping[str, str]] = {
    "open_ts": "open_at",
    "close_ts": "close_at",
    "expiry_ts": "expiry_at",
}
"""The column of each time of an instrument."""

_LATEST = """
    DELETE FROM stage_{table} s USING (
        SELECT symbol, max(seq) AS seq FROM stage_{table} WHERE round = %(round)s
        GROUP BY symbol HAVING count(*) > 1) last
    WHERE s.round = %(round)s AND s.symbol = last.symbol AND s.seq < last.seq"""
_BELONGING = """
    DELETE FROM stage_{table} s USING stage_instrument i
    WHERE s.round = %(round)s AND i.round = %(round)s AND s.symbol = i.symbol AND s.seq <> i.seq"""
_HOMELESS = """
    DELETE FROM stage_{table} s WHERE s.round = %(round)s AND NOT EXISTS (
        SELECT FROM stage_instrument i WHERE i.round = %(round)s AND i.symbol = s.symbol)"""
_DIFFERING = """
    SELECT t.symbol, t.status, t.raw_status, t.status_source, t.status_at, s.fetched_at,
           s.status AS new_status, s.raw_status AS new_raw_status,
           s.open_at AS new_open_at, s.close_at AS new_close_at, s.expiry_at AS new_expiry_at
    FROM stage_instrument s JOIN instrument t ON t.venue = s.venue AND t.symbol = s.symbol
    WHERE s.round = %(round)s AND (t.status, t.raw_status) IS DISTINCT FROM (s.status, s.raw_status)"""
_KEEP = """
    UPDATE stage_instrument s
    SET status = t.status, raw_status = t.raw_status, result = t.result,
        settlement_value = t.settlement_value
    FROM instrument t
    WHERE s.round = %(round)s AND t.venue = s.venue AND t.symbol = s.symbol AND s.symbol = ANY(%(symbols)s)"""
_CHUNK: Final = 5_000
_MANY: Final = 500
"""From so many instruments on, comparing each with each takes too long."""
_LISTED: Final = frozenset({"series", "event", "instrument"})
"""Tables whose rows are ended softly, and begin again."""


async def expect_many(session: Session, instruments: int) -> None:
    """Have the rest of this transaction planned for large sets, when they are large.

    Stage tables are filled and emptied faster than statistics are gathered (and to gather them would
    write WAL): the planner believes that a round has one row, and would compare each with each.
    """
    if instruments >= _MANY:
        await session.execute("SET LOCAL enable_nestloop = off")
        await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def tidy_stage(session: Session, number: int) -> None:
    """Leave the last of everything that was staged several times: the listing moved meanwhile."""
    for table in ("series", "event", "instrument"):
        await session.execute(_LATEST.format(table=table), {"round": number})
    for table in ("alias", "activity"):
        await session.execute(_BELONGING.format(table=table), {"round": number})
        await session.execute(_HOMELESS.format(table=table), {"round": number})


async def parents(session: Session, number: int, applied: Applied) -> None:
    """Write series, then events."""
    for table in ("series", "event"):
        await _write(session, table, number, applied.counts[table])


async def instruments(
    session: Session, number: int, clocked: Sequence[Clocked], applied: Applied
) -> None:
    """Write instruments, their names and what of them moves."""
    waiting = postponing(clocked)
    async for chunk in _chunks(session, number):
        decisions = diff.decide(diff.differing(row, waiting) for row in chunk)
        applied.refused += decisions.refused
        applied.stale += decisions.stale
        if decisions.keep:
            named = {"round": number, "symbols": list(decisions.keep)}
            await session.execute(_KEEP, named)
    await _write(session, "instrument", number, applied.counts["instrument"])
    await _aliases(session, number, applied.counts["alias"])
    await _write(session, "activity", number, applied.counts["activity"])


def postponing(clocked: Sequence[Clocked]) -> dict[str, list[str]]:
    """The times that our clock waits for, by the status in which it waits."""
    ordered = sorted(clocked, key=lambda rule: rule.status)
    return {
        status: [TIMES[rule.when] for rule in rules]
        for status, rules in groupby(ordered, key=lambda rule: rule.status)
    }


async def _chunks(session: Session, number: int) -> AsyncIterator[list[dict[str, Any]]]:
    """Instruments whose status differs, some at a time."""
    async with session.cursor("differing") as cursor:
        await cursor.execute(_DIFFERING, {"round": number})
        while chunk := await cursor.fetchmany(_CHUNK):
            yield chunk


def _assigned(table: str) -> str:
    """What an UPDATE sets; who said a status, and when, stays when the status does."""
    values = TABLES[table].values
    if table != "instrument":
        return diff.assignments(values, "s")
    same = "CASE WHEN s.status = t.status THEN t.{0} ELSE s.{0} END"
    plain = [name for name in values if name not in diff.SAID_BY]
    return ", ".join(
        (diff.assignments(plain, "s"), *(f"{name} = {same.format(name)}" for name in diff.SAID_BY))
    )


async def _write(session: Session, table: str, number: int, counts: Counts) -> None:
    """Update what differs, and insert what is new."""
    spec = TABLES[table]
    ignored = diff.SAID_BY if table == "instrument" else ()
    differs = diff.differs(spec, "s", "t", without=ignored)
    match = " AND ".join(f"t.{name} = s.{name}" for name in spec.key)
    listed = "t.listed" if table in _LISTED else "true"
    names = ", ".join(spec.columns)
    cursor = await session.execute(
        f"""
        WITH differing AS MATERIALIZED (
            SELECT s.seq, {listed} AS listed FROM stage_{table} s JOIN {table} t ON {match}
            WHERE s.round = %(round)s AND {differs}
        ), written AS (
            UPDATE {table} t SET {_assigned(table)}
            FROM stage_{table} s WHERE {match} AND s.round = %(round)s AND {differs}
        )
        SELECT count(*) FILTER (WHERE listed) AS changed,
               count(*) FILTER (WHERE NOT listed) AS reopened,
               (SELECT count(*) FROM stage_{table} WHERE round = %(round)s) AS staged
        FROM differing""",  # noqa: S608 - names of our own tables and columns
        {"round": number},
    )
    row = await cursor.fetchone()
    added = await session.execute(
        f"""
        INSERT INTO {table} ({names})
        SELECT {diff.columns(spec.columns, "s")} FROM stage_{table} s
        WHERE s.round = %(round)s AND NOT EXISTS (SELECT FROM {table} t WHERE {match})
        ORDER BY s.seq""",  # noqa: S608 - names of our own tables and columns
        {"round": number},
    )
    if row is not None:
        counts.changed, counts.reopened = row["changed"], row["reopened"]
        counts.inserted = added.rowcount
        counts.unchanged = row["staged"] - counts.changed - counts.reopened - counts.inserted


async def _aliases(session: Session, number: int, counts: Counts) -> None:
    """The names of staged instruments are those that were listed, no others."""
    match = " AND ".join(f"a.{name} = s.{name}" for name in ALIAS.key)
    gone = await session.execute(
        f"""
        DELETE FROM alias a USING stage_instrument i
        WHERE i.round = %(round)s AND a.venue = i.venue AND a.symbol = i.symbol AND NOT EXISTS (
            SELECT FROM stage_alias s WHERE s.round = %(round)s AND {match})""",  # noqa: S608 - our own columns
        {"round": number},
    )
    names = ", ".join(ALIAS.columns)
    new = await session.execute(
        f"""
        INSERT INTO alias ({names})
        SELECT {diff.columns(ALIAS.columns, "s")} FROM stage_alias s
        WHERE s.round = %(round)s AND NOT EXISTS (SELECT FROM alias a WHERE {match})
        ORDER BY s.seq""",  # noqa: S608 - our own columns
        {"round": number},
    )
    cursor = await session.execute(
        "SELECT count(*) AS n FROM stage_alias WHERE round = %(round)s", {"round": number}
    )
    row = await cursor.fetchone()
    counts.closed, counts.inserted = gone.rowcount, new.rowcount
    counts.unchanged = (row["n"] if row else 0) - counts.inserted
