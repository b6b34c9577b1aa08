"""`ssmd verify`: re-prove an archive from its files alone."""

from pathlib import Path

import click

from ssmd.archive.ledger.rebuild import Proof
from ssmd.archive.ledger.rebuild import rebuild as made_again
from ssmd.archive.store.opening import open_store
from ssmd.archive.verify import Report
from ssmd.archive.verify import verify as prove
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.progress import Progress
from ssmd.model.errors import ConfigError

_SHOWN = 3
"""So many files are named."""


@click.command(
    epilog=examples(
        ("ssmd verify ./data", "every digest, every ordinal, every chain of manifests"),
        ("ssmd verify ./data --rebuild", "the ledger too, made again from every frame"),
        ("ssmd verify s3://bucket/prefix", "what was uploaded, where it lies"),
        ("ssmd verify ./data --json | tail -1", "the report for a program"),
    )
)
@notify_on_failure
@archive_url_argument
@click.option(
    "--rebuild",
    is_flag=True,
    help="Make the ledger again from raw, compare it with the kept one, and hear every frame again.",
)
@output_options
@click.pass_context
def verify(
    ctx: click.Context, directory: str, *, rebuild: bool, as_json: bool, quiet: bool
) -> None:
    """Prove DIRECTORY's conservation and digests from the files alone; exit 1 if it fails."""
    output = Output(json=as_json, quiet=quiet)
    root = _place(directory)
    if rebuild and root is None:
        message = f"{directory} is not on this machine, and a ledger is made where it lies."
        raise ConfigError(message, remedy="Copy the archive here, or leave --rebuild out.")
    with Progress(output, "verifying", unit="bytes") as progress:
        report = prove(root or open_store(directory), progress=progress.set)
    if rebuild and root is not None:
        with Progress(output, "making the ledger again", unit="bytes") as progress:
            report = made_again(root, report, progress=progress.set)
    _show(output, report)
    output.result(report)
    ctx.exit(0 if report.ok else 1)


def _place(directory: str) -> Path | None:
    """The archive's folder; None when it is in an object store.

    Raises:
        ConfigError: The address is not understood.
    """
    return Path(directory) if "://" not in directory else open_store(directory).root


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
        *(
            (f"{report.elsewhere} segments, {size(report.elsewhere_bytes)}, are in a store only.",)
            if report.elsewhere
            else ()
        ),
        *(_again(report) if isinstance(report, Proof) else ()),
        *(f"PROBLEM: {problem}" for problem in report.problems),
        "OK: every received frame is archived once or declared."
        if report.ok
        else f"FAILED: {len(report.problems)} problems.",
    )


def _again(proof: Proof) -> list[str]:
    """What making the ledger again gave, for a person."""
    ledger, heard = proof.ledger, proof.recheck
    lines = [
        (
            f"Ledger made again from {ledger.segments} segments, {ledger.days} days: {ledger.equal} files"
            f" are what raw gives, {len(ledger.written)} written."
        ),
        (
            f"Heard again: {heard.frames} frames of {heard.connections} connections, {heard.gaps} gaps and"
            f" {heard.repairs} repairs as recorded."
        ),
    ]
    if ledger.behind:
        lines.insert(1, f"It was behind in {len(ledger.behind)} files, {ledger.behind[0]} first.")
    if ledger.refused:
        lines[0] = lines[0].replace(" written.", " differ or are not there.")
        lines.append(
            f"NOT WRITTEN: {ledger.refused}. It was only compared. To put the right ledger there, run"
            " this where the archive can be written to, or on a copy."
        )
    if ledger.unread:
        lines.append(
            f"UNREAD: {len(ledger.unread)} segments can no longer be read, and nothing else tells what"
            f" came then: {', '.join(ledger.unread[:_SHOWN])}. Restore them from a copy."
        )
    if heard.excused:
        lines.append(f"A replay hears otherwise, and may: {_counts(heard.excused)}.")
    if heard.left_out:
        lines.append(f"Connections left out: {_counts(heard.left_out)}.")
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items())
