"""`ssmd feed validate`: whether feeds would be recorded, and how on a day."""

from collections.abc import Collection
from datetime import date, datetime

import click
import msgspec

from ssmd.cli.options import known_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock, today


class Validated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be said of one feed.

    Attributes:
        ok: Whether it is acceptable, and a version of it holds on that day.
        asked: What was named: a feed or a file.
        feed: The feed's name.
        version: The version that holds on that day.
        endpoint: Where it would be recorded from.
        versions: Every version with its dates, the oldest first.
        error: What is wrong; empty when nothing is.
    """

    ok: bool
    asked: str
    feed: str = ""
    version: str = ""
    endpoint: str = ""
    versions: tuple[str, ...] = ()
    error: str = ""


@click.command(
    epilog=examples(
        ("ssmd feed validate my-feed.yaml", "exit 0, or 2 with the place of the fault"),
        ("ssmd feed validate feeds/*.yaml", "several at once"),
        (f"ssmd feed validate {registry.names()[0]} --date 2027-01-01", "as of another day"),
    )
)
@click.argument("feeds", metavar="FEED|FILE...", nargs=-1, required=True)
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Which version holds on this day, UTC.  [default: today]",
)
@output_options
@click.pass_context
def validate(
    ctx: click.Context,
    /,
    *,
    feeds: tuple[str, ...],
    day: datetime | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check feeds, by name or file: every key, every bound, and what the venue says to it.

    All are checked, whatever is wrong with one. Exit 2 when one is not acceptable, or no version of
    it holds on that day.
    """
    output = Output(json=as_json, quiet=quiet)
    at = today(SystemClock()) if day is None else day.date()
    found = [_validated(asked, at) for asked in dict.fromkeys(feeds)]
    for each in found:
        if each.error:
            click.echo(f"Error: {each.error}", err=True)
    output.lines(*(_sentence(each, at) for each in found if each.ok))
    output.result({"ok": all(each.ok for each in found), "date": at, "feeds": found})
    ctx.exit(0 if all(each.ok for each in found) else 2)


def _validated(asked: str, at: date) -> Validated:
    try:
        feed = known_feed(asked)
        version = feed.effective(at)
    except ConfigError as error:
        return Validated(ok=False, asked=asked, error=str(error))
    return Validated(
        ok=True,
        asked=asked,
        feed=feed.name,
        version=version.version,
        endpoint=version.endpoint,
        versions=feed.timeline,
    )


def _sentence(each: Validated, at: date) -> str:
    feed = known_feed(each.asked)
    return (
        f"{each.asked}: the feed {each.feed!r} is well: {_parts(feed)}{feed.universe.extent},"
        f" {_count(feed.universe.channels, 'channel')}; on {at} its version {each.version} holds,"
        f" at {each.endpoint}."
    )


def _parts(feed: FeedConfig) -> str:
    return f"by {' and '.join(feed.categories)}, " if feed.categories else ""


def _count(values: Collection[str], noun: str) -> str:
    count = len(set(values))
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
