"""`ssmd data`: read the archive."""

from datetime import UTC, datetime
from pathlib import Path

import click

from ssmd.archive.listing import listing
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.model.timestamp import SECOND_NS


@click.group()
def data() -> None:
    """Read the archive."""


@data.command(
    epilog=examples(
        ("ssmd data ls ./data", "what is recorded, by feed and day"),
        ("ssmd data ls ./data --json", "the same for a program"),
    )
)
@archive_argument
@click.option("--feed", help="Only this feed.")
@output_options
def ls(directory: Path, feed: str | None, *, as_json: bool, quiet: bool) -> None:
    """List what DIRECTORY holds, by feed and day."""
    output = Output(json=as_json, quiet=quiet)
    days = listing(directory, feed)
    output.table(
        str(directory),
        ("feed", "date", "segments", "open", "size", "envelopes", "from", "to", "gaps", "types"),
        (
            (
                day.feed,
                day.date,
                str(day.segments),
                str(day.open),
                size(day.bytes),
                str(day.lines),
                _time(day.first_ts),
                _time(day.last_ts),
                str(day.gaps),
                ", ".join(f"{kind} {count}" for kind, count in sorted(day.types.items())),
            )
            for day in days
        ),
    )
    if not days:
        output.lines("Nothing is recorded yet.")
    output.result(days)


def _time(ts: int | None) -> str:
    return "?" if ts is None else f"{datetime.fromtimestamp(ts / SECOND_NS, UTC):%H:%M:%S}"
