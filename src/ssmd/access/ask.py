"""Which rows are wanted. Pure."""

import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from typing import Final

import msgspec
import polars as pl

from ssmd.access.bars import By
from ssmd.access.bounds import Bounds
from ssmd.access.times import Range

_MANY: Final = 16


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are wanted.

    Attributes:
        table: Of which table: `trades`, `native/ticker`.
        schema: Its columns.
        symbols: Of which feeds, and of each which instruments, in the venue's own strings; None
            stands for all.
        venues: The feeds' venues.
        asked: Of what time.
        by: By which clock; where the venue tells none, ours counts.
        repeats: Whether rows that tell again what others tell are wanted too.
        ordered: Whether they are wanted in the order of their receipt, whoever's they are.
        naive: Whether times are to be without a zone (they are UTC either way).
    """

    table: str
    schema: pl.Schema
    symbols: Mapping[str, Sequence[str] | None]
    venues: Mapping[str, str]
    asked: Range = Range()
    by: By = "ts_recv"
    repeats: bool = False
    ordered: bool = False
    naive: bool = False

    @property
    def instruments(self) -> list[str] | None:
        """Every instrument asked for, as `venue:symbol`; None for all."""
        if any(each is None for each in self.symbols.values()):
            return None
        return sorted(
            {f"{self.venues[f]}:{s}" for f, each in self.symbols.items() for s in each or ()}
        )

    def narrowed(self, bounds: Bounds) -> "Ask":
        """What is left of it when only rows within bounds count."""
        asked = self.asked.shared(bounds.received if self.by == "ts_recv" else bounds.event)
        symbols = {feed: each for feed, each in self.symbols.items() if bounds.feed in {None, feed}}
        if bounds.instrument is not None:
            symbols = {
                feed: (own,)
                for feed, each in symbols.items()
                if bounds.instrument.startswith(f"{self.venues[feed]}:")
                and (own := bounds.instrument.removeprefix(f"{self.venues[feed]}:"))
                in (each if each is not None else (own,))
            }
        return msgspec.structs.replace(self, asked=asked, symbols=symbols)

    def filters(self, since: int | None = None) -> Iterator[pl.Expr]:
        """What the rows are filtered by.

        Args:
            since: What was received before this is not wanted either, ns.
        """
        if since is not None:
            yield pl.col("ts_recv") >= _time(since)
        if not self.repeats and "is_repeat" in self.schema:
            yield ~pl.col("is_repeat")
        if self.instruments is not None:
            yield _one_of(self.instruments)
        received = list(_within("ts_recv", self.asked))
        if self.by == "ts_recv":
            yield from received
        elif received:
            event = pl.all_horizontal(*_within("ts_event", self.asked))
            yield event | (pl.col("ts_event").is_null() & pl.all_horizontal(*received))


def _within(column: str, asked: Range) -> Iterator[pl.Expr]:
    """What a time in a range is like."""
    if asked.since is not None:
        yield pl.col(column) >= _time(asked.since)
    if asked.until is not None:
        yield pl.col(column) < _time(asked.until)


def _time(ts: int) -> pl.Expr:
    return pl.lit(ts, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))


def _one_of(instruments: Collection[str]) -> pl.Expr:
    """Said so that statistics of row groups can answer it, as long as there are few."""
    column = pl.col("instrument_id")
    if 0 < len(instruments) <= _MANY:
        return reduce(operator.or_, (column == each for each in instruments))
    return column.is_in(list(instruments))
