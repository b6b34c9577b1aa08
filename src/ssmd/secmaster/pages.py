"""Rows of the security master a page at a time, by their keys: right while others write."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from psycopg import sql

from ssmd.secmaster.ask import LISTED, Filters, When, seal
from ssmd.secmaster.database import Session
from ssmd.secmaster.rows import Row

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "instrument": ("venue", "symbol"),
    "event": ("venue", "symbol"),
    "series": ("venue", "symbol"),
    "fee": ("venue", "scope", "symbol", "effective_from"),
    "funding": ("venue", "symbol", "at"),
}
"""What the rows of a table are ordered by."""
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "instrument": (*LISTED, "valid_from", "known_from"),
    "event": (
        "venue", "symbol", "series", "title", "category", "tags", "mutually_exclusive", "listed",
        "strike_at",
    ),
    "series": ("venue", "symbol", "title", "category", "frequency", "tags", "listed"),
    "fee": (
        "venue", "scope", "symbol", "kind", "maker", "taker", "multiplier", "currency",
        "effective_from", "effective_to", "source_id",
    ),
    "funding": ("venue", "symbol", "at", "rate", "prediction", "mark_price", "index_price", "open_interest"),
}  # fmt: skip


async def page(
    session: Session,
    table: str,
    when: When,
    *,
    equal: Mapping[str, object],
    venues: Collection[str] | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Row]:
    """Some rows of a table, in the order of their keys.

    Args:
        session: Of the database.
        table: One of `KEYS`; observations of funding have no history, and `when` says nothing of them.
        when: Of what time.
        equal: What columns are to be; None leaves one open.
        venues: Of which venues; None for all.
        after: The key of the last row of the page before.
        limit: Most rows.

    Raises:
        FutureKnowledge: Nobody can know yet.
    """
    conditions: list[sql.Composable] = [sql.SQL("true")]
    values: dict[str, Any] = {**when.values, "limit": limit}
    for name, value in equal.items():
        if value is not None:
            values[f"is_{name}"] = value
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(name), _named(f"is_{name}")))
    return await _rows(session, table, when, conditions, values, venues, after)


async def instruments(
    session: Session,
    which: Filters,
    when: When,
    at: object,
    *,
    venues: Collection[str] | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Row]:
    """Some instruments, by venue and symbol.

    Args:
        session: Of the database.
        which: Which of them.
        when: Of what time.
        at: What `closes_within` begins with.
        venues: Of which venues; None for all.
        after: Venue and symbol of the last one of the page before.
        limit: Most of them.

    Raises:
        FutureKnowledge: Nobody can know yet.
    """
    condition, wanted = which.where()
    values = {**when.values, **wanted, "at": at, "limit": limit}
    return await _rows(session, "instrument", when, [sql.SQL(condition)], values, venues, after)


async def _rows(
    session: Session,
    table: str,
    when: When,
    conditions: list[sql.Composable],
    values: dict[str, Any],
    venues: Collection[str] | None,
    after: Sequence[Any] | None,
) -> list[Row]:
    await seal(session, when)
    if venues is not None:
        values["venues"] = sorted(venues)
        conditions.append(sql.SQL("venue = ANY(%(venues)s)"))
    keys = sql.SQL(", ").join(map(sql.Identifier, KEYS[table]))
    if after is not None:
        names = [f"after_{name}" for name in KEYS[table]]
        values |= dict(zip(names, after, strict=True))
        place = sql.SQL(", ").join(map(_named, names))
        conditions.append(sql.SQL("({}) > ({})").format(keys, place))
    source = sql.Identifier(table) if table == "funding" else when.source(table)
    query = sql.SQL("SELECT {} FROM {} t WHERE {} ORDER BY {} LIMIT %(limit)s").format(
        sql.SQL(", ").join(map(sql.Identifier, _SHOWN[table])),
        source,
        sql.SQL(" AND ").join(conditions),
        keys,
    )
    return await (await session.execute(query, values)).fetchall()


def _named(name: str) -> sql.Composable:
    return sql.Placeholder(name)
