"""Baselines: what a feed usually brings, once there are enough days to say."""

from datetime import date, timedelta

import pytest

from ssmd.feeds.quality import Calibration, Scale, Tier
from ssmd.quality.calibration import Baseline, baseline

RULES = Calibration()
LINE = Scale(zero=0, full=1000)


def days(*values: float) -> list[tuple[date, float]]:
    """Values of the days before, the oldest first."""
    first = date(2026, 11, 1)
    return [(first + timedelta(days=number), value) for number, value in enumerate(values)]


def test_before_there_are_seven_days_the_policy_holds() -> None:
    """Six do not make a week."""
    assert baseline("message_flow", LINE, days(*[5000] * 6), RULES) == Baseline(1000)


def test_with_seven_days_their_median_is_the_measure() -> None:
    """One wild day changes nothing; a share of the median scores full."""
    learned = baseline("message_flow", LINE, days(5000, 5000, 9, 5000, 90_000, 5000, 5000), RULES)
    assert learned.full == 4000
    assert learned.learned == "Learned: 0.8 of 5000, the median of 7 days."


def test_only_the_last_days_count() -> None:
    """What was before them is history."""
    assert baseline("message_flow", LINE, days(*[1] * 20, *[500] * 7), RULES).full == 400


@pytest.mark.parametrize(
    ("name", "scale", "values"),
    [
        ("idle_time", LINE, [5000] * 7),
        ("message_flow", Scale(tiers=(Tier(below=1, score=100),)), [5000] * 7),
        ("message_flow", LINE, [0] * 7),
        ("message_flow", Scale(zero=10, full=0), [5000] * 7),
    ],
)
def test_what_cannot_be_learned_is_the_policys(
    name: str, scale: Scale, values: list[float]
) -> None:
    """Other checks, steps, days of nothing, and a scale that would turn round."""
    assert baseline(name, scale, days(*values), RULES) == Baseline(scale.full)
