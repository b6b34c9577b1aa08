"""Where commands find the security master's database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ssmd.archive import layout

_Command = TypeVar("_Command", bound=Callable[..., Any])


def embedded_folder(root: Path) -> Path:
    """Where the embedded database of an archive lies."""
    return layout.run_folder(root) / "postgres"


def database_option(command: _Command) -> _Command:
    """Add `--database`, as `url`."""
    return click.option(
        "--database",
        "url",
        metavar="URL",
        help="The database, instead of DATABASE_URL or the embedded one under --dir.",
    )(command)
