"""`ssmd connector list`, `ssmd archiver list`: what a cluster records."""

from collections.abc import Callable
from typing import Any

import click

from ssmd.cli.cluster import Where, asked, cluster_options, within
from ssmd.cli.output import Output, examples, output_options
from ssmd.operator.cluster import Cluster
from ssmd.operator.fleet import view
from ssmd.operator.names import API_VERSION, Kind
from ssmd.runtime.clock import SystemClock


def _list(kind: Kind) -> Callable[..., Any]:
    word = kind.lower()

    @click.command(
        "list",
        epilog=examples(
            (f"ssmd {word} list", "those of the context's namespace"),
            (f"ssmd {word} list --all-namespaces --json", "all of them, for a program"),
        ),
        help=f"List the {kind} resources of a cluster, with what is not well of each.",
    )
    @click.option("--all-namespaces", "-A", is_flag=True, help="Those of every namespace.")
    @cluster_options
    @output_options
    def command(
        all_namespaces: bool,
        where: Where,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        output = Output(json=as_json, quiet=quiet)

        async def ask(cluster: Cluster) -> list[view.Line]:
            found = await cluster.list(API_VERSION, kind, namespace=within(cluster, all_namespaces))
            return sorted(map(view.line, found), key=lambda line: (line.namespace, line.name))

        lines = asked(ask, where)
        _show(output, kind, lines)
        output.result(lines)

    return command


def _show(output: Output, kind: Kind, lines: list[view.Line]) -> None:
    if not lines:
        output.lines(f"No {kind} is there. Make one: `ssmd {kind.lower()} deploy --help`.")
        return
    now = SystemClock().wall()
    output.table(
        f"{kind}s",
        ("name", "namespace", "feed", "phase", "ready", "connected", "messages", "last", "age",
         "not well"),
        (
            (
                line.name,
                line.namespace,
                ", ".join(line.feeds),
                line.phase,
                f"{line.ready}/{line.wanted}",
                line.connected,
                str(line.messages),
                view.age(line.last_message_time, now),
                view.age(line.created, now),
                ", ".join(line.trouble) or "-",
            )
            for line in lines
        ),
    )  # fmt: skip


connectors = _list("Connector")
archivers = _list("Archiver")
