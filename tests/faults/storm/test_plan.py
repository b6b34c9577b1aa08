"""One integer is one schedule."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError
from ssmd.sim import faults
from ssmd.sim.storm import catalog, plan
from ssmd.sim.storm.catalog import BY_NAME, KINDS

seeds = st.integers(0, 1 << 40)


@given(seed=seeds, strikes=st.integers(1, 60))
def test_an_integer_gives_the_same_strikes_each_time(seed: int, strikes: int) -> None:
    """Faults, offsets, durations and amounts: nothing else decides."""
    once = plan.schedule(seed, seconds=5.0, kinds=KINDS, strikes=strikes)
    assert once == plan.schedule(seed, seconds=5.0, kinds=KINDS, strikes=strikes)
    assert len(once) == strikes
    assert [strike.at_s for strike in once] == sorted(strike.at_s for strike in once)
    assert all(0 < strike.at_s <= 5.0 for strike in once)
    for strike in once:
        kind = BY_NAME[strike.fault]
        assert kind.shortest_s <= strike.for_s <= kind.longest_s


def test_another_integer_gives_other_strikes() -> None:
    """A hundred seeds are a hundred schedules."""
    drawn = {plan.schedule(seed, seconds=5.0, kinds=KINDS) for seed in range(100)}
    assert len(drawn) == 100


@given(seed=seeds)
def test_no_fault_comes_twice_before_all_came_once(seed: int) -> None:
    """Few schedules are to see many faults."""
    struck = [strike.fault for strike in plan.schedule(seed, seconds=5.0, kinds=KINDS, strikes=9)]
    assert len(set(struck)) == 9


@given(seed=seeds)
def test_what_the_venue_is_told_it_understands(seed: int) -> None:
    """A command that is refused would be a fault that never happens."""
    for strike in plan.schedule(seed, seconds=5.0, kinds=KINDS, strikes=len(KINDS)):
        if strike.kind.spec:
            assert faults.text(faults.parse(strike.command(["A/B"])))
            assert faults.text(faults.parse(strike.command([])))


@given(seed=seeds, strikes=st.integers(1, 9))
def test_smaller_schedules_are_smaller(seed: int, strikes: int) -> None:
    """A search among them ends, and what it finds struck before."""
    whole = plan.schedule(seed, seconds=5.0, kinds=KINDS, strikes=strikes)
    for part in plan.halves(whole):
        assert 0 < len(part) < len(whole)
        assert set(part) <= set(whole)
    assert bool(plan.halves(whole)) == (strikes > 1)


def test_an_unknown_fault_is_answered_with_the_nearest() -> None:
    """A misspelt name must not be a schedule without that fault."""
    with pytest.raises(ConfigError, match=re.escape('Did you mean "kill_connector"?')):
        catalog.chosen(["kill_conector"])
    assert [kind.name for kind in catalog.chosen(["gap", " abort"])] == ["abort", "gap"]
    assert list(catalog.chosen([])) == list(KINDS)


def test_a_venue_that_numbers_nothing_is_not_struck_with_what_it_cannot_show() -> None:
    """A message withheld there has no effect that anybody could see: the strike would be void."""
    left = {kind.name for kind in KINDS} - {
        kind.name for kind in catalog.chosen([], numbered=False)
    }
    assert left == {"gap", "reorder", "checksum"}
    with pytest.raises(ConfigError, match="No effect of 'gap' can be seen"):
        catalog.chosen(["gap"], numbered=False)
