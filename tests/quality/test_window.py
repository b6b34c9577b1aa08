"""Of which time quality is judged."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.quality.window import begin, day, of

NOON = parse_rfc3339("2026-11-23T12:00:00Z")
DAY_NS = 86_400 * SECOND_NS


@pytest.mark.parametrize("text", [None, "yesterday", "2026-11-22"])
def test_the_last_closed_day_is_whole(text: str | None) -> None:
    """Yesterday is over: it has all of its 24 hours, and ends where today begins."""
    window = day(text, NOON)
    assert (window.date, window.running) == (date(2026, 11, 22), False)
    assert window.since == parse_rfc3339("2026-11-22T00:00:00Z")
    assert window.until == parse_rfc3339("2026-11-23T00:00:00Z")
    assert window.seconds == 86_400


@pytest.mark.parametrize("text", ["today", "2026-11-23"])
def test_today_is_as_long_as_it_has_been(text: str) -> None:
    """What is still to come is not missing."""
    window = day(text, NOON)
    assert (window.date, window.running, window.until) == (date(2026, 11, 23), True, NOON)
    assert window.seconds == 43_200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-24", "has not begun"),
        ("2027-01-01", "has not begun"),
        ("soon", "is no day"),
        ("2026-02-30", "is no day"),
        ("", "is no day"),
        ("0001-01-01", "before 1970"),
        ("1969-12-31", "before 1970"),
    ],
)
def test_what_is_no_day_is_refused(text: str, said: str) -> None:
    """With what it is, and what to write."""
    with pytest.raises(ConfigError, match=said) as refused:
        day(text, NOON)
    assert refused.value.remedy


@given(st.integers(0, 4_000_000_000 * SECOND_NS))
def test_every_moment_lies_in_the_day_that_is_named_for_it(ts: int) -> None:
    """Days touch and do not overlap."""
    chosen = of(ts)
    assert begin(chosen) <= ts < begin(chosen) + DAY_NS
    window = day("today", ts)
    assert (window.date, window.until, window.running) == (chosen, ts, True)
