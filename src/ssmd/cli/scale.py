"""`ssmd scale`: everything of a cluster down, so that nothing is lost on the way; and up again."""

from typing import Final

import click

from ssmd.cli.cluster import Where, asked, cluster_options, within
from ssmd.cli.durations import DurationType
from ssmd.cli.output import Output, examples, output_options
from ssmd.operator.cluster import Cluster
from ssmd.operator.fleet.gitops import Keeper
from ssmd.operator.fleet.scaling import Outcome, Scaling
from ssmd.operator.fleet.stages import Stage
from ssmd.runtime.clock import SystemClock

_dry_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done, and do nothing."
)
_all_option = click.option("--all-namespaces", "-A", is_flag=True, help="In every namespace.")
_timeout_option = click.option(
    "--timeout",
    type=DurationType(),
    default="10m",
    show_default=True,
    metavar="TIME",
    help="Longest that one stage may take.",
)
_SURVEY_S: Final = 1.0


@click.group()
def scale() -> None:
    """Everything down and up: operator, connectors, security master, archivers, in order."""


@scale.command(
    epilog=examples(
        ("ssmd scale down --dry-run", "who is suspended, and what ends in which order"),
        ("ssmd scale down -n ssmd", "and wait until every stage has drained"),
    )
)
@_dry_option
@_all_option
@_timeout_option
@cluster_options
@output_options
def down(
    dry_run: bool,
    all_namespaces: bool,
    timeout: float,
    where: Where,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Scale everything down: GitOps is suspended first, the archivers end last.

    Each stage drains before the next begins; what does not drain in time stops the rest.
    """
    output = Output(json=as_json, quiet=quiet)

    async def ask(cluster: Cluster) -> Outcome:
        return await _scaling(cluster, output, all_namespaces, timeout, dry_run).down()

    _tell(output, asked(ask, where), "down")


@scale.command(
    epilog=examples(
        ("ssmd scale up", "what `scale down` ended, the archivers first; GitOps goes on last"),
    )
)
@_dry_option
@_all_option
@_timeout_option
@cluster_options
@output_options
@click.pass_context
def up(
    ctx: click.Context,
    /,
    *,
    dry_run: bool,
    all_namespaces: bool,
    timeout: float,
    where: Where,
    as_json: bool,
    quiet: bool,
) -> None:
    """Bring back what `scale down` ended, in the reverse order, as many as there were."""
    output = Output(json=as_json, quiet=quiet)

    async def ask(cluster: Cluster) -> Outcome:
        return await _scaling(cluster, output, all_namespaces, timeout, dry_run).up()

    outcome = asked(ask, where)
    _tell(output, outcome, "up")
    ctx.exit(1 if outcome.late else 0)


@scale.command(epilog=examples(("ssmd scale status", "what runs, and who keeps it as it is")))
@_all_option
@cluster_options
@output_options
def status(
    all_namespaces: bool,
    where: Where,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show what runs, stage by stage, and who keeps it as a repository has it."""
    output = Output(json=as_json, quiet=quiet)

    async def ask(cluster: Cluster) -> tuple[list[Keeper], list[Stage]]:
        return await _scaling(cluster, output, all_namespaces, _SURVEY_S, dry_run=True).survey()

    keepers, stages = asked(ask, where)
    for keeper in keepers:
        output.lines(f"Kept by {keeper.text}.")
    if not stages:
        output.lines("Nothing of SSMD is there. Install it: `ssmd operator manifests --help`.")
    else:
        output.table(
            "What runs, in the order in which it is scaled down",
            ("stage", "object", "wanted", "ready", "before `scale down`"),
            (
                (
                    stage.name,
                    each.text,
                    str(each.running),
                    str(each.ready),
                    "-" if each.remembered is None else str(each.remembered),
                )
                for stage in stages
                for each in stage.targets
            ),
        )
    output.result({"gitops": keepers, "stages": stages})


def _scaling(
    cluster: Cluster, output: Output, everywhere: bool, timeout_s: float, dry_run: bool
) -> Scaling:
    return Scaling(
        cluster,
        SystemClock(),
        namespace=within(cluster, everywhere),
        say=output.note,
        timeout_s=timeout_s,
        dry_run=dry_run,
    )


def _tell(output: Output, outcome: Outcome, way: str) -> None:
    done = "would be scaled" if outcome.dry_run else "scaled"
    if not outcome.scaled:
        output.lines(f"Nothing is to be scaled {way}.")
    else:
        output.lines(f"{len(outcome.scaled)} objects {done} {way}: {', '.join(outcome.scaled)}.")
    for late in outcome.late:
        output.lines(f"NOT READY: {late}")
    output.result(outcome)
