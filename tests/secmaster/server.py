"""A PostgreSQL for tests: one server for each worker, and a fresh database for each test."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import migrate
from ssmd.secmaster.address import OPTIONS, Address
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.times import EndlessLoader

T = TypeVar("T")

HURRIED = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Nothing here outlives a crash of the machine."""
_TEMPLATE = "template_ssmd"


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own, leaving the one of pytest alone."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


class Server:
    """A running server, and as many databases on it as are asked for.

    Attributes:
        embedded: The server itself.
    """

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self.embedded = embedded
        self._made = 0

    def at(self, name: str) -> Address:
        """The address of one of its databases."""
        parts = urlsplit(self.embedded.address.url)
        return Address(parts._replace(path=f"/{name}").geturl())

    def run(self, statement: sql.Composed) -> None:
        """Run one statement of administration."""
        with psycopg.connect(self.embedded.address.url, autocommit=True) as connection:
            connection.execute(statement)

    def empty(self) -> Address:
        """A new database with nothing in it."""
        self._made += 1
        name = f"empty_{self._made}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.at(name)

    def migrated(self) -> Address:
        """A new database with our schema, and no row in it: a copy, so it costs a moment."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.embedded.address.url, autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            missing = connection.execute(query, (_TEMPLATE,)).fetchone() is None
        if missing:
            self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
            migrate.migrate(self.at(_TEMPLATE))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self.run(copy.format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
        return self.at(name)

    def drop(self, address: Address) -> None:
        """Take a database away, with whoever still reads it or its changes."""
        name = urlsplit(address.url).path[1:]
        with psycopg.connect(self.embedded.address.url, autocommit=True) as connection:
            query = (
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
            )
            connection.execute(query, (name,))
        with psycopg.connect(address.url, autocommit=True) as connection:
            query = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s"
            connection.execute(query, (name,))
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server for as long as this lasts."""
    embedded = EmbeddedPostgres(
        folder, SystemClock(), settings=HURRIED, death_signal=signal.SIGQUIT
    )
    finish(embedded.start())
    try:
        yield Server(embedded)
    finally:
        finish(embedded.stop())
        shutil.rmtree((folder / "socket").read_text(encoding="utf-8"))


@asynccontextmanager
async def fresh(server: Server, folder: Path) -> AsyncIterator[Database]:
    """An open database of its own, empty but for the schema."""
    address = server.migrated()
    try:
        async with open_database(address.url, folder, SystemClock()) as database:
            yield database
    finally:
        server.drop(address)


def connect(address: Address) -> psycopg.Connection[tuple[Any, ...]]:
    """A session of a plain writer, who knows nothing of us but the schema; it commits each statement."""
    connection = psycopg.connect(address.url, options=OPTIONS, autocommit=True)
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    return connection
