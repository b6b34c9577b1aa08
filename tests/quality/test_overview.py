"""Many days at a glance, and what of them is a trend."""

from datetime import date

import msgspec

from ssmd.feeds.quality import Trend as Limits
from ssmd.quality.overview import measurements, overview, sparkline
from ssmd.secmaster.scores import Scored
from tests.quality.made import AT, DAY, back

LIMITS = Limits()


def scored(day: date, feed: str, score: int | None, **more: object) -> Scored:
    """A row."""
    made = Scored(
        day=day,
        feed=feed,
        score=score,
        composite=score,
        grade="GREEN",
        details=b"{}",
        at=AT,
        degraded=False,
        running=False,
    )
    return msgspec.structs.replace(made, **more)


def test_what_is_shown_and_what_serves_for_trends() -> None:
    """Days before those that are shown still say what is usual."""
    rows = [scored(back(days), "a", 90 + days % 3) for days in range(8, 0, -1)]
    found = overview([*rows, scored(DAY, "a", 40)], back(2), LIMITS)
    assert [day.date for day in found.days] == ["2026-01-13", "2026-01-14", "2026-01-15"]
    assert found.days[-1].feeds == {"a": 40}
    assert found.feeds["a"].direction == "degrading"
    assert found.composite is not None
    assert found.composite.direction == "degrading"
    assert overview(rows, back(2), LIMITS, composite=False).composite is None


def test_a_day_that_is_not_over_makes_no_trend() -> None:
    """It is shown; the last closed day is what is compared."""
    rows = [scored(back(days), "a", 90) for days in range(7, 0, -1)]
    found = overview([*rows, scored(DAY, "a", 5, running=True)], back(7), LIMITS)
    assert found.days[-1].running
    assert found.feeds["a"].direction == "stable"
    assert found.feeds["a"].value == 90
    running = [scored(DAY, "a", 5, running=True)]
    assert overview(running, DAY, LIMITS).feeds == {}


def test_a_small_change_of_days_that_were_all_alike_is_no_news() -> None:
    """After a week of 100 a 97 is not degrading, and a 96 is."""
    rows = [scored(back(days), "a", 100) for days in range(7, 0, -1)]
    for score, direction in ((97, "stable"), (96, "degrading")):
        found = overview([*rows, scored(DAY, "a", score)], back(7), LIMITS)
        assert found.feeds["a"].direction == direction


def test_a_feed_without_a_score_is_unknown() -> None:
    """It was not to be recorded: neither good nor bad."""
    rows = [scored(back(days), "a", 100) for days in range(7, 0, -1)]
    found = overview([*rows, scored(DAY, "a", None), scored(DAY, "b", 7)], back(7), LIMITS)
    assert found.feeds["a"].direction == "unknown"
    assert found.feeds["b"].direction == "unknown"
    assert found.days[-1].feeds == {"a": None, "b": 7}


def test_what_a_check_measured() -> None:
    """Each feed is compared with itself, in the direction that is good for the check."""
    values = [(back(days), "a", 5.0 + days % 2) for days in range(7, -1, -1)]
    values += [(back(1), "b", 3.0), (back(20), "c", 1.0)]
    values[7] = (DAY, "a", 60.0)
    found = measurements("gaps", values, back(3), LIMITS, floor=0.1, better="lower")
    assert list(found.days) == ["2026-01-12", "2026-01-13", "2026-01-14", "2026-01-15"]
    assert found.days["2026-01-14"] == {"a": 6.0, "b": 3.0}
    assert {feed: trend.direction for feed, trend in found.feeds.items()} == {
        "a": "degrading",
        "b": "unknown",
    }


def test_bars() -> None:
    """One character a day, a dot where there is nothing."""
    assert sparkline([0, 50, 100, None, 99.9, -5, 500]) == "▁▅█·█▁█"
    assert sparkline([3.0, 6.0], low=0.0, high=6.0) == "▅█"
    assert sparkline([2.0], low=2.0, high=2.0) == "█"
    assert sparkline([]) == ""
