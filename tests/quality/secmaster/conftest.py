"""A real PostgreSQL, and security masters that simulated venues filled: a copy for each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from psycopg import sql

from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database, open_database
from ssmd.sim.manual_clock import ManualClock
from tests.secmaster.server import Server, fresh, running
from tests.secmaster.test_sync_simulated import World

Filled = Callable[[str], AbstractAsyncContextManager[Database]]
"""Opens a copy of what a venue lists."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this worker."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


def world(name: str) -> World:
    """A simulated venue at this very time: the database's own clock is the machine's."""
    made = World(name)
    made.clock = ManualClock(SystemClock().wall())
    return made


@pytest.fixture(scope="session")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """What venues list, synchronised once, and copied as often as it is asked for."""
    templates: dict[str, str] = {}
    folder = tmp_path_factory.mktemp("none")

    async def fill(name: str, address: Address) -> None:
        async with open_database(address.url, folder, SystemClock()) as database:
            await world(name).sync(database)

    @asynccontextmanager
    async def copied(name: str) -> AsyncIterator[Database]:
        if name not in templates:
            made = server.migrated()
            await fill(name, made)
            templates[name] = made.url.rpartition("/")[2].partition("?")[0]
        number = len(copies)
        copies.append(f"copy_{number}")
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        server.run(copy.format(sql.Identifier(copies[-1]), sql.Identifier(templates[name])))
        address = server.at(copies[-1])
        async with open_database(address.url, folder, SystemClock()) as database:
            yield database
        server.drop(address)

    copies: list[str] = []
    return copied


@pytest.fixture
async def database(server: Server, tmp_path: Path) -> AsyncIterator[Database]:
    """An open database of this test alone, with our schema and no row."""
    async with fresh(server, tmp_path) as made:
        yield made


@pytest.fixture
async def events(filled: Filled) -> AsyncIterator[Database]:
    """All that a venue of outcomes lists: series, events, instruments."""
    async with filled("kalshi") as made:
        yield made


@pytest.fixture
async def pairs(filled: Filled) -> AsyncIterator[Database]:
    """All that a venue of currency pairs lists."""
    async with filled("kraken") as made:
        yield made
