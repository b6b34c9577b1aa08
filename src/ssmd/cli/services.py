"""`ssmd connector` and `ssmd archiver`: as a process here, and as resources of a cluster."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup

_CONNECTOR: Final[Mapping[str, str]] = {
    "run": "ssmd.cli.connector:run",
    "list": "ssmd.cli.cluster_list:connectors",
    "status": "ssmd.cli.cluster_status:connector",
    "logs": "ssmd.cli.cluster_logs:connector",
    "deploy": "ssmd.cli.cluster_deploy:connector",
    "delete": "ssmd.cli.cluster_delete:connector",
}
_ARCHIVER: Final[Mapping[str, str]] = {
    "run": "ssmd.cli.archiver:run",
    "drain": "ssmd.cli.archiver_drain:command",
    "list": "ssmd.cli.cluster_list:archivers",
    "status": "ssmd.cli.cluster_status:archiver",
    "logs": "ssmd.cli.cluster_logs:archiver",
    "deploy": "ssmd.cli.cluster_deploy:archiver",
    "delete": "ssmd.cli.cluster_delete:archiver",
}


@click.group(cls=LazyGroup, places=_CONNECTOR)
def connector() -> None:
    """Sockets around sessions: what the venue says, onto the bus; one here, or many in a cluster."""


@click.group(cls=LazyGroup, places=_ARCHIVER)
def archiver() -> None:
    """From the bus into files: every envelope once, nothing acknowledged before it is durable."""
