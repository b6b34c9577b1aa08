"""The rows of a table: from the files that can hold them, and from what no file holds yet.

What there is is listed when rows are read, once for files and unbuilt segments together, so that a
compactor at work neither hides a row nor shows it twice. A file that was replaced or merged after
that is looked for in a new listing, from the slot on that was not read yet.
"""

import warnings
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
from polars.exceptions import ComputeError

from ssmd.access import completeness
from ssmd.access.ask import Ask
from ssmd.access.bounds import Bounds, of_predicate
from ssmd.access.errors import Incomplete
from ssmd.access.later import later
from ssmd.access.units import Unit, units, with_what_came_before
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading
from ssmd.archive.tables.progress import Kept
from ssmd.archive.tables.reading import Contents
from ssmd.model.errors import Unavailable

_TRIES: Final = 8
"""How often a file may vanish in a row while it is about to be read."""
_kept: Final = Kept()
"""What was told of segments without files, for who asks again."""
ORDER: Final = ("ts_recv", "feed", "connection", "ordinal", "part", "row")
"""The order of receipt, to the last part of a frame."""


class Read(msgspec.Struct):
    """What reading touched, for whoever wants to know.

    Attributes:
        files: Names of the Parquet files that were opened.
        segments: Names of the raw segments that were read.
        listings: How often the archive was listed.
    """

    files: list[str] = []
    segments: list[str] = []
    listings: int = 0


def rows(
    store: Store,
    ask: Ask,
    *,
    losses: Path | Store | None = None,
    bounds: Bounds | None = None,
    read: Read | None = None,
) -> pl.LazyFrame:
    """The rows asked for, read when they are collected.

    With instruments asked for they come in the order of their receipt; without, slot by slot, and
    in a file by instrument.

    Args:
        store: The archive.
        ask: What is wanted.
        losses: Where the ledger is read, to tell losses of that time with an `Incomplete`; None
            tells none.
        bounds: What else is known of the rows that count.
        read: Told what was touched.
    """

    def make(columns: Sequence[str], predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        known = of_predicate(predicate).shared(bounds or Bounds())
        narrowed = ask.narrowed(known)
        if losses is not None:
            _tell_losses(losses, narrowed)
        pushed = None if ask.naive else predicate
        yield from _pieces(store, narrowed, known, columns, pushed, read or Read())

    schema = _naive(ask.schema) if ask.naive else ask.schema
    return later(f"ssmd {ask.table}", schema, make)


def _pieces(
    store: Store,
    ask: Ask,
    bounds: Bounds,
    columns: Sequence[str],
    predicate: pl.Expr | None,
    read: Read,
) -> Iterator[pl.DataFrame]:
    """The rows unit by unit; of a unit of which a file is gone, in a new listing, from there on."""
    since: int | None = None
    tries = 0
    while True:
        contents = reading.contents(store, list(ask.symbols))
        read.listings += 1
        found = units(contents, ask, bounds, since)
        reader = _Reader(store, ask, contents, since, columns, predicate, read)
        try:
            for unit, following in zip_longest(found, found[1:]):
                yield reader.frame(unit)
                tries = 0
                since = unit.start if following is None else following.start
        except (FileNotFoundError, ComputeError) as error:
            tries += 1
            if tries >= _TRIES:
                message = f"A file of the archive cannot be read: {error}."
                raise Unavailable(message, remedy="Run `ssmd verify`.") from error
        else:
            return


class _Reader:
    """Reads units of one listing."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        contents: Contents,
        since: int | None,
        columns: Sequence[str],
        predicate: pl.Expr | None,
        read: Read,
    ) -> None:
        self._store = store
        self._ask = ask
        self._unbuilt = contents.unbuilt
        self._since = since
        self._columns = columns
        self._predicate = predicate
        self._read = read

    def frame(self, unit: Unit) -> pl.DataFrame:
        """The rows of a unit.

        Raises:
            FileNotFoundError: A file is gone since it was listed.
        """
        ask = self._ask
        names = [file.name for file in unit.files]
        parts = [
            pl.scan_parquet(
                list(scan.uris),
                schema=ask.schema,
                glob=False,
                hive_partitioning=False,
                missing_columns="insert",
                extra_columns="ignore",
                storage_options=None if scan.options is None else dict(scan.options),
            )
            for scan in (self._store.scans(names) if names else ())
        ]
        if unit.segments:
            parts.append(self._told(unit).lazy())
        self._read.files += names
        self._read.segments += [segment.place.name() for segment in unit.segments]
        if not parts:
            return pl.DataFrame(schema=ask.schema).select(self._columns)
        whole = pl.concat(parts).filter(*ask.filters(self._since))
        if self._predicate is not None:
            whole = whole.filter(self._predicate)
        if ask.ordered or ask.instruments is not None:
            whole = whole.sort(ORDER, maintain_order=True)
        made = whole.select(self._columns).collect()
        return _unzoned(made) if ask.naive else made

    def _told(self, unit: Unit) -> pl.DataFrame:
        """The rows of segments that have no files yet."""
        ask = self._ask
        feeds = {segment.place.feed for segment in unit.segments}
        symbols = {
            symbol for feed in feeds if (each := ask.symbols[feed]) is not None for symbol in each
        }
        is_all = any(ask.symbols[feed] is None for feed in feeds)
        since = ask.asked.since if ask.by == "ts_recv" else None
        until = ask.asked.until if ask.by == "ts_recv" else None
        segments = with_what_came_before(unit.segments, self._unbuilt, ask.table)
        if len(segments) > len(unit.segments):
            since = max(unit.start, since or 0)
        told = reading.tell(
            self._store,
            segments,
            [ask.table],
            None if is_all else symbols,
            since,
            until,
            by="ts_recv",
            kept=_kept,
        )
        rows_ = told[ask.table]
        if not rows_.num_rows:  # then it may have no columns either
            return pl.DataFrame(schema=ask.schema)
        frame = pl.from_arrow(rows_)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table is no column
        return frame.select(ask.schema.names()).cast(ask.schema)


def _naive(schema: pl.Schema) -> dict[str, pl.DataType]:
    """The columns with times without a zone."""
    return {
        name: pl.Datetime(kind.time_unit) if isinstance(kind, pl.Datetime) else kind
        for name, kind in schema.items()
    }


def _unzoned(frame: pl.DataFrame) -> pl.DataFrame:
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(name).dt.replace_time_zone(None) for name in times)


def _tell_losses(root: Path | Store, ask: Ask) -> None:
    """Warn of what is missing in the time that is read."""
    found = completeness.losses(root, ask.symbols, ask.asked)
    if found:
        text = completeness.warning(ask.table, ask.asked, found)
        warnings.warn(text, Incomplete, stacklevel=2)
