"""No false RED: what looks bad and is not."""

from datetime import date

import pytest

from ssmd import venues
from ssmd.model.timestamp import parse_rfc3339
from ssmd.quality.checks import signals
from ssmd.quality.checks.shards import Sample
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, WS
from ssmd.quality.checks.told import Told
from ssmd.quality.window import Window, begin
from tests.quality.told import (
    CLOSED,
    Pause,
    a_told,
    always,
    changed,
    looked,
    running,
    score,
    series,
)


def test_shards_that_the_plan_gave_up_do_not_count() -> None:
    """A universe that shrank leaves gauges of shards that are no more."""
    told = a_told(
        ws=series({"0": 1, "1": 1, "2": 0}),
        flow=series({"0": 700, "1": 800, "2": 40}),
        idle=series({"0": 1, "1": 1, "2": 9000}),
        markets=series({"0": 3, "1": 2, "2": 7}),
        planned=2,
    )
    found = looked(told)
    assert [found[name].value for name in signals.NAMES[:-1]] == [1, 1540, 1, 5]


def test_an_empty_plan_is_no_outage() -> None:
    """Between two quarter-hour markets nothing is wanted, so nothing is connected."""
    nothing = looked(a_told(planned=0))
    assert {nothing[name].state for name in signals.NAMES[:-1]} == {"not_applicable"}
    left = a_told(
        ws=series({"0": 0}),
        flow=series({"0": 0}),
        idle=series({"0": 900}),
        markets=series({"0": 0}),
        planned=0,
    )
    found = looked(left)
    assert [found[name].state for name in (WS, IDLE, MARKETS)] == ["not_applicable"] * 3
    assert score(found[FLOW])[1] == ()


def test_what_is_not_wanted_any_more_need_not_be_there() -> None:
    """A feed that was switched off at noon has no gauge at midnight; its messages do count."""
    found = looked(a_told(), wanted=0.5, wanted_last=False)
    assert [found[name].state for name in (WS, IDLE, MARKETS)] == ["not_applicable"] * 3
    assert score(found[FLOW])[0] == 0


def kalshi_pause(text: str) -> tuple[Window, Pause]:
    """A running Thursday up to a time, and the calendar of the venue that pauses on it."""
    until = parse_rfc3339(text)
    thursday = date(2026, 11, 19)
    window = Window(date=thursday, since=begin(thursday), until=until, running=True)
    return window, venues.load("kalshi").pause


def test_a_maintenance_window_is_no_outage() -> None:
    """Thursday 03:00 to 05:00 in New York: sockets are closed, nothing comes, nothing is wrong."""
    window, pause = kalshi_pause("2026-11-19T09:00:00Z")
    told = a_told(
        ws=series({"0": 0}),
        flow=series({"0": 9000}),
        idle=series({"0": 3590}),
        markets=series({"0": 0}),
        planned=1,
        at=window.until,
    )
    found = looked(told, window=window, pause=pause)
    assert [found[name].state for name in (WS, MARKETS)] == ["not_applicable"] * 2
    assert "thursday_maintenance" in found[WS].evidence
    assert found[IDLE].value == 0
    assert [score(found[name])[1] for name in signals.NAMES] == [()] * 5


def test_silence_counts_from_the_end_of_the_pause() -> None:
    """Two minutes after it, two minutes of silence are a silence of two minutes."""
    window, pause = kalshi_pause("2026-11-19T10:02:00Z")
    told = changed(idle=series({"0": 7320.0}))
    told = Told(where=told.where, at=window.until, answers=told.answers)
    measured = looked(told, window=window, pause=pause)[IDLE]
    assert measured.value == pytest.approx(120, abs=60)
    assert "paused for 7200 s" in measured.evidence


def test_a_day_that_was_all_pause_has_no_messages_and_no_fault() -> None:
    """There was nothing to receive."""
    measured = looked(changed(flow=series({"0": 0})), pause=always)[FLOW]
    assert measured.state == "not_applicable"


@pytest.mark.parametrize(
    ("window", "wanted", "full"),
    [
        (CLOSED, 0.25, 250),
        (running(43_200), None, 500),
        (running(43_200), 0.5, 250),
        (CLOSED, 1.0, None),
        (CLOSED, None, None),
    ],
)
def test_a_part_of_a_day_needs_a_part_of_its_messages(
    window: Window, wanted: float | None, full: float | None
) -> None:
    """It runs, or the feed was wanted in a part of it only."""
    assert looked(window=window, wanted=wanted)[FLOW].full == full


def test_a_pause_shortens_the_day() -> None:
    """Two hours of a Thursday bring nothing."""
    thursday = date(2026, 11, 19)
    window = Window(
        date=thursday, since=begin(thursday), until=begin(date(2026, 11, 20)), running=False
    )
    full = looked(window=window, pause=venues.load("kalshi").pause)[FLOW].full
    assert full == pytest.approx(1000 * 22 / 24)


@pytest.mark.parametrize("flow", [(), series({"0": 0, "1": 0})])
def test_a_day_that_has_only_begun_has_no_silence(flow: tuple[Sample, ...]) -> None:
    """Prometheus needs two scrapes to see anything increase."""
    early = looked(changed(flow=flow), window=running(120))[FLOW]
    assert score(early)[1] == ()
    late = looked(changed(flow=flow), window=running(301))[FLOW]
    assert len(score(late)[1]) == 1
    begun = looked(changed(flow=flow), window=CLOSED, wanted=0.001)[FLOW]
    assert score(begun)[1] == ()


def test_a_learned_baseline_is_used_and_said() -> None:
    """The threshold is the feed's own usual day."""
    measured = looked(baseline=3000.0, learned="Learned: 0.8 of 3750.")[FLOW]
    assert measured.full == 3000
    assert score(measured) == (50, ())
    assert "Learned: 0.8 of 3750." in measured.evidence
    half = looked(baseline=3000.0, learned="Learned.", wanted=0.5)[FLOW]
    assert half.full == 1500
