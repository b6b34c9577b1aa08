"""`ssmd env diff`: what differs between two environments, field by field."""

import click

from ssmd.cli.env_options import EnvironmentType
from ssmd.cli.feed_diff import tell
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds.differences import differences
from ssmd.feeds.environment import EnvironmentConfig


@click.command(
    epilog=examples(("ssmd env diff staging prod", "by name or file: exit 0, or 1 if they differ"))
)
@click.argument("first", type=EnvironmentType())
@click.argument("second", type=EnvironmentType())
@output_options
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    *,
    first: EnvironmentConfig,
    second: EnvironmentConfig,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what differs between two environments, by name or file, defaults included.

    Exit 0 when nothing differs, 1 when something does.
    """
    output = Output(json=as_json, quiet=quiet)
    ctx.exit(tell(output, first.name, second.name, differences(first, second)))
