"""`ssmd operator run`: what the operator's own pods run."""

import os
import socket

import click

from ssmd.cli.durations import DurationType
from ssmd.cli.options import AddressType
from ssmd.cli.output import examples
from ssmd.model.errors import ConfigError
from ssmd.operator import kubeconfig as kubeconfigs
from ssmd.operator import service
from ssmd.operator.install import IMAGE
from ssmd.operator.settings import OperatorSettings
from ssmd.runtime import logging, loop


@click.command(
    epilog=examples(
        ("ssmd operator run", "care for one namespace: the pod's own, or the context's"),
        ("ssmd operator run --namespace lab --namespace prod", "for these"),
        ("ssmd operator run --all-namespaces --lease-namespace ssmd", "for all of them"),
        ("ssmd operator run --context kind-lab", "from a terminal, on another cluster"),
    )
)
@click.option(
    "--namespace", "-n", "namespaces", multiple=True, help="Care for this one. Repeatable."
)
@click.option(
    "--all-namespaces", "-A", "--cluster-wide", is_flag=True, help="Care for all of them."
)
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="The kubeconfig.")
@click.option("--context", help="A context of it.")
@click.option(
    "--image",
    envvar="SSMD_IMAGE",
    default=IMAGE,
    show_default=True,
    help="What pods run for which nothing else is named.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Resources at once."
)
@click.option(
    "--resync",
    type=DurationType(),
    default="30s",
    show_default=True,
    help="Look at every resource at least so often.",
)
@click.option(
    "--lease-namespace", help="Where the Lease is; default: the first namespace that is cared for."
)
@click.option("--lease-name", default="ssmd-operator", show_default=True, help="Its name.")
@click.option(
    "--leader-election/--no-leader-election",
    default=True,
    show_default=True,
    help="Without: lead at once, whoever else does.",
)
@click.option(
    "--listen",
    type=AddressType(),
    default="127.0.0.1:0",
    envvar="SSMD_LISTEN",
    show_default=True,
    help="Address of /health, /ready and /metrics; port 0 takes a free one.",
)
@click.pass_context
def run(
    ctx: click.Context,
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
    image: str,
    workers: int,
    resync: float,
    lease_namespace: str | None,
    lease_name: str,
    leader_election: bool,
    listen: tuple[str, int],
) -> None:
    """Make what Connectors, Archivers, SecmasterSyncs and QualityChecks ask for, until SIGTERM."""
    if namespaces and all_namespaces:
        raise click.UsageError("Give --namespace or --all-namespaces, not both.")
    logging.configure()
    target = kubeconfigs.find(kubeconfig, context, namespaces[0] if namespaces else None)
    cared = () if all_namespaces else namespaces or (target.namespace,)
    settings = OperatorSettings(
        namespaces=tuple(cared),
        image=image,
        identity=os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        lease_namespace=_watched(lease_namespace or target.namespace, cared),
        lease_name=lease_name,
        alone=not leader_election,
        workers=workers,
        resync_s=resync,
    )
    ctx.exit(loop.run(service.run(settings, target, listen=listen)))


def _watched(namespace: str, cared: tuple[str, ...]) -> str:
    """The Lease's namespace: whether the watch sees is judged by the Lease, so it is watched too."""
    if cared and namespace not in cared:
        raise ConfigError(
            f"The Lease is to be in {namespace!r}, which is not cared for.",
            remedy=f"Use one of: {', '.join(cared)}; or name it with --namespace too.",
        )
    return namespace
