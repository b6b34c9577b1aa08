"""`ssmd dq trades`: what is archived of an instrument against what its venue's REST tells."""

import os
from pathlib import Path
from typing import Final

import click

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.claim import owner_of
from ssmd.bus.settings import BusSettings
from ssmd.cli.database import database_option, embedded_folder
from ssmd.cli.durations import DurationType
from ssmd.cli.moments import MomentType, shown
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_argument, bus_settings, recorded_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.connector.asking import addresses
from ssmd.model.errors import ConfigError, SsmdError
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.quality.trades import archived
from ssmd.quality.trades.comparing import Result, kept, run, told
from ssmd.quality.trades.comparison import SILENCE_S, Comparison, Listed
from ssmd.runtime import loop
from ssmd.runtime.clock import Clock, SystemClock, today
from ssmd.secmaster import trades_run
from ssmd.secmaster.address import named
from ssmd.secmaster.database import open_database
from ssmd.secmaster.embedded import EmbeddedPostgres

_SHOWN: Final = 50
"""So many trades are shown to a person."""
_EXAMPLE: Final = venues.names()[0]


@click.command(
    epilog=examples(
        (f"ssmd dq trades --venue {_EXAMPLE} --instrument SYMBOL", "the last ten minutes"),
        (
            f"ssmd dq trades --venue {_EXAMPLE} --instrument SYMBOL --window 1h --end 2026-11-23",
            "an hour that is over",
        ),
        (
            f"ssmd dq trades ./data --venue {_EXAMPLE} --instrument SYMBOL --detailed",
            "which trades are missing",
        ),
    )
)
@notify_on_failure
@archive_argument
@click.option("--venue", "venue_id", required=True, help="The venue.")
@click.option("--instrument", required=True, help="The venue's own symbol, or `venue:symbol`.")
@click.option(
    "--window", type=DurationType(), default="10m", show_default=True, help="How much time."
)
@click.option("--end", type=MomentType(), help="The end of that time (UTC); default: now.")
@click.option("--detailed", is_flag=True, help="List the trades that are not in both.")
@click.option("--feed", help="The feed: its name, or its feed.yaml with other addresses.")
@click.option(
    "--bus",
    metavar="URL",
    help="Read what is not archived yet there; default: the bus of the `ssmd up` that records here.",
)
@database_option
@output_options
@click.pass_context
def trades(
    ctx: click.Context,
    /,
    *,
    directory: Path,
    venue_id: str,
    instrument: str,
    window: float,
    end: int | None,
    detailed: bool,
    feed: str | None,
    bus: str | None,
    url: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare the trades archived in DIRECTORY with those that the venue's REST tells.

    Exit 0: they were compared, and both have the same. Exit 1: something is missing, extra or
    different, or REST did not tell all of it. The result is kept in the database, if there is one.
    """
    clock = SystemClock()
    output = Output(json=as_json, quiet=quiet)
    venue = venues.load(venue_id)
    config = None if feed is None else recorded_feed(directory, feed)
    if config is not None and config.venue != venue.id:
        message = f"The feed {config.name!r} is of {config.venue!r}, not of {venue.id!r}."
        raise ConfigError(message, remedy="Name a feed of this venue, or leave --feed out.")
    name = None if config is None else config.name
    whose = archived.subject(directory, venue.id, instrument, name)
    config = config or recorded_feed(directory, whose.feed)
    until = clock.wall() if end is None else end
    since = until - round(window * SECOND_NS)
    _check(since, until, clock)
    asking = run(
        directory,
        venue,
        whose,
        (since, until),
        addresses=addresses(config, venue, today(clock)),
        clock=clock,
        bus=_bus(directory, bus),
    )
    result = loop.run(asking)
    _show(output, venue, result, detailed=detailed)
    is_kept = _keep(output, directory, url, result, clock)
    output.result({**told(result, detailed=detailed), "kept": is_kept})
    found = result.comparison
    ctx.exit(int(found.status != "OK" or bool(found.why)))


def _bus(directory: Path, url: str | None) -> BusSettings | None:
    """Where what is not archived yet stands; None when nobody records here, and none is named."""
    if url is not None:
        return bus_settings(url)
    owner = owner_of(layout.run_folder(directory))
    return None if owner is None else owner.settings


def _check(since: int, until: int, clock: Clock) -> None:
    """Refuse a time that has not been, or begins before there were any."""
    if until > clock.wall():
        raise click.UsageError("--end lies in the future: there are no trades yet.")
    if since < 0:
        raise click.UsageError("--window begins before 1970.")


def _keep(output: Output, directory: Path, url: str | None, result: Result, clock: Clock) -> bool:
    """Keep what came of it in the database, if there is one; one that is away is only noted."""
    run_ = kept(result)
    folder = embedded_folder(directory)
    is_there = named(url, os.environ) is not None or EmbeddedPostgres(folder, clock).exists
    if run_ is None or not is_there:
        return False

    async def keeping() -> None:
        async with open_database(url, folder, clock) as database:
            await trades_run.keep(database, run_)

    try:
        loop.run(keeping())
    except ConfigError:
        raise
    except SsmdError as error:
        output.note(f"The result was not kept: {error}")
        return False
    return True


def _show(output: Output, venue: Venue, result: Result, *, detailed: bool) -> None:
    """The result for a person."""
    found = result.comparison
    output.lines(
        f"{result.instrument} ({result.feed}), {shown(found.since)} to {shown(found.until)} UTC,"
        f" by {found.by}: {found.status}"
    )
    if found.status == "UNKNOWN":
        _unknown(output, found)
    else:
        _compared(output, found)
    if found.why:
        output.lines(f"  Not all is compared: {found.why.rstrip('.')}.")
    if (fresh := result.too_fresh) is not None:
        output.lines(
            f"  Too fresh, and left out: the last {(fresh.until - fresh.since) / SECOND_NS:.1f} s,"
            f" with {fresh.archived} archived trades. {venue.title}'s history may lack some for"
            f" {venue.rest.retold.settles_s:g} s, and some may be on their way to the archive."
        )
    if result.on_bus:
        output.lines(f"  {result.on_bus} of our trades stand on the bus, and are not archived yet.")
    for caveat in found.caveats:
        output.lines(f"  {caveat}")
    if detailed and found.trades:
        _details(output, found)


def _unknown(output: Output, found: Comparison) -> None:
    """What there is when nothing could be compared."""
    output.lines(f"  {found.archive} trades are archived, {found.size.archive} in all.")
    for since, until in found.silences[:_SHOWN]:
        output.lines(f"  No trade for more than {SILENCE_S:g} s: {since} to {until}.")
    if (more := len(found.silences) - _SHOWN) > 0:
        output.lines(f"  ... and {more} more (see --json)")


def _compared(output: Output, found: Comparison) -> None:
    """The counts."""
    rate = "nothing was traded" if found.match_rate is None else f"{found.match_rate:.4%} match"
    known = f" ({found.missing_on_record} on record: `ssmd gaps`)" if found.missing else ""
    output.lines(
        f"  REST tells {found.api} trades, {found.archive} are archived: {rate}.",
        f"  matched {found.matched}, missing {found.missing}{known}, extra {found.extra},"
        f" different {found.mismatched}",
        f"  size: REST {found.size.api}, archive {found.size.archive}",
    )
    if found.fetched:
        output.lines(f"  {found.fetched} of the archived were fetched by a backfill, not heard.")
    if found.repeated:
        output.lines(f"  {found.repeated} archived trades have the id of another.")
    if found.untold:
        output.lines(f"  {found.untold} archived trades are too small for the venue's history.")


def _details(output: Output, found: Comparison) -> None:
    """The trades behind the counts."""
    output.table(
        "not in both, or not the same",
        ("what", "time (UTC)", "price", "size", "side", "id", "archived"),
        (_row(each) for each in found.trades[:_SHOWN]),
    )
    if (more := len(found.trades) - _SHOWN) > 0:
        output.lines(f"  ... and {more} more (see --json)")


def _row(each: Listed) -> tuple[str, ...]:
    own = ", ".join(f"{name} {value}" for name, value in each.archived.items())
    told_ = (each.price, each.size, each.side, each.id)
    known = " (on record)" if each.on_record else ""
    return (
        f"{each.what}{known}",
        each.ts,
        *("" if value is None else str(value) for value in told_),
        own or (f"received {each.ts_recv}" if each.ts_recv else ""),
    )
