"""Frames whose rows are made when they are collected."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl
from polars.io.plugins import register_io_source

Make = Callable[[Sequence[str], pl.Expr | None], Iterator[pl.DataFrame]]
"""Makes the rows in pieces. It is told which columns are needed, and by what the rows will be
filtered; more columns and more rows do no harm."""


def later(name: str, schema: Mapping[str, pl.DataType], make: Make) -> pl.LazyFrame:
    """A frame whose rows are made at every `collect` anew.

    Args:
        name: How it is called in a plan (`explain`).
        schema: Its columns.
        make: Makes them; it is stopped when enough rows were made.
    """

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows
        wanted = list(schema) if columns is None else columns
        filtering = [] if predicate is None else predicate.meta.root_names()
        for made in make(list(dict.fromkeys([*wanted, *filtering])), predicate):
            piece = made if predicate is None else made.filter(predicate)
            piece = (piece if left is None else piece.head(left)).select(wanted)
            yield piece
            if left is not None:
                left -= piece.height
                if left <= 0:
                    return

    return register_io_source(source, schema=pl.Schema(schema), explain_name=name)


def whole(name: str, schema: pl.Schema, make: Callable[[], pl.DataFrame]) -> pl.LazyFrame:
    """The same for rows that are made all at once."""

    def pieces(_columns: Sequence[str], _predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        yield make()

    return later(name, schema, pieces)
