"""A real PostgreSQL for every test of this folder that asks for one."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ssmd.secmaster.address import Address
from ssmd.secmaster.database import Database
from ssmd.secmaster.embedded import EmbeddedPostgres
from tests.secmaster.embedding import CLOCK, forget
from tests.secmaster.server import HURRIED, Server, finish, fresh, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this worker; `server.migrated()` makes databases on it."""
    with running(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
async def database(server: Server, tmp_path: Path) -> AsyncIterator[Database]:
    """An open database of this test alone, with our schema and no row."""
    async with fresh(server, tmp_path) as made:
        yield made


@pytest.fixture
def address(server: Server) -> Iterator[Address]:
    """The address of a database of this test alone, with our schema and no row."""
    made = server.migrated()
    try:
        yield made
    finally:
        server.drop(made)


@pytest.fixture(scope="session")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that was made, and stopped."""
    folder = tmp_path_factory.mktemp("made") / "postgres"
    server = EmbeddedPostgres(folder, CLOCK, settings=HURRIED)
    finish(server.start())
    finish(server.stop())
    return folder


@pytest.fixture
def folder(made_cluster: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, of this test alone: root's own where root copied it."""
    copy = tmp_path / "postgres"
    shutil.copytree(made_cluster, copy)
    (copy / "socket").unlink()
    yield copy
    forget(copy)
