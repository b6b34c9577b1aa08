"""Verdicts made up for tests, and a database to keep them in."""

from datetime import date, timedelta

from ssmd.quality.finding import FeedReport, Finding, Grade, Report

DAY = date(2026, 1, 15)
"""A Thursday."""
AT = 1_768_521_600_000_000_000
"""The begin of the day after it, ns."""


def finding(name: str = "coverage", value: float | None = 0.9, **more: object) -> Finding:
    """What one check said."""
    told = {
        "family": "truth",
        "score": None if value is None else 80.0,
        "weight": 0.0 if value is None else 0.5,
        "threshold": "0.5 scores 0, 1 scores 100",
        "evidence": "D/ledger: 1296 of 1440 minutes",
        "state": "unknown" if value is None else "known",
    }
    return Finding(name=name, value=value, **(told | more))  # type: ignore[arg-type]


def report(
    day: date = DAY,
    composite: int | None = 90,
    *,
    grade: Grade = "GREEN",
    running: bool = False,
    feeds: dict[str, FeedReport] | None = None,
    issues: tuple[str, ...] = (),
) -> Report:
    """A verdict; without feeds, over two that have the composite's score."""
    if feeds is None:
        checks = (
            finding("message_flow", 1000.0, family="signals"),
            finding(),
            finding("drift", None),
        )
        feeds = {
            name: FeedReport(score=composite, weight=0.5, checks=checks)
            for name in ("beta", "alpha")
        }
    return Report(
        date=day.isoformat(),
        running=running,
        feeds=feeds,
        composite=composite,
        grade=grade,
        issues=issues,
        prometheus_degraded=False,
    )


def back(days: int) -> date:
    """So many days before the day."""
    return DAY - timedelta(days=days)
