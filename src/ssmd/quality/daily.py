"""One day of all feeds, judged: asks the services, reads the files, and puts it together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd import venues
from ssmd.bus.settings import BusSettings
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.quality import Check, FeedQuality, QualityPolicy
from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality import scoring
from ssmd.quality.calibration import baseline
from ssmd.quality.checks.signals import FLOW, signals
from ssmd.quality.checks.told import Away, Expected, NotHere, StreamTold, Told
from ssmd.quality.drift.look import look
from ssmd.quality.finding import FeedReport, Measured, Report
from ssmd.quality.sources import bus, prometheus
from ssmd.quality.sources.past import Past
from ssmd.quality.trades.reconciliation import reconciliation
from ssmd.quality.truth.measuring import measure, wanted_share
from ssmd.quality.window import Window
from ssmd.runtime.clock import Clock
from ssmd.runtime.prometheus import PrometheusSettings

DRIFT: Final = "drift"
_LAST_NS: Final = 60 * SECOND_NS
"""What is wanted in a day's last minute is wanted at its end."""

IMPORTED: Final = NotHere("No live service recorded it: no wish of ours is on record.")
"""What is said of a feed that is in the archive and nobody here was told to record."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged, and who is asked.

    Attributes:
        root: The archive.
        window: The day.
        policy: How it is judged.
        feeds: Which feeds.
        configured: Whether somebody said that these are recorded here; else they are those that
            the archive happens to hold.
        prometheus: Where it is; None where there is none.
        bus: Where it is; None when nobody knows.
        streams: The streams of each feed, by feed: one, or one for each division.
        past: What is remembered of each feed, by feed.
        drift: Whether messages are compared with those of the days before.
        rows: Whether typed rows are read; without, which is quick, what they tell is unknown.
        notes: What else is to be known.
    """

    root: Path
    window: Window
    policy: QualityPolicy
    feeds: Sequence[FeedConfig]
    configured: bool
    prometheus: PrometheusSettings | None
    bus: BusSettings | None
    streams: Mapping[str, tuple[str, ...]]
    past: Mapping[str, Past] = {}
    drift: bool = True
    rows: bool = True
    notes: Sequence[str] = ()


def quality_of(policy: QualityPolicy, feed: FeedConfig) -> FeedQuality:
    """How one feed is judged: as the policy says, or else its own feed.yaml."""
    return policy.feeds.get(feed.name, feed.quality)


async def judge_day(
    asked: Day, clock: Clock, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Report:
    """The verdict over a day.

    What a service or a file does not tell is unknown, and no error.

    Args:
        asked: What is to be judged.
        clock: What time it is.
        progress: Told how many feeds are judged, of how many.

    Raises:
        ConfigError: The policy or the configuration of a feed cannot work.
    """
    window, policy = asked.window, asked.policy
    checks = {feed.name: policy.of(quality_of(policy, feed)) for feed in asked.feeds}
    labels = {feed.name: _labels(policy, feed) for feed in asked.feeds}
    streams = {name: asked.streams[name] for name in labels}
    from_prometheus, from_bus = await asyncio.gather(
        prometheus.told(asked.prometheus, clock, labels, window, cap=policy.prometheus_cap),
        bus.told(asked.bus, clock, streams),
    )
    judged: dict[str, tuple[FeedReport, float]] = {}
    issues: list[str] = []
    for done, feed in enumerate(asked.feeds):
        progress(done, len(asked.feeds))
        report, found = await _judge(
            asked, feed, checks[feed.name], from_prometheus[feed.name], from_bus[feed.name], clock
        )
        judged[feed.name] = report, quality_of(policy, feed).weight
        issues += found
    progress(len(asked.feeds), len(asked.feeds))
    return scoring.verdict(
        window,
        judged,
        issues,
        policy,
        prometheus_degraded=any(isinstance(each, Away) for each in from_prometheus.values()),
        notes=[*asked.notes, *_notes(from_prometheus, from_bus)],
    )


def _labels(policy: QualityPolicy, feed: FeedConfig) -> dict[str, str]:
    return prometheus.labels_of(feed, quality_of(policy, feed))


def _notes(
    from_prometheus: Mapping[str, Told | Away | NotHere],
    from_bus: Mapping[str, StreamTold | NotHere],
) -> list[str]:
    """Why something is not known of any feed, each reason once."""
    away = [
        f"{each.why} {each.remedy}" for each in from_prometheus.values() if isinstance(each, Away)
    ]
    away += [each.beyond for each in from_prometheus.values() if isinstance(each, Told)]
    away += [each.why for each in from_bus.values() if isinstance(each, NotHere)]
    return [reason for reason in dict.fromkeys(away) if reason]


async def _judge(
    asked: Day,
    feed: FeedConfig,
    checks: Mapping[str, Check],
    told: Told | Away | NotHere,
    stream: StreamTold | NotHere,
    clock: Clock,
) -> tuple[FeedReport, tuple[str, ...]]:
    """One feed: live services, then files, then what is remembered."""
    window = asked.window
    wanted = await asyncio.to_thread(wanted_share, asked.root, feed.name, window)
    if wanted == 0:
        note = "Nothing of it was to be recorded that day."
        return FeedReport(score=None, weight=0.0, checks=(), note=note), ()
    if wanted is None and not asked.configured:
        told = stream = IMPORTED
    venue = venues.load(feed.venue)
    past = asked.past.get(feed.name, Past())
    scale = checks[FLOW].scale if FLOW in checks else None
    learned = None if scale is None else baseline(FLOW, scale, past.flow, asked.policy.calibration)
    expected = Expected(
        window=window,
        pause=venue.pause,
        wanted=wanted,
        wanted_last=await _wanted_last(asked, feed.name, wanted),
        baseline=None if learned is None else learned.full,
        zero=0.0 if scale is None or scale.zero is None else scale.zero,
        learned="" if learned is None else learned.learned,
        divisions=tuple(feed.categories),
    )
    measured = [
        *signals(told, stream, expected),
        *await asyncio.to_thread(
            measure, asked.root, feed.name, feed.venue, window, clock=clock, reads_rows=asked.rows
        ),
        reconciliation(past.runs),
        *(await asyncio.to_thread(_drifted, asked, feed.name, clock)),
    ]
    return scoring.judge(feed.name, measured, checks, asked.policy.families)


async def _wanted_last(asked: Day, feed: str, wanted: float | None) -> bool | None:
    """Whether anything was wanted at the window's end; None when nobody knows."""
    if wanted is None:
        return None
    window = asked.window
    last = msgspec.structs.replace(window, since=max(window.since, window.until - _LAST_NS))
    share = await asyncio.to_thread(wanted_share, asked.root, feed, last)
    return None if share is None else share > 0


def _drifted(asked: Day, feed: str, clock: Clock) -> tuple[Measured, ...]:
    """How many severe changes of its messages there are; nothing when nobody is to look."""
    if not asked.drift:
        return ()
    day = asked.window.date.isoformat()
    try:
        found = look(asked.root, feed, day, clock=clock)
    except SsmdError as error:
        return (Measured(name=DRIFT, value=None, state="unknown", evidence=error.message),)
    if not found.baseline:
        return (
            Measured(
                name=DRIFT,
                value=None,
                state="unknown",
                evidence="There is no day before to compare its messages with.",
            ),
        )
    severe = [each for each in found.findings if each.severity == "error"]
    first = "".join(f" First: {d.change} {d.type} {d.path}".rstrip() + "." for d in severe[:1])
    evidence = (
        f"{sum(found.messages.values())} messages against {len(found.baseline)} days before:"
        f" {len(severe)} severe changes, {len(found.findings) - len(severe)} others; see"
        f" `ssmd drift`.{first}"
    )
    return (Measured(name=DRIFT, value=float(len(severe)), evidence=evidence),)
