"""What the publisher asks and tells the database beside the replication itself."""

from collections.abc import AsyncIterator
from typing import Any, Final, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from ssmd.secmaster.address import Address
from ssmd.secmaster.changes.frames import VERSIONS, Values, lsn_of, lsn_text
from ssmd.secmaster.changes.pgoutput import Column
from ssmd.secmaster.changes.replication import PLAIN, PUBLICATION, away
from ssmd.secmaster.changes.standing import Known, Slot
from ssmd.secmaster.columns import TABLES
from ssmd.secmaster.errors import DatabaseRefused
from ssmd.secmaster.locks import PUBLISHERS

_BATCH: Final = 2_000
_SLOT: Final = """
SELECT plugin, database = current_database() AS here, active, coalesce(wal_status, 'lost') AS wal_status,
       coalesce(confirmed_flush_lsn, '0/0')::text AS confirmed,
       pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(restart_lsn, pg_current_wal_lsn()))::bigint AS behind,
       safe_wal_size AS safe
FROM pg_replication_slots WHERE slot_name = %s
"""
_KNOWN: Final = """
SELECT (SELECT system_identifier FROM pg_control_system())::text AS system,
       (SELECT generation FROM cdc_state WHERE slot = %s) AS generation,
       pg_current_wal_flush_lsn()::text AS flushed, current_setting('wal_level') AS wal_level
"""
_NEXT: Final = """
INSERT INTO cdc_state (slot, system_id, generation, created_at, lsn)
    VALUES (%s, %s, %s, clock_timestamp(), '0/0')
    ON CONFLICT (slot) DO UPDATE SET system_id = excluded.system_id, created_at = excluded.created_at,
        generation = greatest(excluded.generation, cdc_state.generation + 1), lsn = '0/0'
    RETURNING generation
"""
_COLUMNS: Final = """
SELECT c.relname AS name, a.attname AS column, a.atttypid::bigint AS oid
FROM pg_publication_tables p
JOIN pg_class c ON c.relname IN (p.tablename, p.tablename || '_version')
    AND c.relnamespace = p.schemaname::regnamespace AND c.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE p.pubname = %s ORDER BY c.relname, a.attnum
"""


class Desk:
    """One ordinary connection of a publisher; it holds the publishers' lock while it lives.

    Args:
        connection: As `connect` makes it.
        address: Where it leads.
        slot: The slot's name.
    """

    def __init__(self, connection: AsyncConnection[DictRow], address: Address, slot: str) -> None:
        self._connection = connection
        self._address = address
        self._slot = slot

    @classmethod
    async def connect(cls, address: Address, slot: str) -> Self:
        """Connect.

        Raises:
            DatabaseAway: It does not answer.
        """
        return cls(await _session(address), address, slot)

    async def close(self) -> None:
        """End the connection, and with it the lock."""
        await self._connection.close()

    async def claim(self) -> bool:
        """Be the publisher of this slot; False while another one is.

        Raises:
            DatabaseAway: The connection was lost.
        """
        row = await self._row(
            "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS got", (PUBLISHERS, self._slot)
        )
        return bool(row and row["got"])

    async def known(self) -> Known:
        """What decides whether the stream can be gone on with.

        Raises:
            DatabaseAway: The connection was lost.
            DatabaseRefused: It does not write down what its changes are made of.
        """
        row = await self._row(_KNOWN, (self._slot,))
        assert row is not None  # noqa: S101 - a query without FROM gives one row
        if row["wal_level"] != "logical":
            raise DatabaseRefused(
                self._address.public,
                f"its wal_level is {row['wal_level']}, which tells no changes",
                "Set wal_level = logical in its configuration, and restart it.",
            )
        return Known(
            system=row["system"],
            generation=row["generation"] or 0,
            slot=await self.slot(),
            flushed=lsn_of(row["flushed"]),
        )

    async def slot(self) -> Slot | None:
        """The slot as it is now; None when there is none.

        Raises:
            DatabaseAway: The connection was lost.
        """
        row = await self._row(_SLOT, (self._slot,))
        if row is None:
            return None
        return Slot(
            plugin=row["plugin"] or "",
            here=bool(row["here"]),
            active=row["active"],
            wal_status=row["wal_status"],
            confirmed=lsn_of(row["confirmed"]),
            behind_bytes=max(0, row["behind"]),
            safe_bytes=row["safe"],
        )

    async def begin_generation(self, system: str, after: int) -> int:
        """Begin a generation greater than every one before, and drop the slot of the last.

        Args:
            system: PostgreSQL's id of the cluster.
            after: The generation the stream ends with; 0 when it names none.

        Raises:
            DatabaseAway: The connection was lost, or the slot is in use.
        """
        row = await self._row(_NEXT, (self._slot, system, after + 1))
        await self._row(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s",
            (self._slot,),
        )
        assert row is not None  # noqa: S101 - it returns the row it wrote
        return int(row["generation"])

    async def begun_at(self, lsn: int) -> None:
        """Note where the generation's snapshot was taken.

        Raises:
            DatabaseAway: The connection was lost.
        """
        await self._row(
            "UPDATE cdc_state SET lsn = %s::pg_lsn WHERE slot = %s RETURNING 1",
            (lsn_text(lsn), self._slot),
        )

    async def _row(self, query: str, values: tuple[Any, ...]) -> DictRow | None:
        try:
            cursor = await self._connection.execute(query, values)
            return await cursor.fetchone()
        except psycopg.Error as error:
            raise away(self._address, error) from error


class Picture:
    """The tables as they were at one moment; used as `async with`.

    Args:
        address: Where the database is.
        snapshot: Id of an exported snapshot.
    """

    def __init__(self, address: Address, snapshot: str) -> None:
        self._address = address
        self._snapshot = snapshot
        self._connection: AsyncConnection[DictRow] | None = None

    async def __aenter__(self) -> Self:
        self._connection = await _session(self._address)
        try:
            await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            await self._connection.execute(
                sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self._snapshot))
            )
        except psycopg.Error as error:
            await self._connection.close()
            raise away(self._address, error) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def tables(self) -> list[tuple[str, list[Column]]]:
        """Every table whose changes are told, its history after it, with its columns.

        Raises:
            DatabaseAway: The connection was lost.
        """
        found: dict[str, list[Column]] = {}
        try:
            cursor = await self._session.execute(_COLUMNS, (PUBLICATION,))
            for row in await cursor.fetchall():
                found.setdefault(row["name"], []).append(Column(row["column"], row["oid"]))
        except psycopg.Error as error:
            raise away(self._address, error) from error
        ours = [name + ending for name in TABLES for ending in ("", VERSIONS)]
        order = [*(name for name in ours if name in found), *sorted(found.keys() - set(ours))]
        return [(name, found[name]) for name in order]

    async def rows(self, table: str, columns: list[Column]) -> AsyncIterator[Values]:
        """Every row of a table, each value in PostgreSQL's own text, a batch in memory at a time.

        Raises:
            DatabaseAway: The connection was lost.
        """
        order = "version_id" if table.endswith(VERSIONS) else "id"
        declare = sql.SQL("DECLARE picture NO SCROLL CURSOR FOR SELECT {} FROM {} ORDER BY {}")
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
        try:
            await self._session.execute(
                declare.format(names, sql.Identifier(table), sql.Identifier(order))
            )
            while True:
                cursor = await self._session.execute(
                    sql.SQL("FETCH {} FROM picture").format(sql.Literal(_BATCH))
                )
                result = cursor.pgresult
                if result is None or not result.ntuples:
                    break
                for at in range(result.ntuples):
                    yield tuple(result.get_value(at, index) for index in range(result.nfields))
            await self._session.execute("CLOSE picture")
        except psycopg.Error as error:
            raise away(self._address, error) from error

    @property
    def _session(self) -> AsyncConnection[DictRow]:
        assert self._connection is not None  # noqa: S101 - used inside of `async with`
        return self._connection


async def _session(address: Address) -> AsyncConnection[DictRow]:
    try:
        return await AsyncConnection.connect(
            address.using(connect_timeout="10"),
            autocommit=True,
            options=PLAIN,
            application_name="ssmd-cdc",
            row_factory=dict_row,
        )
    except psycopg.Error as error:
        raise away(address, error) from error
