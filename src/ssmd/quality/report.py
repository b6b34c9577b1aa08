"""A verdict as a person reads it: 80 columns, the worst first, and every score with its reasons. Pure."""

import math
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from ssmd.quality.finding import FeedReport, Finding, Report

WIDTH: Final = 80
"""No line is longer, in characters."""
_NAME: Final = 19
_VALUE: Final = 11
_NUMBER: Final = 7
_EVIDENCE: Final = "      "
_BEFORE: Final = " " * (2 + _NAME + _VALUE + 2 * _NUMBER + 2)
_HIGHEST: Final = 100.0


def lines(report: Report, *, evidence: bool = True) -> list[str]:
    """The verdict, the feeds, and what to do.

    Args:
        report: What was found.
        evidence: Whether every check shows where its value is from.
    """
    found = list(_head(report))
    for name, feed in sorted(report.feeds.items(), key=lambda item: _badness(item[1])):
        found += ["", *_feed(name, feed, evidence=evidence)]
    found.append("")
    found += [line for issue in report.issues for line in _wrapped("ISSUE: ", issue)]
    found += [line for note in report.notes for line in _wrapped("Note: ", note)]
    found += list(_verdict(report))
    return found


def _head(report: Report) -> Iterator[str]:
    running = ", still running: judged as far as it is over" if report.running else ""
    yield f"Quality of {report.date} (UTC){running}"
    if report.prometheus_degraded:
        yield "Prometheus does not answer: what it tells counts as unknown, and is capped."


def _verdict(report: Report) -> Iterator[str]:
    composite = "nothing to judge" if report.composite is None else f"{report.composite}/100"
    why = f", for {len(report.issues)} issue(s)" if report.issues else ""
    yield f"{report.grade}{why}: composite {composite}"


def _badness(feed: FeedReport) -> tuple[bool, int]:
    """Sorts what is worst first, what was not judged last."""
    return feed.score is None, feed.score or 0


def _feed(name: str, feed: FeedReport, *, evidence: bool) -> Iterator[str]:
    score = "not judged" if feed.score is None else f"{feed.score}/100"
    yield f"{name}: {score}" + (f", {feed.weight:.0%} of the composite" if feed.weight else "")
    if feed.note:
        yield from _wrapped("  ", feed.note)
    if not feed.checks:
        return
    yield (
        f"  {'check':<{_NAME}}{'value':>{_VALUE}}{'score':>{_NUMBER}}{'weight':>{_NUMBER}}"
        "  threshold"
    )
    for check in sorted(feed.checks, key=_lost, reverse=True):
        yield from _check(check, evidence=evidence)


def _lost(check: Finding) -> tuple[float, bool]:
    """How many points of the feed's score it cost; what is unknown comes before what cannot be."""
    cost = 0.0 if check.score is None else check.weight * (_HIGHEST - check.score)
    return cost, check.state == "unknown"


def _check(check: Finding, *, evidence: bool) -> Iterator[str]:
    words = {"unknown": "unknown", "not_applicable": "n/a"}
    value = words.get(check.state, "") if check.value is None else _number(check.value)
    score = "-" if check.score is None else f"{check.score:g}"
    weight = f"{check.weight:.3f}" if check.weight else "-"
    threshold = wrap(check.threshold, WIDTH - len(_BEFORE))
    yield (
        f"  {check.name:<{_NAME}}{value:>{_VALUE}}{score:>{_NUMBER}}{weight:>{_NUMBER}}"
        f"  {threshold[0]}"
    )
    yield from (_BEFORE + line for line in threshold[1:])
    if evidence:
        yield from (_EVIDENCE + line for line in wrap(check.evidence, WIDTH - len(_EVIDENCE)))


def _number(value: float) -> str:
    """A value in at most ten characters."""
    if not math.isfinite(value):
        return f"{value:g}"
    whole = f"{value:.0f}"
    if value == round(value) and len(whole) < _VALUE:
        return whole
    return f"{value:.4g}"


def _wrapped(first: str, text: str) -> list[str]:
    rest = " " * len(first)
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest)
