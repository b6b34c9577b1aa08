"""What an export will do, before a byte moves."""

import warnings
from collections.abc import Iterable, Sequence

import msgspec
import polars as pl

from ssmd.access.archive import Archive
from ssmd.access.completeness import MADE_GOOD
from ssmd.access.errors import Incomplete
from ssmd.access.export import Format, Piece, Plan
from ssmd.access.tables import archived
from ssmd.access.times import Range
from ssmd.archive import layout
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading
from ssmd.archive.tables.schema import named
from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import did_you_mean


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported.

    Attributes:
        table: Which table, as SQL names it: `trades`, or `{feed}_{type}` with `-` as `_`.
        feeds: Of which feeds; none for all that have the table.
        instruments: Of which instruments; none for all.
        asked: Of what time, by our clock.
    """

    table: str
    feeds: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    asked: Range = Range()

    def __str__(self) -> str:
        return (
            f"{', '.join(self.feeds) or 'all feeds'}, "
            f"{', '.join(self.instruments) or 'all instruments'}, {self.asked}"
        )


class Chosen:
    """The rows of a table, feed by feed.

    Args:
        archive: Where from.
        wanted: What of it.

    Attributes:
        feeds: The feeds that have the table.

    Raises:
        ConfigError: There is no such table, feed or instrument.
    """

    def __init__(self, archive: Archive, wanted: Wanted) -> None:
        self._archive = archive
        self._wanted = wanted
        names = {
            named(feed, table): (feed, table)
            for feed in archive.feeds()
            for table in archive.schema(feed=feed)
        }
        self._native: tuple[str, str] | None = names.get(wanted.table)
        shared = archive.schema()
        if wanted.table not in shared and self._native is None:
            known = [*shared, *names]
            message = f"There is no table {wanted.table!r}.{did_you_mean(wanted.table, known)}"
            raise ConfigError(message, remedy=f"Use one of: {', '.join(sorted(known))}.")
        self.feeds: Sequence[str] = wanted.feeds or archive.feeds()
        if self._native is not None:
            self.feeds = [self._native[0]]
        self.rows(self.feeds, wanted.asked)  # whoever is not there is told of at once

    @property
    def stored(self) -> str:
        """The table's name in the archive."""
        return self._wanted.table if self._native is None else archived(self._native[1])

    def rows(self, feed: str | Sequence[str], asked: Range) -> pl.LazyFrame:
        """The rows of feeds and a time."""
        instruments = list(self._wanted.instruments) or None
        if self._native is not None:
            name, table = self._native
            return self._archive.rows(
                table, feed=name, instrument=instruments, start=asked.since, end=asked.until
            )
        return self._archive.shared(
            self._wanted.table,
            feed=feed,
            instrument=instruments,
            start=asked.since,
            end=asked.until,
        )

    def losses(self, feed: str, asked: Range) -> int:
        """How many stretches of a time are missing and were not made good."""
        gaps = self._archive.gaps(
            feed=feed,
            instrument=list(self._wanted.instruments) or None,
            start=asked.since,
            end=asked.until,
        ).collect()
        return gaps.filter(
            ~pl.col("repaired").is_in(MADE_GOOD) & (pl.col("reason") != "start")
        ).height


def plan(archive: Archive, store: Store, wanted: Wanted, kind: Format) -> Plan:
    """What an export will do: a file for every feed and day that has rows.

    Args:
        archive: Where from.
        store: The same archive, as files.
        wanted: What of it.
        kind: Of which kind the files are to be.

    Raises:
        ConfigError: There is no such table, feed or instrument.
    """
    chosen = Chosen(archive, wanted)
    pieces: list[Piece] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Incomplete)  # the plan tells of losses, piece by piece
        for feed in chosen.feeds:
            contents = reading.contents(store, [feed])
            for date in _days(contents):
                begin = layout.day_start(date)
                asked = Range(begin, begin + layout.DAY_NS).shared(wanted.asked)
                if asked.since is None or asked.until is None or asked.since >= asked.until:
                    continue
                rows = chosen.rows(feed, asked).select(pl.len()).collect().item()
                if not rows:
                    continue
                files = contents.files(chosen.stored, asked.since, asked.until, by="ts_recv")
                pieces.append(
                    Piece(
                        name=_name(wanted.table, feed, date, kind),
                        feed=feed,
                        since=asked.since,
                        until=asked.until,
                        rows=rows,
                        source_bytes=sum(file.bytes for file in files),
                        losses=chosen.losses(feed, asked),
                    )
                )
    return Plan(table=wanted.table, format=kind, asked=str(wanted), pieces=tuple(pieces))


def _days(contents: reading.Contents) -> Iterable[str]:
    """Every day that has segments, in order."""
    built = {link.slot.date for link in contents.built}
    return sorted(built | {segment.place.date for segment in contents.unbuilt})


def _name(table: str, feed: str, date: str, kind: Format) -> str:
    own = feed.replace("-", "_")
    middle = "" if table.startswith(f"{own}_") else f"-{feed}"
    return f"{table}{middle}-{date}.{kind}"
