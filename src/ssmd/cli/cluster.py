"""What the commands about a cluster share: which one is meant, and asking it."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import click

from ssmd.operator.cluster import Cluster
from ssmd.operator.kinds import ALL_NAMESPACES
from ssmd.runtime import loop

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Answer = TypeVar("_Answer")

MANAGER = "ssmd-cli"
"""Who owns the fields that are written from a terminal."""


class Where(NamedTuple):
    """Which cluster is meant, and which namespace of it; None leaves it to the kubeconfig."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None


def cluster_options(command: _Command) -> _Command:
    """Add the options that say which cluster is meant, as `kubectl` has them: `where`."""

    @functools.wraps(command)
    def placed(
        *arguments: Any,  # noqa: ANN401 - the command's own
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        **options: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - the command's own
        return command(*arguments, where=Where(kubeconfig, context, namespace), **options)

    for option in (
        click.option(
            "--kubeconfig",
            type=click.Path(dir_okay=False),
            help="The kubeconfig; default: KUBECONFIG, else ~/.kube/config, else the pod's own.",
        ),
        click.option("--context", help="A context of it; default: the current one."),
        click.option("--namespace", "-n", help="The namespace; default: the context's."),
    ):
        placed = option(placed)
    return placed  # type: ignore[return-value] # it takes what the command takes, taken apart


def asked(
    question: Callable[[Cluster], Awaitable[_Answer]],
    where: Where,
) -> _Answer:
    """Ask the cluster that is meant.

    Raises:
        NoCluster: There is none; what was looked at is named.
        Unavailable: It does not answer.
    """

    async def ask() -> _Answer:
        async with Cluster.connect(*where, manager=MANAGER) as cluster:
            return await question(cluster)

    return loop.run(ask())


def within(cluster: Cluster, everywhere: bool) -> str:
    """The namespace that is meant, or all of them."""
    return ALL_NAMESPACES if everywhere else cluster.namespace
