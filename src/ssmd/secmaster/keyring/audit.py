"""What was done by whom: acts of administration, and every access to data; only ever added to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec
from psycopg.types.json import Jsonb

from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.times import moment, nanoseconds

Sort: TypeAlias = Literal["act", "access"]

_ADD: Final = """
    INSERT INTO api_audit (at, kind, key, actor, address, identity, action, target, status, bytes, feeds, details)
    VALUES (%(at)s, %(kind)s, %(key)s, %(actor)s, %(address)s, %(identity)s, %(action)s, %(target)s, %(status)s,
            %(bytes)s, %(feeds)s, %(details)s)"""
_READ: Final = """
    SELECT id, at, kind, key, actor, address, identity, action, target, status, bytes, feeds, details
    FROM api_audit
    WHERE (%(before)s::bigint IS NULL OR id < %(before)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(key)s::text IS NULL OR key = %(key)s OR (kind = 'act' AND target = %(key)s))
      AND (%(since)s::timestamptz IS NULL OR at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
    ORDER BY id DESC LIMIT %(limit)s"""
_PRUNE: Final = "DELETE FROM api_audit WHERE kind = 'access' AND at < %s"
_LONGEST: Final = 200


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something.

    Attributes:
        key: The id of their key; None for somebody at the machine itself.
        name: What they are called.
        address: Whence they came; empty for the machine itself.
        identity: Who a trusted proxy says they are; None without one.
    """

    key: str | None
    name: str
    address: str = ""
    identity: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done.

    Attributes:
        at: When, ns.
        kind: An act of administration, or an access to data.
        actor: By whom.
        action: What: `key.create`, or the method of a request.
        target: To what: the id of a key, or the template of a path.
        status: The HTTP status of the answer; None for acts.
        bytes: Of the answer's body; None for acts.
        feeds: Which feeds were asked about; None when that is not known.
        details: What else there is, as JSON has it.
        id: Its number, growing; 0 before it was kept.
    """

    at: int
    kind: Sort
    actor: Actor
    action: str
    target: str
    status: int | None = None
    bytes: int | None = None
    feeds: tuple[str, ...] | None = None
    details: dict[str, Any] = {}
    id: int = 0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant.

    Attributes:
        kind: Acts, or accesses; None for both.
        key: By this key, or done to it; None for all.
        since: From when on, ns; None for the beginning.
        until: Before when, ns; None for now.
    """

    kind: Sort | None = None
    key: str | None = None
    since: int | None = None
    until: int | None = None


async def add(session: Session, entries: Sequence[Entry]) -> None:
    """Keep entries, in the transaction that the caller has begun."""
    async with session.cursor() as cursor:
        await cursor.executemany(_ADD, [_row(each) for each in entries])


async def keep(database: Database, entries: Sequence[Entry]) -> None:
    """Keep entries, all of them or none.

    Raises:
        DatabaseAway: It was lost.
    """
    async with database.session() as session:
        await add(session, entries)


async def read(
    database: Database, wanted: Wanted, limit: int, before: int | None = None
) -> list[Entry]:
    """Entries, the latest first.

    Args:
        database: Where.
        wanted: Which.
        limit: At most so many.
        before: Only those with a smaller number; None begins at the latest.
    """
    told = {
        "kind": wanted.kind,
        "key": wanted.key,
        "since": moment(wanted.since),
        "until": moment(wanted.until),
        "before": before,
        "limit": limit,
    }
    async with database.session() as session:
        rows = await (await session.execute(_READ, told)).fetchall()
    return [_entry(row) for row in rows]


async def prune(database: Database, until: datetime) -> int:
    """Let accesses go that are older; acts stay for good. Gives how many went."""
    async with database.session() as session, session.transaction():
        await session.execute("SELECT set_config('ssmd.prune', 'on', true)")
        return (await session.execute(_PRUNE, (until,))).rowcount


def _row(entry: Entry) -> dict[str, Any]:
    actor = entry.actor
    return {
        "at": moment(entry.at),
        "kind": entry.kind,
        "key": actor.key,
        "actor": _clean(actor.name),
        "address": _clean(actor.address),
        "identity": None if actor.identity is None else _clean(actor.identity),
        "action": entry.action,
        "target": entry.target,
        "status": entry.status,
        "bytes": entry.bytes,
        "feeds": None if entry.feeds is None else [_clean(each) for each in entry.feeds],
        "details": Jsonb(entry.details),
    }


def _entry(row: dict[str, Any]) -> Entry:
    at = nanoseconds(row["at"])
    assert at is not None  # noqa: S101 - the column is never empty
    feeds = row["feeds"]
    return Entry(
        id=row["id"],
        at=at,
        kind=row["kind"],
        actor=Actor(
            key=row["key"], name=row["actor"], address=row["address"], identity=row["identity"]
        ),
        action=row["action"],
        target=row["target"],
        status=row["status"],
        bytes=row["bytes"],
        feeds=None if feeds is None else tuple(feeds),
        details=msgspec.json.decode(row["details"]),
    )


def _clean(text: str) -> str:
    """What a database can keep of a text that came from outside: a batch is not lost over it."""
    return text[:_LONGEST].encode("utf-8", "replace").decode().replace("\x00", "�")
