"""`ssmd doctor`: is everything there that recording needs, and what is to be done."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ssmd.cli import doctor_here, doctor_outside, doctor_prometheus, doctor_venues
from ssmd.cli.apart import Nowhere
from ssmd.cli.configured import Plan, load_plan
from ssmd.cli.doctor_check import Check, Look, State, examine
from ssmd.cli.options import FiniteRange
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import registry
from ssmd.model.records import ClockState
from ssmd.runtime import logging, loop
from ssmd.runtime.clock import Clock, SystemClock

_COLOURS: Final[dict[State, str]] = {
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "skipped": "dim",
}
_LIMIT_S: Final = 5.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a doctor found.

    Attributes:
        ok: Whether nothing failed.
        checks: Everything that was looked at.
    """

    ok: bool
    checks: tuple[Check, ...]


@click.command(
    epilog=examples(
        ("ssmd doctor", "of ./ssmd.yaml, or of what every shipped feed needs"),
        ("ssmd doctor /data --offline", "an archive, without asking any venue"),
        ("ssmd doctor --config ssmd.yaml --json | tail -1", "for a program"),
        (f"ssmd doctor --feed {registry.names()[0]}", "of one feed"),
    )
)
@click.argument(
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SSMD_ARCHIVE",
    required=False,
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The ssmd.yaml; default ./ssmd.yaml when it exists and is of DIRECTORY.",
)
@click.option("--feed", "feeds", multiple=True, help="Only this feed, or feed.yaml; repeatable.")
@click.option("--offline", is_flag=True, help="Ask no venue.")
@click.option(
    "--timeout",
    "limit_s",
    type=FiniteRange(0.5, 120),
    default=_LIMIT_S,
    show_default=True,
    help="Longest time for one check, in seconds; they run side by side.",
)
@output_options
@click.pass_context
def doctor(
    ctx: click.Context,
    directory: Path | None,
    config: Path | None,
    feeds: tuple[str, ...],
    limit_s: float,
    *,
    offline: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Look at everything that recording into DIRECTORY needs, and say what to do.

    Nothing is changed: the one file that is written into an object store is taken away again. Each
    venue is asked for one connection, as its feed is configured. Exit 0 when nothing fails, 1 when
    something does, 2 when the configuration cannot be read.
    """
    output = Output(json=as_json, quiet=quiet)
    plan = load_plan(directory, config, feeds)
    logging.configure(quiet=True, stream=Nowhere())  # what a check meets stands in the check
    checks = loop.run(diagnose(plan, SystemClock(), limit_s=limit_s, offline=offline))
    report = Report(ok=all(each.state != "fail" for each in checks), checks=tuple(checks))
    _show(output, report)
    output.result(report)
    ctx.exit(0 if report.ok else 1)


async def diagnose(plan: Plan, clock: Clock, *, limit_s: float, offline: bool) -> list[Check]:
    """Look at everything.

    Args:
        plan: What is configured.
        clock: What time it is.
        limit_s: Longest time for one check, in seconds.
        offline: Whether no venue is asked.
    """

    async def offset() -> ClockState:
        return await doctor_here.clock_state(plan)

    looks: list[Look] = [
        *doctor_outside.looks(plan, clock, limit_s),
        doctor_prometheus.look(plan, clock, limit_s),
        *doctor_here.looks(plan),
        *doctor_venues.looks(plan, clock, limit_s, offline=offline, offset=offset),
    ]
    return [*_configuration(plan), *await examine(looks, clock, limit_s)]


def _configuration(plan: Plan) -> Sequence[Check]:
    """What is to be recorded, and which of it cannot be."""
    names = ", ".join(feed.name for feed in plan.feeds) or "none"
    found = [
        Check(
            name="config", state="ok", seen=f"{plan.source}; archive {plan.root}; feeds: {names}."
        )
    ]
    found += [
        Check(name="config", state="fail", seen=fault.message, remedy=fault.remedy)
        for fault in plan.faults
    ]
    return found


def _show(output: Output, report: Report) -> None:
    """A line a check, what to do below it, and a verdict."""
    if output.json:
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in report.checks:
        table.add_row(
            Text(check.state, style=_COLOURS[check.state]), Text(check.name), Text(check.seen)
        )
        if check.remedy and check.state in ("warn", "fail"):
            table.add_row("", "", Text(f"-> {check.remedy}"))
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)
    counts = {state: sum(each.state == state for each in report.checks) for state in _COLOURS}
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    output.lines("", f"{'OK' if report.ok else 'NOT OK'}: {told}.")
