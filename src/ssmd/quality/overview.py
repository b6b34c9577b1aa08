"""Many days at a glance: scores, or one check's values, by day and feed, and where they are going."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from ssmd.feeds.quality import Trend as Limits
from ssmd.quality.trend import Better, Trend, trend
from ssmd.secmaster.scores import Scored

POINT: Final = 1.0
"""The least that counts as one step of a score: with a limit of 3.5, less than 3.5 points are no news."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_NOTHING: Final = "·"
_HIGHEST: Final = 100.0


class DayScores(msgspec.Struct, frozen=True, kw_only=True):
    """One day.

    Attributes:
        date: YYYY-MM-DD.
        grade: Of the day.
        composite: 0..100; None when no feed counted.
        running: Whether the day was not over when it was judged.
        prometheus_degraded: Whether Prometheus did not answer.
        feeds: Scores by feed; None where nothing counted.
    """

    date: str
    grade: str
    composite: int | None
    running: bool
    prometheus_degraded: bool
    feeds: dict[str, int | None]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Days, the latest last, and where they are going.

    Attributes:
        days: Those that were judged.
        composite: Of the last closed day; None when one feed alone was asked about.
        feeds: Likewise, by feed.
    """

    days: tuple[DayScores, ...]
    composite: Trend | None
    feeds: dict[str, Trend]


class Measurements(msgspec.Struct, frozen=True, kw_only=True):
    """What one check measured.

    Attributes:
        check: Its name.
        days: Values by feed, by day (YYYY-MM-DD), the latest last.
        feeds: Of the last day with a value: where it is going, by feed.
    """

    check: str
    days: dict[str, dict[str, float]]
    feeds: dict[str, Trend]


def overview(
    scored: Sequence[Scored], since: date, limits: Limits, *, composite: bool = True
) -> Overview:
    """What the verdicts of many days say.

    A day that was not over is shown, and takes no part in any trend: its score is of another kind.

    Args:
        scored: By day; earlier ones than are shown serve for trends.
        since: The first day that is shown.
        limits: When a day is unlike others.
        composite: Whether all feeds are there, so that the composite has a trend.
    """
    closed = [each for each in scored if not each.running]
    whole = {each.day: float(each.composite) for each in closed if each.composite is not None}
    days: dict[date, DayScores] = {}
    for each in scored:
        if each.day < since:
            continue
        made = days.setdefault(
            each.day,
            DayScores(
                date=each.day.isoformat(),
                grade=each.grade,
                composite=each.composite,
                running=each.running,
                prometheus_degraded=each.degraded,
                feeds={},
            ),
        )
        made.feeds[each.feed] = each.score
    shown = dict.fromkeys(each.feed for each in scored if each.day >= since)
    last = max((each.day for each in closed if each.day >= since), default=None)
    return Overview(
        days=tuple(days[day] for day in sorted(days)),
        composite=trend(last, whole.get(last), whole, limits, floor=POINT)
        if composite and last is not None
        else None,
        feeds={feed: _of(feed, closed, last, limits) for feed in shown if last is not None},
    )


def measurements(
    check: str,
    values: Iterable[tuple[date, str, float]],
    since: date,
    limits: Limits,
    *,
    floor: float,
    better: Better,
) -> Measurements:
    """What one check measured on many days; arguments as for `overview` and `trend`."""
    by_feed: dict[str, dict[date, float]] = {}
    days: dict[str, dict[str, float]] = {}
    for day, feed, value in values:
        by_feed.setdefault(feed, {})[day] = value
        if day >= since:
            days.setdefault(day.isoformat(), {})[feed] = value
    last = {feed: max(history) for feed, history in by_feed.items() if max(history) >= since}
    return Measurements(
        check=check,
        days=dict(sorted(days.items())),
        feeds={
            feed: trend(day, by_feed[feed][day], by_feed[feed], limits, floor=floor, better=better)
            for feed, day in last.items()
        },
    )


def sparkline(values: Iterable[float | None], *, low: float = 0.0, high: float = _HIGHEST) -> str:
    """Values as bars, one character each; a dot where there is none.

    Args:
        values: In the order of time.
        low: What the lowest bar begins with.
        high: What the highest bar ends with.
    """
    width = high - low
    return "".join(
        _NOTHING if value is None else _bar((value - low) / width if width > 0 else 1.0)
        for value in values
    )


def _bar(share: float) -> str:
    return _BARS[min(len(_BARS) - 1, max(0, int(share * len(_BARS))))]


def _of(feed: str, closed: Sequence[Scored], last: date, limits: Limits) -> Trend:
    history: Mapping[date, float] = {
        each.day: float(each.score)
        for each in closed
        if each.feed == feed and each.score is not None
    }
    return trend(last, history.get(last), history, limits, floor=POINT)
