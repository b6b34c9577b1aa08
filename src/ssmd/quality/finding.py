"""What checks say: a value with its evidence, what it scores, and the verdict over a window. Pure."""

from typing import Literal

import msgspec

from ssmd.feeds.quality import Family

Grade = Literal["GREEN", "YELLOW", "RED"]
"""The verdict over a window, best first."""
State = Literal["known", "unknown", "not_applicable"]
"""Whether there is a value; if not, whether there could have been one."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found of one feed, before it is scored.

    Attributes:
        name: The check's name, as in the policy.
        value: What was measured, in the check's unit; None when it is not known.
        evidence: Where it is from, so that a person can look: the query, the series, the files.
        state: Whether there is a value; `not_applicable` where there cannot be one.
        cap: The most it may score, and what it counts as when it is not known; None for no cap.
        full: Replaces the `full` of the check's scale: a learned baseline, or the part of it that a
            shorter time gives; None keeps the policy's.
        issue: A sentence, when the value by itself makes the grade RED; empty otherwise.
        excused: Why a bad score is no issue (a pause of the venue's calendar, say); empty otherwise.
        remedy: What to do when it is an issue, a sentence; empty when the evidence says enough.
    """

    name: str
    value: float | None
    evidence: str
    state: State = "known"
    cap: float | None = None
    full: float | None = None
    issue: str = ""
    excused: str = ""
    remedy: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check's answer.

    Attributes:
        name: The check's name.
        family: What it is told by.
        value: What was measured; None when it is not known.
        score: What that is worth, 0..100, in whole points; None when it counts not.
        weight: Its share of the feed's score: `sum(weight * score)` over all findings is the score,
            and the weights of those that count add up to 1.
        threshold: The scale, in words.
        evidence: Where the value is from.
        state: Whether there is a value.
    """

    name: str
    family: Family
    value: float | None
    score: float | None
    weight: float
    threshold: str
    evidence: str
    state: State


class FeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict over one feed.

    Attributes:
        score: 0..100, rounded; None when nothing counts: it was not to be recorded, say.
        weight: Its share of the composite; 0 when it counts not.
        checks: Every check's answer, in the policy's order.
        note: What else is to be known; empty when there is nothing.
    """

    score: int | None
    weight: float
    checks: tuple[Finding, ...]
    note: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict over a window.

    Attributes:
        date: The UTC day, YYYY-MM-DD.
        running: Whether the day was not over.
        feeds: By name.
        composite: 0..100, rounded; None when no feed counts.
        grade: The verdict.
        issues: What makes it RED whatever the composite, a sentence each.
        prometheus_degraded: Whether Prometheus did not answer.
        notes: What else is to be known.
    """

    date: str
    running: bool
    feeds: dict[str, FeedReport]
    composite: int | None
    grade: Grade
    issues: tuple[str, ...]
    prometheus_degraded: bool
    notes: tuple[str, ...] = ()
