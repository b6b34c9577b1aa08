"""The same schedules as in `test_schedules`, from seeds that nobody has seen before."""

import pytest

from tests.faults.pure.batch import FRESH, run_all

PIECE = 100
"""Schedules of one test."""


@pytest.mark.parametrize("piece", range(2))
def test_nothing_acked_is_lost_in_schedules_drawn_anew(piece: int) -> None:
    """A bug that no fixed seed shows is found some day; the seed is in the failure's message."""
    run_all(FRESH + piece * PIECE, PIECE)
