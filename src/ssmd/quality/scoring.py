"""From values to scores, from scores to a verdict: arithmetic over a policy. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ssmd.feeds.quality import Check, Family, QualityPolicy, Scale
from ssmd.quality.finding import FeedReport, Finding, Grade, Measured, Report
from ssmd.quality.window import Window

_HIGHEST = 100.0
_NOT_COUNTED = 0.0


def score_of(scale: Scale, value: float) -> float:
    """What a value is worth on a scale, 0..100; what is no number is worth nothing."""
    if math.isnan(value):
        return 0.0
    if scale.tiers is not None:
        return next((tier.score for tier in scale.tiers if value < tier.below), 0.0)
    assert scale.zero is not None  # noqa: S101 - the type says so
    assert scale.full is not None  # noqa: S101 - the type says so
    if math.isinf(value):
        return _HIGHEST if (value > 0) == (scale.full > scale.zero) else 0.0
    share = (value - scale.zero) / (scale.full - scale.zero)
    return _HIGHEST * min(1.0, max(0.0, share))


def in_words(scale: Scale) -> str:
    """A scale as a person reads it."""
    if scale.tiers is None:
        return f"{scale.zero:g} scores 0, {scale.full:g} scores 100"
    steps = ", ".join(f"below {tier.below:g} scores {tier.score:g}" for tier in scale.tiers)
    return f"{steps}, else 0"


def judge(
    feed: str,
    measured: Iterable[Measured],
    checks: Mapping[str, Check],
    families: Mapping[Family, float],
) -> tuple[FeedReport, tuple[str, ...]]:
    """One feed's verdict, and the issues that make the grade RED.

    A check that nobody measured is unknown, and said to be. Weights are shared out within each
    family over what counts, and over the families of which anything counts.

    Args:
        feed: Its name, for issues.
        measured: What was found, at most once per check.
        checks: The policy's checks, as they count for this feed.
        families: The share of each family.

    Returns:
        A report whose share of the composite is still 0.
    """
    found = {each.name: each for each in measured}
    raw = [
        _finding(check, found.get(name) or _nobody(name), name) for name, check in checks.items()
    ]
    findings = tuple(
        msgspec.structs.replace(finding, weight=weight)
        for finding, weight in zip(raw, _shares(raw, families), strict=True)
    )
    counted = [finding for finding in findings if finding.weight > 0]
    total = sum(finding.weight * (finding.score or 0.0) for finding in counted)
    issues = tuple(
        f"{feed}: {sentence}"
        for finding in raw
        if (sentence := _issue(finding, checks[finding.name], found.get(finding.name)))
    )
    return (
        FeedReport(score=_rounded(total) if counted else None, weight=0.0, checks=findings),
        issues,
    )


def _shares(raw: Sequence[Finding], families: Mapping[Family, float]) -> list[float]:
    """What each finding weighs in the score; a family that the policy does not name weighs nothing."""
    sums: dict[Family, float] = {}
    for finding in raw:
        sums[finding.family] = sums.get(finding.family, 0.0) + finding.weight
    present = sum(share for family, share in families.items() if sums.get(family, 0.0) > 0)
    return [
        finding.weight / sums[finding.family] * families.get(finding.family, 0.0) / present
        if finding.weight and present
        else _NOT_COUNTED
        for finding in raw
    ]


def verdict(
    window: Window,
    feeds: Mapping[str, tuple[FeedReport, float]],
    issues: Sequence[str],
    policy: QualityPolicy,
    *,
    prometheus_degraded: bool,
    notes: Sequence[str] = (),
) -> Report:
    """The composite over all feeds, and its grade.

    Args:
        window: The day that was judged.
        feeds: Each feed's report, and the weight its configuration gives it.
        issues: What makes the grade RED.
        policy: The bounds of the grades.
        prometheus_degraded: Whether Prometheus did not answer.
        notes: What else is to be known.
    """
    total = sum(weight for report, weight in feeds.values() if report.score is not None)
    shared = {
        name: msgspec.structs.replace(
            report,
            weight=weight / total if total and report.score is not None else _NOT_COUNTED,
        )
        for name, (report, weight) in feeds.items()
    }
    composite = (
        _rounded(sum(report.weight * (report.score or 0) for report in shared.values()))
        if total
        else None
    )
    return Report(
        date=window.date.isoformat(),
        running=window.running,
        feeds=shared,
        composite=composite,
        grade=grade(composite, issues, policy),
        issues=tuple(issues),
        prometheus_degraded=prometheus_degraded,
        notes=tuple(notes),
    )


def grade(composite: int | None, issues: Sequence[str], policy: QualityPolicy) -> Grade:
    """The grade of a composite; nothing to judge is no good day."""
    if issues or composite is None or composite < policy.grades.yellow:
        return "RED"
    return "GREEN" if composite >= policy.grades.green else "YELLOW"


def _finding(check: Check, measured: Measured, name: str) -> Finding:
    """One check's answer; its weight is still the policy's."""
    scale = _scale(check, measured)
    score = _score(check, scale, measured)
    counts = score is not None and measured.state != "not_applicable"
    return Finding(
        name=name,
        family=check.family,
        value=measured.value,
        score=None if score is None else float(_rounded(score)),
        weight=check.weight if counts else _NOT_COUNTED,
        threshold=in_words(scale),
        evidence=measured.evidence + (f" {measured.excused}" if measured.excused else ""),
        state=measured.state,
    )


def _scale(check: Check, measured: Measured) -> Scale:
    """The policy's scale, with the baseline that was learned, or holds for a shorter time."""
    if measured.full is None or check.scale.full is None:
        return check.scale
    return msgspec.structs.replace(check.scale, full=measured.full)


def _score(check: Check, scale: Scale, measured: Measured) -> float | None:
    if measured.state == "not_applicable":
        return None
    if measured.value is not None:
        score = score_of(scale, measured.value)
        return score if measured.cap is None else min(score, measured.cap)
    if measured.cap is not None:
        return measured.cap
    return None if check.unknown == "leave_out" else check.unknown


def _issue(finding: Finding, check: Check, measured: Measured | None) -> str:
    """Why this answer alone makes a day RED; empty when it does not."""
    if measured is None or measured.excused:
        return ""
    if measured.issue:
        return measured.issue
    if check.hard_at is None or finding.value is None:
        return ""
    exact = _score(check, _scale(check, measured), measured)  # little is not nothing: not rounded
    is_hard = exact is not None and exact <= check.hard_at
    if not is_hard:
        return ""
    return f"{finding.name} is {finding.value:g}: {finding.evidence} {measured.remedy}".rstrip()


def _nobody(name: str) -> Measured:
    return Measured(name=name, value=None, state="unknown", evidence="It was not measured.")


def _rounded(value: float) -> int:
    """To the nearest, halves up: not to the even, as `round` does."""
    return math.floor(value + 0.5 + 1e-9)
