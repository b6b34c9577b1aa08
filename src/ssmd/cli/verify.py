"""`ssmd verify`: re-prove an archive from its files alone."""

from pathlib import Path

import click

from ssmd.archive.verify import Report
from ssmd.archive.verify import verify as prove
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.progress import Progress


@click.command(
    epilog=examples(
        ("ssmd verify ./data", "every digest, every ordinal, every chain of manifests"),
        ("ssmd verify ./data --json | tail -1", "the report for a program"),
    )
)
@archive_argument
@output_options
@click.pass_context
def verify(ctx: click.Context, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Prove DIRECTORY's conservation and digests from the files alone; exit 1 if it fails."""
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "verifying", unit="bytes") as progress:
        report = prove(directory, progress=progress.set)
    _show(output, report)
    output.result(report)
    ctx.exit(0 if report.ok else 1)


def _show(output: Output, report: Report) -> None:
    """The report for a person."""
    output.table(
        "Connections",
        ("connection", "received", "archived", "declared lost", "holes", "state"),
        (
            (
                c.connection,
                str(c.received) if c.received is not None else "?",
                str(c.archived),
                str(c.declared_lost),
                str(c.holes),
                c.state,
            )
            for c in report.connections
        ),
    )
    output.lines(
        f"{report.segments} sealed segments, {report.lines} lines, {size(report.bytes_proved)} proved from"
        f" bytes, {size(report.manifest_proved)} from manifests only, {report.missing} missing.",
        *(f"PROBLEM: {problem}" for problem in report.problems),
        "OK: every received frame is archived once or declared."
        if report.ok
        else f"FAILED: {len(report.problems)} problems.",
    )
