"""`ssmd feed`: the feeds that are known, and files that are some."""

import click

from ssmd.cli.lazy import LazyGroup
from ssmd.cli.output import examples


@click.group(
    cls=LazyGroup,
    places={
        "list": "ssmd.cli.feed_list:list_feeds",
        "show": "ssmd.cli.feed_show:show",
        "validate": "ssmd.cli.feed_validate:validate",
        "add": "ssmd.cli.feed_add:add",
        "diff": "ssmd.cli.feed_diff:diff",
        "schema": "ssmd.cli.feed_schema:print_schema",
    },
    epilog=examples(
        ("ssmd feed list", "every feed that has a name here"),
        ("ssmd feed add NAME --from FEED", "one of your own, to change"),
        ("ssmd feed validate NAME", "whether it would be recorded"),
    ),
)
def feed() -> None:
    """The feeds that can be recorded: those shipped, and your own."""
