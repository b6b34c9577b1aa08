"""Schedules of faults over the real processes: nothing is lost that is not told, half of them."""

from pathlib import Path

import pytest

from tests import tier
from tests.faults.storm import running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(580)]

FIXED = [[0], [3], [41]]
"""Chosen so that those of both files together strike with every fault there is."""
PIECES = [running.seeds(piece) for piece in range(running.PIECES)] if tier.FULL else FIXED


@pytest.mark.parametrize("seeds", PIECES, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_a_storm_costs_what_is_told(tmp_path: Path, seeds: list[int]) -> None:
    """Ledger of the venue = archive + declared; books equal; every absence has its fault."""
    for seed in seeds:
        await running.passes(tmp_path, seed)
