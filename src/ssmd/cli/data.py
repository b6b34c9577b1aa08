"""`ssmd data`: read the archive."""

import importlib
from collections.abc import Mapping
from typing import Final

import click

_COMMANDS: Final[Mapping[str, str]] = {
    "ls": "ssmd.cli.data_ls:ls",
    "schema": "ssmd.cli.data_schema:schema",
    "query": "ssmd.cli.data_query:query",
    "export": "ssmd.cli.data_export:export",
}


class DataGroup(click.Group):
    """What reads the archive; SQL engines are loaded when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order one needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command


@click.group(cls=DataGroup)
def data() -> None:
    """Read the archive."""
