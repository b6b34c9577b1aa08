"""`ssmd env`: the environments that are known, and the one that is used when none is named."""

import click

from ssmd.cli.lazy import LazyGroup
from ssmd.cli.output import examples


@click.group(
    cls=LazyGroup,
    places={
        "list": "ssmd.cli.env_list:list_environments",
        "use": "ssmd.cli.env_use:use",
        "show": "ssmd.cli.env_show:show",
        "validate": "ssmd.cli.env_validate:validate",
        "add": "ssmd.cli.env_add:add",
        "diff": "ssmd.cli.env_diff:diff",
    },
    epilog=examples(
        ("ssmd env add prod --url nats://bus:4222", "an environment, to change"),
        ("ssmd env use prod", "for every command that is told of no other"),
        ("ssmd env list", "those there are"),
    ),
)
def env() -> None:
    """Where feeds are recorded: bus, storage, credentials, bounds."""
