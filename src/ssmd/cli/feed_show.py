"""`ssmd feed show`: a feed as YAML."""

import click
import msgspec
import yaml

from ssmd.cli.options import FeedType
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.feeds.differences import full
from ssmd.feeds.feed import FeedConfig


@click.command(
    epilog=examples(
        (f"ssmd feed show {registry.names()[0]}", "as YAML, to start from"),
        (f"ssmd feed show {registry.names()[0]} --defaults", "with everything it does not say"),
    )
)
@click.argument("name", type=FeedType())
@click.option("--defaults", is_flag=True, help="Write out what it leaves to its defaults, too.")
@click.option("--category", help="One of its divisions, as a feed.")
@output_options
def show(
    name: FeedConfig, *, defaults: bool, category: str | None, as_json: bool, quiet: bool
) -> None:
    """Show a feed, by its name or from a file."""
    output = Output(json=as_json, quiet=quiet)
    feed = name if category is None else name.divided(category)
    plain = full(feed) if defaults else msgspec.to_builtins(feed, str_keys=True)
    output.lines(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())
    output.result(plain)
