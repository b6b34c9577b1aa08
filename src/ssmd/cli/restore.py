"""`ssmd restore`: is this backup whole?"""

import click

from ssmd.archive.restore import Restored, restore
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.progress import Progress

_FEW = 20
"""So many names of what can be made again are shown; how many more there are is said."""


@click.command(
    name="restore",
    epilog=examples(
        ("ssmd restore /mnt/backup/ssmd", "prove a copy of an archive"),
        ("ssmd restore s3://bucket/ssmd", "prove what was uploaded, where it lies"),
    ),
)
@notify_on_failure
@archive_url_argument
@output_options
@click.pass_context
def command(ctx: click.Context, directory: str, *, as_json: bool, quiet: bool) -> None:
    """Prove a backup: its bytes, its chains, its ledger, its tables. Nothing is written.

    DIRECTORY is a folder or the address of an object store. Ends with 0 when nothing is wrong: what
    is merely not made, as tables and ledger, can be made from the segments, and is named.
    """
    output = Output(json=as_json, quiet=quiet)
    with Progress(output, "proving", unit="bytes") as progress:
        found = restore(directory, progress.set)
    _show(output, found, directory)
    output.result(found)
    ctx.exit(0 if found.ok else 1)


def _show(output: Output, found: Restored, directory: str) -> None:
    report = found.report
    output.lines(
        f"{report.segments} segments, {size(report.bytes_proved)} proved, {report.lines} lines;"
        f" {len(found.missing)} segments are not here.",
        f"{found.days} days of the ledger and the tables of {found.slots} slots"
        f" ({size(found.table_bytes)}) are what the segments give.",
    )
    gone = [name for name in found.missing if name not in found.elsewhere]
    for what, names in (
        ("not here, and nowhere that is on record", gone),
        ("uploaded, and let go here", found.elsewhere),
        ("ledger, made when it is asked for", found.days_behind),
        ("slots without tables (`ssmd compactor once`)", found.slots_unbuilt),
        ("files of tables (`ssmd redecode`)", found.tables_missing),
    ):
        if names:
            output.lines(f"{len(names)} {what}:", *(f"  {name}" for name in names[:_FEW]))
        if len(names) > _FEW:
            output.lines(f"  and {len(names) - _FEW} more (--json names all)")
    output.lines(
        *(f"The rest is in {store}." for store in found.stores),
        *(f"PROBLEM: {problem}" for problem in found.problems),
        f"OK: {directory} is whole." if found.ok else f"FAILED: {directory} is not whole.",
    )
