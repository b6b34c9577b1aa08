"""`ssmd import`: recorded frames through session and archive, without a network."""

from pathlib import Path
from typing import Final

import click

from ssmd.archive.importer import import_capture as put_in
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import FeedType, directory_option, make_directory
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime.clock import SystemClock, today

_SHOWN: Final = 10
"""So many gaps are shown to a person."""


@click.command(
    "import",
    epilog=examples(
        (
            f"ssmd import capture.jsonl.gz --feed {registry.names()[0]} --dir ./data",
            "twice adds nothing",
        ),
    ),
)
@notify_on_failure
@click.argument("capture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--feed", type=FeedType(), required=True, help="A feed's name, or its feed.yaml.")
@directory_option
@output_options
def import_capture(
    capture: Path, feed: FeedConfig, directory: Path, *, as_json: bool, quiet: bool
) -> None:
    """Put CAPTURE, lines of {"ts_recv", "raw"}, gzipped or not, into the archive byte for byte."""
    clock = SystemClock()
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "importing") as progress:
        result = put_in(
            capture,
            feed.name,
            registry.venue(feed),
            make_directory(directory),
            clock=clock,
            parameters=feed.parameters(today(clock)),
            progress=progress.set,
        )
    output.lines(
        f"{result.frames} frames on {result.connections} connections, {result.envelopes} envelopes"
        f" ({result.added} new, our records included), {result.unread} unread,"
        f" {len(result.gaps)} gaps.",
        *(f"  {kind}: {count}" for kind, count in sorted(result.by_type.items())),
        *(
            f"  gap: {gap.channel} {', '.join(gap.symbols)} at frame {gap.ordinal} of"
            f" {gap.connection}: {gap.kind} {gap.expected} expected, {gap.found} found"
            for gap in result.gaps[:_SHOWN]
        ),
    )
    if (more := len(result.gaps) - _SHOWN) > 0:
        output.lines(f"  ... and {more} more (see --json)")
    output.result(result)
