"""How quality is judged is said in files, and a wrong file is refused with the place of the fault."""

from pathlib import Path

import pytest

from ssmd.feeds.policy import load_policy, shipped_policy
from ssmd.feeds.quality import CheckChange, FeedQuality, QualityPolicy, Scale
from ssmd.feeds.registry import load_feed, names
from ssmd.model.errors import ConfigError
from ssmd.quality.checks import signals
from ssmd.runtime import settings

CHECKS = """
checks:
  message_flow: {family: signals, weight: 1, scale: {zero: 0, full: 10}}
"""
MINIMAL = "families: {signals: 1}" + CHECKS


def parsed(text: str) -> QualityPolicy:
    return settings.parse(text, QualityPolicy, where="quality.yaml")


def test_the_shipped_policy_loads_and_knows_every_feed() -> None:
    """Every shipped feed is judged by every check of the signals."""
    policy = load_policy()
    assert set(signals.NAMES) == {n for n, c in policy.checks.items() if c.family == "signals"}
    for name in names():
        checks = policy.of(load_feed(name).quality)
        assert list(checks) == list(policy.checks)
        assert sum(checks[each].weight for each in signals.NAMES) == pytest.approx(1)
    assert policy.prometheus_cap == 50
    assert (policy.grades.green, policy.grades.yellow) == (85, 60)


def test_a_file_of_ones_own_is_taken(tmp_path: Path) -> None:
    """One begins with the shipped text and changes what one wants."""
    path = tmp_path / "quality.yaml"
    path.write_text(shipped_policy().replace("prometheus_cap: 50", "prometheus_cap: 30"))
    assert load_policy(path).prometheus_cap == 30
    assert load_policy(path).checks == load_policy().checks


def test_a_feed_differs_where_it_says_so() -> None:
    """What it does not name stays the policy's."""
    policy = load_policy()
    changed = policy.of(
        FeedQuality(
            checks={"idle_time": CheckChange(weight=0.5, scale=Scale(zero=9, full=1), unknown=10.0)}
        )
    )
    assert (changed["idle_time"].weight, changed["idle_time"].unknown) == (0.5, 10.0)
    assert changed["idle_time"].hard_at == policy.checks["idle_time"].hard_at
    assert changed["message_flow"] == policy.checks["message_flow"]


def test_a_feed_that_changes_no_check_of_the_policy_is_refused() -> None:
    """A typo is answered with the nearest name."""
    wrong = FeedQuality(checks={"idle_tme": CheckChange(weight=0.5)})
    with pytest.raises(ConfigError, match="idle_time"):
        load_policy().of(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL.replace("full: 10", "full: 0"), "`zero` and `full` of a scale differ"),
        (MINIMAL.replace("full: 10", "tiers: [{below: 1, score: 1}]"), "either `tiers`"),
        (MINIMAL.replace("zero: 0, full: 10", "zero: 0"), "either `tiers`"),
        (
            MINIMAL.replace(
                "zero: 0, full: 10", "tiers: [{below: 2, score: 1}, {below: 1, score: 0}]"
            ),
            "ascend",
        ),
        (MINIMAL.replace("weight: 1,", "weight: -1,"), "checks"),
        (MINIMAL.replace("family: signals", "family: lies"), "checks"),
        (MINIMAL.replace("signals: 1", "signals: 0"), "weight above 0"),
        (MINIMAL + "\ngrades: {green: 50, yellow: 60}\n", "at most"),
        (MINIMAL + "\ncalibration: {checks: [mesage_flow]}\n", "message_flow"),
        (MINIMAL + "\nnotify: [{kind: webhook, to: 'ftp://x'}]\n", "http"),
        (MINIMAL + "\nnotify: [{kind: email, to: 'a@b'}]\n", "server"),
        (MINIMAL + "\nprometheus_cpa: 3\n", "prometheus_cap"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(text: str, said: str) -> None:
    """Before anything is judged by it."""
    with pytest.raises(ConfigError, match=said):
        parsed(text)


def test_what_is_learned_must_have_something_to_learn() -> None:
    """A scale of steps has no baseline."""
    steps = MINIMAL.replace("zero: 0, full: 10", "tiers: [{below: 1, score: 100}]")
    with pytest.raises(ConfigError, match="no `full`"):
        parsed(steps)
    assert parsed(steps + "\ncalibration: {checks: []}\n").calibration.checks == ()
