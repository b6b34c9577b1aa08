"""Questions to the security master: what is listed, what an instrument is, and how it came to be so."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec
from psycopg import errors, sql

from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean
from ssmd.secmaster.columns import INSTRUMENT, TABLES
from ssmd.secmaster.database import Session
from ssmd.secmaster.errors import FutureKnowledge, NothingSynced
from ssmd.secmaster.resolve import resolve_many
from ssmd.secmaster.rows import Row
from ssmd.secmaster.search import search
from ssmd.secmaster.times import FOREVER

LISTED: Final = tuple(name for name in INSTRUMENT.columns if name not in {"payload", "details"})
"""Columns of an instrument in a list."""

_EQUAL: Final = ("venue", "status", "kind", "series", "event", "category", "base", "quote")
_MANY: Final = 5
_BELIEVED: Final = """
(SELECT * FROM {} WHERE known_to = 'infinity' AND valid_from <= %(as_of)s AND valid_to > %(as_of)s)
"""
_KNOWN: Final = """
(SELECT * FROM {} WHERE known_from <= %(known_at)s AND known_to > %(known_at)s
    AND valid_from <= %(as_of)s AND valid_to > %(as_of)s)
"""
_VENUES: Final = "SELECT DISTINCT venue FROM instrument ORDER BY venue"
_COUNTS: Final = """
SELECT venue, status, raw_status, coalesce(quote, '') AS quote, count(*) AS n
FROM instrument WHERE listed GROUP BY 1, 2, 3, 4 ORDER BY n DESC, 2, 3, 4
"""
_ROUNDS: Final = """
SELECT DISTINCT ON (venue) venue, mode, state, started_at, finished_at, counts, error
FROM sync_round ORDER BY venue, id DESC
"""
_QUARANTINED: Final = """
SELECT venue, count(*) AS n FROM quarantine WHERE released_at IS NULL GROUP BY venue
"""
_HISTORY: Final = """
SELECT w.*, s.source, s.known_at AS changed_at FROM instrument_version w
LEFT JOIN change_set s ON s.id = w.change_id
WHERE w.venue = %(venue)s AND w.symbol = %(symbol)s ORDER BY w.id, w.known_from, w.valid_from
"""
_FEE: Final = """
SELECT * FROM {source} f WHERE venue = %(venue)s AND effective_from <= %(at)s AND effective_to > %(at)s
    AND ((scope = 'instrument' AND symbol = %(symbol)s) OR (scope = 'event' AND symbol = %(event)s)
         OR (scope = 'series' AND symbol = %(series)s))
ORDER BY array_position(ARRAY['instrument', 'event', 'series'], scope) LIMIT 1
"""
_FUNDING: Final = """
SELECT * FROM funding WHERE venue = %(venue)s AND symbol = %(symbol)s AND at <= %(at)s
ORDER BY at DESC LIMIT 1
"""
_LINKS: Final = """
SELECT k.* FROM {source} k JOIN (
    VALUES ('instrument', %(symbol)s::text), ('event', %(event)s), ('underlying', %(underlying)s),
           ('underlying', %(base)s)
) AS names (kind, symbol) ON names.kind = k.kind
WHERE k.state = 'confirmed' AND k.starts_at <= %(at)s AND k.ends_at > %(at)s
    AND (names.symbol = k.left_symbol AND k.left_venue = %(venue)s
         OR names.symbol = k.right_symbol AND k.right_venue = %(venue)s)
ORDER BY k.kind, k.id
"""
_ALIASES: Final = """
SELECT scheme, value FROM {source} a WHERE venue = %(venue)s AND symbol = %(symbol)s
ORDER BY scheme, value
"""


class When(msgspec.Struct, frozen=True):
    """Of what time, and as known when, something is asked.

    Attributes:
        as_of: When it was so; None for now, or for `known_at` if that is given.
        known_at: As it was known when; None for as it is known.
    """

    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def is_now(self) -> bool:
        """Whether it is the present, as it is known."""
        return self.as_of is None and self.known_at is None

    @property
    def values(self) -> dict[str, Any]:
        """What `source` names."""
        return {"as_of": self.as_of or self.known_at, "known_at": self.known_at}

    def source(self, table: str) -> sql.Composable:
        """The rows of a table at that time, for a FROM.

        Args:
            table: One of `columns.TABLES`.
        """
        if self.is_now:
            return sql.Identifier(table)
        query = _BELIEVED if self.known_at is None else _KNOWN
        return sql.SQL(query).format(sql.Identifier(f"{table}_version"))


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which instruments are wanted; None leaves a thing open.

    Attributes:
        venue: Whose.
        status: In our vocabulary.
        kind: What sort of contract.
        series: The venue's id of the series.
        event: The venue's id of the event.
        category: The venue's word; upper and lower case are one.
        tag: One of the venue's labels; likewise.
        base: What is bought; likewise.
        quote: What it is paid in; likewise.
        closes_within: Those that close within so long.
        listed: Whether they are listed still; None for both.
    """

    venue: str | None = None
    status: str | None = None
    kind: str | None = None
    series: str | None = None
    event: str | None = None
    category: str | None = None
    tag: str | None = None
    base: str | None = None
    quote: str | None = None
    closes_within: timedelta | None = None
    listed: bool | None = True

    def where(self) -> tuple[LiteralString, dict[str, Any]]:
        """A condition, and its values."""
        folded = {"category", "base", "quote"}
        parts: list[LiteralString] = ["true"]
        values: dict[str, Any] = {}
        for name in _EQUAL:
            if (value := getattr(self, name)) is not None:
                values[name] = value
                parts.append(
                    f"lower({name}) = lower(%({name})s)"
                    if name in folded
                    else f"{name} = %({name})s"
                )
        if self.tag is not None:
            values["tag"] = self.tag.lower()
            parts.append("%(tag)s IN (SELECT lower(t) FROM unnest(tags) AS t)")
        if self.closes_within is not None:
            values["within"] = self.closes_within
            parts.append("close_at >= %(at)s AND close_at <= %(at)s + %(within)s")
        if self.listed is not None:
            values["listed"] = self.listed
            parts.append("listed = %(listed)s")
        return " AND ".join(parts), values


async def seal(session: Session, when: When) -> None:
    """Wait for who has stamped a change that is not seen yet; needed before a time is asked about.

    Raises:
        FutureKnowledge: Nobody can know yet.
    """
    if when.is_now:
        return
    try:
        await session.execute(
            "SELECT seal(coalesce(%s::timestamptz, clock_timestamp()))", (when.known_at,)
        )
    except errors.InvalidParameterValue as error:
        raise FutureKnowledge(error.diag.message_primary or str(error)) from error


async def listed(
    session: Session, which: Filters, when: When, now: datetime, limit: int | None
) -> tuple[list[Row], int]:
    """The instruments that are wanted, by venue and symbol, and how many there are in all.

    Args:
        session: Of the database.
        which: Which of them.
        when: Of what time.
        now: What `closes_within` begins with, unless `when` says so.
        limit: How many at most; None for all.

    Raises:
        FutureKnowledge: Nobody can know yet.
        NothingSynced: There is no instrument at all.
        ConfigError: There is no such venue.
    """
    await seal(session, when)
    await check_venue(session, which.venue)
    condition, values = which.where()
    at = when.as_of or when.known_at or now
    query = sql.SQL(
        "SELECT {columns}, valid_from, known_from, count(*) OVER () AS total"
        " FROM {source} i WHERE {condition} ORDER BY venue, symbol LIMIT %(limit)s"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, LISTED)),
        source=when.source("instrument"),
        condition=sql.SQL(condition),
    )
    cursor = await session.execute(query, {**values, **when.values, "at": at, "limit": limit})
    rows = await cursor.fetchall()
    total = int(rows[0]["total"]) if rows else 0
    return [{name: row[name] for name in row if name != "total"} for row in rows], total


async def check_venue(session: Session, venue: str | None) -> None:
    """Refuse a venue of which nothing is known.

    Raises:
        NothingSynced: There is no instrument at all.
        ConfigError: There is none of this venue.
    """
    found = await (await session.execute(_VENUES)).fetchall()
    known = [row["venue"] for row in found]
    if not known:
        raise NothingSynced("any venue")
    if venue is not None and venue not in known:
        message = f"The security master has no venue {venue!r}.{did_you_mean(venue, known)}"
        raise ConfigError(message, remedy=f"It has {', '.join(known)}; others are to be synced.")


async def find(session: Session, name: str, when: When) -> tuple[str, str]:
    """The instrument that a name means, as venue and symbol.

    Args:
        session: Of the database.
        name: `venue:symbol`, or any of its names, if it means no other as well.
        when: Of what time; a name that means nothing any more is what it meant last.

    Raises:
        FutureKnowledge: Nobody can know yet.
        NothingSynced: There is no instrument at all.
        ConfigError: It means none, or several.
    """
    await seal(session, when)
    venue, _, symbol = name.partition(":")
    query = "SELECT 1 FROM instrument_version WHERE venue = %s AND symbol = %s LIMIT 1"
    if await (await session.execute(query, (venue, symbol))).fetchone():
        return venue, symbol
    at = when.as_of or when.known_at
    (answer,) = await resolve_many(session, [name], at=at, known_at=when.known_at)
    if not answer.matches and at is not None:
        (answer,) = await resolve_many(session, [name], known_at=when.known_at)
    if len(answer.matches) == 1:
        return answer.matches[0].venue, answer.matches[0].symbol
    if answer.matches:
        shown = ", ".join(each.id for each in answer.matches[:_MANY])
        more = len(answer.matches) - _MANY
        shown += f" and {more} more" if more > 0 else ""
        message = f"{name!r} names {len(answer.matches)} instruments: {shown}."
        raise ConfigError(message, remedy="Write one of them as venue:symbol.")
    await check_venue(session, None)
    near = await search(session, name.removeprefix(f"{venue}:"), limit=1)
    question = f' Did you mean "{near[0].id}"?' if near else ""
    raise ConfigError(
        f"The security master has no instrument {name!r}.{question}",
        remedy="Look for it with `ssmd secmaster search`.",
    )


async def facts(
    session: Session, venue: str, symbol: str, when: When, now: datetime
) -> dict[str, Any] | None:
    """All there is of an instrument at a time; None when it was not there.

    Returns:
        Rows: `instrument`, and where there are such `series`, `event`, `fee`, `activity` and
        `funding`; `aliases` and confirmed `links`; `statuses`, by when each began.
    """
    at = when.as_of or when.known_at or now
    values = {"venue": venue, "symbol": symbol, "at": at, **when.values}

    async def rows(query: LiteralString, table: str, more: Mapping[str, Any]) -> list[Row]:
        composed = sql.SQL(query).format(source=when.source(table))
        return await (await session.execute(composed, {**values, **more})).fetchall()

    one: LiteralString = "SELECT * FROM {source} o WHERE venue = %(venue)s AND symbol = %(symbol)s"
    found = await rows(one, "instrument", {})
    if not found:
        return None
    row = found[0]
    about = {name: row[name] for name in ("event", "series", "underlying", "base")}
    made: dict[str, Any] = {"instrument": row}
    for table, named in (("event", row["event"]), ("series", row["series"]), ("activity", symbol)):
        made[table] = next(iter(await rows(one, table, {"symbol": named})), None)
    made["fee"] = next(iter(await rows(_FEE, "fee", about)), None)
    made["funding"] = next(iter(await rows(_FUNDING, "instrument", {})), None)
    made["aliases"] = [
        (each["scheme"], each["value"]) for each in await rows(_ALIASES, "alias", {})
    ]
    made["links"] = await rows(_LINKS, "link", about)
    made["statuses"] = _statuses(await history(session, venue, symbol), when)
    return made


async def history(session: Session, venue: str, symbol: str) -> list[dict[str, Any]]:
    """Every version of an instrument: row by row, by when it became known.

    Returns:
        Rows of `instrument_version`, with `source` (who changed it) and `changed`: what is other
        than in the stretch before it, by column, old and new; None for the first.
    """
    cursor = await session.execute(_HISTORY, {"venue": venue, "symbol": symbol})
    rows = await cursor.fetchall()
    return [{**row, "changed": _changed(row, rows)} for row in rows]


def _changed(row: Row, rows: list[Row]) -> dict[str, tuple[Any, Any]] | None:
    """What is other than in the stretch before it, as it was known when this one became known."""
    known = row["known_from"]
    before = [
        each
        for each in rows
        if each["id"] == row["id"]
        and each["valid_to"] == row["valid_from"]
        and each["known_from"] <= known < each["known_to"]
    ]
    if not before:
        return None
    names = TABLES["instrument"].values
    return {n: (before[0][n], row[n]) for n in names if before[0][n] != row[n]}


def _statuses(rows: list[dict[str, Any]], when: When) -> list[dict[str, Any]]:
    """Each status, in our words and the venue's, with when it began, as far as it was known."""
    known = [
        row
        for row in rows
        if (
            row["known_from"] <= when.known_at < row["known_to"]
            if when.known_at is not None
            else row["known_to"] == FOREVER
        )
    ]
    made: list[dict[str, Any]] = []
    for row in sorted(known, key=lambda each: each["valid_from"]):
        said = {name: row[name] for name in ("status", "raw_status", "listed")}
        if not made or said != {name: made[-1][name] for name in said}:
            made.append({**said, "since": row["valid_from"], "source": row["status_source"]})
    return made


async def stats(session: Session) -> dict[str, Any]:
    """How many instruments are listed, by venue.

    Returns:
        `by_venue`: of each venue `instruments`, `by_status`, `by_raw_status`, `by_quote`; `rounds`:
        the last round of each venue; `quarantined`: entries set aside, by venue.

    Raises:
        NothingSynced: There is nothing at all.
    """
    by_venue: dict[str, dict[str, Any]] = {}
    for row in await (await session.execute(_COUNTS)).fetchall():
        venue = by_venue.setdefault(
            row["venue"], {"instruments": 0, "by_status": {}, "by_raw_status": {}, "by_quote": {}}
        )
        venue["instruments"] += row["n"]
        for name in ("status", "raw_status", "quote"):
            counts = venue[f"by_{name}"]
            counts[row[name]] = counts.get(row[name], 0) + row["n"]
    rounds = {row["venue"]: row for row in await (await session.execute(_ROUNDS)).fetchall()}
    for row in rounds.values():
        row["counts"] = row["counts"] and msgspec.json.decode(row["counts"])
    aside = await (await session.execute(_QUARANTINED)).fetchall()
    if not by_venue and not rounds:
        raise NothingSynced("any venue")
    return {
        "by_venue": dict(sorted(by_venue.items())),
        "rounds": rounds,
        "quarantined": {row["venue"]: row["n"] for row in aside},
    }
