"""What the API's tests share: applications over archives that nobody writes to."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from ssmd.sim.manual_clock import ManualClock
from tests.access.conftest import known, played, root
from tests.access.made import MINUTE_NS
from tests.api.world import app_of, asked
from tests.archive.made import START

__all__ = ["client", "known", "played", "played_client", "root"]


@pytest.fixture
async def client(root: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API over ten minutes of known trades, asked ten minutes after they began."""
    app = app_of(root, clock=ManualClock(START + 10 * MINUTE_NS))
    async with asked(app) as made:
        yield made


@pytest.fixture
async def played_client(played: tuple[Path, object]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API over an archive of all venues' simulations."""
    async with asked(app_of(played[0])) as made:
        yield made
