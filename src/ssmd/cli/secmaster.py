"""`ssmd secmaster`: what is listed, what was, and what was known of it."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup

_COMMANDS: Final[Mapping[str, str]] = {
    "sync": "ssmd.cli.secmaster_sync:sync",
    "list": "ssmd.cli.secmaster_list:command",
    "show": "ssmd.cli.secmaster_show:show",
    "history": "ssmd.cli.secmaster_history:history",
    "stats": "ssmd.cli.secmaster_stats:stats",
    "resolve": "ssmd.cli.secmaster_resolve:resolve",
    "search": "ssmd.cli.secmaster_search:search",
    "link": "ssmd.cli.secmaster_link:link",
    "migrate": "ssmd.cli.secmaster_migrate:command",
    "run": "ssmd.cli.secmaster_run:run",
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def secmaster() -> None:
    """Ask and keep the security master."""
