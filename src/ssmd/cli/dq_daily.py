"""`ssmd dq daily`: how good a day's recording was, check by check, with a grade."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ssmd.archive.ledger import store
from ssmd.bus.settings import BusSettings
from ssmd.cli.configured import Plan, load_plan
from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import bus_settings, recorded_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.cli.verdict_file import leave, of_report, verdict_file_option
from ssmd.cli.waiting import TimeOfDayType, in_words, next_time, wait_until
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.policy import load_policy
from ssmd.feeds.quality import QualityPolicy
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.quality import history, textfile
from ssmd.quality.daily import Day, judge_day, quality_of
from ssmd.quality.finding import Report
from ssmd.quality.notify import Told, tell
from ssmd.quality.report import lines
from ssmd.quality.scoring import grade
from ssmd.quality.sources.past import Past, remembered
from ssmd.quality.window import Window, day
from ssmd.runtime import loop
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.prometheus import PrometheusSettings, prometheus_settings
from ssmd.secmaster.address import named
from ssmd.secmaster.changes.settings import FEED as MASTER
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.embedded import EmbeddedPostgres

_NONE: Final = "none"
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for.

    Attributes:
        date: Which day; None for yesterday.
        feeds: These feeds alone; none for all.
        database_url: The database that was named, if any.
        prometheus: Where Prometheus is; None where there is none.
        nats: The bus that was named, if any.
        policy: How the day is judged.
        saves: Whether the verdict is kept.
        whom: Who is told of it.
        metrics_file: Where it is written as metrics, if anywhere.
        wait_s: The time of day to wait for, in seconds after midnight; None goes at once.
    """

    date: str | None
    feeds: tuple[str, ...]
    database_url: str | None
    prometheus: PrometheusSettings | None
    nats: str | None
    policy: QualityPolicy
    saves: bool
    whom: tuple[Told, ...]
    metrics_file: Path | None
    wait_s: int | None


@click.command(
    epilog=examples(
        ("ssmd dq daily", "yesterday, of everything that is recorded here"),
        ("ssmd dq daily /data --date today", "the running day, as far as it goes"),
        ("ssmd dq daily --json | tail -1", "the verdict for a program"),
        ("ssmd dq daily --prometheus none", "by the files alone, where nobody scrapes"),
        ("ssmd dq daily --wait-until 06:00Z --notify", "tomorrow morning, and tell somebody"),
    )
)
@notify_on_failure
@verdict_file_option
@click.argument(
    "directory",
    metavar="[ARCHIVE]",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="SSMD_ARCHIVE",
)
@click.option(
    "--date", metavar="DAY", help="YYYY-MM-DD (UTC), `today` or `yesterday`.  [default: yesterday]"
)
@click.option("--feed", "feeds", multiple=True, help="This feed alone; may be repeated.")
@click.option("--config", type=_FILE, help="The ssmd.yaml; default: ./ssmd.yaml, if it is there.")
@click.option("--policy", "policy_file", type=_FILE, help="Your quality.yaml; default: shipped.")
@click.option(
    "--prometheus", metavar="URL", help="Instead of PROMETHEUS_URL; `none`: there is none."
)
@click.option("--nats", metavar="URL", help="Instead of NATS_URL, or the bus of `ssmd up` here.")
@database_option
@click.option(
    "--wait-until",
    "wait_s",
    type=TimeOfDayType(),
    help="Wait for this time of day (UTC), then judge yesterday.",
)
@click.option("--no-save", is_flag=True, help="Do not keep the verdict in the database.")
@click.option("--notify", is_flag=True, help="Tell whom the policy and SSMD_NOTIFY name.")
@click.option(
    "--metrics-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdict as metrics, for node_exporter's textfile collector.",
)
@click.option("--strict", is_flag=True, help="Exit 1 when the grade is RED.")
@output_options
@click.pass_context
def daily(
    ctx: click.Context,
    /,
    *,
    directory: Path | None,
    config: Path | None,
    policy_file: Path | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
    **more: Any,  # noqa: ANN401 - the other options, read in `_asked`
) -> None:
    """Judge one UTC day of what was recorded: GREEN, YELLOW or RED, with every reason.

    Signals (what Prometheus and the bus showed) and truth (what the files in ARCHIVE prove) make a
    score of 0 to 100 for each feed. What is unknown is said, and counts for nothing. Exit 0: it was
    judged, whatever the grade. Exit 1: nothing could be judged (or RED, with --strict).
    """
    output = Output(json=as_json, quiet=quiet)
    clock = SystemClock()

    def planned() -> Plan:
        return load_plan(directory, config, more["feeds"])

    plan = planned()
    asked = _asked(plan, policy_file, **more)
    if not plan.root.exists():
        _without_files(output, plan)
    report, kept = loop.run(_perform(output, planned, asked, clock))
    leave(of_report(report, lambda score: grade(score, (), asked.policy)), droppable="feeds")
    output.lines(*lines(report))
    output.result(msgspec.to_builtins(report) | {"kept": kept})
    ctx.exit(1 if report.composite is None or (strict and report.grade == "RED") else 0)


def _asked(
    plan: Plan,
    policy_file: Path | None,
    *,
    date: str | None,
    feeds: tuple[str, ...],
    prometheus: str | None,
    nats: str | None,
    url: str | None,
    wait_s: int | None,
    no_save: bool,
    notify: bool,
    metrics_file: Path | None,
) -> Asked:
    """Everything that can be wrong with the question is found before anything is waited for."""
    if wait_s is not None and date is not None:
        raise click.UsageError("--wait-until judges yesterday: leave --date out.")
    day(date, SystemClock().wall())
    _bus(plan, nats)
    from ssmd.cli.telling import whom_to_tell  # noqa: PLC0415 - who tells nobody need not load it

    return Asked(
        date=date,
        feeds=feeds,
        database_url=url or plan.environment.secmaster.database_url,
        prometheus=_prometheus(prometheus),
        nats=nats,
        policy=load_policy(policy_file),
        saves=not (no_save or feeds),
        whom=whom_to_tell(policy_file) if notify else (),
        metrics_file=metrics_file,
        wait_s=wait_s,
    )


def _prometheus(url: str | None) -> PrometheusSettings | None:
    if (url or os.environ.get("PROMETHEUS_URL", "")).strip().lower() == _NONE:
        return None
    return prometheus_settings(url)


def _bus(plan: Plan, nats: str | None) -> BusSettings | None:
    """Where the bus is; None when nobody knows."""
    if nats is None:
        return plan.bus()
    settings = bus_settings(nats)
    settings.check()
    return settings


def _without_files(output: Output, plan: Plan) -> None:
    """There is no archive: only feeds that somebody named can be judged, by live services.

    Raises:
        ConfigError: Nobody named any.
    """
    if not plan.named:
        message = f"There is no archive at {plan.root}, and no ssmd.yaml that names feeds."
        raise ConfigError(message, remedy="Name the archive: ssmd dq daily ARCHIVE.")
    output.note(f"There is no archive at {plan.root}: judged by live services alone.")


async def _perform(
    output: Output, planned: Callable[[], Plan], asked: Asked, clock: Clock
) -> tuple[Report, str]:
    """Wait, judge, keep, tell; gives the verdict, and what became of keeping it."""
    if asked.wait_s is not None:
        at = next_time(asked.wait_s, clock.wall())
        output.note(f"Waiting until {in_words(at, clock.wall())}; then the day before is judged.")
        await wait_until(at, clock)
    plan = planned()  # after the wait: an `ssmd up` that began anew has its bus elsewhere
    window = day(asked.date, clock.wall())
    feeds, notes = _feeds(plan)
    async with _database(output, plan, asked, clock) as database:
        past = await _past(output, database, feeds, window, asked.policy)
        with Progress(output, f"judging {window.date}", unit="feeds") as progress:
            judged = Day(
                root=plan.root,
                window=window,
                policy=asked.policy,
                feeds=feeds,
                configured=plan.named,
                prometheus=asked.prometheus,
                bus=_bus(plan, asked.nats),
                streams={feed.name: _streams(plan, asked.policy, feed) for feed in feeds},
                past=past,
                notes=notes,
            )
            report = await judge_day(judged, clock, progress.set)
        kept = await _keep(output, database, asked, report, clock)
    if asked.metrics_file is not None:
        textfile.write(asked.metrics_file, report, at=clock.wall())
    for delivery in await tell(report, asked.whom, clock):
        output.note(delivery.error or f"Told {delivery.to}.")
    return report, kept


def _feeds(plan: Plan) -> tuple[list[FeedConfig], list[str]]:
    """Those that are configured, else those that are archived; and what is to be said of others."""
    notes = [str(fault) for fault in plan.faults]
    if plan.named:
        notes += [
            f"{feed.name} is disabled, and not judged."
            for feed in plan.feeds
            if feed.status == "disabled"
        ]
        return [feed for feed in plan.feeds if feed.status != "disabled"], notes
    found: list[FeedConfig] = []
    for name in store.feeds(plan.root):
        if name == MASTER:  # it holds what venues list, and no market's data
            continue
        try:
            found.append(recorded_feed(plan.root, name))
        except ConfigError as error:
            notes.append(f"{name} is archived and not judged: {error}")
    if not found:
        message = f"There is no feed to judge in {plan.root}."
        raise ConfigError(message, remedy="Name one with --feed, or record something: `ssmd up`.")
    return found, notes


def _streams(plan: Plan, policy: QualityPolicy, feed: FeedConfig) -> tuple[str, ...]:
    """The feed's streams: its policy's, its environment's, or the usual ones."""
    if own := quality_of(policy, feed).stream:
        return (own,)
    return tuple(each.stream for each in registry.streams_of(feed, plan.environment))


@asynccontextmanager
async def _database(
    output: Output, plan: Plan, asked: Asked, clock: Clock
) -> AsyncIterator[Database | None]:
    """The database, if there is one; that it is away is said, and the day is judged without."""
    folder = embedded_folder(plan.root)
    url = asked.database_url
    if named(url, os.environ) is None and not EmbeddedPostgres(folder, clock).exists:
        yield None
        return
    async with AsyncExitStack() as stack:
        try:
            database = await stack.enter_async_context(open_database(url, folder, clock))
        except SsmdError as error:
            output.note(f"The days before are not known, and this one is not kept. {error}")
            yield None
            return
        yield database


async def _past(
    output: Output,
    database: Database | None,
    feeds: Sequence[FeedConfig],
    window: Window,
    policy: QualityPolicy,
) -> dict[str, Past]:
    """What is remembered of each feed; nothing when nobody tells."""
    if database is None:
        return {}
    try:
        return await remembered(database, feeds, window, policy.calibration)
    except SsmdError as error:
        output.note(f"The days before are not known. {error}")
        return {}


async def _keep(
    output: Output, database: Database | None, asked: Asked, report: Report, clock: Clock
) -> str:
    """Keep the verdict; gives what became of it, in a word or a sentence."""
    if not asked.saves:
        return "not asked for"
    if database is None:
        output.note("Not kept: there is no database. Set DATABASE_URL, or record with `ssmd up`.")
        return "no database"
    try:
        return await history.save(database, report, at=clock.wall())
    except SsmdError as error:
        output.note(f"Not kept. {error}")
        return error.message
