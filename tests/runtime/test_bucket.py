"""A token bucket never lets more through than a venue tolerates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.runtime.bucket import Bucket


def test_a_burst_passes_and_then_the_pace_holds() -> None:
    """Ten tokens are there at once; the eleventh is worth a wait."""
    bucket = Bucket(2.0, 10.0, 100.0)
    assert [bucket.take(1.0, 100.0) for _ in range(12)] == [0.0] * 10 + [0.5, 1.0]
    assert bucket.take(1.0, 101.0) == pytest.approx(0.5)
    assert bucket.take(5.0, 200.0) == 0.0


def test_one_that_was_shut_lets_nobody_through() -> None:
    """A venue that says when to come back means all of us."""
    bucket = Bucket(10.0, 10.0, 0.0)
    bucket.shut(30.0, 5.0)
    bucket.shut(1.0, 5.0)
    assert bucket.take(1.0, 10.0) == pytest.approx(25.0)
    assert bucket.take(1.0, 35.0) == 0.0


costs = st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 5.0)), min_size=1, max_size=40)


@given(steps=costs, rate=st.floats(0.5, 20.0), burst=st.floats(1.0, 20.0))
def test_no_window_sees_more_than_burst_and_rate_allow(
    steps: list[tuple[float, float]], rate: float, burst: float
) -> None:
    """Whoever asks, whenever: what is spent between two moments is bounded."""
    bucket, now = Bucket(rate, burst, 0.0), 0.0
    spent: list[tuple[float, float]] = []
    for pause, cost in steps:
        now += pause
        spent.append((now + bucket.take(cost, now), cost))
    largest = max(cost for _, cost in spent)
    for begin, _ in spent:
        for end, _ in spent:
            if begin <= end:
                total = sum(cost for at, cost in spent if begin <= at <= end)
                assert total <= burst + largest + rate * (end - begin) + 1e-6
