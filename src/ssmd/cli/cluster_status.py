"""`ssmd connector status`, `ssmd archiver status`: all that is known of one."""

from collections.abc import Callable
from typing import Any

import click

from ssmd.cli.cluster import Where, asked, cluster_options
from ssmd.cli.output import Output, examples, output_options
from ssmd.operator.cluster import Cluster
from ssmd.operator.fleet import view
from ssmd.operator.names import API_VERSION, Kind
from ssmd.runtime.clock import SystemClock

_EVENTS = 10


def _status(kind: Kind) -> Callable[..., Any]:
    word = kind.lower()

    @click.command(
        "status",
        epilog=examples(
            (f"ssmd {word} status NAME", "conditions, pods, streams, events; exit 1 when not well"),
        ),
        help=f"Show how one {kind} is, and why; exit 0 when it is well, 1 when it is not.",
    )
    @click.argument("name")
    @cluster_options
    @output_options
    @click.pass_context
    def command(
        ctx: click.Context,
        name: str,
        where: Where,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        output = Output(json=as_json, quiet=quiet)

        async def ask(cluster: Cluster) -> view.Detail:
            found = await cluster.get(API_VERSION, kind, name)
            uid = found["metadata"].get("uid")
            events = [
                event
                for event in await cluster.list("v1", "Event")
                if (event.get("involvedObject") or {}).get("uid") == uid
            ]
            return view.detail(found, events)

        found = asked(ask, where)
        _show(output, kind, found)
        output.result(found)
        ctx.exit(0 if view.is_well(found) else 1)

    return command


def _show(output: Output, kind: Kind, found: view.Detail) -> None:
    line, now = found.line, SystemClock().wall()
    output.lines(
        f"{kind} {line.namespace}/{line.name}: {line.phase}, {line.ready} of {line.wanted} ready,"
        f" {line.connected}, {line.messages} messages"
        + (f", the last {view.age(line.last_message_time, now)} ago." if line.messages else "."),
    )
    if not found.is_current:
        output.lines("The operator has not looked at the newest spec yet: does it run?")
    output.table(
        "Conditions",
        ("condition", "status", "since", "reason", "why"),
        (
            (each.type, each.status, view.age(each.last_transition_time, now), each.reason,
             each.message)
            for each in found.conditions
        ),
    )  # fmt: skip
    if found.places:
        output.table(
            "Places",
            ("deployment", "category", "share", "phase", "revision", "pod", "restarts"),
            (
                (each.name, each.category or "-", str(each.replica), each.phase, each.revision[:8],
                 each.pod or "-", str(each.restarts))
                for each in found.places
            ),
        )  # fmt: skip
    if found.shards:
        output.table(
            "Connections",
            ("shard", "pod", "connected", "messages", "last"),
            (
                (each.name, each.pod, "yes" if each.connected else "NO", str(each.messages),
                 view.age(each.last_message_time, now))
                for each in found.shards
            ),
        )  # fmt: skip
    if found.sources:
        output.table(
            "Streams",
            ("stream", "feed", "messages"),
            ((stream, feed, str(count)) for feed, stream, count in found.sources),
        )
    if found.drain:
        output.lines(f"Drain: {found.drain}")
    if found.events:
        output.table(
            "Events",
            ("reason", "when", "what"),
            ((reason, view.age(when, now), what) for when, reason, what in found.events[-_EVENTS:]),
        )


connector = _status("Connector")
archiver = _status("Archiver")
