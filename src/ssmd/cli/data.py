"""`ssmd data`: read the archive."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup

_COMMANDS: Final[Mapping[str, str]] = {
    "ls": "ssmd.cli.data_ls:ls",
    "schema": "ssmd.cli.data_schema:schema",
    "query": "ssmd.cli.data_query:query",
    "export": "ssmd.cli.data_export:export",
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def data() -> None:
    """Read the archive."""
