"""`ssmd operator`: what runs SSMD in Kubernetes, and how it gets there."""

from collections.abc import Mapping
from typing import Final

import click

from ssmd.cli.lazy import LazyGroup
from ssmd.cli.output import examples

_COMMANDS: Final[Mapping[str, str]] = {
    "manifests": "ssmd.cli.operator_manifests:manifests",
    "run": "ssmd.cli.operator_run:run",
}


@click.group(
    cls=LazyGroup,
    places=_COMMANDS,
    epilog=examples(
        ("ssmd operator manifests | kubectl apply -f -", "install it, or bring it up to date"),
        ("ssmd operator run", "what its pods run"),
    ),
)
def operator() -> None:
    """Keep connectors, archivers and checks running in Kubernetes."""
