"""What the rows of a feed's day amount to: one pass over each table, batch by batch, bounded memory."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.archive import files, layout
from ssmd.archive.store.opening import as_store
from ssmd.archive.tables import built, reading
from ssmd.archive.tables.reading import Contents
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.checks.truth_facts import Crossed, Late, Rows
from ssmd.quality.truth.grid import Grid, Prices
from ssmd.quality.window import Window
from ssmd.runtime.clock import Clock

_BATCH: Final = 200_000
"""Rows that are looked at at a time."""
_MILLISECOND_NS: Final = 1_000_000
_STEPS: Final = (SECOND_NS, _MILLISECOND_NS)
"""The steps in which venues tell time that are coarse enough to look late."""
_FINE_MS: Final = 10_000
"""Up to where lateness is counted by the millisecond; beyond, by the second."""
_PERCENT: Final = 0.01
_LIVE: Final = "live"
_NUMBER: Final = pl.Decimal(38, 10)
_COMMON: Final = ("ts_event", "ts_recv", "is_snapshot", "is_repeat", "source", "inexact")
_COLUMNS: Final = {
    "trades": (*_COMMON, "instrument_id", "price", "trade_id", "connection"),
    "quotes": (*_COMMON, "instrument_id", "bid", "ask"),
    "tickers": (*_COMMON, "instrument_id", "bid", "ask"),
    "book": (*_COMMON, "row"),
}
_Watch = Callable[[pl.DataFrame, pl.DataFrame], None]
"""Told a batch of rows, and those of them that are fresh."""
_FRESH: Final = (pl.col("source") == _LIVE) & ~pl.col("is_snapshot")
"""Rows that are news, told as it happened."""


def told(root: Path, feed: str, window: Window, grid: Grid, *, clock: Clock) -> Rows:
    """What the rows of a day amount to.

    Args:
        root: The archive.
        feed: The feed's name.
        window: Which day.
        grid: The price grids of its instruments.
        clock: What the archive is opened with.

    Raises:
        Unavailable: A file cannot be read.
    """
    archive = open_archive(root, warn=False, clock=clock)
    late = {table: _Lateness(table) for table in _COLUMNS}
    quotes, tickers = _Sides(), _Sides()
    trades, book, prices = _Trades(), _Books(), Prices(grid)
    watching: dict[str, tuple[_Watch, ...]] = {
        "trades": (trades.take, lambda _, fresh: prices.take(fresh, "price")),
        "quotes": (quotes.take, lambda _, fresh: prices.take(fresh, "bid", "ask")),
        "tickers": (tickers.take,),
        "book": (book.take,),
    }
    inexact = 0
    for table, columns in _COLUMNS.items():
        for batch in _batches(archive, feed, table, columns, window):
            inexact += int(batch["inexact"].is_not_null().sum())
            fresh = batch.filter(_FRESH)
            late[table].take(fresh)
            for watch in watching[table]:
                watch(batch, fresh)
    contents = reading.contents(as_store(root), [feed])
    rejected, unbuilt = _rejected(root, contents, window)
    return Rows(
        late=tuple(each.late() for each in late.values()),
        crossed=_crossed(
            quotes if quotes.rows else tickers, _books_at_ends(root, contents, window)
        ),
        gridded=prices.gridded(),
        books=book.messages,
        inexact=inexact,
        rejected=rejected,
        unbuilt=unbuilt,
        trades=trades.rows,
        unnumbered=trades.unnumbered,
        doubles=trades.doubles(),
        elsewhere=trades.elsewhere,
    )


class _Lateness:
    """How many rows came how late, in ms; coarser beyond ten seconds."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._counts: Counter[int] = Counter()
        self._rows = 0
        self._odd = dict.fromkeys(_STEPS, 0)

    def take(self, batch: pl.DataFrame) -> None:
        """Count live rows."""
        self._rows += batch.height
        event = pl.col("ts_event").dt.epoch("ns")
        late = (pl.col("ts_recv").dt.epoch("ns") - event) // _MILLISECOND_NS
        coarse = pl.when(late.abs() < _FINE_MS).then(late).otherwise(late // 1_000 * 1_000)
        timed = batch.filter(pl.col("ts_event").is_not_null() & pl.col("ts_recv").is_not_null())
        if not timed.height:
            return
        for step in _STEPS:
            self._odd[step] += int(timed.select((event % step != 0).sum()).item())
        counts = timed.select(coarse.alias("late"))["late"].value_counts()
        self._counts.update(dict(counts.iter_rows()))

    def late(self) -> Late:
        """What was counted."""
        timed = self._counts.total()
        step = next((each for each in _STEPS if timed and not self._odd[each]), 0) / SECOND_NS
        low, high = self._at(_PERCENT), self._at(1 - _PERCENT)
        return Late(
            table=self._table,
            rows=self._rows,
            timed=timed,
            p99=None if high is None else high - step,
            p01=low,
            step_s=step,
        )

    def _at(self, share: float) -> float | None:
        """The least lateness that this share of the rows is not above, in seconds."""
        left = share * self._counts.total()
        for late, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return late * _MILLISECOND_NS / SECOND_NS
        return None


class _Sides:
    """Whether bids are below asks in what the venue states."""

    def __init__(self) -> None:
        self.rows = self.both = self.crossed = 0
        self.example = ""

    def take(self, _: pl.DataFrame, fresh: pl.DataFrame) -> None:
        """Look at live rows."""
        self.rows += fresh.height
        both = fresh.filter(pl.col("bid").is_not_null() & pl.col("ask").is_not_null())
        self.both += both.height
        found = both.filter(pl.col("bid") >= pl.col("ask"))
        self.crossed += found.height
        if found.height and not self.example:
            row = found.row(0, named=True)
            self.example = _crossing(row)


class _Trades:
    """Which trades one connection told twice."""

    def __init__(self) -> None:
        self.rows = self.unnumbered = self.elsewhere = 0
        self._keys: list[pl.Series] = []

    def take(self, batch: pl.DataFrame, fresh: pl.DataFrame) -> None:
        """Look at rows."""
        self.elsewhere += int(batch["is_repeat"].sum())
        known = fresh.filter(pl.col("trade_id").is_not_null())
        self.rows += known.height
        self.unnumbered += fresh.height - known.height
        key = pl.struct("instrument_id", "trade_id", "connection").hash()
        self._keys.append(known.select(key.alias("key"))["key"])

    def doubles(self) -> int:
        """How many were told before by the same connection."""
        if not self.rows:
            return 0
        found = self.rows - pl.concat(self._keys).n_unique()
        self.elsewhere = max(0, self.elsewhere - found)
        return found


class _Books:
    """How many messages changed a book."""

    def __init__(self) -> None:
        self.messages = 0

    def take(self, batch: pl.DataFrame, _: pl.DataFrame) -> None:
        """Look at rows: the first of a message has the number 0."""
        self.messages += int((batch["row"] == 0).sum())


def _batches(
    archive: Archive, feed: str, table: str, columns: tuple[str, ...], window: Window
) -> Iterator[pl.DataFrame]:
    rows = archive.shared(table, feed=feed, start=window.since, end=window.until, repeats=True)
    yield from rows.select(columns).collect_batches(chunk_size=_BATCH, maintain_order=False)


def _crossed(sides: _Sides, books: tuple[int, int, str]) -> Crossed:
    return Crossed(
        quotes=sides.both,
        crossed=sides.crossed,
        books=books[0],
        crossed_books=books[1],
        example=sides.example or books[2],
    )


def _crossing(row: dict[str, object]) -> str:
    return (
        f"{row['instrument_id']} at {row['ts_recv']}: bid {row['bid']:f}, ask {row['ask']:f}"
        if "ts_recv" in row
        else f"the book of {row['instrument_id']}: bid {row['bid']:f}, ask {row['ask']:f}"
    )


def _books_at_ends(root: Path, contents: Contents, window: Window) -> tuple[int, int, str]:
    """Proved books with both sides at the ends of slots; how many are crossed; one that is."""
    both = crossed = 0
    example = ""
    for link in contents.built:
        if link.books is None or not window.since <= link.slot.start < window.until:
            continue
        best = (
            pl.read_parquet(
                io.BytesIO(files.read(root, link.books.name)),
                columns=["instrument_id", "symbol", "ok", "bid_prices", "ask_prices"],
                hive_partitioning=False,
            )
            .filter(pl.col("ok") & (pl.col("symbol") != ""))
            .select(
                "instrument_id",
                *(
                    pl.col(f"{side}_prices").list.first().cast(_NUMBER).alias(side)
                    for side in ("bid", "ask")
                ),
            )
            .drop_nulls()
        )
        found = best.filter(pl.col("bid") >= pl.col("ask"))
        both += best.height
        crossed += found.height
        if found.height and not example:
            example = _crossing(found.row(0, named=True))
    return both, crossed, example


def _rejected(root: Path, contents: Contents, window: Window) -> tuple[int, int]:
    """Messages that gave no row, in slots that have tables; and how many have none."""
    rejected = 0
    for link in contents.built:
        if not window.since <= link.slot.start < window.until:
            continue
        name = layout.built(link.slot)
        try:
            told_ = built.decode(files.read(root, name), name)
        except (FileNotFoundError, Damaged):
            continue
        rejected += sum(each.rejects for each in told_.accounting)
    slots = {
        layout.slot_of(segment.place)
        for segment in contents.unbuilt
        if window.since <= layout.start(segment.place) < window.until
    }
    return rejected, len(slots)
