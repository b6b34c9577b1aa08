"""`ssmd feed list`: every feed that has a name here."""

from collections.abc import Iterator

import click
import msgspec

from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.folder import config_folder, own_feeds
from ssmd.feeds.registry import FeedFile
from ssmd.model.errors import ConfigError


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A feed, as it is listed.

    Attributes:
        name: Its name.
        source: Whether it is `shipped`, or `configured` by you.
        file: Its file.
        hides: Whether it stands before the shipped feed of that name.
        venue: Its venue; empty when its file is not acceptable.
        status: Whether it is recorded.
        universe: How much of the venue, in words.
        channels: Of which channels.
        categories: Its divisions.
        error: What is wrong with its file; empty when nothing is.
    """

    name: str
    source: str
    file: str
    hides: bool = False
    venue: str = ""
    status: str = ""
    universe: str = ""
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    error: str = ""


@click.command(
    "list",
    epilog=examples(
        ("ssmd feed list", "every feed that --feed knows by its name"),
        ("ssmd feed list --json | tail -1", "with the file of each, for a program"),
    ),
)
@output_options
def list_feeds(*, as_json: bool, quiet: bool) -> None:
    """List the feeds that have a name: those shipped, and those in your configuration folder.

    A feed of yours stands before a shipped one of the same name. One whose file is not acceptable
    is listed with what is wrong with it.
    """
    output = Output(json=as_json, quiet=quiet)
    found = [_listed(file) for file in registry.files(own_feeds())]
    output.table(
        "Feeds",
        ("feed", "venue", "status", "universe", "channels", "source"),
        (
            (
                each.name,
                each.venue or "?",
                each.status or "broken",
                each.universe,
                ", ".join(each.channels),
                each.source + (", instead of the shipped one" if each.hides else ""),
            )
            for each in found
        ),
    )
    output.lines(*_told(found))
    output.result(found)


def _listed(file: FeedFile) -> Listed:
    source = "shipped" if file.shipped else "configured"
    bare = Listed(name=file.name, source=source, file=str(file.path), hides=file.hides)
    try:
        feed: FeedConfig = registry.load_feed(file.name, own_feeds())
    except ConfigError as error:
        return msgspec.structs.replace(bare, error=str(error))
    return msgspec.structs.replace(
        bare,
        venue=feed.venue,
        status=feed.status,
        universe=feed.universe.extent,
        channels=feed.universe.channels,
        categories=tuple(feed.categories),
    )


def _told(found: list[Listed]) -> Iterator[str]:
    """Where your own feeds are, and what is wrong with them."""
    own = [each for each in found if each.source == "configured"]
    if own:
        yield f"Configured in {config_folder().feeds}: {', '.join(each.name for each in own)}."
    yield from (each.error for each in found if each.error)
