"""`ssmd feed`: the feeds that are known, and whether a file is one."""

import json
from collections.abc import Collection
from pathlib import Path

import click
import msgspec
import yaml

from ssmd.cli.options import FeedType
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry, schema
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime.clock import SystemClock, today


@click.group()
def feed() -> None:
    """The feeds that can be recorded."""


@feed.command("list", epilog=examples(("ssmd feed list", "every feed that `up` knows")))
@output_options
def list_feeds(*, as_json: bool, quiet: bool) -> None:
    """List the feeds shipped with this package."""
    output = Output(json=as_json, quiet=quiet)
    feeds = [registry.load_feed(name) for name in registry.names()]
    output.table(
        "Feeds",
        ("feed", "venue", "status", "universe", "channels"),
        (
            (
                f.name,
                f.venue,
                f.status,
                f.universe.extent,
                ", ".join(f.universe.channels),
            )
            for f in feeds
        ),
    )
    output.result([{"name": f.name, "venue": f.venue, "status": f.status} for f in feeds])


@feed.command(epilog=examples((f"ssmd feed show {registry.names()[0]}", "as YAML, to start from")))
@click.argument("name", type=FeedType())
@output_options
def show(name: FeedConfig, *, as_json: bool, quiet: bool) -> None:
    """Show a feed, defaults filled in."""
    output = Output(json=as_json, quiet=quiet)
    plain = msgspec.to_builtins(name, str_keys=True)
    output.lines(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())
    output.result(name)


@feed.command(
    epilog=examples(
        ("ssmd feed validate my-feed.yaml", "exit 0, or 2 with the place of the fault"),
    )
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@output_options
def validate(file: Path, *, as_json: bool, quiet: bool) -> None:
    """Check a feed.yaml: every key, every bound, and what its venue says to it."""
    output = Output(json=as_json, quiet=quiet)
    config = registry.load_feed(str(file))
    endpoint = config.endpoint(today(SystemClock()))
    output.lines(
        f"{file}: the feed {config.name!r} is well: {config.universe.extent},"
        f" {_count(config.universe.channels, 'channel')}, at {endpoint}."
    )
    output.result({"ok": True, "feed": config.name, "endpoint": endpoint})


def _count(values: Collection[str], noun: str) -> str:
    count = len(set(values))
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@feed.command(
    "schema", epilog=examples(("ssmd feed schema feed > feed.schema.json", "for your editor"))
)
@click.argument("kind", type=click.Choice(list(schema.FILES)))
def print_schema(kind: str) -> None:
    """Print the JSON Schema of a configuration file, for editors."""
    click.echo(json.dumps(schema.schema(kind), indent=2))
