"""How often keys were used, by day and route."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from ssmd.secmaster.database import Database

_ADD: Final = """
    INSERT INTO api_usage AS u (key, day, route, requests, refused, bytes)
    VALUES (%(key)s, %(day)s, %(route)s, %(requests)s, %(refused)s, %(bytes)s)
    ON CONFLICT (key, day, route) DO UPDATE
    SET requests = u.requests + excluded.requests, refused = u.refused + excluded.refused,
        bytes = u.bytes + excluded.bytes"""
_READ: Final = """
    SELECT key, day, route, requests, refused, bytes FROM api_usage
    WHERE key = %(key)s AND day BETWEEN %(since)s AND %(until)s AND (day, route) > (%(day)s, %(route)s)
    ORDER BY day, route LIMIT %(limit)s"""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """How often a key was used on a day for a route.

    Attributes:
        key: Its id.
        day: The UTC day.
        route: The path's template.
        requests: Answers, refusals included.
        refused: Those with a status of 400 or more.
        bytes: Of the answers' bodies.
    """

    key: str
    day: date
    route: str
    requests: int
    refused: int
    bytes: int


async def add(database: Database, counts: Sequence[Used]) -> None:
    """Add to what was counted, all of it or nothing.

    Raises:
        DatabaseAway: It was lost.
    """
    rows = [msgspec.structs.asdict(each) for each in counts]
    rows.sort(key=lambda row: (row["key"], row["day"], row["route"]))  # two who add do not deadlock
    async with database.session() as session, session.cursor() as cursor:
        await cursor.executemany(_ADD, rows)


async def read(
    database: Database,
    key: str,
    span: tuple[date, date],
    after: tuple[date, str] = (date.min, ""),
    limit: int | None = None,
) -> list[Used]:
    """What was counted of a key, by day and route.

    Args:
        database: Where.
        key: Its id.
        span: The first day, and the last, included.
        after: Only what comes after this day and route.
        limit: At most so many; None for all.
    """
    values = {"key": key, "since": span[0], "until": span[1], "limit": limit}
    values |= {"day": after[0], "route": after[1]}
    async with database.session() as session:
        rows = await (await session.execute(_READ, values)).fetchall()
    return [Used(**row) for row in rows]
