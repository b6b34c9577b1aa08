"""Verdicts over days, kept in the security master's database and read back."""

from datetime import date, timedelta
from typing import Final, get_args

import msgspec

from ssmd.feeds.quality import QualityPolicy
from ssmd.model.errors import Damaged
from ssmd.quality.finding import FeedReport, Finding, Grade, Report
from ssmd.quality.scoring import grade
from ssmd.secmaster import scores as rows
from ssmd.secmaster.database import Database
from ssmd.secmaster.scores import Found, Kept, Scored

_NUL: Final = "\x00"
"""The one character that PostgreSQL keeps in no text."""
_REPLACEMENT: Final = "\ufffd"


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    """What has no column of its own; of the day, the same in each of its rows.

    Attributes:
        position: Of the feed among those of the day.
        weight: Its share of the composite.
        note: What else is to be known of it.
        issues: Of the day.
        notes: Of the day.
    """

    position: int
    weight: float
    note: str
    issues: tuple[str, ...]
    notes: tuple[str, ...]


async def save(database: Database, report: Report, *, at: int) -> Kept:
    """Keep a verdict over all feeds of a day: all of it, or nothing.

    Args:
        database: Where.
        report: The verdict; of some feeds only it would replace that of the others.
        at: When it was judged, ns.

    Returns:
        `saved`; `closed_stays` when the day was running and one over the closed day is there
        already; `nothing_judged` when it is about no feed, and whatever is there stays.

    Raises:
        DatabaseAway: The database was lost: what was kept before stays.
    """
    day = date.fromisoformat(report.date)
    scored = [
        Scored(
            day=day,
            feed=name,
            score=feed.score,
            composite=report.composite,
            grade=report.grade,
            details=msgspec.json.encode(_details(report, feed, position)),
            at=at,
            degraded=report.prometheus_degraded,
            running=report.running,
        )
        for position, (name, feed) in enumerate(report.feeds.items())
    ]
    found = [_row(name, finding) for name, feed in report.feeds.items() for finding in feed.checks]
    return await rows.keep(database, scored, found)


async def load(database: Database, day: date) -> Report | None:
    """The verdict over a day as it was saved; None when there is none."""
    scored = await rows.verdicts(database, day, day)
    if not scored:
        return None
    found = await rows.findings(database, day)
    details = {each.feed: _read(each) for each in scored}
    first = scored[0]
    return Report(
        date=day.isoformat(),
        running=first.running,
        feeds={
            each.feed: FeedReport(
                score=each.score,
                weight=details[each.feed].weight,
                checks=tuple(_finding(one) for one in found if one.feed == each.feed),
                note=details[each.feed].note,
            )
            for each in scored
        },
        composite=first.composite,
        grade=_grade(first),
        issues=details[first.feed].issues,
        prometheus_degraded=first.degraded,
        notes=details[first.feed].notes,
    )


async def values(
    database: Database, feed: str, check: str, *, before: date, days: int
) -> list[tuple[date, float]]:
    """What a check measured on the closed days before a day, where it is known, by day.

    Args:
        database: Where.
        feed: Whose.
        check: Its name.
        before: The first day that does not count.
        days: How many days before it do.
    """
    since, until = before - timedelta(days=days), before - timedelta(days=1)
    found = await rows.values(database, check, since, until, feed=feed)
    return [(day, value) for day, _, value in found]


async def scores(
    database: Database, *, since: date, until: date, feed: str | None = None
) -> list[Scored]:
    """The verdicts over the days of a span, both ends included, by day.

    Args:
        database: Where.
        since: The first day.
        until: The last day.
        feed: Of this feed alone; None for all.
    """
    return await rows.verdicts(database, since, until, feed)


def feed_grade(scored: Scored, policy: QualityPolicy) -> Grade:
    """The grade of one feed of a day, by its own score and its own issues.

    What is kept is the grade of the whole day, that another feed may have spoiled.

    Raises:
        Damaged: The verdict is not as we write it.
    """
    own = [each for each in _read(scored).issues if each.startswith(f"{scored.feed}: ")]
    return grade(scored.score, own, policy)


async def measured(
    database: Database, check: str, *, since: date, until: date, feed: str | None = None
) -> list[tuple[date, str, float]]:
    """What a check measured on the closed days of a span: day, feed and value, by day."""
    return await rows.values(database, check, since, until, feed=feed)


def _details(report: Report, feed: FeedReport, position: int) -> _Details:
    return _Details(
        position=position,
        weight=feed.weight,
        note=_kept(feed.note),
        issues=tuple(_kept(each) for each in report.issues),
        notes=tuple(_kept(each) for each in report.notes),
    )


def _row(feed: str, finding: Finding) -> Found:
    told = msgspec.structs.asdict(finding)
    return Found(feed=feed, **(told | {"evidence": _kept(finding.evidence)}))


def _finding(found: Found) -> Finding:
    told = msgspec.structs.asdict(found)
    del told["feed"]
    # Another version of SSMD may have written the row: what it says is looked at.
    return msgspec.convert(told, Finding)


def _kept(text: str) -> str:
    """A text as the database can keep it: without that character, and without half a character."""
    return text.replace(_NUL, _REPLACEMENT).encode(errors="replace").decode()


def _read(scored: Scored) -> _Details:
    try:
        return msgspec.json.decode(scored.details, type=_Details)
    except msgspec.DecodeError as error:
        raise _unreadable(scored, str(error)) from error


def _grade(scored: Scored) -> Grade:
    for each in get_args(Grade):
        if each == scored.grade:
            known: Grade = each
            return known
    raise _unreadable(scored, f"the grade {scored.grade!r}")


def _unreadable(scored: Scored, reason: str) -> Damaged:
    return Damaged(
        f"The verdict over {scored.day} and {scored.feed} is not as we write it: {reason}.",
        remedy=f"Judge the day again: `ssmd dq daily --date {scored.day}`.",
    )
