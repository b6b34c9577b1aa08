"""`ssmd redecode`: tables made anew from raw."""

from pathlib import Path

import click

from ssmd.archive.tables.redecode import Redecoded, redecode
from ssmd.cli.moments import MomentType
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.runtime.clock import SystemClock


@click.command(
    name="redecode",
    epilog=examples(
        ("ssmd redecode ./data --dry-run", "what would change, and nothing else"),
        ("ssmd redecode ./data --since 2026-11-23", "make the tables anew from this day on"),
    ),
)
@notify_on_failure
@archive_argument
@click.option("--feed", help="Only this feed.")
@click.option("--since", type=MomentType(), help="Only slots that end after this.")
@click.option("--until", type=MomentType(), help="Only slots that begin before this.")
@click.option("--dry-run", is_flag=True, help="Compare only; change nothing.")
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    feed: str | None,
    since: int | None,
    until: int | None,
    *,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make the tables of DIRECTORY anew from its raw segments, and say what became different."""
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "decoding again", unit="slots") as progress:
        result = redecode(
            directory,
            SystemClock(),
            feed,
            since,
            until,
            dry_run=dry_run,
            progress=progress.set,
        )
    _show(output, result, dry_run=dry_run)
    output.result(result)
    ctx.exit(1 if result.failed else 0)


def _show(output: Output, result: Redecoded, *, dry_run: bool) -> None:
    output.table(
        f"{len(result.slots)} slots",
        ("table", "rows before", "after", "added", "removed", "changed", "files", "identical"),
        (
            (
                table,
                *(str(getattr(each, name)) for name in each.__struct_fields__),
            )
            for table, each in sorted(result.tables.items())
        ),
    )
    output.lines(
        *(
            f"FAILED: {each.slot.feed} {each.slot.date} {each.slot.time}: {each.reason}"
            for each in result.failed
        ),
        "Every file is as it was, byte for byte."
        if result.is_same
        else "Nothing was changed (--dry-run)."
        if dry_run
        else "The tables are those of today's decoder.",
    )
