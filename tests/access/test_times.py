"""Times as researchers give them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from ssmd.access.times import Moment, Range, instant, span, width_ns
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS

NOW = 1_800_000_000 * SECOND_NS
NOON = 1_795_435_200 * SECOND_NS
"""2026-11-23T12:00:00Z."""


@pytest.mark.parametrize(
    ("value", "ts"),
    [
        ("2026-11-23T12:00:00.000000001Z", NOON + 1),
        ("2026-11-23T12:00", NOON),
        ("2026-11-23 13:00:00+01:00", NOON),
        ("2026-11-23", NOON - 43_200 * SECOND_NS),
        (date(2026, 11, 23), NOON - 43_200 * SECOND_NS),
        (datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC), NOON + 1000),
        (datetime(2026, 11, 23, 7, tzinfo=timezone(timedelta(hours=-5))), NOON),
        (NOON + 7, NOON + 7),
        ("now", NOW),
        ("-90s", NOW - 90 * SECOND_NS),
        ("-1d", NOW - 86_400 * SECOND_NS),
    ],
)
def test_a_time_is_read_to_the_nanosecond(value: Moment, ts: int) -> None:
    """Every form there is; text without a zone is UTC."""
    assert instant(value, NOW) == ts


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 23, 12),  # noqa: DTZ001 - the very thing that is refused
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "1h",
        -1,
        "2300-01-01",
        True,
        "",
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_there_are(value: Moment) -> None:
    """A naive datetime is a guess about a zone, and guesses end in wrong research."""
    with pytest.raises(ConfigError, match="zone"):
        instant(value, NOW)


def test_a_range_is_half_open_and_forward() -> None:
    """Neighbouring ranges share no row and leave none out."""
    assert span("2026-11-23T12:00", "-0s", NOW) == Range(NOON, NOW)
    assert span(None, None, NOW) == Range()
    for end in (NOON, NOON - 1):
        with pytest.raises(ConfigError, match="not after"):
            span(NOON, end, NOW)


def test_ranges_are_shared_and_joined() -> None:
    """What two filters leave, and what either of them leaves."""
    assert Range(1, 5).shared(Range(3, None)) == Range(3, 5)
    assert Range(1, 5).both(Range(3, None)) == Range(1, None)
    assert str(Range()) == "the beginning to now"


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("250ms", 250_000_000),
        ("5m", 300 * SECOND_NS),
        (7, 7),
        (timedelta(hours=1), 3600 * SECOND_NS),
    ],
)
def test_widths(value: str | int | timedelta, ns: int) -> None:
    """A bar is as wide as it is said to be."""
    assert width_ns(value) == ns


@pytest.mark.parametrize("value", ["", "m", "1y", "0s", -5, timedelta(0), "1.5m"])
def test_what_is_no_width_is_refused(value: str | int | timedelta) -> None:
    """A bar of no width holds nothing."""
    with pytest.raises(ConfigError, match="no width"):
        width_ns(value)
