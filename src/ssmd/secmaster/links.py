"""The same thing on two venues: said by somebody, dated, and reviewed; never guessed when asked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, LiteralString

import msgspec
from psycopg import errors, sql

from ssmd.model.errors import ConfigError
from ssmd.secmaster.ask import When, check_venue, find, seal
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.rows import Row
from ssmd.secmaster.times import ALWAYS, FOREVER

Kind = Literal["underlying", "event", "instrument"]
State = Literal["proposed", "confirmed", "rejected"]
SOURCE: Final = "link"

_NAMED: Final[Mapping[str, LiteralString]] = {
    "event": "SELECT 1 FROM event_version WHERE venue = %(venue)s AND symbol = %(symbol)s LIMIT 1",
    "underlying": (
        "SELECT 1 FROM instrument WHERE venue = %(venue)s AND %(symbol)s IN (base, underlying) LIMIT 1"
    ),
}
_ADD: Final = """
INSERT INTO link (kind, relation, left_venue, left_symbol, right_venue, right_symbol, state, reason,
                  reviewer, starts_at, ends_at)
VALUES (%(kind)s, %(relation)s, %(left_venue)s, %(left_symbol)s, %(right_venue)s, %(right_symbol)s,
        'proposed', %(reason)s, NULL, %(starts_at)s, %(ends_at)s)
RETURNING *
"""
_OVERLAPPING: Final = """
SELECT id FROM link WHERE kind = %(kind)s AND relation = %(relation)s AND state <> 'rejected'
    AND left_venue = %(left_venue)s AND left_symbol = %(left_symbol)s
    AND right_venue = %(right_venue)s AND right_symbol = %(right_symbol)s
    AND starts_at < %(ends_at)s AND ends_at > %(starts_at)s
"""
_CANDIDATES: Final = """
SELECT a.venue AS left_venue, a.symbol AS left_symbol, b.venue AS right_venue,
       b.symbol AS right_symbol, a.kind AS left_kind, b.kind AS right_kind, a.base, a.quote
FROM instrument a JOIN instrument b
    ON lower(a.base) = lower(b.base) AND lower(a.quote) = lower(b.quote) AND a.kind = b.kind
    AND (a.venue, a.symbol) < (b.venue, b.symbol) AND a.venue <> b.venue
WHERE a.listed AND b.listed AND (%(venue)s::text IS NULL OR %(venue)s IN (a.venue, b.venue))
    AND NOT EXISTS (
        SELECT 1 FROM link k WHERE k.kind = 'instrument'
            AND k.left_venue = a.venue AND k.left_symbol = a.symbol
            AND k.right_venue = b.venue AND k.right_symbol = b.symbol)
ORDER BY 1, 2, 3, 4 LIMIT %(limit)s
"""


class End(msgspec.Struct, frozen=True, order=True):
    """One of the two things a link is between.

    Attributes:
        venue: Whose.
        symbol: The venue's own id: of an instrument, an event, or an underlying.
    """

    venue: str
    symbol: str


async def add(
    database: Database,
    kind: Kind,
    ends: tuple[str, str],
    *,
    relation: str,
    reason: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Row:
    """Propose a link; it counts once it is confirmed.

    Args:
        database: Where.
        kind: What it is between.
        ends: The two things, `venue:symbol`; an instrument may be named by any of its names.
        relation: How they hang together, `same` as a rule.
        reason: Why somebody thinks so.
        starts_at: Since when it is so; always if left out.
        ends_at: Until when; for good if left out.

    Raises:
        ConfigError: There is no such thing, the two are of one venue, or the link is there.
        NothingSynced: There is nothing at all.
    """
    async with database.writing(SOURCE) as session:
        found = sorted([await _end(session, kind, name) for name in ends])
        left, right = found
        if left.venue == right.venue:
            message = f"Both {left.symbol!r} and {right.symbol!r} are of {left.venue}."
            raise ConfigError(
                message, remedy="A link is between two venues; name one thing of each."
            )
        starts, ends_then = starts_at or ALWAYS, ends_at or FOREVER
        if starts >= ends_then:
            raise ConfigError("The link ends before it starts.", remedy="Give a later end.")
        values: dict[str, Any] = {
            "kind": kind,
            "relation": relation,
            "left_venue": left.venue,
            "left_symbol": left.symbol,
            "right_venue": right.venue,
            "right_symbol": right.symbol,
            "reason": reason,
            "starts_at": starts,
            "ends_at": ends_then,
        }
        # Two who propose the same at once: the second one waits here, and sees the first one's.
        await session.execute("SELECT change('*')")
        overlapping = await (await session.execute(_OVERLAPPING, _bound(values))).fetchone()
        if overlapping is not None:
            message = f"There is a link between these at that time: number {overlapping['id']}."
            raise ConfigError(message, remedy="Review that one, or end it first.")
        row = await (await session.execute(_ADD, _bound(values))).fetchone()
        assert row is not None  # noqa: S101 - an insert returns its row
        return row


async def review(
    database: Database, number: int, state: State, *, reviewer: str, reason: str
) -> Row:
    """Confirm or reject a link.

    Raises:
        ConfigError: There is no such link.
    """
    async with database.writing(SOURCE) as session:
        return await _changed(
            session,
            number,
            "UPDATE link SET state = %(state)s, reviewer = %(reviewer)s, reason = %(reason)s"
            " WHERE id = %(number)s",
            {"state": state, "reviewer": reviewer, "reason": reason},
        )


async def end(database: Database, number: int, at: datetime, *, reviewer: str, reason: str) -> Row:
    """Let a link end.

    Args:
        database: Where.
        number: The link's.
        at: From when on it is not so.
        reviewer: Who says so.
        reason: Why.

    Raises:
        ConfigError: There is no such link, or it begins after that.
    """
    async with database.writing(SOURCE) as session:
        try:
            return await _changed(
                session,
                number,
                "UPDATE link SET ends_at = %(at)s, reviewer = %(reviewer)s, reason = %(reason)s"
                " WHERE id = %(number)s",
                {"at": at, "reviewer": reviewer, "reason": reason},
            )
        except errors.CheckViolation as error:
            message = f"The link {number} begins after that."
            raise ConfigError(message, remedy="Give a later end, or reject the link.") from error


async def listed(
    session: Session,
    when: When,
    *,
    kind: str | None = None,
    state: str | None = None,
    venue: str | None = None,
) -> list[Row]:
    """The links there are, as they stood at a time.

    Args:
        session: Of the database.
        when: As of when: the state of the review, not the time the links are about.
        kind: Only those.
        state: Only those.
        venue: Only those of which an end is of this venue.

    Raises:
        FutureKnowledge: Nobody can know yet.
    """
    await seal(session, when)
    query = sql.SQL(
        "SELECT * FROM {source} k WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)"
        " AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(venue)s::text IS NULL OR %(venue)s IN (left_venue, right_venue)) ORDER BY id"
    ).format(source=when.source("link"))
    values = {"kind": kind, "state": state, "venue": venue, **when.values}
    return await (await session.execute(query, values)).fetchall()


async def proposals(session: Session, *, venue: str | None, limit: int) -> list[Row]:
    """Instruments of two venues with the same base, quote and kind, between which nobody said a thing.

    They are for a person to look at. No query treats them as linked.

    Args:
        session: Of the database.
        venue: Only those of which one is of this venue.
        limit: How many at most.

    Raises:
        NothingSynced: There is no instrument at all.
        ConfigError: There is no such venue.
    """
    await check_venue(session, venue)
    values = {"venue": venue, "limit": limit}
    return await (await session.execute(_CANDIDATES, values)).fetchall()


async def _end(session: Session, kind: Kind, name: str) -> End:
    """One of the two, if there is such a thing.

    Raises:
        ConfigError: There is not.
    """
    if kind == "instrument":
        return End(*await find(session, name, When()))
    venue, colon, symbol = name.partition(":")
    if not colon:
        remedy = "Write venue:symbol."
        raise ConfigError(f"{name!r} does not say of which venue it is.", remedy=remedy)
    await check_venue(session, venue)
    values = {"venue": venue, "symbol": symbol}
    if not await (await session.execute(_NAMED[kind], values)).fetchone():
        message = f"{venue} lists no {kind} {symbol!r}."
        raise ConfigError(message, remedy="Look for it with `ssmd secmaster search`.")
    return End(venue, symbol)


async def _changed(
    session: Session, number: int, statement: LiteralString, values: Mapping[str, Any]
) -> Row:
    await session.execute(statement, {**values, "number": number})
    cursor = await session.execute("SELECT * FROM link WHERE id = %s", (number,))
    row = await cursor.fetchone()
    if row is None:
        message = f"There is no link {number}."
        raise ConfigError(message, remedy="`ssmd secmaster link list` shows their numbers.")
    return row


def _bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """The ends of time in the database's words."""
    words = {ALWAYS: "-infinity", FOREVER: "infinity"}
    return {
        name: words.get(value, value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }
