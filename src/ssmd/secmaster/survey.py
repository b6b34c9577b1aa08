"""How a database of the security master stands. Nothing is changed by looking."""

import asyncio
from typing import Final

import msgspec
import psycopg
from psycopg.rows import dict_row

from ssmd.secmaster import migrate
from ssmd.secmaster.address import OPTIONS, Address
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.migrate import Standing

OLDEST: Final = 16
"""The oldest major version of PostgreSQL that will do."""
_MAJOR: Final = 10_000
_SLOT: Final = """
SELECT slot.active, coalesce(slot.wal_status, 'lost') AS wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(slot.restart_lsn, pg_current_wal_lsn()))::bigint
           AS behind
FROM pg_replication_slots slot
WHERE slot.slot_name = %s AND slot.database = current_database()
"""


class SlotFound(msgspec.Struct, frozen=True, kw_only=True):
    """The replication slot of whoever tells the changes.

    Attributes:
        active: Whether somebody reads from it.
        wal_status: `reserved`, `extended`, `unreserved` or `lost`.
        behind_bytes: How much log the server keeps for it.
    """

    active: bool
    wal_status: str
    behind_bytes: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A database as it stands.

    Attributes:
        address: Where it is, without password.
        major: PostgreSQL's major version.
        wal_level: Whether its log can tell changes (`logical`).
        schema: Where its schema is.
        slot: The slot; None when there is none in this database.
    """

    address: str
    major: int
    wal_level: str
    schema: Standing
    slot: SlotFound | None


async def survey(address: Address, slot: str, *, timeout_s: float) -> Found:
    """Look at a database.

    Args:
        address: Where it is.
        slot: Name of the replication slot to look for.
        timeout_s: Longest wait for a connection, and for each answer, in seconds.

    Raises:
        DatabaseAway: It does not answer, or does not let us in.
    """
    limited = Address(
        address.using(
            connect_timeout=str(max(2, round(timeout_s))),  # libpq knows no shorter one
            options=f"{OPTIONS} -c statement_timeout={round(timeout_s * 1000)}",
        )
    )
    try:
        connection = await psycopg.AsyncConnection.connect(
            limited.url, autocommit=True, application_name="ssmd-doctor", row_factory=dict_row
        )
        async with connection:
            major = connection.info.server_version // _MAJOR
            level = await (await connection.execute("SHOW wal_level")).fetchone()
            row = await (await connection.execute(_SLOT, (slot,))).fetchone()
    except psycopg.Error as error:
        reason = " ".join(str(error).split())[:300].rstrip(".?") or type(error).__name__
        raise DatabaseAway(address.public, reason) from error
    # In a thread: the library that knows about migrations waits in its own way, for as long.
    schema = await asyncio.to_thread(migrate.standing, limited)
    return Found(
        address=address.public,
        major=major,
        wal_level=level["wal_level"] if level is not None else "",
        schema=schema,
        slot=None
        if row is None
        else SlotFound(
            active=row["active"],
            wal_status=row["wal_status"],
            behind_bytes=max(0, row["behind"]),
        ),
    )
