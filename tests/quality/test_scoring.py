"""From values to scores, from scores to a verdict: arithmetic that anybody can do again by hand."""

import math
from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import Check, Family, FeedQuality, Grades, QualityPolicy, Scale, Tier
from ssmd.feeds.registry import load_feed
from ssmd.quality.finding import FeedReport, Measured
from ssmd.quality.scoring import grade, in_words, judge, score_of, verdict
from ssmd.quality.window import Window, begin

POLICY = load_policy()
LINE = Scale(zero=0, full=100)
STEPS = Scale(
    tiers=(Tier(below=60, score=100), Tier(below=120, score=75), Tier(below=300, score=25))
)
WINDOW = Window(
    date=date(2026, 11, 22),
    since=begin(date(2026, 11, 22)),
    until=begin(date(2026, 11, 23)),
    running=False,
)

values = st.floats(min_value=-1e9, max_value=1e9)
numbers = st.floats(allow_nan=True, allow_infinity=True)
scales = st.one_of(
    st.just(STEPS),
    st.tuples(values, values)
    .filter(lambda ends: abs(ends[0] - ends[1]) > 1e-6)
    .map(lambda ends: Scale(zero=ends[0], full=ends[1])),
)
checks = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.builds(
        Check,
        family=st.sampled_from(get_args(Family)),
        weight=st.floats(min_value=0, max_value=10),
        scale=scales,
        unknown=st.one_of(st.just("leave_out"), st.floats(min_value=0, max_value=100)),
        hard_at=st.one_of(st.none(), st.floats(min_value=0, max_value=100)),
    ),
    min_size=1,
)


def found(name: str, value: float | None, **more: object) -> Measured:
    """A measurement; without a value it is unknown."""
    told = {"state": "known" if value is not None else "unknown", "evidence": "seen", **more}
    return Measured(name=name, value=value, **told)  # type: ignore[arg-type]


def a_check(weight: float = 1.0, *, family: Family = "signals", **more: object) -> Check:
    return Check(family=family, weight=weight, scale=LINE, **more)  # type: ignore[arg-type]


def _known(name: str) -> st.SearchStrategy[Measured]:
    return st.builds(found, st.just(name), numbers)


def _capped(name: str) -> st.SearchStrategy[Measured]:
    return st.builds(found, st.just(name), st.none(), cap=st.floats(min_value=0, max_value=100))


def _without(name: str) -> st.SearchStrategy[Measured]:
    states = st.sampled_from(["unknown", "not_applicable"])
    return st.builds(found, st.just(name), st.none(), state=states)


@st.composite
def judged(draw: st.DrawFn) -> tuple[dict[str, Check], list[Measured], dict[Family, float]]:
    """A policy, what was measured by it, and the families' shares."""
    policy = draw(checks)
    measured = [
        draw(st.one_of(_known(name), _capped(name), _without(name)))
        for name in draw(st.sets(st.sampled_from(sorted(policy))))
    ]
    shares = draw(
        st.dictionaries(
            st.sampled_from(get_args(Family)), st.floats(min_value=0, max_value=5), min_size=1
        )
    )
    return policy, measured, shares


@given(judged())
def test_the_score_is_the_sum_of_what_is_shown(
    case: tuple[dict[str, Check], list[Measured], dict[Family, float]],
) -> None:
    """Whoever adds up weight times score of the checks has the feed's score."""
    policy, measured, shares = case
    report, _ = judge("f", measured, policy, shares)
    assert [check.name for check in report.checks] == list(policy)
    counted = [check for check in report.checks if check.weight]
    assert all(check.score is not None and 0 <= check.score <= 100 for check in counted)
    if report.score is None:
        assert not counted
    else:
        assert sum(check.weight for check in counted) == pytest.approx(1)
        total = sum(check.weight * (check.score or 0) for check in counted)
        assert report.score == math.floor(total + 0.5 + 1e-9)


@given(scales, values, values)
def test_a_better_value_never_scores_less(scale: Scale, one: float, other: float) -> None:
    """On a scale there is one direction, and no score beyond its ends."""
    low, high = sorted((one, other))
    scores = score_of(scale, low), score_of(scale, high)
    assert all(0 <= score <= 100 for score in scores)
    is_rising = scale.tiers is None and (scale.full or 0) > (scale.zero or 0)
    assert scores[0] <= scores[1] if is_rising else scores[0] >= scores[1]


@pytest.mark.parametrize(
    ("scale", "value", "score"),
    [
        (LINE, 25, 25),
        (LINE, -1, 0),
        (LINE, 1e12, 100),
        (LINE, math.inf, 100),
        (LINE, -math.inf, 0),
        (LINE, math.nan, 0),
        (Scale(zero=10, full=0), 4, 60),
        (Scale(zero=10, full=0), math.inf, 0),
        (STEPS, 59.9, 100),
        (STEPS, 60, 75),
        (STEPS, 299, 25),
        (STEPS, 300, 0),
        (STEPS, math.nan, 0),
    ],
)
def test_known_values_score_as_the_scale_says(scale: Scale, value: float, score: float) -> None:
    """Steps are below a limit, lines end at 0 and 100, and what is no number is worth nothing."""
    assert score_of(scale, value) == pytest.approx(score)


def test_a_scale_says_in_words_what_it_does() -> None:
    """A person compares a value with its threshold without the file."""
    assert in_words(Scale(zero=0, full=1000)) == "0 scores 0, 1000 scores 100"
    steps = "below 60 scores 100, below 120 scores 75, below 300 scores 25, else 0"
    assert in_words(STEPS) == steps


def test_an_unknown_value_is_left_out_and_shown() -> None:
    """It is neither good nor bad: what is known carries the whole weight."""
    report, issues = judge(
        "f", [found("a", 80.0), found("b", None)], {"a": a_check(), "b": a_check()}, {"signals": 1}
    )
    assert report.score == 80
    known, unknown = report.checks
    assert (known.weight, known.score) == (1, 80)
    assert (unknown.weight, unknown.score, unknown.state) == (0, None, "unknown")
    assert issues == ()


def test_an_unknown_value_counts_as_what_the_policy_says() -> None:
    """Somebody may want doubt to cost something."""
    checks_ = {"a": a_check(), "b": a_check(unknown=20.0)}
    report, issues = judge("f", [found("a", 80.0), found("b", None)], checks_, {"signals": 1})
    assert report.score == 50
    assert [check.score for check in report.checks] == [80, 20]
    assert issues == ()


def test_what_cannot_be_never_counts() -> None:
    """A venue that publishes no checksums is not worse for it, whatever unknown values cost."""
    checks_ = {"a": a_check(), "b": a_check(unknown=0.0)}
    measured = [found("a", 80.0), found("b", None, state="not_applicable")]
    assert judge("f", measured, checks_, {"signals": 1})[0].score == 80


def test_what_nobody_measured_is_unknown() -> None:
    """A check of the policy is never skipped in silence."""
    report, _ = judge("f", [], {"a": a_check(hard_at=0)}, {"signals": 1})
    assert report.score is None
    assert [(check.state, check.evidence) for check in report.checks] == [
        ("unknown", "It was not measured.")
    ]


def test_a_cap_is_the_most_and_what_nothing_counts_as() -> None:
    """Prometheus is away: nobody gets more than 50, and nobody is RED for it."""
    checks_ = {"a": a_check(hard_at=60), "b": a_check(hard_at=60), "c": a_check()}
    measured = [found("a", 100.0, cap=50), found("b", None, cap=50), found("c", 10.0, cap=50)]
    report, issues = judge("f", measured, checks_, {"signals": 1})
    assert [check.score for check in report.checks] == [50, 50, 10]
    assert [issue.split()[1] for issue in issues] == ["a"], "an unknown value is no hard issue"


def test_families_share_out_what_is_there() -> None:
    """Weights count within a family; a family of which nothing is known leaves all to the other."""
    checks_ = {
        "s": a_check(1),
        "t": a_check(3, family="truth"),
        "u": a_check(1, family="truth"),
    }
    shares: dict[Family, float] = {"signals": 0.4, "truth": 0.6}
    all_known = [found("s", 100.0), found("t", 50.0), found("u", 90.0)]
    report, _ = judge("f", all_known, checks_, shares)
    assert [check.weight for check in report.checks] == pytest.approx([0.4, 0.45, 0.15])
    assert report.score == 76
    report, _ = judge("f", [found("s", None), *all_known[1:]], checks_, shares)
    assert [check.weight for check in report.checks] == pytest.approx([0, 0.75, 0.25])
    assert report.score == 60


def test_a_family_that_is_not_named_weighs_nothing() -> None:
    """`families: {signals: 1}` is a policy too."""
    checks_ = {"s": a_check(), "t": a_check(family="truth")}
    report, _ = judge("f", [found("s", 40.0), found("t", 90.0)], checks_, {"signals": 1})
    assert report.score == 40
    assert report.checks[1].score == 90


def test_a_learned_baseline_takes_the_place_of_the_policys() -> None:
    """And the threshold that is shown is the one that was used; steps have none."""
    steps = Check(family="signals", weight=1, scale=STEPS)
    measured = [found("a", 40.0, full=50.0), found("b", 100.0, full=50.0)]
    report, _ = judge("f", measured, {"a": a_check(), "b": steps}, {"signals": 1})
    assert [check.score for check in report.checks] == [80, 75]
    assert report.checks[0].threshold == "0 scores 0, 50 scores 100"


def test_a_hard_issue_says_what_is_wrong_and_what_to_do() -> None:
    """It names feed, check, value, evidence and remedy."""
    measured = [found("a", 0.0, remedy="Start it.")]
    _, issues = judge("f", measured, {"a": a_check(hard_at=0)}, {"signals": 1})
    assert issues == ("f: a is 0: seen Start it.",)


def test_little_is_not_nothing() -> None:
    """Four messages of ten thousand score 0 when rounded, and are no total silence."""
    check = Check(family="signals", weight=1, scale=Scale(zero=0, full=10_000), hard_at=0)
    report, issues = judge("f", [found("a", 4.0)], {"a": check}, {"signals": 1})
    assert (report.score, issues) == (0, ())


def test_an_excuse_takes_the_issue_away_and_stays_visible() -> None:
    """A venue that pauses is no reason to wake anybody."""
    measured = [found("a", 0.0, excused="The venue pauses.", issue="Alarm!")]
    report, issues = judge("f", measured, {"a": a_check(hard_at=0)}, {"signals": 1})
    assert issues == ()
    assert report.checks[0].evidence == "seen The venue pauses."


def test_a_measurement_can_be_an_issue_by_itself() -> None:
    """In its own words, however it scores."""
    _, issues = judge("f", [found("a", 100.0, issue="Alarm!")], {"a": a_check()}, {"signals": 1})
    assert issues == ("f: Alarm!",)


# --- the founding notes' formulas


def tier(idle_s: float | None, tiers: tuple[tuple[float, int], ...]) -> int:
    """The founding notes' table of silence."""
    return 0 if idle_s is None else next((score for below, score in tiers if idle_s < below), 0)


def linear(value: float | None, most: float) -> int:
    """The founding notes' line, rounded as they round: halves up."""
    return 0 if value is None else math.floor(min(1, value / most) * 100 + 0.5 + 1e-9)


QUICK = ((60, 100), (120, 75), (300, 25))
SLOW = ((120, 100), (300, 75), (600, 25))
NOTES = {
    "kalshi": (10_000, 50, QUICK),
    "kraken-futures": (1_000, 2, QUICK),
    "polymarket": (500, None, SLOW),
}
"""Messages and markets that score 100, and the tiers of silence, by feed."""


def as_in_the_notes(
    feed: str, ws: int, messages: int, idle_s: float, markets: int, stream: int
) -> int:
    """A feed's score by the founding notes."""
    most, most_markets, tiers = NOTES[feed]
    parts = [100 * ws, linear(messages, most), tier(idle_s, tiers), 100 * stream]
    weights = [0.35, 0.30, 0.20, 0.15]
    if most_markets is not None:
        parts.append(linear(markets, most_markets))
        weights = [0.30, 0.25, 0.20, 0.10, 0.15]
    total = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return math.floor(total + 0.5 + 1e-9)


@given(
    feed=st.sampled_from(sorted(NOTES)),
    ws=st.integers(0, 1),
    messages=st.integers(0, 20_000),
    idle_s=st.floats(0, 1000),
    markets=st.integers(0, 100),
    stream=st.integers(0, 1),
)
def test_the_founding_notes_formulas_come_out_of_the_shipped_policy(
    feed: str, ws: int, messages: int, idle_s: float, markets: int, stream: int
) -> None:
    """With signals alone: the same score, whatever is measured."""
    measured = [
        found("ws_connected", float(ws)),
        found("message_flow", float(messages)),
        found("idle_time", idle_s),
        found("markets_subscribed", float(markets)),
        found("stream_has_data", float(stream)),
    ]
    configured = POLICY.of(load_feed(feed).quality)
    report, issues = judge(feed, measured, configured, {"signals": 1})
    assert report.score == as_in_the_notes(feed, ws, messages, idle_s, markets, stream)
    told = {issue.split()[1] for issue in issues}
    assert ("ws_connected" in told) == (ws == 0)
    assert ("message_flow" in told) == (messages == 0)


# --- the composite, and its grade


def a_report(score: int | None) -> FeedReport:
    return FeedReport(score=score, weight=0, checks=())


def test_the_composite_is_shared_out_over_feeds_that_have_a_score() -> None:
    """What was not to be recorded takes nothing away from the others."""
    feeds = {"a": (a_report(100), 0.3), "b": (a_report(50), 0.1), "c": (a_report(None), 0.6)}
    report = verdict(WINDOW, feeds, (), POLICY, prometheus_degraded=True, notes=["n"])
    assert [feed.weight for feed in report.feeds.values()] == pytest.approx([0.75, 0.25, 0])
    assert (report.composite, report.grade) == (88, "GREEN")
    assert (report.date, report.running, report.notes) == ("2026-11-22", False, ("n",))
    assert report.prometheus_degraded


def test_a_feed_without_a_weight_is_judged_and_does_not_count() -> None:
    """It is shown; alone, it makes no composite."""
    feeds = {"a": (a_report(10), 0.0), "b": (a_report(90), 0.5)}
    assert verdict(WINDOW, feeds, (), POLICY, prometheus_degraded=False).composite == 90
    alone = verdict(WINDOW, {"a": feeds["a"]}, (), POLICY, prometheus_degraded=False)
    assert (alone.composite, alone.grade) == (None, "RED")


@pytest.mark.parametrize(
    ("composite", "issues", "expected"),
    [
        (100, (), "GREEN"),
        (85, (), "GREEN"),
        (84, (), "YELLOW"),
        (60, (), "YELLOW"),
        (59, (), "RED"),
        (100, ("f: disconnected",), "RED"),
        (None, (), "RED"),
    ],
)
def test_grades_have_their_bounds(
    composite: int | None, issues: tuple[str, ...], expected: str
) -> None:
    """GREEN from 85, YELLOW from 60, RED below and with any issue; nothing judged is no good day."""
    assert grade(composite, issues, POLICY) == expected


def test_the_bounds_are_the_policys() -> None:
    """Not those of the code."""
    strict = QualityPolicy(
        families={"signals": 1}, checks={"message_flow": a_check()}, grades=Grades(green=99)
    )
    assert grade(98, (), strict) == "YELLOW"


def test_feeds_weigh_as_the_founding_notes_say() -> None:
    """30, 25 and 15 hundredths; what the notes did not have comes on top."""
    weights = {name: load_feed(name).quality.weight for name in NOTES}
    assert weights == {"kalshi": 0.30, "kraken-futures": 0.25, "polymarket": 0.15}
    assert FeedQuality().weight > 0, "a feed of one's own counts"
