"""The database of the security master: found, started where it is ours, checked, and opened."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ssmd.runtime.clock import Clock
from ssmd.secmaster import migrate
from ssmd.secmaster.address import OPTIONS, Address, named
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.errors import DatabaseAway, DatabaseRefused, SchemaMismatch, ServerTaken
from ssmd.secmaster.times import EndlessDumper, EndlessLoader

Session: TypeAlias = AsyncConnection[DictRow]
"""A connection whose rows are dictionaries by column."""

_OLDEST: Final = 160_000
_CONNECT_S: Final = 10.0
_LOOK_S: Final = 0.05
_START_S: Final = 60.0
"""Longest wait for another process to make the embedded database, or to end it, in seconds."""
_OTHERS_S: Final = 600.0
"""Longest wait for others who use the embedded server that we started, in seconds."""
_MOST: Final = 8
_KEYWORDS: Final = {
    "options": OPTIONS,
    "row_factory": dict_row,
    "application_name": "ssmd",
    # A statement that is kept prepared fails for good once a migration adds a column to what it gives.
    "prepare_threshold": None,
}


class Database:
    """A pool of connections to a database that is fit for this version.

    Args:
        address: Where it is.
        pool: The connections; open.
    """

    def __init__(self, address: Address, pool: AsyncConnectionPool[Session]) -> None:
        self.address = address
        self._pool = pool

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection; what was begun on it is committed at the end, or rolled back on an error.

        Raises:
            DatabaseAway: There is none to be had.
        """
        before = _cancellations()
        try:
            async with self._pool.connection(timeout=_CONNECT_S) as connection:
                # The pool waits by Python 3.11's `wait_for`, which forgets a cancellation that comes
                # together with the connection; the task itself remembers it.
                if _cancellations() > before:
                    raise asyncio.CancelledError
                yield connection
        except PoolTimeout as error:
            raise DatabaseAway(self.address.public, "no connection in time") from error
        except psycopg.OperationalError as error:
            raise DatabaseAway(self.address.public, _words(error)) from error

    @asynccontextmanager
    async def writing(
        self, source: str, *venues: str, rehearsed: bool = False
    ) -> AsyncIterator[Session]:
        """A transaction whose changes are marked with who made them.

        Args:
            source: `sync`, `lifecycle`, `clock`, a command; kept in `change_set`.
            venues: Whose rows will be written; other writers of theirs are waited for at once. Who
                names none and writes many rows can meet another such writer in a deadlock.
            rehearsed: Whether all of it is taken back at the end.

        Raises:
            DatabaseAway: There is no connection, or it was lost: nothing was changed.
        """
        async with self.session() as session, session.transaction(force_rollback=rehearsed):
            await session.execute("SELECT set_config('ssmd.source', %s, true)", (source,))
            for venue in sorted(set(venues)):
                await session.execute("SELECT lock_writing(%s)", (venue,))
            yield session


@asynccontextmanager
async def open_database(
    url: str | None, directory: Path, clock: Clock, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Database]:
    """The database that is meant: `url`, else `DATABASE_URL`, else the embedded one.

    An embedded one that runs is used; one that does not is started for as long as this lasts, and
    made when there is none. An empty database gets our schema.

    Args:
        url: `postgresql://...`; None when none was named.
        directory: The embedded one's folder, `D/.run/postgres`.
        clock: What time it is.
        environ: The environment; the process's own when None.

    Raises:
        ConfigError: It is no such URL, the database is too old, or its schema is another's.
        Unavailable: It does not answer, or cannot be started.
    """
    told = named(url, os.environ if environ is None else environ)
    if told is not None:
        async with _opened(told) as database:
            yield database
        return
    async with address_of(directory, clock) as address, _opened(address) as database:
        yield database


@asynccontextmanager
async def address_of(directory: Path, clock: Clock) -> AsyncIterator[Address]:
    """The embedded database's address, whoever runs it: another process, or we.

    We run it until nobody uses it any more, but no longer than ten minutes after the end.

    Args:
        directory: Its folder, `D/.run/postgres`.
        clock: What time it is.

    Raises:
        ConfigError: It cannot be kept there.
        Unavailable: It does not start.
    """
    server = EmbeddedPostgres(directory, clock)
    deadline = clock.mono() + _START_S
    with contextlib.ExitStack() as stack:
        held = await _used(server, clock, deadline, stack)
        started = False
        while not started and not server.serving():
            try:
                await server.start()
            except ServerTaken:
                if clock.mono() > deadline:
                    raise
                await clock.sleep(_LOOK_S)  # another process makes or starts it
            else:
                started = True
        try:
            yield server.address
        finally:
            if started:
                try:
                    await server.alone(held, _OTHERS_S)
                finally:
                    await server.stop()


async def _used(
    server: EmbeddedPostgres, clock: Clock, deadline: float, stack: contextlib.ExitStack
) -> int:
    """Say that we use it; whoever is just ending it is waited for."""
    while True:
        try:
            return stack.enter_context(server.in_use())
        except BlockingIOError as error:
            if clock.mono() > deadline:
                raise ServerTaken(str(server.log.parent)) from error
            await clock.sleep(_LOOK_S)


@asynccontextmanager
async def _opened(address: Address) -> AsyncIterator[Database]:
    await prepare(address)
    pool: AsyncConnectionPool[Session] = AsyncConnectionPool(
        address.url,
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=_MOST,
        kwargs=_KEYWORDS,
        configure=_configure,
        open=False,
    )
    try:
        await pool.open()
        yield Database(address, pool)
    finally:
        await pool.close()


async def _configure(connection: Session) -> None:
    """Read and write times that never end as such, and read JSON as its text: every digit stays."""
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    connection.adapters.register_dumper(datetime, EndlessDumper)
    connection.adapters.register_loader("jsonb", TextLoader)


async def prepare(address: Address) -> None:
    """Check a database, and give an empty one our schema.

    Raises:
        DatabaseAway: It does not answer.
        DatabaseRefused: It lets us in, and is not fit.
        SchemaMismatch: Its schema is older or newer than this version.
    """
    try:
        found = await psycopg.AsyncConnection.connect(
            address.using(connect_timeout=str(round(_CONNECT_S))), options=OPTIONS
        )
    except psycopg.OperationalError as error:
        raise DatabaseAway(address.public, _words(error)) from error
    async with found:
        if found.info.server_version < _OLDEST:
            version = f"it is PostgreSQL {found.info.server_version // 10_000}"
            raise DatabaseRefused(address.public, version, "Use PostgreSQL 16 or newer.")
    before = await asyncio.to_thread(migrate.standing, address)
    if before.is_empty:
        await asyncio.to_thread(migrate.migrate, address)
    elif not before.is_ready:
        wanted = ", ".join(before.missing) or "an older one"
        raise SchemaMismatch(address.public, before.text, wanted)


def _cancellations() -> int:
    """How often whoever runs now was told to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
