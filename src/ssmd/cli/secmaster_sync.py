"""`ssmd secmaster sync`: what venues list, into the security master."""

import asyncio
import gzip
import signal
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.durations import DurationType
from ssmd.cli.keeping import kept
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import FeedType, directory_option, make_directory
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.cli.verdict_file import leave, verdict_file_option
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.rest import Saved
from ssmd.runtime import loop
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.http import Http
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.database import Database, open_database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.service import Kept, keep
from ssmd.secmaster.settings import KeeperSettings
from ssmd.secmaster.statement import Mode, Order, Statement, total
from ssmd.venues import names

_GZIP: Final = b"\x1f\x8b"
_MOST_BYTES: Final = 2 << 30
"""A longer body is none that a venue answers."""
_MOST_WORDS: Final = 400
"""So many characters of a failure are left in a verdict."""
_NUMBERS: Final = ("inserted", "changed", "unchanged", "closed", "reopened", "quarantined")


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    kept: tuple[Kept, ...]
    mode: Mode
    saved: tuple[Saved, ...]
    whole: bool
    dry_run: bool
    accept_closures: bool
    every_s: float | None
    url: str | None
    directory: Path


@click.command(
    epilog=examples(
        ("ssmd secmaster sync", "all that every venue lists, into ./data"),
        (f"ssmd secmaster sync {names()[0]} --incremental", "what changed since the last round"),
        (f"ssmd secmaster sync {names()[0]} --from listing.json.gz", "out of a file"),
        ("ssmd secmaster sync --every 1h", "and again, until Ctrl-C"),
    )
)
@notify_on_failure
@verdict_file_option
@click.argument("words", nargs=-1, metavar="[VENUE] [FILE...]")
@click.option(
    "--full/--incremental",
    "full",
    default=None,
    help="All that is listed (default), or only what changed since the last good round.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--from",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read saved bodies (plain or .gz; repeatable) instead of asking. What they do not name is"
    " left alone, unless --full says that they are all there is.",
)
@click.option(
    "--every",
    type=DurationType(),
    metavar="TIME",
    help="Go on: a round every so often (30s, 5m, 1h, 1d), and a look at the clock every second.",
)
@click.option(
    "--accept-closures", is_flag=True, help="Believe a listing however little it still names."
)
@click.option(
    "--feed", "feeds", type=FeedType(), multiple=True, help="Ask where this feed says; repeatable."
)
@database_option
@directory_option
@output_options
@click.pass_context
def sync(
    ctx: click.Context,
    /,
    *,
    words: tuple[str, ...],
    full: bool | None,
    dry_run: bool,
    files: tuple[Path, ...],
    every: float | None,
    accept_closures: bool,
    feeds: tuple[FeedConfig, ...],
    url: str | None,
    directory: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Bring what venues list into the security master; 1 when a round failed.

    A round is applied whole or not at all: when a page fails, nothing is changed and nothing closed.
    What a full round does not name is looked up; what nobody knows any more is kept with its status,
    and is no longer listed.
    """
    output = Output(json=as_json, quiet=quiet)
    venues, saved = _sources(words, files)
    if every is not None and (saved or dry_run):
        message = "--every goes with neither --from nor --dry-run."
        raise click.UsageError(message)
    asked = _Asked(
        kept=kept(venues, feeds),
        mode="saved" if saved else "incremental" if full is False else "full",
        saved=saved,
        whole=bool(saved and full),
        dry_run=dry_run,
        accept_closures=accept_closures,
        every_s=every,
        url=url,
        directory=make_directory(directory),
    )
    ctx.exit(loop.run(_run(output, asked)))


def _sources(
    words: tuple[str, ...], files: tuple[Path, ...]
) -> tuple[tuple[str, ...], tuple[Saved, ...]]:
    """The venues that are named, and the bodies to read: what follows on --from is a file as well.

    Raises:
        ConfigError: A file cannot be read.
    """
    if not files:
        return words, ()
    if not words:
        message = "--from needs the VENUE whose listing it is."
        raise click.UsageError(message)
    venue, *more = words
    paths = [*files, *map(Path, more)]
    return (venue,), tuple(_read(path) for path in paths)


def _read(path: Path) -> Saved:
    """A saved body, unpacked.

    Raises:
        ConfigError: It cannot be read.
    """
    remedy = "Give bodies of a venue's answers, as they came, plain or gzipped."
    try:
        body = path.read_bytes()
        if body.startswith(_GZIP):
            with gzip.open(path) as packed:
                body = packed.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"The file {path} cannot be read: {error}.", remedy=remedy) from error
    if not body.strip():
        raise ConfigError(f"The file {path} is empty.", remedy=remedy)
    return Saved(str(path), body)


async def _run(output: Output, asked: _Asked) -> int:
    folder = embedded_folder(asked.directory)
    async with open_database(asked.url, folder, SystemClock()) as database:
        if asked.every_s is not None:
            return await _again_and_again(output, database, asked)
        return await _once(output, database, asked)


async def _once(output: Output, database: Database, asked: _Asked) -> int:
    done: list[Statement] = []
    failed: dict[str, str] = {}
    for each in asked.kept:
        try:
            done.append(await _one(output, database, asked, each))
        except SsmdError as error:
            if len(asked.kept) == 1:
                raise
            failed[each.venue.id] = str(error)
            output.note(f"{each.venue.id}: {error}")
    summed = total(done, failed, dry_run=asked.dry_run)
    leave(
        {name: getattr(summed, name) for name in _NUMBERS}
        | {"venues": [one.venue for one in done]}
        | {"failed": {venue: why[:_MOST_WORDS] for venue, why in failed.items()}},
        droppable="failed",
    )
    for statement in done:
        _show(output, statement)
    if len(asked.kept) == 1:
        output.result(done[0])
    else:
        output.result(summed)
        output.lines(*(f"{venue}: FAILED. {why}" for venue, why in failed.items()))
    return 1 if failed else 0


async def _one(output: Output, database: Database, asked: _Asked, each: Kept) -> Statement:
    """One round of one venue, with its progress."""
    clock = SystemClock()
    order = Order(
        venue=each.venue,
        mode=asked.mode,
        saved=asked.saved,
        whole=asked.whole,
        dry_run=asked.dry_run,
        accept_closures=asked.accept_closures,
    )
    synchroniser = Synchroniser(database, clock)
    with Progress(output, each.venue.id, unit="instruments") as progress:

        def tell(pages: int, instruments: int) -> None:
            progress.grow(instruments, f"{pages} pages")

        if asked.saved:
            return await synchroniser.run(order, None, tell)
        async with Http(each.venue.rest, clock=clock, addresses=each.addresses) as http:
            return await synchroniser.run(order, http.fetcher("secmaster"), tell)


async def _again_and_again(output: Output, database: Database, asked: _Asked) -> int:
    """Rounds until somebody says stop; a failed one is said, and tried again."""
    stop = Stop()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.request, number.name)

    def heard(outcome: Statement | SsmdError) -> None:
        if isinstance(outcome, Statement):
            _show(output, outcome)
            output.result(outcome)
        else:
            output.note(str(outcome))

    settings = KeeperSettings(interval_s=asked.every_s or 1.0)
    await keep(asked.kept, database, SystemClock(), stop, settings=settings, heard=heard)
    output.note(f"Stopped: {stop.reason}.")
    return int(stop.error is not None)


def _show(output: Output, statement: Statement) -> None:
    """What a round did, for a person."""
    said = ", ".join(f"{getattr(statement, name)} {name}" for name in _NUMBERS)
    would = " would be:" if statement.dry_run else ":"
    output.lines(
        f"{statement.venue} ({statement.mode}){would} {said}"
        f" ({statement.pages} pages, {statement.seconds:.1f} s)."
    )
    for one in statement.set_aside:
        known = f" (raw status {one.raw_status!r})" if one.raw_status else ""
        word = "strange" if one.kind == "doubtful" else "set aside"
        output.lines(f"  {one.number} {word}, {one.kind} {one.entity}{known}: {one.reason[:160]}")
    for number, words in _remarks(statement):
        if number:
            output.lines(f"  {number} {words}")


def _remarks(statement: Statement) -> Sequence[tuple[int, str]]:
    return (
        (statement.refused, "transitions of status refused: see the table `refusal`"),
        (statement.stale, "statuses are known better already"),
        (statement.without_fee, "series have no fee that holds now"),
        (statement.heard_again, "answers of a round that broke off were used again"),
    )
