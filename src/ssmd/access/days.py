"""What is recorded, by feed and day, and what became of it."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ssmd.archive import layout
from ssmd.archive.ledger import store
from ssmd.archive.ledger.share import covered
from ssmd.archive.listing import Day, listing
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import reading
from ssmd.archive.tables.built import Link
from ssmd.archive.tables.schema import named


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


def days(directory: Path, feed: str | None) -> list[tuple[Day, Shown]]:
    """Every day of every feed, or of one.

    Args:
        directory: The archive.
        feed: Only this feed.

    Raises:
        ConfigError: There is no archive.
    """
    found = listing(directory, feed)
    made = _made(directory, {day.feed for day in found})
    return [(day, _shown(directory, day, made[day.feed, day.date])) for day in found]


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
