"""`ssmd why`: one instrument, one moment, one sentence and its evidence."""

from pathlib import Path

import click

from ssmd.access.explaining import explained
from ssmd.cli.moments import MomentType
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options


@click.command(
    epilog=examples(
        (
            "ssmd why venue:BTC/USD 2026-11-23T12:34:56 ./data",
            "what happened then, and where it stands",
        ),
        ("ssmd why BTC/USD 2026-11-23T12:34 --json", "the same for a program"),
    )
)
@click.argument("instrument")
@click.argument("time", type=MomentType())
@archive_argument
@click.option("--feed", help="Only this feed.")
@output_options
def why(
    instrument: str, time: int, directory: Path, feed: str | None, *, as_json: bool, quiet: bool
) -> None:
    """Explain what became of INSTRUMENT at TIME (UTC) in DIRECTORY."""
    output = Output(json=as_json, quiet=quiet)
    found = explained(directory, feed, instrument, time)
    for each in found:
        output.lines(each.sentence, *(f"  {line}" for line in each.evidence))
    output.result(found)
