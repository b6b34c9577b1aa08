"""The check `drift` as `dq daily` measures it: red when messages lost a field, green when they kept it."""

from pathlib import Path

from ssmd.feeds.policy import load_policy
from ssmd.feeds.registry import load_feed
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.daily import Day, judge_day
from ssmd.quality.finding import Finding
from ssmd.quality.window import day
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth.made import DAY_NS, HOUR_NS, Line, day_of, lines, write

FEED = "kraken"
WINDOW = day_of("2027-01-13")


async def drift(root: Path, *dropped: str) -> Finding:
    """What is said of a day on which some words are missing in all trades, after a day with them."""
    line = Line(FEED, WINDOW.since - DAY_NS + HOUR_NS).open().live(WINDOW.since)
    before = len(line.out)
    line.live(WINDOW.until - SECOND_NS).close()
    for word in dropped:
        line.reword(before, word, "")
    write(root, lines(line))
    clock = ManualClock(WINDOW.until)
    asked = Day(
        root=root,
        window=day(WINDOW.date.isoformat(), clock.wall()),
        policy=load_policy(),
        feeds=[load_feed(FEED)],
        configured=False,
        prometheus=None,
        bus=None,
        streams={FEED: ("PROD_KRAKEN",)},
    )
    report = await judge_day(asked, clock)
    (found,) = (check for check in report.feeds[FEED].checks if check.name == "drift")
    return found


async def test_drift_red(tmp_path: Path) -> None:
    """A field that was in every trade the day before is in none: a severe change."""
    found = await drift(tmp_path, '"ord_type":"limit",')
    assert (found.state, found.value) == ("known", 1)
    assert found.score is not None
    assert found.score < 100
    assert "missing_field trade" in found.evidence


async def test_drift_green(tmp_path: Path) -> None:
    """Messages look as they did the day before."""
    found = await drift(tmp_path)
    assert (found.state, found.value, found.score) == ("known", 0, 100)
