"""The judge of the schedules is judged: it must see that a guard is gone, and repeat itself."""

import logging

import pytest

from tests.faults.pure.mutations import MUTATIONS, Mutation
from tests.faults.pure.run import run, shrink
from tests.faults.pure.schedule import FAULTS, draw

log = logging.getLogger("ssmd.faults.pure")
TRIED = 150
"""Schedules within which the judge must see that a guard is gone."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_missing_guard_is_seen(mutation: Mutation) -> None:
    """A judge that lets the ack move before the fsync, or any other guard go, proves nothing."""
    tried = 0
    with mutation.without():
        for seed in range(1 << 20):
            if not mutation.needs <= {event.kind for event in draw(seed)}:
                continue
            tried += 1
            outcome = run(seed)
            if outcome.problems:
                log.info("%s: seen at schedule %d, seed %d", mutation.name, tried, seed)
                break
            assert tried < TRIED, f"{mutation.name} is seen in none of {tried} schedules"
    assert not run(seed).problems, "it goes wrong with the guard as well"


def test_one_seed_is_one_schedule() -> None:
    """A failure that cannot be repeated cannot be mended."""
    for seed in range(5):
        assert run(seed) == run(seed)


def test_every_fault_is_drawn_and_has_an_effect() -> None:
    """A fault that never does anything is not tested."""
    for kind in FAULTS:
        seeds = (seed for seed in range(1 << 20) if kind in {e.kind for e in draw(seed)})
        effects: list[bool] = []
        while not any(effects) and len(effects) < 20:
            effects += [seen for each, seen in run(next(seeds)).effects if each == kind]
        assert any(effects), f"{kind} had no effect in {len(effects)} schedules"


def test_a_schedule_is_shrunk_to_what_matters() -> None:
    """Of several faults only those that go wrong together are told."""
    (mutation,) = (each for each in MUTATIONS if each.name == "recovery_closes_nothing")
    with mutation.without():
        seed = next(seed for seed in range(200) if len(draw(seed)) > 3 and run(seed).problems)
        least = shrink(seed)
        assert run(seed, least).problems
    assert len(least) == 1
