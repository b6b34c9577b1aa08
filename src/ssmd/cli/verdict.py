"""How good a demo's recording is, at its end: the day so far, by its files alone."""

from collections.abc import Sequence
from pathlib import Path

from ssmd.cli.output import Output
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.policy import load_policy
from ssmd.quality.daily import Day, judge_day
from ssmd.quality.finding import FeedReport, Report
from ssmd.quality.window import day
from ssmd.runtime.clock import Clock


async def of_recording(root: Path, feeds: Sequence[FeedConfig], clock: Clock) -> Report:
    """The verdict over today, without what would need a Prometheus, a bus, or rows read one by one.

    Args:
        root: The archive.
        feeds: What was recorded.
        clock: What time it is.
    """
    asked = Day(
        root=root,
        window=day("today", clock.wall()),
        policy=load_policy(),
        feeds=feeds,
        configured=True,
        prometheus=None,
        bus=None,
        streams={feed.name: ("",) for feed in feeds},
        drift=False,
        rows=False,
    )
    return await judge_day(asked, clock)


def show(output: Output, report: Report) -> None:
    """A small table: the scores of what files prove, feed by feed."""
    names = list(
        dict.fromkeys(
            check.name
            for feed in report.feeds.values()
            for check in feed.checks
            if check.family == "truth" and check.value is not None
        )
    )
    output.table(
        f"Quality of {report.date} so far, by the files (100 is best)",
        ("check", *report.feeds),
        [
            *((name, *(_score(feed, name) for feed in report.feeds.values())) for name in names),
            ("all of it", *(_whole(feed) for feed in report.feeds.values())),
        ],
    )


def _score(feed: FeedReport, name: str) -> str:
    found = next((check.score for check in feed.checks if check.name == name), None)
    return "-" if found is None else f"{found:g}"


def _whole(feed: FeedReport) -> str:
    return "-" if feed.score is None else str(feed.score)
