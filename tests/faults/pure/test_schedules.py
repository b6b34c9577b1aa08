"""Thousands of schedules of faults over the shipped code, in made-up time: nothing acked is lost."""

import pytest

from tests.faults.pure.batch import FRESH, run_all

PIECE = 100
"""Schedules of one test in the gate: 1,000 with those of `test_fresh_schedules`."""
LONG_PIECE = 500
LONG_PIECES = 38
"""In `make full`, with those of the gate: 20,000."""
STRIDE = 1 << 25


@pytest.mark.parametrize("piece", range(5))
def test_nothing_acked_is_ever_lost(piece: int) -> None:
    """Whatever happens, what a venue sent is archived once, or said to be lost, or in an outage."""
    run_all(piece * PIECE, PIECE)


@pytest.mark.full
@pytest.mark.parametrize("piece", range(LONG_PIECES))
def test_nothing_acked_is_ever_lost_at_length(piece: int) -> None:
    """The same, much longer."""
    run_all(STRIDE + FRESH + piece * LONG_PIECE, LONG_PIECE)
