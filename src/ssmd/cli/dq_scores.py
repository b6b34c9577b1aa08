"""`ssmd dq scores`: the verdicts over many days, and where they are going."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.cli.database import database_option
from ssmd.cli.options import DEFAULT_DIRECTORY
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.secmaster_reading import asking
from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import Check, QualityPolicy
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.quality import history, window
from ssmd.quality.finding import Report
from ssmd.quality.overview import Measurements, Overview, measurements, overview, sparkline
from ssmd.quality.report import lines
from ssmd.quality.trend import Trend, Unlike, reach, step
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.unknown import did_you_mean
from ssmd.secmaster.database import Database
from ssmd.secmaster.scores import Scored

_JUDGE: Final = "Judge a day first: `ssmd dq daily`."
_THOUSANDS: Final = 10_000
"""From here on a number is written without a fraction."""
_TREND: Final = ("last", "trend", "median", "z", "weekdays' median", "z", "days")


class NothingJudged(SsmdError):
    """There is no verdict of what was asked about."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing was judged {what}.", remedy=_JUDGE)


@click.command(
    epilog=examples(
        ("ssmd dq scores", "the last 14 days, and where they are going"),
        ("ssmd dq scores --check message_flow --days 30", "what one check measured"),
        ("ssmd dq scores --date yesterday", "everything the checks said of one day"),
        ("ssmd dq scores --database postgresql://... --json", "the same for a program"),
    ),
)
@click.argument(
    "directory",
    metavar="[ARCHIVE]",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SSMD_ARCHIVE",
    default=DEFAULT_DIRECTORY,
)
@click.option("--feed", metavar="FEED", help="This feed alone.")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=14,
    show_default=True,
    help="How many days, today the last.",
)
@click.option("--check", metavar="NAME", help="What this check measured on closed days.")
@click.option(
    "--date",
    "day",
    metavar="DAY",
    help="All findings of one UTC day: YYYY-MM-DD, `today` or `yesterday`.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A quality.yaml that says when a day is unlike others; else the shipped one.",
)
@database_option
@output_options
def scores(
    directory: Path,
    url: str | None,
    feed: str | None,
    days: int,
    check: str | None,
    day: str | None,
    policy_file: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show how days were judged by `ssmd dq daily`, and whether the last one is unlike the others.

    1 when nothing was judged. The z of a day says how many robust standard deviations it is above
    the median of the days before, and of the same weekdays before.
    """
    output = Output(json=as_json, quiet=quiet)
    if check is not None and day is not None:
        message = "--check goes not with --date."
        raise click.UsageError(message)
    policy = load_policy(policy_file)
    now = SystemClock().wall()
    until = window.of(now)
    since = until - timedelta(days=days - 1)
    if day is not None:
        chosen = window.day(day, now).date
        report = _load(directory, url, chosen, feed)
        output.lines(*lines(report))
        output.result(report)
    elif check is not None:
        _values(output, _measured(directory, url, feed, check, since, until, policy))
    else:
        _scores(output, _scored(directory, url, feed, since, until, policy))


def _load(directory: Path, url: str | None, day: date, feed: str | None) -> Report:
    async def question(database: Database) -> Report | None:
        return await history.load(database, day)

    report = asking(directory, url, question, remedy=_JUDGE)
    if report is None or (feed is not None and feed not in report.feeds):
        raise NothingJudged(f"of {day}" + (f" and {feed}" if feed else ""))
    if feed is None:
        return report
    return _only(report, feed)


def _only(report: Report, feed: str) -> Report:
    """The report with one feed of it; grade, composite and issues stay those of the day."""
    return msgspec.structs.replace(report, feeds={feed: report.feeds[feed]})


def _scored(
    directory: Path,
    url: str | None,
    feed: str | None,
    since: date,
    until: date,
    policy: QualityPolicy,
) -> Overview:
    begin = since - timedelta(days=reach(policy.trend))

    async def question(database: Database) -> list[Scored]:
        return await history.scores(database, since=begin, until=until, feed=feed)

    found = asking(directory, url, question, remedy=_JUDGE)
    made = overview(found, since, policy.trend, composite=feed is None)
    if not made.days:
        raise NothingJudged(f"from {since} to {until}" + (f" of {feed}" if feed else ""))
    return made


def _measured(
    directory: Path,
    url: str | None,
    feed: str | None,
    check: str,
    since: date,
    until: date,
    policy: QualityPolicy,
) -> Measurements:
    scale = _known(check, policy).scale
    begin = since - timedelta(days=reach(policy.trend))

    async def question(database: Database) -> list[tuple[date, str, float]]:
        return await history.measured(database, check, since=begin, until=until, feed=feed)

    found = asking(directory, url, question, remedy=_JUDGE)
    floor, better = step(scale)
    made = measurements(check, found, since, policy.trend, floor=floor, better=better)
    if not made.days:
        whose = f" of {feed}" if feed else ""
        raise NothingJudged(f"with a value of {check}{whose} from {since} to {until}")
    return made


def _known(check: str, policy: QualityPolicy) -> Check:
    if check not in policy.checks:
        message = f"There is no check {check!r}.{did_you_mean(check, policy.checks)}"
        raise ConfigError(message, remedy=f"There are {', '.join(sorted(policy.checks))}.")
    return policy.checks[check]


def _scores(output: Output, found: Overview) -> None:
    feeds = list(dict.fromkeys(name for day in found.days for name in day.feeds))
    output.table(
        "scores",
        ("day", "grade", "composite", *feeds, ""),
        (
            (
                day.date,
                day.grade,
                _number(day.composite),
                *(_number(day.feeds.get(name)) for name in feeds),
                _remark(running=day.running, degraded=day.prometheus_degraded),
            )
            for day in found.days
        ),
    )
    rows = [
        (name, _trended(trend), sparkline(day.feeds.get(name) for day in found.days))
        for name, trend in found.feeds.items()
    ]
    if found.composite is not None:
        line = sparkline(day.composite for day in found.days)
        rows.insert(0, ("composite", _trended(found.composite), line))
    _trends(output, rows)
    output.result(found)


def _values(output: Output, found: Measurements) -> None:
    feeds = sorted({name for day in found.days.values() for name in day})
    output.table(
        found.check,
        ("day", *feeds),
        (
            (day, *(_number(values.get(name)) for name in feeds))
            for day, values in found.days.items()
        ),
    )
    rows = []
    for name, trend in found.feeds.items():
        line = [values.get(name) for values in found.days.values()]
        known = [value for value in line if value is not None]
        bars = sparkline(line, low=min(0.0, *known), high=max(known))
        rows.append((name, _trended(trend), bars))
    _trends(output, rows)
    output.result(found)


def _trends(output: Output, rows: Sequence[tuple[str, tuple[str, ...], str]]) -> None:
    if rows:
        output.table(
            "trends",
            ("", *_TREND),
            ((name, *numbers, line) for name, numbers, line in rows),
        )


def _trended(trend: Trend) -> tuple[str, ...]:
    return (
        _number(trend.value),
        trend.direction,
        *_compared(trend.recent),
        *_compared(trend.weekday),
    )


def _compared(unlike: Unlike | None) -> tuple[str, str]:
    return ("", "") if unlike is None else (_number(unlike.median), f"{unlike.z:+.1f}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= _THOUSANDS else f"{value:g}"


def _remark(*, running: bool, degraded: bool) -> str:
    said = ("not over", running), ("without Prometheus", degraded)
    return ", ".join(words for words, is_so in said if is_so)
