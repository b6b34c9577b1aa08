"""The verdict over a security master: each check's score, and whether it is bad. Pure."""

from collections.abc import Iterable

import msgspec

from ssmd.feeds.quality import MasterCheck, MasterPolicy
from ssmd.model.errors import ConfigError
from ssmd.quality.finding import Measured, State
from ssmd.quality.scoring import in_words, score_of
from ssmd.runtime.unknown import did_you_mean


class MasterFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One check's answer.

    Attributes:
        name: The check's name.
        value: What was measured; None when it is not known.
        score: What that is worth, 0..100; None when it is not known.
        threshold: The scale, in words, and below which score it is bad.
        evidence: Where the value is from.
        state: Whether there is a value.
        bad: Whether something has to be done.
    """

    name: str
    value: float | None
    score: float | None
    threshold: str
    evidence: str
    state: State
    bad: bool


def judge(measured: Iterable[Measured], policy: MasterPolicy) -> tuple[MasterFinding, ...]:
    """Each check's answer, in the order they were measured; what the policy lacks is left out.

    Raises:
        ConfigError: The policy speaks of a check that is not there.
    """
    found = {each.name: each for each in measured}
    for name in policy.checks:
        if name not in found:
            message = f"`secmaster.checks`: there is no check {name!r}.{did_you_mean(name, found)}"
            raise ConfigError(message, remedy=f"Use some of: {', '.join(found)}.")
    return tuple(
        _finding(each, policy.checks[name]) for name, each in found.items() if name in policy.checks
    )


def _finding(measured: Measured, check: MasterCheck) -> MasterFinding:
    score = None if measured.value is None else score_of(check.scale, measured.value)
    is_low = score is not None and score < check.bad_below
    return MasterFinding(
        name=measured.name,
        value=measured.value,
        score=None if score is None else round(score, 1),
        threshold=f"{in_words(check.scale)}; bad below a score of {check.bad_below:g}",
        evidence=f"{measured.evidence}. {measured.issue}".removesuffix(". "),
        state=measured.state,
        bad=is_low or bool(measured.issue),
    )
