"""`ssmd data export`: rows of the archive as files of other programs."""

import warnings
from pathlib import Path

import click

import ssmd
from ssmd.access import Incomplete
from ssmd.access.export import FORMATS, Format, Plan, State, write
from ssmd.access.planning import Chosen, Wanted, plan
from ssmd.access.times import Range
from ssmd.archive.store.opening import open_store
from ssmd.cli.moments import MomentType, shown
from ssmd.cli.notifying import notify_on_failure
from ssmd.cli.options import archive_url_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.cli.progress import Progress


@click.command(
    epilog=examples(
        ("ssmd data export trades ./data --out t --plan", "rows, bytes and losses, nothing else"),
        ("ssmd data export trades ./data --out t --format csv", "a file for each feed and day"),
    )
)
@notify_on_failure
@click.argument("table")
@archive_url_argument
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write; a stopped export goes on in it.",
)
@click.option("--format", "kind", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--feed", "feeds", multiple=True, help="Only this feed; repeatable.")
@click.option("--instrument", "instruments", multiple=True, help="Only this one; repeatable.")
@click.option("--from", "since", type=MomentType(), help="Only what was received from here on.")
@click.option("--to", "until", type=MomentType(), help="Only what was received before this.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done; write nothing.")
@output_options
def export(
    table: str,
    directory: str,
    out: Path,
    kind: Format,
    feeds: tuple[str, ...],
    instruments: tuple[str, ...],
    since: int | None,
    until: int | None,
    *,
    only_plan: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write TABLE of DIRECTORY into a folder, a file for each feed and day.

    TABLE is named as in SQL. Decimals and times are exact in every format; in csv and jsonl they
    are texts. Rows that tell again what another one tells are left out.
    """
    output = Output(json=as_json, quiet=quiet)
    archive = ssmd.open(directory)
    wanted = Wanted(table=table, feeds=feeds, instruments=instruments, asked=Range(since, until))
    planned = plan(archive, open_store(directory), wanted, kind)
    _show(output, planned)
    if only_plan:
        output.result({**_told(planned), "pieces": planned.pieces})
        return
    chosen = Chosen(archive, wanted)
    with Progress(output, "exporting", unit="rows") as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", Incomplete)  # the plan told of losses
        state = write(planned, out, chosen.rows, progress.set)
    written = sum(each.bytes for each in state.written.values())
    output.lines(f"{planned.rows} rows in {len(planned.pieces)} files, {size(written)}, in {out}")
    output.result({**_told(planned), "files": _files(planned, state)})


def _told(planned: Plan) -> dict[str, object]:
    return {
        "table": planned.table,
        "format": planned.format,
        "rows": planned.rows,
        "source_bytes": planned.source_bytes,
        "losses": planned.losses,
    }


def _files(planned: Plan, state: State) -> list[dict[str, object]]:
    found = [state.written[piece.name] for piece in planned.pieces]
    return [
        {"name": each.piece.name, "rows": each.piece.rows, "bytes": each.bytes, "sha256": each.sha256}
        for each in found
    ]  # fmt: skip


def _show(output: Output, planned: Plan) -> None:
    output.table(
        f"{planned.table} as {planned.format}: {planned.asked}",
        ("file", "from (UTC)", "rows", "to read", "losses"),
        (
            (
                piece.name,
                shown(piece.since),
                str(piece.rows),
                size(piece.source_bytes),
                str(piece.losses),
            )
            for piece in planned.pieces
        ),
    )
    if planned.losses:
        output.lines(f"{planned.losses} losses lie in this time: `ssmd gaps` lists them.")
