"""Whether a day is unlike those before: whatever the unit, and whatever happened once."""

import math
from datetime import date, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import Scale, Tier
from ssmd.feeds.quality import Trend as Limits
from ssmd.quality.trend import Better, Direction, Trend, reach, step, trend, unlike
from tests.quality.made import DAY, back

LIMITS = Limits()
# Whole numbers, and factors that are powers of two: what is shifted and scaled is exact.
numbers = st.integers(-1_000_000, 1_000_000)
weeks = st.lists(numbers, min_size=4, max_size=28)
factors = st.integers(-10, 10).map(lambda power: 2.0**power)


def past(values: list[float]) -> dict[date, float]:
    """Values of the days before, the day before first."""
    return {back(days): value for days, value in enumerate(values, 1)}


def direction(value: float | None, values: list[float], better: Better = "higher") -> Direction:
    """What a day is after these, the day before first."""
    return trend(DAY, value, past(values), LIMITS, better=better).direction


def test_known_numbers() -> None:
    """By hand: the median of 1 to 7 is 4, the deviations' is 2, and 2 times 1.4826 is a step."""
    found = unlike(10.0, [7, 1, 6, 2, 5, 3, 4])
    assert (found.median, found.number) == (4, 7)
    assert found.spread == pytest.approx(2.9652)
    assert found.z == pytest.approx(6 / 2.9652)


def test_others_that_never_differed() -> None:
    """The rule for a spread of nothing: the least step counts; without one, any difference is endless."""
    same = [100.0] * 5 + [0.0, 40.0]
    assert unlike(96.0, same, floor=1.0).z == -4.0
    assert unlike(100.0, same).z == 0.0
    assert unlike(99.0, same).z == -math.inf
    assert unlike(101.0, same).z == math.inf


def test_the_least_step_makes_no_step_smaller() -> None:
    """It is there for days that were all alike, and no more."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert unlike(9.0, values, floor=0.5) == unlike(9.0, values)
    assert unlike(9.0, values, floor=5.0).z == 1.0


@given(numbers, weeks, numbers, factors)
def test_the_unit_and_its_origin_do_not_matter(
    value: int, values: list[int], shift: int, factor: float
) -> None:
    """Bytes or megabytes, Celsius or Kelvin: the z is the same."""
    plain = unlike(value, values, floor=1.0)
    moved = unlike(value * factor + shift, [each * factor + shift for each in values], floor=factor)
    assert moved.z == pytest.approx(plain.z, rel=1e-9, abs=1e-9)
    assert moved.median == pytest.approx(plain.median * factor + shift, rel=1e-9, abs=1e-6)


@given(numbers, weeks)
def test_what_is_good_turned_round_turns_the_trend(value: int, values: list[int]) -> None:
    """Few gaps are to gaps what much coverage is to coverage."""
    mirrored = direction(-value, [-each for each in values], "lower")
    assert mirrored == direction(value, [*values])
    turned = {"improving": "degrading", "degrading": "improving"}
    plain = direction(value, [*values])
    assert direction(value, [*values], "lower") == turned.get(plain, plain)


@given(numbers, weeks, st.randoms(use_true_random=False))
def test_the_order_of_the_others_does_not_matter(
    value: int, values: list[int], chance: Random
) -> None:
    """Medians have no memory."""
    mixed = [*values]
    chance.shuffle(mixed)
    assert unlike(value, mixed, floor=1.0) == unlike(value, values, floor=1.0)


@given(numbers, numbers, weeks)
def test_a_greater_value_has_no_lesser_z(one: int, other: int, values: list[int]) -> None:
    """A worse day never looks better."""
    low, high = sorted((one, other))
    assert unlike(low, values, floor=1.0).z <= unlike(high, values, floor=1.0).z


@given(
    st.lists(st.integers(900, 1_100), min_size=3, max_size=6),
    st.one_of(numbers, st.sampled_from([10**15, -(10**15)])),
    st.data(),
)
def test_one_outlier_cannot_hide_another(
    usual: list[int], outlier: int, data: st.DataObject
) -> None:
    """A day that was far out last week, however far, does not make a bad one today look usual."""
    at = data.draw(st.integers(0, len(usual)))
    values = [*usual[:at], outlier, *usual[at:]]
    # All but one lie within 200 of each other, so the median does too, and its deviation is at most 200.
    limit = LIMITS.z * 1.4826 * 200
    assert direction(900 - limit - 1, [*values]) == "degrading"
    assert direction(1_100 + limit + 1, [*values]) == "improving"


@given(st.lists(st.integers(900, 1_100), min_size=7, max_size=7))
def test_a_usual_day_is_stable(values: list[int]) -> None:
    """The median itself is never news."""
    assert direction(sorted(values)[3], [*values]) == "stable"


def test_too_few_days_say_nothing() -> None:
    """Three days are no week: unknown is neither good nor bad."""
    assert direction(0.0, [100.0, 101.0, 99.0]) == "unknown"
    assert direction(0.0, [100.0, 101.0, 99.0, 100.0]) == "degrading"
    assert direction(None, [100.0] * 7) == "unknown"
    assert direction(math.nan, [100.0] * 7) == "unknown"
    assert direction(0.0, [100.0, math.inf, math.nan, 101.0, 99.0]) == "unknown"
    assert trend(DAY, None, past([1.0] * 7), LIMITS) == Trend(
        direction="unknown", value=None, recent=None, weekday=None
    )


def test_days_too_long_ago_and_later_ones_do_not_count() -> None:
    """A week is a week, whatever else is in the table."""
    history = {back(days): 100.0 + days for days in range(8, 28) if days % 7}
    history |= {DAY: 5.0, DAY + timedelta(days=7): 5.0}
    history |= {back(days): 100.0 for days in (1, 2, 3)}  # the day itself would be a fourth
    assert trend(DAY, 5.0, history, LIMITS).direction == "unknown"
    assert reach(LIMITS) == 28
    assert reach(msgspec.structs.replace(LIMITS, days=60)) == 60


def weekly(sunday: float, other: float) -> dict[date, float]:
    """Five weeks in which each seventh day, counted from the day, is unlike the others."""
    return {back(days): (other if days % 7 else sunday) + days % 3 for days in range(1, 36)}


def test_a_quiet_weekday_is_like_its_own() -> None:
    """Every Sunday is quiet: that it is quieter than the week is no trend."""
    history = weekly(100.0, 1_000.0)
    found = trend(DAY, 101.0, history, LIMITS)
    assert found.recent is not None
    assert found.recent.z < -LIMITS.z
    assert found.weekday is not None
    assert (found.weekday.number, found.direction) == (4, "stable")
    assert trend(DAY, 10.0, history, LIMITS).direction == "degrading"
    assert trend(DAY, 2_000.0, history, LIMITS).direction == "improving"
    assert trend(DAY, 1_000.0, history, LIMITS).direction == "stable"


def test_the_weekdays_alone_decide_when_the_week_is_missing() -> None:
    """One comparison that can be made is enough."""
    history = {back(7 * weeks): 100.0 + weeks for weeks in range(1, 5)}
    found = trend(DAY, 10.0, history, LIMITS)
    assert found.recent is None
    assert found.direction == "degrading"
    del history[back(28)]
    assert trend(DAY, 10.0, history, LIMITS).direction == "unknown"


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(zero=0.0, full=1_000.0), (10.0, "higher")),
        (Scale(zero=10.0, full=0.0), (0.1, "lower")),
        (
            Scale(tiers=(Tier(below=60.0, score=100.0), Tier(below=300.0, score=25.0))),
            (0.6, "lower"),
        ),
    ],
)
def test_what_a_point_is_worth(scale: Scale, expected: tuple[float, Better]) -> None:
    """A difference that changes no score is no news of a check either."""
    assert step(scale) == expected


def test_every_shipped_scale_has_a_step() -> None:
    """A step of nothing would call any difference endless, and no endless number is JSON."""
    for name, check in load_policy().checks.items():
        floor, _ = step(check.scale)
        assert floor > 0, name


@given(numbers, weeks)
def test_a_trend_with_a_step_is_finite(value: int, values: list[int]) -> None:
    """What is printed is a number."""
    assume(len(values) >= LIMITS.fewest)
    found = trend(DAY, float(value), past([float(each) for each in values]), LIMITS, floor=1.0)
    assert found.recent is not None
    assert math.isfinite(found.recent.z)
