"""What becomes of instruments because their time has come: nobody announces it, so we look at the clock.

Each rule of a venue (`Venue.clocked`) is one statement over all its instruments. The change is valid from
the time itself, however late it is found. Where the venue said after that time that it is not so, the
clock does not insist.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ssmd.model.venue import Clocked
from ssmd.runtime.clock import Clock
from ssmd.secmaster import telemetry
from ssmd.secmaster.apply import TIMES
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.statuses import REST_LAG, may_follow
from ssmd.secmaster.times import moment

_DUE: Final = """
    t.venue = %(venue)s AND t.listed AND t.status = %(status)s AND t.{column} <= %(now)s
    AND (t.status_at IS NULL OR t.status_at <= t.{column}
         OR t.status_source = 'rest' AND t.status_at < t.{column} + %(lag)s)"""


class Swept(list[tuple[str, str, int]]):
    """What a sweep changed: status before, status after, how many."""

    @property
    def number(self) -> int:
        """How many instruments in all."""
        return sum(number for _, _, number in self)


async def sweep(database: Database, venue: str, clocked: Sequence[Clocked], clock: Clock) -> Swept:
    """Change what is due; gives what was changed.

    Args:
        database: Where it is kept.
        venue: Whose instruments.
        clocked: The venue's rules.
        clock: What time it is.

    Raises:
        DatabaseAway: It does not answer; the next sweep finds the same.
    """
    now = moment(clock.wall())
    assert now is not None  # noqa: S101 - a clock always says a time
    done = Swept()
    rules = [rule for rule in clocked if may_follow(rule.status, rule.becomes, "clock")]
    if not rules:
        return done
    late_s = 0.0
    async with database.session() as session, session.transaction():
        due = [rule for rule in rules if await _is_due(session, venue, rule, now)]
    if not due:
        telemetry.swept_nothing(venue)
        return done
    async with database.writing("clock", venue) as session:
        for rule in rules:  # one may make another due: it opened, and closed, meanwhile
            number, first = await _change(session, venue, rule, now)
            if number and first is not None:
                done.append((rule.status, rule.becomes, number))
                late_s = max(late_s, (now - first).total_seconds())
    for before, after, number in done:
        telemetry.swept(venue, before, after, number, late_s)
    return done


def _told(venue: str, rule: Clocked, now: datetime) -> dict[str, object]:
    return {
        "venue": venue,
        "status": rule.status,
        "becomes": rule.becomes,
        "now": now,
        "lag": REST_LAG,
    }


async def _is_due(session: Session, venue: str, rule: Clocked, now: datetime) -> bool:
    """Whether a rule has anything to do: to look takes no lock, and writes nothing."""
    condition = _DUE.format(column=TIMES[rule.when])
    cursor = await session.execute(
        f"SELECT EXISTS (SELECT FROM instrument t WHERE {condition}) AS due",  # noqa: S608 - our own columns
        _told(venue, rule, now),
    )
    row = await cursor.fetchone()
    return bool(row and row["due"])


async def _change(
    session: Session, venue: str, rule: Clocked, now: datetime
) -> tuple[int, datetime | None]:
    """Apply one rule; gives how many it changed, and the earliest of their times."""
    column = TIMES[rule.when]
    cursor = await session.execute(
        f"""
        WITH changed AS (
            UPDATE instrument t
            SET status = %(becomes)s, status_source = 'clock', status_at = t.{column},
                told_from = t.{column}
            WHERE {_DUE.format(column=column)}
            RETURNING t.{column} AS at)
        SELECT count(*) AS number, min(at) AS first FROM changed""",  # noqa: S608 - our own columns
        _told(venue, rule, now),
    )
    row = await cursor.fetchone()
    return (0, None) if row is None else (row["number"], row["first"])
