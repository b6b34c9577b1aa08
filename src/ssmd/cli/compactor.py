"""`ssmd compactor run`: one process that makes tables, and uploads what is sealed."""

from pathlib import Path

import click

from ssmd.archive.tables import merge as merging
from ssmd.archive.tables import service
from ssmd.archive.tables.compactor import Compactor, Outcome
from ssmd.archive.tables.merge import SETTLE_S
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import FiniteRange, directory_option, make_directory, service_options
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.feeds.upload import UploadSettings
from ssmd.runtime import logging, loop, settings
from ssmd.runtime.clock import SystemClock

_DAY_S = 86_400


@click.group()
def compactor() -> None:
    """From raw segments to tables: typed rows as Parquet, and every line accounted for."""


@compactor.command(
    epilog=examples(
        ("ssmd compactor run --dir ./data", "until SIGTERM"),
        ("ssmd compactor run --dir ./data --upload upload.yaml", "and to an object store"),
    )
)
@directory_option
@click.option(
    "--upload",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An upload.yaml: where sealed files go, and what may be let go here.",
)
@service_options
@click.pass_context
def run(
    ctx: click.Context,
    directory: Path,
    upload: Path | None,
    run_dir: Path | None,
    listen: tuple[str, int],
) -> None:
    """Make the tables of whatever is sealed, until SIGTERM."""
    logging.configure()
    wanted = None if upload is None else settings.load(upload, UploadSettings)
    root = make_directory(directory)
    ctx.exit(loop.run(service.run(root, upload=wanted, run_dir=run_dir, listen=listen)))


@compactor.command(
    epilog=examples(("ssmd compactor once --dir ./data", "bring the tables up to date, and end"))
)
@notify_on_failure
@directory_option
@click.option("--feed", help="Only this feed.")
@output_options
@click.pass_context
def once(
    ctx: click.Context, directory: Path, feed: str | None, *, as_json: bool, quiet: bool
) -> None:
    """Make the tables of what is sealed now, then end; 1 when a slot could not be made."""
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "making tables", unit="slots") as progress:
        outcome = Compactor(directory, SystemClock(), progress=progress.set).run_once(feed)
    show(output, outcome)
    output.result(outcome)
    ctx.exit(1 if outcome.failed else 0)


@compactor.command(
    epilog=examples(
        ("ssmd compactor merge --dir ./data", "hour by hour, what is older than a day"),
        ("ssmd compactor merge --dir ./data --every day", "day by day"),
    )
)
@notify_on_failure
@directory_option
@click.option("--feed", help="Only this feed.")
@click.option(
    "--every",
    type=click.Choice(("hour", "day")),
    default="hour",
    show_default=True,
    help="Into one.",
)
@click.option(
    "--settled",
    type=FiniteRange(0),
    default=SETTLE_S,
    show_default=True,
    help="Only what ended longer ago, in seconds.",
)
@output_options
def merge(
    directory: Path,
    feed: str | None,
    every: str,
    settled: float,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Merge small files of tables into larger ones; no row is lost, whenever it is stopped."""
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "merging", unit="groups") as progress:
        done = merging.merge(
            directory,
            SystemClock(),
            every_s=merging.HOUR_S if every == "hour" else _DAY_S,
            settle_s=settled,
            feed=feed,
            progress=progress.set,
        )
    output.lines(
        f"{done.groups} groups of {done.slots} slots: {done.before} files became {done.after},"
        f" {done.rows} rows; {done.waiting} wait for tables.",
        *(f"{name}: somebody else makes its tables now." for name in done.busy),
    )
    output.result(done)


def show(output: Output, outcome: Outcome) -> None:
    """What a round did, for a person."""
    output.lines(
        f"{outcome.slots} slots, {len(outcome.built)} made: {outcome.rows} rows,"
        f" {outcome.repeats} of them repeats, {outcome.rejects} rejects.",
        *(f"FAILED: {each.slot.feed} {each.slot.date} {each.slot.time}: {each.reason}"
          for each in outcome.failed),
        *(f"{feed}: somebody else makes its tables now." for feed in outcome.busy),
    )  # fmt: skip
