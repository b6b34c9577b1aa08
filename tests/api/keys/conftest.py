"""A real PostgreSQL, and an API that asks for keys of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from ssmd.api import parts
from ssmd.sim.manual_clock import ManualClock
from tests.api.keys.desk import Desk, open_desk, probe
from tests.secmaster.conftest import database, server
from tests.secmaster.server import Server

__all__ = ["database", "server"]


@pytest.fixture(autouse=True)
def _probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications have a route for each scope."""
    routers: list[APIRouter] = [*parts.PARTS, probe]
    monkeypatch.setattr("ssmd.api.app.PARTS", routers)


@pytest.fixture
def clock() -> ManualClock:
    """Moved by hand."""
    return ManualClock()


@pytest.fixture
async def desk(server: Server, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    """An API with keys over a database of this test alone."""
    async with open_desk(server, tmp_path, clock) as made:
        yield made
