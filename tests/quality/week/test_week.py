"""A week with known defects yields exactly the known findings, and nothing for its traps."""

import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from ssmd import venues
from ssmd.feeds.policy import load_policy
from ssmd.quality.checks.shards import Answer, Sample
from ssmd.quality.checks.signals import FLOW, IDLE, MARKETS, WS, signals
from ssmd.quality.checks.told import PLANNED, Expected, StreamTold, Told
from ssmd.quality.drift.look import look
from ssmd.quality.finding import FeedReport, Measured, Report
from ssmd.quality.finding import Finding as Answered
from ssmd.quality.scoring import judge, score_of, verdict
from ssmd.quality.truth.measuring import measure, wanted_share
from ssmd.quality.window import Window, day
from ssmd.sim.manual_clock import ManualClock
from tests.quality.week.world import DAYS, FEEDS, NOW, SUNDAY, WEDNESDAY, Placed, placed, record
from tests.tier import FULL, SEED

POLICY = load_policy(None)
PERFECT = 100.0

Finding = tuple[date, str, str]
"""A day, a feed, and a check that is below 100."""


class Found(NamedTuple):
    """What was found in a week.

    Attributes:
        findings: What is below 100.
        issues: What makes a day RED by itself: a day, a feed and a check.
        reports: The verdicts.
    """

    findings: set[Finding]
    issues: set[Finding]
    reports: Mapping[date, Report]


def told(window: Window) -> Told:
    """What Prometheus would have said of a healthy connector."""
    values = {WS: 1.0, FLOW: 50_000.0, IDLE: 0.5, MARKETS: 100.0, PLANNED: 1.0}
    answers = {
        name: Answer(name, (Sample({"shard": "0", "instance": "a:1"}, value),))
        for name, value in values.items()
    }
    return Told(where="http://prometheus", at=window.until - 1, answers=answers)


def drifted(root: Path, feed: str, window: Window, clock: ManualClock) -> Measured:
    """Severe changes of what messages look like."""
    found = look(root, feed, window.date.isoformat(), clock=clock)
    if not found.baseline:
        return Measured(name="drift", value=None, state="unknown", evidence="No day before.")
    severe = sum(each.severity == "error" for each in found.findings)
    return Measured(name="drift", value=float(severe), evidence="Changes.")


def judged(root: Path, days: Sequence[date]) -> Found:
    """The verdicts over some days of an archive."""
    clock = ManualClock(NOW)
    reports, findings, issues = {}, set[Finding](), set[Finding]()
    for each in days:
        window = day(each.isoformat(), NOW)
        feeds: dict[str, tuple[FeedReport, float]] = {}
        said: list[str] = []
        for feed, venue in FEEDS.items():
            wanted = wanted_share(root, feed, window)
            if wanted == 0:
                note = "Nothing of it was to be recorded that day."
                feeds[feed] = FeedReport(score=None, weight=0.0, checks=(), note=note), 1.0
                continue
            stream = StreamTold(stream="S", messages=1, stored=9, last_ts=NOW, asked_at=NOW)
            expected = Expected(
                window=window, pause=venues.load(venue).pause, wanted=wanted, wanted_last=True
            )
            measured = [
                *signals(told(window), stream, expected),
                *measure(root, feed, venue, window, clock=clock),
                drifted(root, feed, window, clock),
            ]
            report, found = judge(feed, measured, POLICY.checks, POLICY.families)
            feeds[feed] = report, 1.0
            said += found
            findings |= {
                (each, feed, check.name)
                for check in report.checks
                if check.value is not None and check.weight and _is_bad(check)
            }
            issues |= {
                (each, feed, check)
                for check in POLICY.checks
                for text in found
                if text.startswith(f"{feed}: {check} ")
            }
        reports[each] = verdict(window, feeds, said, POLICY, prometheus_degraded=False)
    return Found(findings, issues, reports)


def _is_bad(check: Answered) -> bool:
    """Whether it is below 100 at all: reports round."""
    assert check.value is not None
    return score_of(POLICY.checks[check.name].scale, check.value) < PERFECT


def expected(defects: Iterable[Placed]) -> tuple[set[Finding], set[Finding]]:
    """The findings and the issues that follow from defects."""
    listed = list(defects)
    findings = {(p.day, p.feed, check) for p in listed for check in p.defect.checks}
    issues = {(p.day, p.feed, "conservation") for p in listed if p.defect.is_issue}
    return findings, issues


def seeds() -> list[int]:
    """The gate's seed; in the long form some more."""
    return [SEED, *range(SEED + 1, SEED + 8)] if FULL else [SEED]


@pytest.fixture(scope="module", params=seeds())
def week(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Week":
    """A week of a seed."""
    seed = int(request.param)
    sys.stderr.write(f"week of seed {seed}\n")
    root = tmp_path_factory.mktemp("week")
    defects = placed(seed)
    record(root, seed, defects)
    return Week(seed, root, defects, judged(root, DAYS))


class Week(NamedTuple):
    """A week that was recorded and judged.

    Attributes:
        seed: What it was drawn from.
        root: Its archive.
        defects: What went wrong.
        found: What was found.
    """

    seed: int
    root: Path
    defects: Sequence[Placed]
    found: Found


def test_exactly_the_defects_are_found(week: Week) -> None:
    """Every defect is found on its day, in its feed, by its checks, and nothing else is."""
    findings, issues = expected(week.defects)
    assert week.found.findings == findings, [str(each) for each in week.defects]
    assert week.found.issues == issues


def test_only_issues_make_a_day_red(week: Week) -> None:
    """No trap and no small defect makes a day RED; a broken proof does."""
    red = {each for each, report in week.found.reports.items() if report.grade == "RED"}
    assert red == {each.day for each in week.defects if each.defect.is_issue}


def test_a_day_without_defects_is_perfect(week: Week) -> None:
    """Quiet nights, pauses, empty series, planned reconnects: 100, and GREEN."""
    spoilt = {(each.day, each.feed) for each in week.defects if each.defect.checks}
    scores = {
        (each, feed): told_.score
        for each, report in week.found.reports.items()
        for feed, told_ in report.feeds.items()
    }
    clean = {place: score for place, score in scores.items() if place not in spoilt}
    assert set(clean.values()) == {100, None}
    assert {place for place, score in clean.items() if score is None} == {
        (each, "kraken-eu") for each in DAYS if each < WEDNESDAY
    }


def test_the_running_day_is_said_to_run(week: Week) -> None:
    """Sunday is judged as far as it goes."""
    assert [each for each, report in week.found.reports.items() if report.running] == [SUNDAY]


def test_unknown_is_shown_and_not_counted(week: Week) -> None:
    """Before the second day there is nothing to compare messages with: no score, no weight."""
    (first,) = (
        check
        for check in week.found.reports[DAYS[0]].feeds["kraken"].checks
        if check.name == "drift"
    )
    assert (first.state, first.score, first.weight) == ("unknown", None, 0.0)


def test_a_defect_less_and_a_defect_more_change_just_that(tmp_path: Path, week: Week) -> None:
    """Sabotage: a week without one of its defects, and with it on another day, is told apart."""
    rng = random.Random(week.seed)
    movable = [each for each in week.defects if each.defect.checks and each.defect.name != "drift"]
    gone = rng.choice(movable)
    taken = {(each.feed, each.day) for each in week.defects}
    free = [
        each for each in gone.defect.days if (gone.feed, each) not in taken and each > WEDNESDAY
    ]
    if not free:
        free = [gone.day]
    moved = Placed(gone.defect, gone.feed, rng.choice(free))
    others = [each for each in week.defects if each is not gone]
    root = tmp_path / "data"
    record(root, week.seed, [*others, moved])
    days = sorted({gone.day, moved.day})
    found = judged(root, days)
    want, issues = expected([*others, moved])
    assert found.findings == {each for each in want if each[0] in days}
    assert found.issues == {each for each in issues if each[0] in days}
    if moved.day != gone.day:
        before = {each for each in week.found.findings if each[0] in days}
        assert found.findings != before
