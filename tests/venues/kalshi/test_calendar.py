"""The exchange's weekly pause, by the clocks of New York."""

from datetime import UTC, datetime, timedelta

import pytest

from ssmd.model.timestamp import parse_rfc3339
from ssmd.venues.kalshi.calendar import MAINTENANCE, pause

HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-07-16T07:00:00Z", "2026-07-16T09:00:00Z"),  # summer: UTC-4
        ("2026-11-26T08:00:00Z", "2026-11-26T10:00:00Z"),  # winter: UTC-5
        ("2026-03-05T08:00:00Z", "2026-03-05T10:00:00Z"),  # the Thursday before clocks go forward
        ("2026-03-12T07:00:00Z", "2026-03-12T09:00:00Z"),  # and the one after
        ("2026-10-29T07:00:00Z", "2026-10-29T09:00:00Z"),  # the Thursday before they go back
        ("2026-11-05T08:00:00Z", "2026-11-05T10:00:00Z"),  # and the one after
    ],
)
def test_markets_pause_from_three_to_five_in_new_york(begins: str, ends: str) -> None:
    """To the nanosecond, whatever the season: silence within is no loss, silence beside it is."""
    first, after = parse_rfc3339(begins), parse_rfc3339(ends)
    assert [pause(ts) for ts in (first - 1, first, after - 1, after)] == [
        None,
        MAINTENANCE,
        MAINTENANCE,
        None,
    ]


def test_each_week_has_two_paused_hours_and_no_more() -> None:
    """Two years, hour by hour, against the law of 2007 instead of a time zone database."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year < 2028:
        summer = _sunday(moment.year, 3, 2) + timedelta(hours=7)
        winter = _sunday(moment.year, 11, 1) + timedelta(hours=6)
        local = moment - timedelta(hours=4 if summer <= moment < winter else 5)
        expected = MAINTENANCE if local.weekday() == 3 and local.hour in {3, 4} else None
        assert pause(int(moment.timestamp()) * 10**9 + HOUR_NS // 2) == expected, moment
        moment += timedelta(hours=1)


def test_no_time_is_too_early_or_too_late_to_ask() -> None:
    """A frame with a strange time must not stop whoever asks about it."""
    for ts in (0, -1, -(2**63), 2**63 - 1, 10**40, -(10**40)):
        assert pause(ts) in {None, MAINTENANCE}


def _sunday(year: int, month: int, which: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (which - 1))
