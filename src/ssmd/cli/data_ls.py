"""`ssmd data ls`: what is recorded."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from ssmd.access.days import days
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.model.timestamp import SECOND_NS


@click.command(
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
    shown = days(directory, feed)
    output.table(
        str(directory),
        ("feed", "date", "from", "to", "segments", "raw", "envelopes", "rows", "tables", "covered"),
        (
            (
                day.feed,
                day.date,
                _time(day.first_ts),
                _time(day.last_ts),
                f"{day.segments}" + (f"+{day.open} open" if day.open else ""),
                size(day.bytes),
                str(day.lines),
                str(more.rows) if more.slots else "not made",
                size(more.table_bytes),
                "?" if more.coverage is None else f"{100 * more.coverage:.2f} %",
            )
            for day, more in shown
        ),
    )
    if not shown:
        output.lines("Nothing is recorded yet.")
    output.result(
        [{**msgspec.structs.asdict(day), **msgspec.structs.asdict(more)} for day, more in shown]
    )


def _time(ts: int | None) -> str:
    return "?" if ts is None else f"{datetime.fromtimestamp(ts / SECOND_NS, UTC):%H:%M:%S}"
