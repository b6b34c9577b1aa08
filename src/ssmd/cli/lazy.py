"""Groups of commands that are loaded when they are needed."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from ssmd.runtime.unknown import did_you_mean


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for: the door opens fast.

    Args:
        places: Where each command is, as `module:name`, in the order a new user meets them.
    """

    def __init__(self, *arguments: Any, places: Mapping[str, str], **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*arguments, **attributes)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order a new user meets them."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the places are ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a misspelt one is answered with the nearest."""
        if args and args[0] not in self._places and not args[0].startswith("-"):
            near = did_you_mean(args[0], self._places)
            ctx.fail(f"No such command {args[0]!r}.{near} See `{ctx.command_path} --help`.")
        return super().resolve_command(ctx, args)
