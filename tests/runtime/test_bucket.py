"""A token bucket never lets more through than a venue tolerates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.runtime.bucket import Bucket


def waits(bucket: Bucket, costs: list[float], mono: float) -> list[float]:
    """How long each has to wait, when all take their turn now."""
    return [bucket.wait_s(bucket.take(cost, mono), mono) for cost in costs]


def test_a_burst_passes_and_then_the_pace_holds() -> None:
    """Ten tokens are there at once; the eleventh is worth a wait."""
    bucket = Bucket(2.0, 10.0, 100.0)
    assert waits(bucket, [1.0] * 12, 100.0) == [0.0] * 10 + [0.5, 1.0]
    assert waits(bucket, [1.0], 101.0) == [pytest.approx(0.5)]
    assert waits(bucket, [5.0], 200.0) == [0.0]


def test_one_that_was_shut_lets_nobody_through() -> None:
    """A venue that says when to come back means all of us."""
    bucket = Bucket(10.0, 10.0, 0.0)
    bucket.shut(30.0, 5.0)
    bucket.shut(1.0, 5.0)
    turn = bucket.take(1.0, 10.0)
    assert bucket.wait_s(turn, 10.0) == pytest.approx(25.1)
    assert bucket.wait_s(turn, 35.0) == pytest.approx(0.1)
    assert bucket.wait_s(turn, 35.1) == 0.0


def test_after_it_was_shut_they_come_one_by_one() -> None:
    """All at once is what the venue complained of: the pace holds from the first."""
    bucket = Bucket(0.8, 2.0, 0.0)
    bucket.shut(30.0, 0.0)
    assert waits(bucket, [1.0] * 4, 0.0) == pytest.approx([31.25, 32.5, 33.75, 35.0])


def test_who_took_a_turn_before_it_was_shut_waits_too() -> None:
    """In the old order, before those who come later; nobody pays twice."""
    bucket = Bucket(0.5, 1.0, 0.0)
    early = [bucket.take(1.0, 0.0) for _ in range(3)]
    assert [bucket.wait_s(turn, 0.0) for turn in early] == [0.0, 2.0, 4.0]
    bucket.shut(30.0, 1.0)  # the second has half of its token
    late = bucket.take(1.0, 2.0)
    assert [bucket.wait_s(turn, 2.0) for turn in (*early[1:], late)] == [30.0, 32.0, 34.0]
    assert [bucket.wait_s(turn, 32.0) for turn in (*early[1:], late)] == [0.0, 2.0, 4.0]


costs = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 5.0), st.sampled_from((0.0, 0.0, 7.0))),
    min_size=1,
    max_size=40,
)


@given(steps=costs, rate=st.floats(0.5, 20.0), burst=st.floats(1.0, 20.0))
def test_no_window_sees_more_than_burst_and_rate_allow(
    steps: list[tuple[float, float, float]], rate: float, burst: float
) -> None:
    """Whoever asks, whenever it was shut: what is spent between two moments is bounded.

    Whoever waited looks again, as the caller does; nothing is spent while it is shut.
    """
    bucket, now, shut_until = Bucket(rate, burst, 0.0), 0.0, 0.0
    spent: list[tuple[float, float]] = []
    waiting: list[tuple[float, float, float]] = []

    def pass_time(until: float) -> None:
        while waiting and min(waiting)[0] <= until:
            due, turn, cost = min(waiting)
            waiting.remove((due, turn, cost))
            if wait_s := bucket.wait_s(turn, due):
                waiting.append((due + wait_s, turn, cost))
                continue
            assert due >= shut_until - 1e-6
            spent.append((due, cost))

    for pause, cost, shut_s in steps:
        now += pause
        pass_time(now)
        turn = bucket.take(cost, now)
        waiting.append((now + bucket.wait_s(turn, now), turn, cost))
        if shut_s:
            bucket.shut(shut_s, now)
            shut_until = max(shut_until, now + shut_s)
    pass_time(1e9)
    largest = max(cost for _, cost in spent)
    assert len(spent) == len(steps)
    for begin, _ in spent:
        for end, _ in spent:
            if begin <= end:
                total = sum(cost for at, cost in spent if begin <= at <= end)
                assert total <= burst + largest + rate * (end - begin) + 1e-3
