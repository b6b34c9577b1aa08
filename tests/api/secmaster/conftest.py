"""A security master that is filled by hand, asked over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from ssmd.secmaster.database import Database
from tests.api.world import app_of, asked
from tests.secmaster.conftest import database, server
from tests.secmaster.filled import fill

__all__ = ["database", "master", "server"]


@pytest.fixture
def _pointed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications of a test ask this database."""
    monkeypatch.setenv("DATABASE_URL", database.address.url)


@pytest.fixture
async def master(
    database: Database, _pointed: None, tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API over a filled security master."""
    await fill(database)
    async with asked(app_of(tmp_path)) as client:
        yield client
