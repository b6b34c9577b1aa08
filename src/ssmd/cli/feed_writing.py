"""Writes files of one's own into the configuration folder: what `add` commands share."""

import json
from pathlib import Path

import click
import msgspec

from ssmd.feeds import folder
from ssmd.feeds.schema import schema
from ssmd.feeds.values import Name
from ssmd.model.errors import ConfigError


def own_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """The name of a feed or an environment that is to be; what cannot be one is refused."""
    try:
        return msgspec.convert(value, Name)
    except msgspec.ValidationError as error:
        message = (
            f"{value!r} is no name: use lower-case letters, digits and dashes inside, at most 40."
        )
        raise click.BadParameter(message, ctx, param) from error


def added(path: Path, text: str, *, kind: str, force: bool) -> Path:
    """Write a file of one's own, and what tells editors of its kind; gives its path.

    Args:
        path: Where it belongs, in the configuration folder.
        text: What it says.
        kind: What kind of file it is: one of `ssmd feed schema`.
        force: Overwrite what is there.

    Raises:
        ConfigError: There is one already, or the folder cannot be written.
    """
    if path.exists() and not force:
        message = f"{path} exists already."
        raise ConfigError(message, remedy="Use --force to overwrite it, or take another name.")
    folder.write(
        folder.config_folder().schemas / f"{kind}.schema.json",
        json.dumps(schema(kind), indent=2) + "\n",
    )
    folder.write(path, text)
    return path
