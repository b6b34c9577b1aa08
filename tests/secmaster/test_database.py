"""The database is found, checked, given our schema when it is empty, and lost with a sentence."""

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster import database as module
from ssmd.secmaster.address import Address, parse
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.errors import DatabaseAway, DatabaseRefused
from ssmd.secmaster.times import ALWAYS, FOREVER
from tests.secmaster.server import HURRIED, Server, connect

CLOCK = SystemClock()


async def test_an_empty_database_gets_the_schema_once(server: Server, tmp_path: Path) -> None:
    """Two services that find it empty at once make it together."""
    address = server.empty()

    async def use(symbol: str) -> None:
        insert = "INSERT INTO activity (venue, symbol) VALUES ('v', %s)"
        async with (
            open_database(address.url, tmp_path, CLOCK) as database,
            database.writing(symbol) as session,
        ):
            await session.execute(insert, (symbol,))

    await asyncio.gather(use("a"), use("b"))
    with connect(address) as session:
        sources = session.execute("SELECT source FROM change_set ORDER BY 1").fetchall()
    assert sources == [("a",), ("b",)]
    server.drop(address)
    assert list(tmp_path.iterdir()) == []


async def test_the_environment_names_it_and_the_argument_wins(
    address: Address, tmp_path: Path
) -> None:
    """`DATABASE_URL` is meant where nothing is said; nothing is started then."""
    wrong = "postgresql://nobody@localhost:1/none"
    for url, environ in ((None, address.url), (address.url, wrong)):
        async with open_database(url, tmp_path, CLOCK, {"DATABASE_URL": environ}) as database:
            assert database.address == address
    assert list(tmp_path.iterdir()) == []


async def test_rows_are_read_with_every_digit_and_both_ends_of_time(database: Database) -> None:
    """JSON is its text, a number is exact, and infinity has a name."""
    query = (
        """SELECT '{"a": 1.50}'::jsonb AS json, 1.50 AS number, 'infinity'::timestamptz AS end,"""
        " '-infinity'::timestamptz AS start, current_schema() AS schema, now() = %s AS later"
    )
    async with database.session() as session:
        found = await (await session.execute(query, (FOREVER,))).fetchone()
    assert found == {
        "json": '{"a": 1.50}',
        "number": Decimal("1.50"),
        "end": FOREVER,
        "start": ALWAYS,
        "schema": "ssmd",
        "later": False,
    }
    assert str(found["number"]) == "1.50"


async def test_what_fails_changes_nothing(database: Database) -> None:
    """A transaction that is left by an error was never there."""
    insert = "INSERT INTO activity (venue, symbol) VALUES ('v', 's')"
    with pytest.raises(RuntimeError, match="half way"):  # noqa: PT012 - a block that fails half way
        async with database.writing("test") as session:
            await session.execute(insert)
            raise RuntimeError("half way")
    async with database.session() as session:
        for table in ("activity", "activity_version", "change_set"):
            counted = await session.execute(f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - names of ours
            assert await counted.fetchone() == {"n": 0}


async def test_a_lost_connection_is_said_and_the_next_one_is_new(database: Database) -> None:
    """Whoever writes when the database goes hears that nothing was changed, and may try again."""
    with pytest.raises(DatabaseAway, match=r"does not answer.*Start it"):  # noqa: PT012 - lost inside
        async with database.session() as session:
            with contextlib.suppress(psycopg.Error), connect(database.address) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", (session.info.backend_pid,))
            await session.execute("SELECT 1")
    async with database.session() as session:
        await session.execute("SELECT 1")


async def test_a_pool_that_is_used_up_is_no_hang(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many at once wait, and are told in the end."""
    monkeypatch.setattr(module, "_CONNECT_S", 0.2)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(module._MOST):
            await stack.enter_async_context(database.session())
        with pytest.raises(DatabaseAway, match="no connection in time"):
            async with database.session():
                pass


@pytest.mark.parametrize("wrong", ["password", "place"])
async def test_a_database_that_is_not_there_is_named_without_its_password(
    folder: Path, wrong: str, tmp_path: Path
) -> None:
    """The sentence goes into logs."""
    server = EmbeddedPostgres(folder, CLOCK, settings=HURRIED)
    address = await server.start()
    secret = "hunter2hunter2"  # pragma: allowlist secret
    url = f"postgresql://postgres:{secret}@/postgres?{address.url.partition('?')[2]}"
    if wrong == "place":
        await server.stop()
    with pytest.raises(DatabaseAway) as caught:
        async with open_database(url, tmp_path, CLOCK):
            pass
    await server.stop()
    assert secret not in str(caught.value)
    assert "/postgres" in str(caught.value)


async def test_a_database_that_is_too_old_is_refused(
    address: Address, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Said before anything is done to it."""
    monkeypatch.setattr(module, "_OLDEST", 990_000)
    with pytest.raises(DatabaseRefused, match=r"it is PostgreSQL 1\d.*Use PostgreSQL"):
        async with open_database(address.url, tmp_path, CLOCK):
            pass


@pytest.mark.parametrize(
    "url",
    ["mysql://a/b", "postgresql:/a/b", "postgresql://host", "postgresql://h:99999/d", "", "x"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """Where it was given is said, and what it should look like; what it is, is not: it may be a secret."""
    with pytest.raises(ConfigError, match=r"DATABASE_URL.*Write postgresql://"):
        parse(url, "DATABASE_URL")


def test_an_address_shows_no_secret() -> None:
    """Neither in messages nor in a traceback."""
    made = parse(
        "postgres://ann:s3cret@db.internal:5433/prices?sslmode=require",  # pragma: allowlist secret
        "--database",
    )  # pragma: allowlist secret
    assert made.public == "db.internal:5433/prices"
    assert "s3cret" not in repr(made)
    assert "sslmode=require" in made.using(replication="database")
    assert made.alchemy.startswith("postgresql+psycopg://ann:")


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_that_comes_with_the_connection_is_heard(
    database: Database, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """A service that is told to end just then ends; `wait_for` of Python 3.11 forgets it."""
    ended = asyncio.Event()

    async def use() -> None:
        async with database.session():
            await ended.wait()

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(module._MOST - 1):
            await stack.enter_async_context(database.session())
        async with database.session():
            waiting = asyncio.create_task(use())
            while database._pool.get_stats()["requests_waiting"] == 0:
                await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=2)
        ended.set()
        assert done
        assert waiting.cancelled()
        async with database.session() as session:  # and the connection is there again
            await session.execute("SELECT 1")
