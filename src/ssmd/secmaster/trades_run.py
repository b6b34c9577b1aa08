"""What `ssmd dq trades` found, kept to be looked up later."""

import json
from typing import Any, Final

import msgspec
from psycopg.types.json import Jsonb

from ssmd.secmaster.database import Database
from ssmd.secmaster.times import moment, nanoseconds

_KEEP: Final = """
    INSERT INTO dq_trades_run (venue, instrument, since, until, matched, missing, extra, sizes, caveat, at)
    VALUES (%(venue)s, %(instrument)s, %(since)s, %(until)s, %(matched)s, %(missing)s, %(extra)s, %(sizes)s,
            %(caveat)s, %(at)s)
    RETURNING id"""
_LAST: Final = """
    SELECT venue, instrument, since, until, matched, missing, extra, sizes, caveat, at
    FROM dq_trades_run WHERE venue = %s AND instrument = %s ORDER BY at DESC, id DESC LIMIT %s"""
_WITHIN: Final = """
    SELECT venue, instrument, since, until, matched, missing, extra, sizes, caveat, at
    FROM dq_trades_run WHERE venue = %s AND since < %s AND until > %s ORDER BY at DESC, id DESC"""


class TradesRun(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison of archived trades with the venue's own.

    Attributes:
        venue: Whose.
        instrument: Its symbol there.
        since: First moment of the window, ns.
        until: Its end, not included, ns.
        matched: Trades that both have.
        missing: Trades that the venue has and the archive has not.
        extra: Trades that the archive has and the venue has not.
        sizes: Size totals by name, as exact texts.
        caveat: What the numbers cannot show; empty when nothing.
        at: When they were compared, ns.
    """

    venue: str
    instrument: str
    since: int
    until: int
    matched: int
    missing: int
    extra: int
    sizes: dict[str, str]
    caveat: str
    at: int


_TIMES: Final = ("since", "until", "at")
"""Kept to the microsecond."""


async def keep(database: Database, run: TradesRun) -> int:
    """Keep a comparison; gives its number.

    Raises:
        DatabaseAway: It does not answer: nothing was kept.
    """
    told = msgspec.structs.asdict(run) | {"sizes": Jsonb(run.sizes)}
    told |= {name: moment(getattr(run, name)) for name in _TIMES}
    async with database.session() as session:
        row = await (await session.execute(_KEEP, told)).fetchone()
    assert row is not None  # noqa: S101 - a row that is inserted is returned
    number: int = row["id"]
    return number


async def last(database: Database, venue: str, instrument: str, number: int) -> list[TradesRun]:
    """The last comparisons of an instrument, the latest first."""
    async with database.session() as session:
        rows = await (await session.execute(_LAST, (venue, instrument, number))).fetchall()
    return [_run(row) for row in rows]


async def within(database: Database, venue: str, since: int, until: int) -> list[TradesRun]:
    """The comparisons of a venue whose window overlaps [since, until), the latest first.

    Args:
        database: Where.
        venue: Whose.
        since: ns.
        until: ns, not included.
    """
    async with database.session() as session:
        told = (venue, moment(until), moment(since))
        rows = await (await session.execute(_WITHIN, told)).fetchall()
    return [_run(row) for row in rows]


def _run(row: dict[str, Any]) -> TradesRun:
    times = {name: nanoseconds(row[name]) for name in _TIMES}
    return TradesRun(**(row | {"sizes": json.loads(row["sizes"])} | times))
