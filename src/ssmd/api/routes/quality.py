"""How good it is: scores by day, what checks found, where it is going."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field

from ssmd.api.callers import Caller, ForQuality
from ssmd.api.context import Context, Reached
from ssmd.api.paging import Cursor, Index, Limit, cursor_of, start_of
from ssmd.api.problems import Refused
from ssmd.api.reading import database
from ssmd.api.routing import router as strict
from ssmd.api.wire import Page, Time, Wire
from ssmd.feeds.policy import load_policy
from ssmd.quality import window
from ssmd.quality.overview import overview
from ssmd.quality.trend import Trend, Unlike, reach
from ssmd.secmaster import scores
from ssmd.secmaster.scores import Found, Scored

router: APIRouter = strict("quality")

_MOST_DAYS: Final = 3_660
_DAYS: Final = 14

Feed = Annotated[str | None, Query(description="Only of this feed.", max_length=40)]
Since = Annotated[
    date | None,
    Query(description="The first day (UTC); default: 14 days to `until`.", examples=["2026-11-10"]),
]
Until = Annotated[date | None, Query(description="The last day, included; default: today.")]


class CheckScore(Wire):
    """What a check said of a feed's day."""

    name: str = Field(description="The check.", examples=["message_flow"])
    family: str = Field(description="What it is told by: `truth` (files) or `signals`.")
    value: float | None = Field(
        description="What was measured, in the check's unit; null when unknown."
    )
    score: float | None = Field(description="0 to 100; null when it counts not.")


class DayScore(Wire):
    """The verdict over a feed's day."""

    feed: str = Field(description="Of which feed.")
    date: str = Field(description="Which day, UTC.")
    score: int | None = Field(description="0 to 100; null when nothing of it counted.")
    composite: int | None = Field(description="Of all feeds of the day.")
    grade: str = Field(description="Of the day: `GREEN`, `YELLOW` or `RED`.")
    running: bool = Field(description="Whether the day was not over when it was judged.")
    prometheus_degraded: bool = Field(description="Whether Prometheus did not answer.")
    judged_at: Time = Field(description="When.")
    checks: list[CheckScore] = Field(description="What the checks said.")


class Finding(Wire):
    """One check's answer of one feed and day."""

    feed: str = Field(description="Of which feed.")
    date: str = Field(description="Which day, UTC.")
    name: str = Field(description="The check.")
    family: str = Field(description="What it is told by.")
    value: float | None = Field(description="What was measured, in the check's unit.")
    score: float | None = Field(description="0 to 100; null when it counts not.")
    weight: float = Field(description="Its share of the feed's score, 0 to 1.")
    threshold: str = Field(description="The scale, in words.")
    evidence: str = Field(description="Where the value is from.")
    state: str = Field(description="`known`, `unknown` or `not_applicable`.")


class Compared(Wire):
    """How far a day is from others."""

    median: float = Field(description="Of the others.")
    z: float | None = Field(
        description="Robust standard deviations above it; null when the others never differed."
    )
    days: int = Field(description="How many others.")


class Going(Wire):
    """Where a feed's score is going, by its last closed day."""

    feed: str | None = Field(description="Of which feed; null for all together.")
    direction: str = Field(description="Whether the day is unlike those before it, and how.")
    value: float | None = Field(description="The day's own.")
    recent: Compared | None = Field(description="Compared with the days just before.")
    weekday: Compared | None = Field(description="Compared with the same weekdays before.")


class Trends(Wire):
    """Where scores are going."""

    since: str = Field(description="The first day.")
    until: str = Field(description="The last day.")
    dates: list[str] = Field(description="The days that were judged.")
    feeds: dict[str, list[float | None]] = Field(description="Scores by feed, a value a date.")
    trends: list[Going] = Field(
        description="Where each is going; the composite first, if all feeds are seen."
    )


class HeatMap(Wire):
    """Scores by feed and day."""

    check: str | None = Field(description="Of which check; null for the whole score.")
    feeds: list[str] = Field(description="The rows.")
    dates: list[str] = Field(description="The columns, every day of the time.")
    cells: list[list[float | None]] = Field(
        description="0 to 100 by feed and day; null where it was not judged, or counts not."
    )


@router.get("/v1/quality/scores", summary="Scores by feed and day")
async def of_days(
    context: Reached,
    caller: ForQuality,
    feed: Feed = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DayScore]:
    """The verdicts, the newest day first, with what each check said."""
    query = {"feed": feed, "since": since, "until": until}
    after = start_of(cursor, "scores", query, tuple[date, str])
    found = _newest(await _verdicts(context, caller, feed, *_span(context, caller, since, until)))
    begin = 0 if after is None else sum(_key(each.day, each.feed) <= _key(*after) for each in found)
    shown = found[begin : begin + limit]
    more = begin + limit < len(found)
    said = await _findings(context, sorted({each.day for each in shown}))
    return Page(
        items=[_score(each, said) for each in shown],
        next=cursor_of("scores", query, [shown[-1].day.isoformat(), shown[-1].feed])
        if more
        else None,
    )


@router.get("/v1/quality/findings", summary="What the checks found of a day")
async def found(
    context: Reached,
    caller: ForQuality,
    day: Annotated[
        date | None,
        Query(alias="date", description="Which day (UTC); default: the last that was judged."),
    ] = None,
    feed: Feed = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Finding]:
    """Every check's answer with its evidence, by feed, in the order of judging."""
    first, last = _span(context, caller, day, day)
    if day is None:
        judged = await _verdicts(context, caller, feed, first, last)
        day = max((each.day for each in judged), default=last)
    elif feed is not None:
        caller.check_feed(feed)
    query = {"date": day, "feed": feed}
    (begin,) = start_of(cursor, "findings", query, tuple[Index]) or (0,)
    every = [
        each
        for each in (await _findings(context, [day]))[day]
        if caller.only([each.feed]) and feed in {None, each.feed}
    ]
    shown = every[begin : begin + limit]
    more = begin + limit < len(every)  # of one day, and kept as a whole
    return Page(
        items=[Finding(date=day.isoformat(), **msgspec.structs.asdict(each)) for each in shown],
        next=cursor_of("findings", query, [begin + limit]) if more else None,
    )


@router.get("/v1/quality/trends", summary="Where scores are going")
async def trends(
    context: Reached,
    caller: ForQuality,
    feed: Feed = None,
    since: Since = None,
    until: Until = None,
) -> Trends:
    """Scores by day, and whether the last closed day is unlike those before it."""
    first, last = _span(context, caller, since, until)
    limits = load_policy().trend
    begin = first - timedelta(days=reach(limits))
    judged = await _verdicts(context, caller, feed, begin, last)
    is_whole = feed is None and caller.feeds is None
    made = overview(judged, first, limits, composite=is_whole)
    names = list(dict.fromkeys(name for each in made.days for name in each.feeds))
    going = [_going(None, made.composite)] if made.composite is not None else []
    return Trends(
        since=first.isoformat(),
        until=last.isoformat(),
        dates=[each.date for each in made.days],
        feeds={name: [each.feeds.get(name) for each in made.days] for name in names},
        trends=going + [_going(name, trend) for name, trend in made.feeds.items()],
    )


@router.get("/v1/quality/heatmap", summary="Scores by feed and day, as a map")
async def heatmap(
    context: Reached,
    caller: ForQuality,
    feed: Feed = None,
    check: Annotated[
        str | None,
        Query(description="The score of this check, instead of the whole.", max_length=100),
    ] = None,
    since: Since = None,
    until: Until = None,
) -> HeatMap:
    """Every day of the time, judged or not."""
    first, last = _span(context, caller, since, until)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    judged = await _verdicts(context, caller, feed, first, last)
    names = list(dict.fromkeys(each.feed for each in judged))
    cells: dict[tuple[str, date], float | None] = {
        (each.feed, each.day): each.score for each in judged
    }
    if check is not None:
        said = await _findings(context, sorted({each.day for each in judged}))
        cells = {
            (each.feed, day): each.score
            for day, several in said.items()
            for each in several
            if each.name == check
        }
    return HeatMap(
        check=check,
        feeds=names,
        dates=[day.isoformat() for day in days],
        cells=[[cells.get((name, day)) for day in days] for name in names],
    )


def _span(
    context: Context, caller: Caller, since: date | None, until: date | None
) -> tuple[date, date]:
    """The days that are meant, within those that the caller may see.

    Raises:
        Refused: 400 or 403.
    """
    today = window.of(context.clock.wall())
    last = until or min(today, caller.until or today)
    first = since or max(last - timedelta(days=_DAYS - 1), caller.since or date.min)
    if first > last:
        raise Refused(400, "time", "`since` is after `until`.", "Both ends are included.")
    if (last - first).days >= _MOST_DAYS:
        raise Refused(400, "time", f"More than {_MOST_DAYS} days.", "Ask for fewer at once.")
    if (caller.since or first) > first or (caller.until or last) < last:
        raise Refused(403, "days", "This key may not see those days.", "Ask within its days.")
    return first, last


async def _verdicts(
    context: Context, caller: Caller, feed: str | None, since: date, until: date
) -> list[Scored]:
    if feed is not None:
        caller.check_feed(feed)
    judged = await scores.verdicts(await database(context), since, until, feed)
    return [each for each in judged if caller.only([each.feed])]


async def _findings(context: Context, days: Sequence[date]) -> dict[date, list[Found]]:
    opened = await database(context)
    return {day: await scores.findings(opened, day) for day in days}


def _newest(judged: Sequence[Scored]) -> list[Scored]:
    return sorted(judged, key=lambda each: _key(each.day, each.feed))


def _key(day: date, feed: str) -> tuple[int, str]:
    return -day.toordinal(), feed


def _score(each: Scored, said: dict[date, list[Found]]) -> DayScore:
    return DayScore(
        feed=each.feed,
        date=each.day.isoformat(),
        score=each.score,
        composite=each.composite,
        grade=each.grade,
        running=each.running,
        prometheus_degraded=each.degraded,
        judged_at=each.at,
        checks=[
            CheckScore(name=one.name, family=one.family, value=one.value, score=one.score)
            for one in said[each.day]
            if one.feed == each.feed
        ],
    )


def _going(feed: str | None, trend: Trend) -> Going:
    return Going(
        feed=feed,
        direction=trend.direction,
        value=trend.value,
        recent=_compared(trend.recent),
        weekday=_compared(trend.weekday),
    )


def _compared(unlike: Unlike | None) -> Compared | None:
    if unlike is None:
        return None
    z = unlike.z if math.isfinite(unlike.z) else None
    return Compared(median=unlike.median, z=z, days=unlike.number)
