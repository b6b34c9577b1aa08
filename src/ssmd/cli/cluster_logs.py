"""`ssmd connector logs`, `ssmd archiver logs`: what the pods of one say."""

import asyncio
from collections.abc import Callable
from typing import Any

import click

from ssmd.cli.cluster import Where, asked, cluster_options
from ssmd.cli.durations import DurationType
from ssmd.cli.output import examples
from ssmd.operator.cluster import Cluster
from ssmd.operator.errors import Absent
from ssmd.operator.names import API_VERSION, Kind, selector


def _logs(kind: Kind) -> Callable[..., Any]:
    word = kind.lower()

    @click.command(
        "logs",
        epilog=examples(
            (f"ssmd {word} logs NAME", "the last lines of every pod"),
            (f"ssmd {word} logs NAME --follow", "and what comes, until Ctrl-C"),
        ),
        help=f"Print what the pods of a {kind} say, each line with its pod's name.",
    )
    @click.argument("name")
    @click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
    @click.option(
        "--tail", type=click.IntRange(0), default=100, show_default=True, help="Lines of each pod."
    )
    @click.option("--since", type=DurationType(), metavar="TIME", help="Only what is younger.")
    @click.option("--pod", help="Of this pod alone.")
    @cluster_options
    def command(
        name: str,
        follow: bool,
        tail: int,
        since: float | None,
        pod: str | None,
        where: Where,
    ) -> None:
        async def ask(cluster: Cluster) -> None:
            sources = await _sources(cluster, kind, name, pod)
            seconds = None if since is None else max(1, round(since))

            async def tell(source: str, container: str) -> None:
                lines = cluster.logs(
                    source, container=container, follow=follow, tail=tail, since_s=seconds
                )
                async for line in lines:
                    click.echo(f"{source}/{container}: {line}")

            if follow:
                async with asyncio.TaskGroup() as group:
                    for source in sources:
                        group.create_task(tell(*source))
            else:
                for source in sources:
                    await tell(*source)

        asked(ask, where)

    return command


async def _sources(
    cluster: Cluster, kind: Kind, name: str, pod: str | None
) -> list[tuple[str, str]]:
    """The containers of a resource's pods.

    Raises:
        Absent: There is no such resource, or it has no pod, or not this one.
    """
    await cluster.get(API_VERSION, kind, name)
    found = await cluster.list("v1", "Pod", labels=selector(name, kind))
    names = sorted(each["metadata"]["name"] for each in found)
    if pod is not None and pod not in names:
        raise Absent(
            f"{kind} {name!r} has no pod {pod!r}.",
            remedy=f"Use one of: {', '.join(names) or 'none is there'}.",
        )
    if not names:
        raise Absent(
            f"{kind} {name!r} has no pod.",
            remedy=f"See why: `ssmd {kind.lower()} status {name}`.",
        )
    return sorted(
        (each["metadata"]["name"], container["name"])
        for each in found
        for container in each["spec"]["containers"]
        if pod in {None, each["metadata"]["name"]}
    )


connector = _logs("Connector")
archiver = _logs("Archiver")
