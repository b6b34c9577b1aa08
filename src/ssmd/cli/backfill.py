"""`ssmd backfill`: what is missing is asked of the venues, and becomes part of the archive."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from ssmd.access.asked import Asked
from ssmd.archive.backfill import missing
from ssmd.archive.ledger import store
from ssmd.cli.backfilling import Filled, fill
from ssmd.cli.instruments import asked, instrument_option
from ssmd.cli.moments import MomentType, lasting, shown
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_argument, recorded_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.cli.progress import Progress
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.model.missing import Missing
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.model.venue import Venue
from ssmd.runtime import loop
from ssmd.runtime.clock import Clock, SystemClock
from ssmd.runtime.unknown import did_you_mean

_SHOWN: Final = 20
"""So many spans are shown to a person."""
_INTERRUPTED: Final = 130
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_ANY: Final = "?"
"""An instrument nobody has: to ask whether a channel's past is told at all."""


class Wanted(msgspec.Struct, frozen=True):
    """What a feed lacks.

    Attributes:
        feed: The feed, with the addresses of its venue.
        spans: What is to be asked for.
    """

    feed: FeedConfig
    spans: list[Missing]


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A feed of the archive that is not configured here: nobody knows whom to ask.

    Attributes:
        feed: Its name.
        spans: How many spans it lacks.
        why: What is wrong, and what to do about it.
    """

    feed: str
    spans: int
    why: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a run amounted to.

    Attributes:
        missing: Spans that were missing, and that the venues may tell of.
        feeds: What became of them, by feed; empty when nothing was asked.
        unknown: Feeds that are not configured here.
        interrupted: Whether it was ended before it was done.
    """

    missing: list[dict[str, object]]
    feeds: list[Filled]
    unknown: list[Unknown] = []
    interrupted: bool = False


@click.command(
    epilog=examples(
        ("ssmd backfill ./data --dry-run", "what is missing that a venue may still tell"),
        ("ssmd backfill ./data", "ask for it; run it again to go on after an interruption"),
        (
            f"ssmd backfill ./data --feed {registry.names()[0]} --from 2026-11-23",
            "of one feed, from a day on",
        ),
    )
)
@notify_on_failure
@archive_argument
@click.option("--feed", help="Only this feed: its name, or its feed.yaml with other addresses.")
@instrument_option
@click.option("--from", "since", type=MomentType(), help="Only what is missing from here on.")
@click.option(
    "--to",
    "until",
    type=MomentType(),
    help="Only what is missing before this; then also of outages that are not over.",
)
@click.option("--channel", help="Only this channel.")
@click.option("--dry-run", is_flag=True, help="Say what is missing, and ask nobody.")
@output_options
@click.pass_context
def backfill(
    ctx: click.Context,
    /,
    *,
    directory: Path,
    feed: str | None,
    instrument: str | None,
    since: int | None,
    until: int | None,
    channel: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask the venues' REST for what DIRECTORY lacks; exit 1 if some of it cannot be had."""
    clock = SystemClock()
    output = Output(json=as_json, quiet=quiet)
    config = None if feed is None else _named(directory, feed)
    name = None if config is None else config.name
    wanted = []
    known = asked(directory, name, instrument, since, until)
    feeds: list[FeedConfig] = []
    unknown: list[Unknown] = []
    for each in known:
        try:
            mine = config or recorded_feed(directory, each.ledger.feed)
        except ConfigError as error:
            unknown.append(_unknown(each, error, channel, clock.wall(), unended=until is not None))
            continue
        feeds.append(mine)
        if _may_be_told(mine, channel, is_named=config is not None):
            spans = _lacking(each, mine, channel, clock.wall(), unended=until is not None)
            wanted.append(Wanted(mine, spans))
    if feeds and not wanted and channel is not None:
        _may_be_told(feeds[0], channel, is_named=True)
    _show_missing(output, wanted, unknown)
    told = [_told(registry.venue(each.feed), span) for each in wanted for span in each.spans]
    if dry_run:
        output.result(Result(missing=told, feeds=[], unknown=unknown))
        return
    filled, interrupted = _fill_all(output, directory, wanted, clock)
    _show(output, filled, interrupted=interrupted)
    output.result(Result(missing=told, feeds=filled, unknown=unknown, interrupted=interrupted))
    lost = any(each.left or each.gone for each in filled) or any(each.spans for each in unknown)
    ctx.exit(_INTERRUPTED if interrupted else int(lost))


def _named(directory: Path, feed: str) -> FeedConfig:
    """The feed that was asked for by its name or file.

    Raises:
        ConfigError: Nobody knows it, or its file is not acceptable.
    """
    try:
        return recorded_feed(directory, feed)
    except ConfigError as error:
        recorded = ", ".join(store.feeds(directory)) or "none"
        raise ConfigError(
            error.message, remedy=f"{error.remedy} Recorded are: {recorded}."
        ) from error


def _unknown(
    each: Asked, error: ConfigError, channel: str | None, now: int, *, unended: bool
) -> Unknown:
    """What a feed lacks whose venue's addresses nobody knows."""

    def may_be_told(_channel: str, _symbol: str) -> bool:
        return True

    spans = missing(
        each.ledger, may_be_told, now=now, unended=unended, symbol=each.symbol, channel=channel
    )
    why = f"{error.message} {error.remedy}"
    return Unknown(feed=each.ledger.feed, spans=len(spans), why=why)


def _may_be_told(feed: FeedConfig, channel: str | None, *, is_named: bool) -> bool:
    """Whether a feed's venue keeps a history; of this channel, if one is named.

    Raises:
        ConfigError: It does not, and it was asked for by name.
    """
    venue = registry.venue(feed)
    symbols = (*feed.universe.symbols[:1], _ANY)
    told = sorted(
        name
        for name in venue.channels
        if any(venue.rest.history(name, symbol, 0, 1) is not None for symbol in symbols)
    )
    if told and channel in {None, *told}:
        return True
    if channel is not None and is_named:
        known = venue.channels if channel not in venue.channels else ()
        message = (
            f"The venue of the feed {feed.name!r} tells nothing of the past of {channel!r}."
            f"{did_you_mean(channel, known)}"
        )
        raise ConfigError(message, remedy=f"It does of: {', '.join(told) or 'no channel'}.")
    if is_named:
        message = f"The venue of the feed {feed.name!r} keeps no history that could be asked for."
        raise ConfigError(message, remedy="What is missing of it stays lost: `ssmd gaps` shows it.")
    return False


def _lacking(
    each: Asked, feed: FeedConfig, channel: str | None, now: int, *, unended: bool
) -> list[Missing]:
    venue = registry.venue(feed)

    def is_told(name: str, symbol: str) -> bool:
        return venue.rest.history(name, symbol, 0, 1) is not None

    return missing(
        each.ledger, is_told, now=now, unended=unended, symbol=each.symbol, channel=channel
    )


def _fill_all(
    output: Output, directory: Path, wanted: Sequence[Wanted], clock: Clock
) -> tuple[list[Filled], bool]:
    """Ask feed by feed; gives what became of each, and whether we were interrupted."""
    filled: list[Filled] = []
    for each in wanted:
        if not each.spans:
            continue
        filled.append(Filled(feed=each.feed.name))
        with Progress(output, f"backfilling {each.feed.name}", unit="s of history") as progress:
            asking = fill(
                directory, each.feed, each.spans, filled[-1], clock=clock, progress=progress.set
            )
            try:
                loop.run(_stoppable(asking))
            except (KeyboardInterrupt, asyncio.CancelledError):
                return filled, True
            finally:
                with contextlib.suppress(OSError):  # readers fold it themselves
                    store.update(directory, each.feed.name)
    return filled, False


async def _stoppable(asking: Coroutine[None, None, None]) -> None:
    """Let Ctrl-C and SIGTERM end it as a cancellation does, wherever they are heard."""
    task, loop_now = asyncio.ensure_future(asking), asyncio.get_running_loop()
    with contextlib.suppress(ValueError, RuntimeError):  # only the main thread hears any
        for number in _STOPPING:
            loop_now.add_signal_handler(number, task.cancel)
    try:
        await task
    finally:
        with contextlib.suppress(ValueError, RuntimeError):
            for number in _STOPPING:
                loop_now.remove_signal_handler(number)


def _told(venue: Venue, span: Missing) -> dict[str, object]:
    """A span for a program."""
    return {
        "instrument": None if span.symbol is None else f"{venue.id}:{span.symbol}",
        "channel": span.channel,
        "from": format_rfc3339(span.since),
        "to": format_rfc3339(span.until),
        "cause": span.cause,
    }


def _show_missing(output: Output, wanted: Sequence[Wanted], unknown: Sequence[Unknown]) -> None:
    """What is missing, for a person."""
    spans = [(each.feed, span) for each in wanted for span in each.spans]
    for each in unknown:
        output.lines(f"LEFT OUT: {each.feed}, which lacks {each.spans} spans: {each.why}")
    if not spans:
        output.lines("Nothing is missing that a venue could tell and was not asked for.")
        return
    output.table(
        f"{len(spans)} spans are missing",
        ("what", "channel", "from (UTC)", "to (UTC)", "lasting", "cause"),
        (
            (
                f"{registry.venue(feed).id}:{span.symbol or 'all'}",
                span.channel,
                shown(span.since),
                shown(span.until),
                lasting((span.until - span.since) / SECOND_NS),
                span.cause,
            )
            for feed, span in spans[:_SHOWN]
        ),
    )
    if (more := len(spans) - _SHOWN) > 0:
        output.lines(f"  ... and {more} more (see --json)")


def _show(output: Output, filled: Sequence[Filled], *, interrupted: bool) -> None:
    """What became of it, for a person."""
    for each in filled:
        output.lines(
            f"{each.feed}: {each.settled} of {each.spans} spans are settled, by {each.pages} pages"
            f" with {each.facts} facts.",
            *_complaints(each),
        )
    if interrupted:
        output.lines("Interrupted. What was kept stays; run it again to go on.")


def _complaints(filled: Filled) -> Iterator[str]:
    if filled.gone:
        yield f"  {filled.gone} pages say that the venue keeps nothing that old: it stays lost."
    for left in filled.left[:_SHOWN]:
        yield (
            f"  NOT HAD: {left.instrument or 'all instruments'} {left.channel} from {left.since}"
            f" to {left.until}: {left.why} Remedy: {left.remedy}"
        )
    if (more := len(filled.left) - _SHOWN) > 0:
        yield f"  ... and {more} more (see --json)"
