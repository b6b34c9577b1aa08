"""Thousands of schedules of faults over the shipped code, in made-up time: nothing acked is lost."""

import pytest

from tests.faults.pure.batch import FRESH, run_all
from tests.faults.pure.run import run
from tests.faults.pure.schedule import Event

PIECE = 100
"""Schedules of one test in the gate: 500 with those of `test_fresh_schedules`."""
LONG_PIECE = 500
LONG_PIECES = 39
"""In `make full`, with those of the gate: 20,000."""
STRIDE = 1 << 25


@pytest.mark.parametrize("piece", range(3))
def test_nothing_acked_is_ever_lost(piece: int) -> None:
    """Whatever happens, what a venue sent is archived once, or said to be lost, or in an outage."""
    run_all(piece * PIECE, PIECE)


def test_a_connection_of_which_nothing_was_durable_is_declared_whole() -> None:
    """Found by chance: no fsync from its first moments on, then a power cut inside a disk call."""
    events = (
        Event(0.05, "spool_fsync_failed", 0.706, 0.45),
        Event(0.95, "power_trapped", 0.614, 1.55),
    )
    assert run(10152027, events).problems == []


@pytest.mark.full
@pytest.mark.parametrize("piece", range(LONG_PIECES))
def test_nothing_acked_is_ever_lost_at_length(piece: int) -> None:
    """The same, much longer."""
    run_all(STRIDE + FRESH + piece * LONG_PIECE, LONG_PIECE)
