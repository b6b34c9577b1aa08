"""The replication connection: a slot made, a stream begun, and what it says, one piece at a time."""

import asyncio
from typing import Final, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.pq import ExecStatus
from psycopg.rows import dict_row

from ssmd.runtime.clock import Clock
from ssmd.secmaster.address import OPTIONS, Address
from ssmd.secmaster.changes import pgoutput
from ssmd.secmaster.changes.frames import lsn_of, lsn_text
from ssmd.secmaster.changes.pgoutput import Alive, Wal
from ssmd.secmaster.errors import DatabaseAway

PUBLICATION: Final = "ssmd"
PLAIN: Final = f"{OPTIONS} -c datestyle=ISO,YMD"
"""What a session is told whose text of values is to be read."""

_CONNECT_S: Final = "10"
_OPTIONS: Final = "proto_version '1', publication_names '{}'"


class Slotted:
    """One replication connection.

    Args:
        connection: As `connect` makes it.
        address: Where it leads, for errors.
        clock: What time it is.

    Attributes:
        written: LSN up to which the server was told that everything was dealt with.
    """

    def __init__(self, connection: AsyncConnection, address: Address, clock: Clock) -> None:
        self.written = 0
        self._connection = connection
        self._address = address
        self._clock = clock

    @classmethod
    async def connect(cls, address: Address, clock: Clock) -> Self:
        """Connect for replication.

        Raises:
            DatabaseAway: It does not answer, or does not let us.
        """
        try:
            found = await AsyncConnection.connect(
                address.using(replication="database", connect_timeout=_CONNECT_S),
                autocommit=True,
                options=PLAIN,
                application_name="ssmd-cdc",
                row_factory=dict_row,
            )
        except psycopg.Error as error:
            raise away(address, error) from error
        return cls(found, address, clock)  # type: ignore[arg-type]

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def make(self, slot: str) -> tuple[int, str]:
        """Make the slot: where it begins, and the id of a snapshot of just that moment.

        The snapshot can be taken up by another session until this connection is used again.

        Raises:
            DatabaseAway: The connection was lost, or the server refuses.
        """
        command = sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export')")
        try:
            cursor = await self._connection.execute(command.format(sql.Identifier(slot)))
            row = await cursor.fetchone()
        except psycopg.Error as error:
            raise away(self._address, error) from error
        assert isinstance(row, dict)  # noqa: S101 - the command answers with one row
        return lsn_of(row["consistent_point"]), row["snapshot_name"]

    async def begin(self, slot: str, lsn: int) -> None:
        """Have the changes sent from an LSN on, or from where the slot is confirmed if later.

        Raises:
            DatabaseAway: The connection was lost, the slot is in use, or the server refuses.
        """
        command = sql.SQL("START_REPLICATION SLOT {} LOGICAL {} ({})").format(
            sql.Identifier(slot),
            sql.SQL(lsn_text(lsn)),
            sql.SQL(_OPTIONS).format(sql.SQL(PUBLICATION)),
        )
        try:
            await self._connection.execute(command)
        except psycopg.Error as error:
            raise away(self._address, error) from error

    def take(self) -> Wal | Alive | None:
        """What has come, one piece; None while there is nothing.

        Raises:
            DatabaseAway: The connection ended.
            Unreadable: The server sent what is no such message.
        """
        pgconn = self._connection.pgconn
        try:
            size, data = pgconn.get_copy_data(1)
            if not size:
                pgconn.consume_input()
                size, data = pgconn.get_copy_data(1)
        except psycopg.Error as error:
            raise away(self._address, error) from error
        if size < 0:
            raise DatabaseAway(self._address.public, self._last_words())
        return pgoutput.carried(bytes(data)) if size else None

    async def readable(self, stop: asyncio.Event) -> None:
        """Wait until something may have come, or until `stop` is set."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        socket = self._connection.pgconn.socket
        loop.add_reader(socket, ready.set)
        waiting = [asyncio.create_task(event.wait()) for event in (ready, stop)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(socket)
            for task in waiting:
                task.cancel()

    def tell(self, written: int, flushed: int) -> None:
        """Tell the server how far we have come: see `pgoutput.status`.

        Raises:
            DatabaseAway: The connection was lost.
        """
        self.written = max(self.written, written)
        pgconn = self._connection.pgconn
        try:
            pgconn.put_copy_data(pgoutput.status(self.written, flushed, self._clock.wall()))
            pgconn.flush()
        except psycopg.Error as error:
            raise away(self._address, error) from error

    def _last_words(self) -> str:
        result = self._connection.pgconn.get_result()
        if result is not None and result.status == ExecStatus.FATAL_ERROR:
            return " ".join(result.error_message.decode(errors="replace").split())
        return "it ended the replication"


def away(address: Address, error: psycopg.Error) -> DatabaseAway:
    """The database does not answer as it should, in its own words."""
    words = " ".join(str(error).split())[:300] or type(error).__name__
    return DatabaseAway(address.public, words)
