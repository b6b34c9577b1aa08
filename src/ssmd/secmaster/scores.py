"""The verdicts over days, as the database keeps them: a row a feed, and a row a finding."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import msgspec
from psycopg.types.json import Jsonb

from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.locks import VERDICTS
from ssmd.secmaster.times import moment, nanoseconds

Kept: TypeAlias = Literal["saved", "closed_stays", "nothing_judged"]
"""What became of a verdict: it is kept; the one over the closed day stays; it was about no feed."""

_EPOCH: Final = date(1970, 1, 1)
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s, %s)"
_CLOSED: Final = "SELECT 1 FROM dq_daily_scores WHERE check_date = %s AND NOT running LIMIT 1"
_FORGET: Final = "DELETE FROM dq_daily_scores WHERE check_date = %s AND NOT feed = ANY(%s)"
_SCORE: Final = """
    INSERT INTO dq_daily_scores (check_date, feed, score, composite_score, grade, details, computed_at,
                                 prometheus_degraded, running)
    VALUES (%(day)s, %(feed)s, %(score)s, %(composite)s, %(grade)s, %(details)s, %(at)s, %(degraded)s, %(running)s)
    ON CONFLICT (check_date, feed) DO UPDATE
    SET score = excluded.score, composite_score = excluded.composite_score, grade = excluded.grade,
        details = excluded.details, computed_at = excluded.computed_at,
        prometheus_degraded = excluded.prometheus_degraded, running = excluded.running"""
_NO_FINDINGS: Final = "DELETE FROM dq_finding WHERE check_date = %s"
_FINDING: Final = """
    INSERT INTO dq_finding (check_date, feed, name, position, family, value, score, weight, threshold, evidence, state)
    VALUES (%(day)s, %(feed)s, %(name)s, %(position)s, %(family)s, %(value)s, %(score)s, %(weight)s, %(threshold)s,
            %(evidence)s, %(state)s)"""
_SCORES: Final = """
    SELECT check_date AS day, feed, score, composite_score AS composite, grade, details, computed_at AS at,
           prometheus_degraded AS degraded, running
    FROM dq_daily_scores
    WHERE check_date BETWEEN %(since)s AND %(until)s AND (%(feed)s::text IS NULL OR feed = %(feed)s)
    ORDER BY check_date, (details ->> 'position')::integer, feed"""
_FINDINGS: Final = """
    SELECT feed, name, family, value, score, weight, threshold, evidence, state
    FROM dq_finding WHERE check_date = %s ORDER BY feed, position"""
_VALUES: Final = """
    SELECT f.check_date AS day, f.feed, f.value
    FROM dq_finding f JOIN dq_daily_scores d USING (check_date, feed)
    WHERE f.name = %(name)s AND f.check_date BETWEEN %(since)s AND %(until)s AND f.value IS NOT NULL
      AND f.state = 'known' AND NOT d.running AND (%(feed)s::text IS NULL OR f.feed = %(feed)s)
    ORDER BY f.check_date, f.feed"""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `dq_finding`: one check's answer of one feed and day.

    Attributes:
        feed: Whose.
        name: The check.
        family: What it is told by.
        value: What was measured, in the check's unit; None when it is not known.
        score: 0..100; None when it counts not.
        weight: Its share of the feed's score, 0..1.
        threshold: The scale, in words.
        evidence: Where the value is from.
        state: `known`, `unknown` or `not_applicable`.
    """

    feed: str
    name: str
    family: str
    value: float | None
    score: float | None
    weight: float
    threshold: str
    evidence: str
    state: str


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `dq_daily_scores`: the verdict over one feed and day.

    Attributes:
        day: The UTC day.
        feed: Whose.
        score: 0..100; None when nothing of it counted.
        composite: Of all feeds of the day, 0..100; None when none counted.
        grade: Of the day: `GREEN`, `YELLOW` or `RED`.
        details: What else there is, as text of JSON.
        at: When it was judged, ns, to the microsecond.
        degraded: Whether Prometheus did not answer.
        running: Whether the day was not over.
    """

    day: date
    feed: str
    score: int | None
    composite: int | None
    grade: str
    details: bytes
    at: int
    degraded: bool
    running: bool


async def keep(database: Database, scored: Sequence[Scored], found: Sequence[Found]) -> Kept:
    """Keep the verdict over one day, instead of any other over it: all of it, or nothing.

    Two who judge the same day are kept one after the other. A verdict over a running day never
    replaces one over the closed day.

    Args:
        database: Where.
        scored: A row a feed, all of one day and of one judging.
        found: What the checks said, in the policy's order within a feed.

    Raises:
        DatabaseAway: It was lost; what was kept before stays.
    """
    if not scored:
        return "nothing_judged"
    first = scored[0]
    async with database.session() as session, session.transaction():
        await session.execute(_LOCK, (VERDICTS, (first.day - _EPOCH).days))
        closed = await (await session.execute(_CLOSED, (first.day,))).fetchone()
        if first.running and closed is not None:
            return "closed_stays"
        await _replace(session, first.day, scored, found)
    return "saved"


async def _replace(
    session: Session, day: date, scored: Sequence[Scored], found: Sequence[Found]
) -> None:
    await session.execute(_FORGET, (day, [each.feed for each in scored]))
    await session.execute(_NO_FINDINGS, (day,))
    async with session.cursor() as cursor:
        for each in scored:
            told = msgspec.structs.asdict(each)
            told |= {"details": Jsonb(msgspec.json.decode(each.details)), "at": moment(each.at)}
            await cursor.execute(_SCORE, told)
        for position, one in enumerate(found):
            row = msgspec.structs.asdict(one) | {"day": day, "position": position}
            await cursor.execute(_FINDING, row)


async def verdicts(
    database: Database, since: date, until: date, feed: str | None = None
) -> list[Scored]:
    """The verdicts over the days of a span, both ends included, by day and in the order of judging."""
    told = {"since": since, "until": until, "feed": feed}
    async with database.session() as session:
        rows = await (await session.execute(_SCORES, told)).fetchall()
    return [_scored(row) for row in rows]


async def findings(database: Database, day: date) -> list[Found]:
    """What the checks said of a day, by feed, in the order of judging."""
    async with database.session() as session:
        rows = await (await session.execute(_FINDINGS, (day,))).fetchall()
    return [Found(**row) for row in rows]


async def values(
    database: Database,
    name: str,
    since: date,
    until: date,
    *,
    feed: str | None = None,
) -> list[tuple[date, str, float]]:
    """What a check measured on closed days, where that is known: day, feed and value, by day.

    Args:
        database: Where.
        name: The check.
        since: The first day.
        until: The last day, included.
        feed: Of this feed alone; None for all.
    """
    told = {"name": name, "since": since, "until": until, "feed": feed}
    async with database.session() as session:
        rows = await (await session.execute(_VALUES, told)).fetchall()
    return [(row["day"], row["feed"], row["value"]) for row in rows]


def _scored(row: dict[str, Any]) -> Scored:
    at = nanoseconds(row["at"])
    assert at is not None  # noqa: S101 - the column is never empty, nor endless
    return Scored(**(row | {"details": row["details"].encode(), "at": at}))
