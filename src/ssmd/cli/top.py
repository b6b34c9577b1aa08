"""`ssmd top`: feeds, shards and instruments, live."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from ssmd.cli.apart import Nowhere
from ssmd.cli.options import FiniteRange, archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.top_columns import COLUMNS, Level
from ssmd.cli.top_model import FeedRow, Model, ShardRow
from ssmd.cli.top_watch import Listener, look
from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import Clock, SystemClock

_INTERVAL_S: Final = 1.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be seen at one moment, rates over the pause before it.

    Attributes:
        directory: The archive.
        at: When, RFC 3339.
        feeds: A row a feed.
        shards: A row a shard.
    """

    directory: str
    at: str
    feeds: tuple[FeedRow, ...]
    shards: tuple[ShardRow, ...]


@click.command(
    epilog=examples(
        ("ssmd top", "what `ssmd up` records into ./data; q ends it"),
        ("ssmd top /data --interval 5", "less often, over a slow line"),
        ("ssmd top /data | cat", "one plain table, and the end"),
        ("ssmd top /data --json | tail -1", "the same for a program"),
    )
)
@archive_argument
@click.option(
    "--interval",
    "interval_s",
    type=FiniteRange(0.2, 60),
    default=_INTERVAL_S,
    show_default=True,
    help="Pause between two looks, in seconds.",
)
@output_options
def top(directory: Path, interval_s: float, *, as_json: bool, quiet: bool) -> None:
    """Watch what is recorded into DIRECTORY: feeds, their shards, their instruments.

    Enter drills in, escape leads out; a digit sorts by that column, once more turns the order
    round; / filters; q ends it. What is not a terminal gets one table.
    """
    output = Output(json=as_json, quiet=quiet)
    clock = SystemClock()
    logging.configure(quiet=True, stream=Nowhere())  # a log line would tear the screen
    if as_json or not all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr)):
        snapshot = loop.run(take(directory, clock, interval_s))
        _show(output, snapshot)
        output.result(snapshot)
        return
    # The library of screens takes longer to load than all of ours.
    from ssmd.cli.top_app import Top  # noqa: PLC0415 - see above

    Top(
        f"ssmd top {directory}",
        lambda: look(directory, clock),
        lambda feed: Listener(directory, feed, clock),
        clock=clock,
        interval_s=interval_s,
    ).run()


async def take(directory: Path, clock: Clock, interval_s: float) -> Snapshot:
    """Look twice, so that there are rates.

    Args:
        directory: The archive.
        clock: What time it is.
        interval_s: Pause between the two, in seconds.
    """
    model = Model()
    first = await look(directory, clock)
    model.take(first)
    if first.services:
        await clock.sleep(interval_s)
        model.take(await look(directory, clock))
    feeds = model.feeds()
    return Snapshot(
        directory=str(directory),
        at=format_rfc3339(model.wall),
        feeds=tuple(feeds),
        shards=tuple(row for each in feeds for row in model.shards(each.feed)),
    )


def _show(output: Output, found: Snapshot) -> None:
    """Two tables without a frame, for a pipe as for a person."""
    if output.json:
        return
    if not found.feeds:
        start = f"Start it with: ssmd up --dir {shlex.quote(found.directory)}"
        output.lines(f"Nothing is being recorded in {found.directory}. {start}")
        return
    output.lines(f"{found.directory} at {found.at}")
    _table("feeds", found.feeds, ())
    _table("shards", found.shards, ("feed",))


def _table(level: Level, rows: Sequence[Any], before: Sequence[str]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), title=None)
    for name in before:
        table.add_column(name)
    for at, column in enumerate(COLUMNS[level]):
        table.add_column(column.title, justify="right" if at > 1 else "left", no_wrap=True)
    for row in rows:
        named = [str(getattr(row, name)) for name in before]
        table.add_row(*named, *(column.cell(row) for column in COLUMNS[level]))
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120).print(table)
