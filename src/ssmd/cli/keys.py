"""`ssmd keys`: who may ask the HTTP API what."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup

_COMMANDS: Final[Mapping[str, str]] = {
    "create": "ssmd.cli.keys_create:create",
    "list": "ssmd.cli.keys_list:command",
    "update": "ssmd.cli.keys_update:update",
    "rotate": "ssmd.cli.keys_rotate:rotate",
    "revoke": "ssmd.cli.keys_revoke:revoke",
    "usage": "ssmd.cli.keys_usage:command",
    "audit": "ssmd.cli.keys_audit:command",
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def keys() -> None:
    """Make, change and end keys of the HTTP API, and see how they were used."""
