"""`ssmd data ls`: what is recorded."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.share import covered
from ssmd.archive.listing import Day, listing
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import reading
from ssmd.archive.tables.built import Link
from ssmd.archive.tables.schema import named
from ssmd.cli.options import archive_argument
from ssmd.cli.output import Output, examples, output_options, size
from ssmd.model.timestamp import SECOND_NS


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A feed's day, with what became of it.

    Attributes:
        rows: Rows of its tables in the venue's words; each fact stands in one of them.
        tables: Rows by table, as SQL names them.
        table_bytes: Size of all its tables.
        slots: Slots whose tables are made.
        coverage: Covered time over wanted time, 0 to 1; None when nothing was wanted.
    """

    rows: int
    tables: dict[str, int]
    table_bytes: int
    slots: int
    coverage: float | None


@click.command(
    epilog=examples(
        ("ssmd data ls ./data", "what is recorded, by feed and day"),
        ("ssmd data ls ./data --json", "the same for a program"),
    )
)
@archive_argument
@click.option("--feed", help="Only this feed.")
@output_options
def ls(directory: Path, feed: str | None, *, as_json: bool, quiet: bool) -> None:
    """List what DIRECTORY holds, by feed and day."""
    output = Output(json=as_json, quiet=quiet)
    days = listing(directory, feed)
    made = _made(directory, {day.feed for day in days})
    shown = [(day, _shown(directory, day, made[day.feed, day.date])) for day in days]
    output.table(
        str(directory),
        ("feed", "date", "from", "to", "segments", "raw", "envelopes", "rows", "tables", "covered"),
        (
            (
                day.feed,
                day.date,
                _time(day.first_ts),
                _time(day.last_ts),
                f"{day.segments}" + (f"+{day.open} open" if day.open else ""),
                size(day.bytes),
                str(day.lines),
                str(more.rows) if more.slots else "not made",
                size(more.table_bytes),
                "?" if more.coverage is None else f"{100 * more.coverage:.2f} %",
            )
            for day, more in shown
        ),
    )
    if not days:
        output.lines("Nothing is recorded yet.")
    output.result(
        [{**msgspec.structs.asdict(day), **msgspec.structs.asdict(more)} for day, more in shown]
    )


def _made(directory: Path, feeds: Iterable[str]) -> dict[tuple[str, str], list[Link]]:
    """The slots whose tables are made, by feed and date."""
    found: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in reading.links(LocalStore(directory), sorted(feeds)):
        found[link.feed, link.slot.date].append(link)
    return found


def _shown(directory: Path, day: Day, made: Iterable[Link]) -> Shown:
    tables: dict[str, int] = defaultdict(int)
    stored = slots = 0
    for link in made:
        slots += 1
        for file in link.files:
            tables[_named(day.feed, file.table)] += file.rows
            stored += file.bytes
    begin = layout.day_start(day.date)
    own = _named(day.feed, layout.NATIVE)
    return Shown(
        rows=sum(count for name, count in tables.items() if name.startswith(own)),
        tables=dict(sorted(tables.items())),
        table_bytes=stored,
        slots=slots,
        coverage=covered(store.load(directory, day.feed, begin, begin + layout.DAY_NS)),
    )


def _named(feed: str, table: str) -> str:
    """A table as SQL names it."""
    if not table.startswith(layout.NATIVE):
        return table
    return named(feed, table.removeprefix(layout.NATIVE))


def _time(ts: int | None) -> str:
    return "?" if ts is None else f"{datetime.fromtimestamp(ts / SECOND_NS, UTC):%H:%M:%S}"
