"""`ssmd feed schema`: what may stand in our files, for editors."""

import json

import click

from ssmd.cli.output import examples
from ssmd.feeds import schema


@click.command(
    "schema", epilog=examples(("ssmd feed schema feed > feed.schema.json", "for your editor"))
)
@click.argument("kind", type=click.Choice(list(schema.FILES)))
def print_schema(kind: str) -> None:
    """Print the JSON Schema of a configuration file, for editors."""
    click.echo(json.dumps(schema.schema(kind), indent=2))
