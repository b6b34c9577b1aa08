"""What a round did not name: asked about once more, and ended softly when nobody knows it.

An instrument that is settled or void is not missed: its venue stops naming it. Nor is one that came,
or changed, after the round began.
"""

from datetime import datetime
from typing import Final

from ssmd.secmaster.database import Session
from ssmd.secmaster.diff import Counts
from ssmd.secmaster.errors import TooManyClosed
from ssmd.secmaster.settings import SyncSettings

_ABSENT: Final = """
    t.venue = %(venue)s AND t.listed AND t.status NOT IN ('settled', 'void')
    AND t.known_from < %(begun)s
    AND NOT EXISTS (SELECT FROM stage_instrument s WHERE s.round = %(round)s AND s.symbol = t.symbol)
    AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.round = %(round)s AND r.entity = 'instrument'
                    AND r.symbol = t.symbol)"""
_OVERDUE: Final = "AND least(t.close_at, t.expiry_at) <= %(begun)s"
_CHILDLESS: Final = """
    UPDATE {table} t SET listed = false
    WHERE t.venue = %(venue)s AND t.listed AND t.known_from < %(begun)s
      AND NOT EXISTS (SELECT FROM stage_{table} s WHERE s.round = %(round)s AND s.symbol = t.symbol)
      AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.round = %(round)s AND r.entity = '{table}'
                      AND r.symbol = t.symbol)
      AND NOT EXISTS (SELECT FROM instrument i WHERE i.venue = t.venue AND i.{table} = t.symbol AND i.listed)
      {more}"""
_NO_EVENT: Final = """
      AND NOT EXISTS (SELECT FROM event e WHERE e.venue = t.venue AND e.series = t.symbol AND e.listed)"""


def _scope(*, overdue: bool) -> str:
    return f"{_ABSENT} {_OVERDUE}" if overdue else _ABSENT


async def absent(
    session: Session, venue: str, number: int, begun: datetime, *, overdue: bool
) -> list[str]:
    """Instruments that were to be named, and were not.

    Args:
        session: A connection.
        venue: Whose.
        number: The round.
        begun: When the round began, by the database's clock.
        overdue: Only those whose time has come: the round named what changed, no more.
    """
    cursor = await session.execute(
        f"SELECT t.symbol FROM instrument t WHERE {_scope(overdue=overdue)} ORDER BY t.symbol",  # noqa: S608 - our own conditions
        {"venue": venue, "round": number, "begun": begun},
    )
    return [row["symbol"] for row in await cursor.fetchall()]


async def close_absent(
    session: Session,
    venue: str,
    number: int,
    begun: datetime,
    counts: Counts,
    *,
    overdue: bool,
    settings: SyncSettings,
    accepted: bool,
) -> None:
    """End softly what is named nowhere any more: it keeps its status, and is not listed.

    Args:
        session: Within the round's transaction.
        venue: Whose.
        number: The round.
        begun: When it began, by the database's clock.
        counts: Of instruments.
        overdue: As for `absent`.
        settings: How many are believed.
        accepted: Whether somebody looked, and it is so.

    Raises:
        TooManyClosed: They are too many to be believed.
    """
    told = {"venue": venue, "round": number, "begun": begun}
    before = await session.execute(
        "SELECT count(*) AS n FROM instrument t WHERE t.venue = %(venue)s AND t.listed"
        " AND t.status NOT IN ('settled', 'void')",
        told,
    )
    row = await before.fetchone()
    listed = row["n"] if row else 0
    closing = await session.execute(
        f"SELECT count(*) AS n FROM instrument t WHERE {_scope(overdue=overdue)}",  # noqa: S608 - our own conditions
        told,
    )
    found = await closing.fetchone()
    number_closing = found["n"] if found else 0
    most = max(settings.closure_floor, settings.closure_share * listed)
    if number_closing > most and not accepted:
        raise TooManyClosed(venue, number_closing, listed)
    if number_closing:
        done = await session.execute(
            f"UPDATE instrument t SET listed = false WHERE {_scope(overdue=overdue)}",  # noqa: S608 - our own conditions
            told,
        )
        counts.closed = done.rowcount


async def close_childless(
    session: Session, venue: str, number: int, begun: datetime, events: Counts, series: Counts
) -> None:
    """End events, then series, that a whole listing does not name and nothing listed names."""
    told = {"venue": venue, "round": number, "begun": begun}
    done = await session.execute(_CHILDLESS.format(table="event", more=""), told)
    events.closed = done.rowcount
    done = await session.execute(_CHILDLESS.format(table="series", more=_NO_EVENT), told)
    series.closed = done.rowcount
