"""Schedules of faults over the real processes, the other half; at length, one nobody tried before."""

from pathlib import Path

import pytest

from ssmd.sim.storm import plan
from ssmd.sim.storm.catalog import BY_NAME, KINDS
from tests import tier
from tests.faults.storm import running
from tests.faults.storm.test_storms import FIXED as OTHERS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(580)]

FIXED = [[29340], [36151]]
_LAST = 2 * running.PIECES
PIECES = [running.seeds(piece) for piece in range(running.PIECES, _LAST)] if tier.FULL else FIXED


@pytest.mark.parametrize("seeds", PIECES, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_a_storm_costs_what_is_told(tmp_path: Path, seeds: list[int]) -> None:
    """Ledger of the venue = archive + declared; books equal; every absence has its fault."""
    for seed in seeds:
        await running.passes(tmp_path, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", [running.fresh()], ids="seed-{}".format)
async def test_a_storm_that_nobody_tried_before(tmp_path: Path, seed: int) -> None:
    """A fresh integer, in the test's name: `ssmd sim storm --seed N` with 8 strikes repeats it."""
    await running.passes(tmp_path, seed)


def test_the_fixed_seeds_strike_with_every_fault() -> None:
    """A fault that no schedule of the gate has is a fault the gate does not know."""
    struck = {
        strike.fault
        for (seed,) in (*OTHERS, *FIXED)
        for strike in plan.schedule(
            seed, seconds=running.SECONDS, kinds=KINDS, strikes=running.STRIKES
        )
    }
    assert struck == set(BY_NAME)
