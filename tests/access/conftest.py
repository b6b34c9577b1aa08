"""Archives that several tests read; none of them writes to one."""

from pathlib import Path

import pytest

from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.archive.tables.compactor import Compactor
from ssmd.sim.manual_clock import ManualClock
from tests.access import world
from tests.access.made import MINUTE_NS, Made, record, trades
from tests.access.world import Truth
from tests.archive.made import START

COUNT = 600


@pytest.fixture(scope="session")
def known() -> list[Made]:
    """Ten minutes of trades, one a second, of three instruments in turn."""
    return trades(COUNT)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory, known: list[Made]) -> Path:
    """The archive of `known`: ten slots of a minute, all built."""
    folder = tmp_path_factory.mktemp("known") / "data"
    record(folder, known)
    assert not Compactor(folder, ManualClock(START)).run_once().failed
    return folder


@pytest.fixture
def archive(root: Path) -> Archive:
    """The same, opened, ten minutes after it began."""
    return open_archive(root, clock=ManualClock(START + 10 * MINUTE_NS))


@pytest.fixture(scope="session")
def played(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, list[Truth]]]:
    """An archive of all venues' simulations, built, and what their books were."""
    folder = tmp_path_factory.mktemp("played") / "data"
    return folder, world.played(folder)
