"""Waiting for a time of day."""

import asyncio

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.cli.waiting import TimeOfDayType, in_words, next_time, wait_until
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.runtime.clock import turn
from ssmd.sim.manual_clock import ManualClock

DAY_NS = 86_400 * SECOND_NS
SIX = 6 * 3600


@pytest.mark.parametrize(
    ("now", "at"),
    [
        ("2026-11-23T05:59:59.999999999Z", "2026-11-23T06:00:00Z"),
        ("2026-11-23T06:00:00Z", "2026-11-24T06:00:00Z"),
        ("2026-11-23T23:00:00Z", "2026-11-24T06:00:00Z"),
        ("2026-12-31T07:00:00Z", "2027-01-01T06:00:00Z"),
    ],
)
def test_the_next_time_is_never_now(now: str, at: str) -> None:
    """Called again and again it runs once a day: what is past is for tomorrow."""
    assert next_time(SIX, parse_rfc3339(now)) == parse_rfc3339(at)


@given(st.integers(0, 86_399), st.integers(0, 4_000_000_000 * SECOND_NS))
def test_it_is_less_than_a_day_away(seconds: int, now: int) -> None:
    """And has the time of day that was asked for."""
    at = next_time(seconds, now)
    assert now < at <= now + DAY_NS
    assert at % DAY_NS == seconds * SECOND_NS


@pytest.mark.parametrize("text", ["06:00Z", "06:00"])
def test_a_time_of_day_is_utc(text: str) -> None:
    """With its letter, or without."""
    assert TimeOfDayType().convert(text, None, None) == SIX


@pytest.mark.parametrize("text", ["6:00", "24:00Z", "06:60Z", "06:00+01:00", "soon", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    """Before anything is waited for."""
    with pytest.raises(click.BadParameter, match="06:00Z"):
        TimeOfDayType().convert(text, None, None)


async def test_it_waits_by_the_wall_clock_and_no_longer() -> None:
    """Not a moment too early, and at once when it is over already."""
    now = parse_rfc3339("2026-11-23T05:59:00Z")
    clock = ManualClock(now)
    until = next_time(SIX, now)
    waiting = asyncio.create_task(wait_until(until, clock))
    await turn()
    await clock.advance(59.9)
    assert not waiting.done()
    await clock.advance(0.2)
    await waiting
    await wait_until(until, clock)


def test_a_person_is_told_when_that_is() -> None:
    """The day it falls on, and how long it takes."""
    now = parse_rfc3339("2026-11-23T20:30:10Z")
    assert in_words(next_time(SIX, now), now) == "2026-11-24 06:00 UTC, in 9 h 29 min"
