"""What Prometheus says of feeds in a window."""

from collections.abc import Mapping
from typing import Final

from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.quality import FeedQuality
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.quality.checks.shards import Answer, Sample
from ssmd.quality.checks.signals import WS, queries
from ssmd.quality.checks.told import Away, NotHere, Told
from ssmd.quality.window import Window
from ssmd.runtime.clock import Clock
from ssmd.runtime.prometheus import Prometheus, PrometheusAway, PrometheusSettings

_LAST_NS: Final = 1_000_000
"""A closed day's last moment is this long before its end, in ns: Prometheus counts milliseconds."""
_WATCHED: Final = "count(up)"

ABSENT: Final = NotHere("No Prometheus watches this machine (`--prometheus none`).")
"""What is said where somebody says that there is none."""


def labels_of(feed: FeedConfig, quality: FeedQuality) -> dict[str, str]:
    """The labels of a feed's series: its name, its category if any, and what its quality adds."""
    found = {"feed": feed.name}
    if feed.category is not None:
        found["category"] = feed.category
    return found | dict(quality.labels)


async def told(
    settings: PrometheusSettings | None,
    clock: Clock,
    labels: Mapping[str, Mapping[str, str]],
    window: Window,
    *,
    cap: float,
) -> dict[str, Told | Away | NotHere]:
    """What Prometheus says of each feed; that it is away is an answer, and no error.

    Args:
        settings: Where it is; None where there is none.
        clock: What time it is.
        labels: The labels of each feed's series, by feed.
        window: The day.
        cap: What checks count as while it is away.
    """
    if settings is None:
        return dict.fromkeys(labels, ABSENT)
    async with Prometheus(settings, clock) as prometheus:
        try:
            await prometheus.check()
            beyond = await _beyond(prometheus, window, clock.wall())
            return {
                feed: await _one(prometheus, each, window, beyond) for feed, each in labels.items()
            }
        except PrometheusAway as error:
            return dict.fromkeys(labels, Away(error.message, cap, error.remedy))


async def _one(
    prometheus: Prometheus, labels: Mapping[str, str], window: Window, beyond: str
) -> Told:
    at = window.until if window.running else window.until - _LAST_NS
    answers: dict[str, Answer] = {}
    for name, query in queries(labels, window).items():
        found = () if beyond else await prometheus.query(query, at)
        samples = tuple(Sample(series.labels, series.value) for series in found)
        answers[name] = Answer(query, samples)
    watched = ""
    if not beyond and not answers[WS].samples:
        up = await prometheus.query(_WATCHED, at)
        watched = (
            f"It watched {up[0].value:.0f} targets then."
            if up
            else "It watched nothing at all then: it was down, or has no targets."
        )
    return Told(where=prometheus.url, at=at, answers=answers, beyond=beyond, watched=watched)


async def _beyond(prometheus: Prometheus, window: Window, now: int) -> str:
    """Why it cannot know of the window; empty when it can."""
    try:
        keeps_s = await prometheus.keeps_s()
    except PrometheusAway:  # what only resembles Prometheus need not tell
        return ""
    if keeps_s is None or now - window.since <= keeps_s * SECOND_NS:
        return ""
    since = format_rfc3339(window.since)[:10]
    return f"Prometheus keeps {keeps_s / 86_400:g} days, and {since} is longer ago."
