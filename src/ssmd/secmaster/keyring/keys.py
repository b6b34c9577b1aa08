"""Keys, and every act upon them: done and recorded in one transaction, or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString

import psycopg

from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.keyring import audit
from ssmd.secmaster.keyring.audit import Actor, Entry
from ssmd.secmaster.keyring.record import (
    KeyRecord,
    NoSuchKey,
    NotRecorded,
    Terms,
    record_of,
    row_of,
    told,
)
from ssmd.secmaster.locks import KEYS
from ssmd.secmaster.times import moment

_COLUMNS: Final = (
    "id, name, digest, earlier, earlier_until, scopes, feeds, since, until, rate, burst,"
    " created_at, created_by, rotated_at, expires_at, disabled_at, revoked_at"
)
_FIND: Final[LiteralString] = f"SELECT {_COLUMNS} FROM api_key WHERE id = %s"  # noqa: S608 - names of ours
_LIVING: Final[LiteralString] = f"{_FIND} AND revoked_at IS NULL"
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s, 0)"
_LIST: Final[LiteralString] = (
    f"SELECT {_COLUMNS} FROM api_key WHERE id > %(after)s AND (%(revoked)s OR revoked_at IS NULL)"  # noqa: S608 - likewise
    " ORDER BY id LIMIT %(limit)s"
)
_MAKE: Final = """
    INSERT INTO api_key (id, name, digest, scopes, feeds, since, until, rate, burst, expires_at, disabled_at,
                         created_at, created_by)
    VALUES (%(id)s, %(name)s, %(digest)s, %(scopes)s, %(feeds)s, %(since)s, %(until)s, %(rate)s, %(burst)s,
            %(expires_at)s, %(disabled_at)s, %(at)s, %(by)s)"""
_CHANGE: Final = """
    UPDATE api_key
    SET name = %(name)s, scopes = %(scopes)s, feeds = %(feeds)s, since = %(since)s, until = %(until)s,
        rate = %(rate)s, burst = %(burst)s, expires_at = %(expires_at)s,
        disabled_at = CASE WHEN %(disabled)s THEN coalesce(disabled_at, %(at)s) END
    WHERE id = %(id)s"""
_ROTATE: Final = """
    UPDATE api_key
    SET digest = %(digest)s, rotated_at = %(at)s, earlier = %(earlier)s, earlier_until = %(until)s
    WHERE id = %(id)s"""
_REVOKE: Final = """
    UPDATE api_key SET digest = NULL, earlier = NULL, earlier_until = NULL, revoked_at = %(at)s
    WHERE id = %(id)s"""


class Act:
    """An act of administration under way: its transaction, and what it found.

    Args:
        session: In a transaction.
        by: Who does it.
        at: When, ns.
    """

    def __init__(self, session: Session, by: Actor, at: int) -> None:
        self._session = session
        self._by = by
        self._at = at

    async def key(self, key: str) -> KeyRecord:
        """A key that was not revoked; nobody else changes it until the act is over.

        Raises:
            NoSuchKey: There is none.
        """
        row = await (await self._session.execute(_LIVING, (key,))).fetchone()
        if row is None:
            raise NoSuchKey(key)
        return record_of(row)

    async def make(self, key: str, digest: bytes, terms: Terms) -> None:
        """Make a key.

        Args:
            key: Its id.
            digest: Of its secret.
            terms: What it may.
        """
        values = {
            **row_of(terms),
            "id": key,
            "digest": digest,
            "by": self._by.name,
            "disabled_at": moment(self._at) if terms.disabled else None,
        }
        await self._write(_MAKE, "key.create", key, values, {"terms": told(terms)})

    async def change(self, key: KeyRecord, terms: Terms) -> None:
        """Give a key other terms."""
        values = {**row_of(terms), "id": key.id, "disabled": terms.disabled}
        details = {"before": told(key.terms), "terms": told(terms)}
        await self._write(_CHANGE, "key.update", key.id, values, details)

    async def rotate(self, key: KeyRecord, digest: bytes, grace_until: int | None) -> None:
        """Give a key another secret.

        Args:
            key: Which.
            digest: Of the new secret.
            grace_until: How long the old one is taken as well, ns; None ends it now.
        """
        values = {
            "id": key.id,
            "digest": digest,
            "earlier": None if grace_until is None else key.digest,
            "until": moment(grace_until),
        }
        await self._write(_ROTATE, "key.rotate", key.id, values, {"grace_until": grace_until})

    async def revoke(self, key: KeyRecord) -> None:
        """End a key for good: the digest of its secret is forgotten."""
        await self._write(_REVOKE, "key.revoke", key.id, {"id": key.id}, {"name": key.terms.name})

    async def _write(
        self,
        statement: LiteralString,
        action: str,
        target: str,
        values: dict[str, Any],
        details: dict[str, Any],
    ) -> None:
        await self._session.execute(statement, {**values, "at": moment(self._at)})
        entry = Entry(
            at=self._at,
            kind="act",
            actor=self._by,
            action=action,
            target=target,
            details=details,
        )
        await audit.add(self._session, [entry])


@asynccontextmanager
async def act(database: Database, by: Actor, at: int) -> AsyncIterator[Act]:
    """Do something to keys and record it: both, or nothing.

    Args:
        database: Where.
        by: Who does it.
        at: When, ns.

    Raises:
        NotRecorded: The database refuses it.
        DatabaseAway: It was lost: nothing was changed.
    """
    async with database.session() as session:
        try:
            async with session.transaction():
                await session.execute(_LOCK, (KEYS,))
                yield Act(session, by, at)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            reason = " ".join(str(error).split())[:200]
            raise NotRecorded(reason) from error


async def find(database: Database, key: str) -> KeyRecord | None:
    """A key, revoked or not; None when there is none of that id."""
    async with database.session() as session:
        row = await (await session.execute(_FIND, (key,))).fetchone()
    return None if row is None else record_of(row)


async def listed(
    database: Database, *, revoked: bool = False, after: str = "", limit: int | None = None
) -> list[KeyRecord]:
    """Keys by their id.

    Args:
        database: Where.
        revoked: Whether those that were revoked are meant as well.
        after: Only ids after this one.
        limit: At most so many; None for all.
    """
    values = {"after": after, "revoked": revoked, "limit": limit}
    async with database.session() as session:
        rows = await (await session.execute(_LIST, values)).fetchall()
    return [record_of(row) for row in rows]
