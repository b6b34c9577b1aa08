"""`ssmd status`: is it recording? In one screen, from the services' own metrics."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from ssmd.archive import layout
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options
from ssmd.quality.standing import FeedStatus, Status, look
from ssmd.runtime import loop

_LATE_S: Final = 0.1
"""A clock that is surely further off than this is told of, in seconds."""


@click.command(
    epilog=examples(
        ("ssmd status ./data", "is it recording, and everything that was asked for?"),
        ("ssmd status ./data --json | tail -1", "the same for a program"),
    )
)
@archive_argument
@output_options
@click.pass_context
def status(ctx: click.Context, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Show whether DIRECTORY is being recorded, and how: exit 0 when all is well, else 1."""
    output = Output(json=as_json, quiet=quiet)
    found = loop.run(look(directory))
    _show(output, found)
    output.result(found)
    ctx.exit(0 if found.ok else 1)


def _show(output: Output, found: Status) -> None:
    """The screen: narrow enough for 80 columns, with four feeds no longer than 24 lines."""
    start = f"Start it with: ssmd up --dir {shlex.quote(found.directory)}"
    if not found.feeds and not found.down:
        output.lines(f"Nothing is being recorded in {found.directory}. {start}")
        return
    if found.feeds:
        _show_feeds(output, found)
    for each in found.feeds:
        output.lines(*(f"{each.feed}: {sentence}" for sentence in _sentences(each)))
    output.lines(*(f"archiver: {reason}" for reason in found.archiver))
    output.lines(*(f"compactor: {reason}" for reason in found.compactor))
    output.lines(*(f"{name}: {reason}" for name in found.master for reason in found.master[name]))
    output.lines(*(f"DOWN: {name} does not answer.{_log(found, name)}" for name in found.down))
    if not found.feeds:
        output.lines(f"Nothing is being recorded in {found.directory} any more. {start}")
    output.lines("OK" if found.ok else "NOT OK")


def _log(found: Status, name: str) -> str:
    """Where a service of `ssmd up` wrote why it ended."""
    path = layout.run_folder(Path(found.directory)) / "logs" / f"{name}.log"
    return f" Its log: {path}" if path.exists() else ""


def _show_feeds(output: Output, found: Status) -> None:
    """Two tables, a line a feed."""
    output.table(
        f"{found.directory}: subscriptions",
        ("feed", "wanted", "acked", "receiving", "refused", "overflow", "suspects"),
        (
            (
                each.feed,
                str(each.requested),
                str(each.acknowledged),
                str(each.receiving),
                str(each.refused),
                str(each.overflow),
                str(each.suspects),
            )
            for each in found.feeds
        ),
    )
    output.table(
        "traffic since each connector started",
        ("feed", "shards", "idle s", "frames", "to archive", "gaps", "lost", "ended"),
        (
            (
                each.feed,
                f"{each.shards}/{each.planned}",
                f"{each.idle_s:.1f}",
                str(each.frames),
                str(each.lag),
                str(each.gaps),
                str(each.lost),
                str(each.reconnects),
            )
            for each in found.feeds
        ),
    )


def _sentences(feed: FeedStatus) -> Iterator[str]:
    """What the figures of a feed do not say by themselves."""
    if feed.listed is not None:
        kept_out = ", ".join(f"{name} {number}" for name, number in sorted(feed.excluded.items()))
        yield (
            f"{feed.kept} of {feed.listed} listed instruments pass the filters"
            + (f"; kept out by {kept_out}." if kept_out else ".")
        )
    if feed.follows is not None:
        state = "follows" if feed.follows else "has lost, and looks for,"
        yield f"it {state} the security master's changes."
    if abs(feed.clock_offset_s or 0.0) - (feed.clock_error_s or 0.0) > _LATE_S:
        yield f"this machine's clock is {feed.clock_offset_s:+.3f} s from the right time."
    if feed.given_up:
        yield f"{feed.given_up} instruments pass the filters and find no room: `max_instruments`."
    if not feed.requested:
        yield "nothing is wanted at present: it waits for the universe to fill."
    if feed.waiting:
        yield f"{feed.waiting} of {feed.requested} subscriptions wait for the venue's answer."
    yield from feed.reasons
