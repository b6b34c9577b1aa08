"""One day of all feeds, put together: from services, files and what is remembered."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import FeedQuality, QualityPolicy
from ssmd.feeds.registry import load_feed
from ssmd.quality.daily import Day, judge_day
from ssmd.quality.finding import FeedReport, Finding, Report
from ssmd.quality.report import WIDTH, lines
from ssmd.quality.sources.past import Past
from ssmd.quality.window import Window
from ssmd.runtime.prometheus import PrometheusSettings
from ssmd.secmaster.trades_run import TradesRun
from ssmd.sim.manual_clock import ManualClock
from tests.quality.truth.made import DAY_NS, HOUR_NS, Line, day_of, write
from tests.runtime.web import Web, serving

DAY = "2026-11-22"
WINDOW = day_of(DAY)
CLOCK = ManualClock(WINDOW.until + HOUR_NS)
POLICY = load_policy()
FEED = "kraken"
OTHER = "kraken-futures"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one good day of one feed."""
    folder = tmp_path_factory.mktemp("archive")
    write(folder, Line(FEED, WINDOW.since).open().live(WINDOW.until).close().out)
    return folder


VALUES = {
    "websocket_connected": 1,
    "messages_total": 1250,
    "idle_seconds": 2,
    "markets_subscribed": 20,
    "shards_total": 1,
}
"""What a Prometheus knows of a feed of one shard, by a part of the metric's name."""


def a_prometheus(values: Mapping[str, float]) -> Callable[[web.Request], web.Response]:
    """One that watches three targets and knows these values."""

    def script(request: web.Request) -> web.Response:
        data: object = {"yaml": ""}
        if request.path.endswith("/query"):
            query = request.query["query"]
            told = [value for name, value in {"count(up)": 3, **values}.items() if name in query]
            result = [{"metric": {"shard": "0"}, "value": [0, str(value)]} for value in told]
            data = {"resultType": "vector", "result": result}
        return web.Response(body=json.dumps({"status": "success", "data": data}))

    return script


@pytest.fixture
async def empty() -> AsyncIterator[Web]:
    """A Prometheus that watches three targets, and none of ours."""
    async with serving(a_prometheus({})) as found:
        yield found


@pytest.fixture
async def full() -> AsyncIterator[Web]:
    """A Prometheus that watches our connector."""
    async with serving(a_prometheus(VALUES)) as found:
        yield found


async def judged(
    root: Path,
    *names: str,
    window: Window = WINDOW,
    policy: QualityPolicy = POLICY,
    url: str | None = None,
    **more: object,
) -> Report:
    feeds = [load_feed(name) for name in names or (FEED,)]
    told: dict[str, object] = {
        "root": root,
        "window": window,
        "policy": policy,
        "feeds": feeds,
        "configured": True,
        "prometheus": None if url is None else PrometheusSettings(url=url),
        "bus": None,
        "streams": {feed.name: "S" for feed in feeds},
        **more,
    }
    return await judge_day(Day(**told), CLOCK)  # type: ignore[arg-type]


def found(report: Report, feed: str = FEED) -> dict[str, Finding]:
    return {check.name: check for check in report.feeds[feed].checks}


async def test_a_good_day_by_its_files_alone(root: Path) -> None:
    """GREEN; every check of the policy is there, and the weights add up to one."""
    report = await judged(root)
    assert (report.date, report.running, report.prometheus_degraded) == (DAY, False, False)
    assert list(found(report)) == list(POLICY.checks)
    counted = [check for check in found(report).values() if check.weight]
    assert {check.family for check in counted} == {"truth"}
    assert sum(check.weight for check in counted) == pytest.approx(1)
    total = sum(check.weight * (check.score or 0) for check in counted)
    assert report.feeds[FEED].score == report.composite == round(total)
    assert (report.grade, report.issues) == ("GREEN", ())
    assert any("No bus is known" in note for note in report.notes)


async def test_the_json_has_the_keys_that_were_asked_for(root: Path) -> None:
    """Programs rely on them; more may stand beside them."""
    told = msgspec.to_builtins(await judged(root))
    assert {"date", "feeds", "composite", "grade", "issues", "prometheus_degraded"} <= set(told)
    feed = told["feeds"][FEED]
    assert {"score", "checks"} <= set(feed)
    for check in feed["checks"]:
        assert {"name", "value", "score", "weight", "threshold", "evidence"} <= set(check)


async def test_prometheus_away_caps_and_flags(root: Path) -> None:
    """What it tells counts as 50; the day is still judged, with the reason once."""
    report = await judged(root, url="http://127.0.0.1:9")
    assert report.prometheus_degraded
    checks = found(report)
    assert [checks[name].score for name in ("ws_connected", "message_flow")] == [50, 50]
    assert report.composite == 80
    assert (report.grade, report.issues) == ("YELLOW", ())
    away = [note for note in report.notes if "Connection refused" in note]
    assert len(away) == 1
    assert "PROMETHEUS_URL" in away[0]


async def test_prometheus_without_series_is_red(root: Path, empty: Web) -> None:
    """It is there and does not know a feed that was to be recorded: 0, and what was asked."""
    report = await judged(root, url=empty.url)
    assert (report.grade, report.prometheus_degraded) == ("RED", False)
    (issue,) = report.issues
    assert issue.startswith(f"{FEED}: Prometheus at {empty.url} has no series of it")
    evidence = found(report)["message_flow"].evidence
    assert 'increase(ssmd_connector_messages_total{feed="kraken"}[24h])' in evidence
    assert "3 targets" in evidence


async def test_a_feed_that_did_not_exist_that_day_is_not_judged(tmp_path: Path, empty: Web) -> None:
    """It began the day after: no score, no issue, and no weight in the composite."""
    begun = Line(FEED, WINDOW.until + HOUR_NS).open().live(WINDOW.until + 2 * HOUR_NS).close()
    write(tmp_path, begun.out)
    report = await judged(tmp_path, url=empty.url)
    assert report.feeds[FEED] == FeedReport(
        score=None, weight=0.0, checks=(), note="Nothing of it was to be recorded that day."
    )
    assert (report.composite, report.issues) == (None, ())


async def test_a_configured_feed_that_was_never_recorded_is_an_issue(
    tmp_path: Path, empty: Web
) -> None:
    """Nothing of it is archived and nothing is watched: its connector never came up."""
    report = await judged(tmp_path, url=empty.url)
    assert report.grade == "RED"
    assert len(report.issues) == 1


async def test_what_was_imported_was_never_live(tmp_path: Path, empty: Web) -> None:
    """Nobody here was told to record it: Prometheus cannot know it, and need not."""
    report = await judged(tmp_path, url=empty.url, configured=False)
    assert report.issues == ()
    assert {found(report)[name].state for name in ("ws_connected", "message_flow")} == {
        "not_applicable"
    }


async def test_both_families_make_the_score(root: Path, full: Web) -> None:
    """Services and files, by the shares that the policy gives them."""
    report = await judged(root, url=full.url)
    checks = found(report).values()
    shares = {
        family: sum(check.weight for check in checks if check.family == family)
        for family in ("signals", "truth")
    }
    assert shares == pytest.approx(POLICY.families)
    assert found(report)["message_flow"].score == 13
    assert report.grade == "GREEN"


async def test_a_day_that_is_not_whole_needs_a_part_of_its_messages(
    tmp_path: Path, full: Web
) -> None:
    """The feed began at 18:00: a quarter of a day."""
    evening = WINDOW.since + 18 * HOUR_NS
    write(tmp_path, Line(FEED, evening).open().live(WINDOW.until).close().out)
    flow = found(await judged(tmp_path, url=full.url))["message_flow"]
    assert (flow.threshold, flow.score) == ("0 scores 0, 2500 scores 100", 50)


async def test_what_is_remembered_is_used(root: Path, full: Web) -> None:
    """The usual day of the feed, and what was compared with the venue's own trades."""
    first = date.fromisoformat(DAY)
    flow = [(first - timedelta(days=number), 5000.0) for number in range(7, 0, -1)]
    run = TradesRun(
        venue="kraken",
        instrument="BTC/USD",
        since=WINDOW.since,
        until=WINDOW.since + HOUR_NS,
        matched=95,
        missing=5,
        extra=0,
        sizes={},
        caveat="",
        at=WINDOW.until,
    )
    checks = found(await judged(root, url=full.url, past={FEED: Past(flow=flow, runs=[run])}))
    assert (checks["reconciliation"].value, checks["reconciliation"].score) == (0.95, 50)
    assert checks["message_flow"].threshold == "0 scores 0, 4000 scores 100"
    assert "Learned: 0.8 of 5000" in checks["message_flow"].evidence
    unseen = found(await judged(root))["reconciliation"]
    assert (unseen.state, unseen.weight) == ("unknown", 0)


async def test_several_feeds_share_the_composite(root: Path) -> None:
    """By the weights of their configuration; the policy's own word on a feed wins."""
    report = await judged(root, FEED, OTHER, url="http://127.0.0.1:9")
    assert len(report.notes) == len(set(report.notes)) == 2, "each reason once, not once a feed"
    assert [feed.weight for feed in report.feeds.values()] == pytest.approx(
        [0.2 / 0.45, 0.25 / 0.45]
    )
    own = msgspec.structs.replace(
        POLICY, feeds={OTHER: FeedQuality(weight=0, labels={"cluster": "eu"})}
    )
    report = await judged(root, FEED, OTHER, policy=own, url="http://127.0.0.1:9")
    assert [feed.weight for feed in report.feeds.values()] == [1, 0]
    assert report.feeds[OTHER].score is not None


async def test_labels_of_the_policy_reach_prometheus(root: Path, empty: Web) -> None:
    """A cluster that adds labels of its own is asked with them."""
    own = msgspec.structs.replace(POLICY, feeds={FEED: FeedQuality(labels={"cluster": "eu"})})
    report = await judged(root, policy=own, url=empty.url)
    assert '{feed="kraken",cluster="eu"}' in found(report)["ws_connected"].evidence


async def test_a_first_day_has_nothing_to_drift_from(root: Path) -> None:
    """Unknown, not good; and nobody looks when nobody is to."""
    checked = found(await judged(root))["drift"]
    assert (checked.state, checked.weight) == ("unknown", 0)
    assert "no day before" in checked.evidence
    assert found(await judged(root, drift=False))["drift"].evidence == "It was not measured."


async def test_a_running_day_says_so(root: Path) -> None:
    """At noon, half of it is judged; what is still to come is not missing."""
    noon = WINDOW.since + DAY_NS // 2
    report = await judged(root, window=day_of(DAY, noon))
    assert report.running
    assert report.grade == "GREEN"


async def test_progress_is_told(root: Path) -> None:
    """Feed after feed."""
    seen: list[tuple[int, int]] = []
    asked = Day(
        root=root,
        window=WINDOW,
        policy=POLICY,
        feeds=[load_feed(FEED)],
        configured=True,
        prometheus=None,
        bus=None,
        streams={FEED: ("S",)},
    )
    await judge_day(asked, CLOCK, lambda done, whole: seen.append((done, whole)))
    assert seen == [(0, 1), (1, 1)]


# --- as a person reads it


def texts(report: Report, **more: bool) -> list[str]:
    made = lines(report, **more)
    assert all(len(line) <= WIDTH for line in made), max(made, key=len)
    return made


async def test_a_person_reads_everything_in_80_columns(root: Path, empty: Web) -> None:
    """Every score with its value, weight, threshold and evidence; then what to do; then the grade."""
    report = await judged(root, FEED, OTHER, url=empty.url)
    made = texts(report)
    text = " ".join(" ".join(made).split())
    assert made[0] == f"Quality of {DAY} (UTC)"
    for name in POLICY.checks:
        assert name in text
    assert f"ISSUE: {FEED}: Prometheus at" in text
    assert made[-1].startswith("RED, for ")
    assert 'ssmd_connector_idle_seconds{feed="kraken"} at 2026-11-22T23:59:59Z: no series' in text
    assert len(texts(report, evidence=False)) < len(made)


def a_feed(score: int | None, *costs: float) -> FeedReport:
    checks: Sequence[Finding] = [
        Finding(
            name=f"check{number}",
            family="truth",
            value=1.5e9 if number else float("inf"),
            score=100 - cost,
            weight=0.5,
            threshold="0 scores 0, 1 scores 100",
            evidence="word " * 60,
            state="known",
        )
        for number, cost in enumerate(costs)
    ]
    return FeedReport(score=score, weight=0.5, checks=tuple(checks), note="A note.")


def test_the_worst_comes_first() -> None:
    """Feeds by their scores, checks by what they cost; what was not judged comes last."""
    report = Report(
        date=DAY,
        running=True,
        feeds={"good": a_feed(90, 0, 20, 10), "none": a_feed(None), "bad": a_feed(10, 90)},
        composite=50,
        grade="RED",
        issues=("x" * 200,),
        prometheus_degraded=True,
        notes=("note " * 40,),
    )
    made = texts(report)
    heads = [line.split(":")[0] for line in made if line[:1].isalpha() and "/100" in line]
    assert heads[:2] == ["bad", "good"]
    assert "none: not judged" in "\n".join(made)
    good = made[made.index("good: 90/100, 50% of the composite") :]
    checks = [
        line.split()[0] for line in good if line.strip().startswith("check") and "100" in line
    ]
    assert checks == ["check1", "check2", "check0"]
    assert "still running" in made[0]
    assert made[1].startswith("Prometheus does not answer")
    assert made[-1] == "RED, for 1 issue(s): composite 50/100"
