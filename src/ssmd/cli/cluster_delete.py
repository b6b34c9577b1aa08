"""`ssmd connector delete`, `ssmd archiver delete`: end one; what it recorded is safe first."""

from collections.abc import Callable
from typing import Any, Final

import click

from ssmd.cli.cluster import Where, asked, cluster_options
from ssmd.cli.durations import DurationType
from ssmd.cli.output import Output, examples, output_options
from ssmd.model.errors import Unavailable
from ssmd.operator.cluster import Cluster
from ssmd.operator.fleet import view
from ssmd.operator.names import API_VERSION, SKIP_DRAIN, Kind
from ssmd.runtime.clock import SystemClock

_LOOK_S: Final = 1.0
_MEANING: Final[dict[Kind, str]] = {
    "Connector": "its pods give the bus what they hold, then they go",
    "Archiver": "what is open is sealed, everything is uploaded and verified, then it goes;"
    " its volume stays unless `storage.onDelete` says otherwise",
}


def _delete(kind: Kind) -> Callable[..., Any]:
    word = kind.lower()

    @click.command(
        "delete",
        epilog=examples(
            (f"ssmd {word} delete NAME", "and wait until it is gone"),
            (f"ssmd {word} delete NAME --dry-run", "say what would be done"),
        ),
        help=f"Delete a {kind}: {_MEANING[kind]}.",
    )
    @click.argument("name")
    @click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
    @click.option("--skip-drain", is_flag=True, help="Let it go without proof that all is safe.")
    @click.option("--wait/--no-wait", default=True, show_default=True, help="Until it is gone.")
    @click.option(
        "--timeout",
        type=DurationType(),
        default="10m",
        show_default=True,
        metavar="TIME",
        help="Longest to wait.",
    )
    @cluster_options
    @output_options
    def command(
        name: str,
        dry_run: bool,
        skip_drain: bool,
        wait: bool,
        timeout: float,
        where: Where,
        *,
        as_json: bool,
        quiet: bool,
    ) -> None:
        output = Output(json=as_json, quiet=quiet)

        async def ask(cluster: Cluster) -> None:
            found = await cluster.get(API_VERSION, kind, name)
            if skip_drain and not dry_run:
                mark = {"annotations": {SKIP_DRAIN: "true"}}
                await cluster.merge(_named(found, mark))
            await cluster.delete(API_VERSION, kind, name, dry_run=dry_run)
            if wait and not dry_run:
                await _gone(cluster, kind, name, timeout, output)

        asked(ask, where)
        done = "would be deleted" if dry_run else "is gone" if wait else "is being deleted"
        output.lines(f"{kind} {name!r} {done}{': ' + _MEANING[kind] if dry_run else ''}.")
        output.result({"name": name, "kind": kind, "deleted": not dry_run, "gone": wait})

    return command


def _named(found: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    there = found["metadata"]
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {"name": there["name"], "namespace": there["namespace"], **metadata},
    }


async def _gone(cluster: Cluster, kind: Kind, name: str, timeout_s: float, output: Output) -> None:
    """Wait until it is gone, saying what keeps it whenever that changes."""
    clock = SystemClock()
    deadline = clock.mono() + timeout_s
    said = ""
    while (found := await cluster.find(API_VERSION, kind, name)) is not None:
        detail = view.detail(found, [])
        now = detail.drain or f"{detail.line.phase}, {len(detail.places)} places"
        if now != said:
            output.note(f"{kind} {name}: {now}")
            said = now
        if clock.mono() > deadline:
            raise Unavailable(
                f"{kind} {name!r} is still there after {timeout_s:g} s: {now}.",
                remedy=f"See `ssmd {kind.lower()} status {name}`; it goes on by itself. Without an"
                " operator nothing does: `ssmd scale status`.",
            )
        await clock.sleep(_LOOK_S)


connector = _delete("Connector")
archiver = _delete("Archiver")
