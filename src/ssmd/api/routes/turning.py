"""Pages of what is made whole each time: a cursor is the place of a row, not a number."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import polars as pl

from ssmd.api.problems import Refused
from ssmd.api.wire import Page

T = TypeVar("T")
_PLACE = "place"
Place = list[str]
"""The place of a row: texts of what it is ordered by, and which of those that are the same it is."""


def placed(frame: pl.DataFrame, order: Sequence[str], *, descending: bool = False) -> pl.DataFrame:
    """The rows in a total order, each with a text of its place: no two have the same.

    Args:
        frame: The rows.
        order: What they are ordered by.
        descending: Whether the greatest comes first.
    """
    parts = [_part(frame, name) for name in order]
    nth = pl.int_range(pl.len()).over(order).cast(pl.String)
    told = frame.with_columns(pl.concat_list(*parts, nth).alias(_PLACE))
    return told.sort(*order, descending=descending, nulls_last=not descending, maintain_order=True)


def turned(
    rows: pl.DataFrame,
    after: Place | None,
    limit: int,
    made: Callable[[dict[str, Any]], T],
    cursor: Callable[[Place], str],
) -> Page[T]:
    """The rows after a place. Others that came or went meanwhile change nothing about that.

    Args:
        rows: All of them, `placed`.
        after: The place of the last row of the page before.
        limit: Most rows.
        made: Makes an item of a row; its times are in ns.
        cursor: Makes a cursor of a place.

    Raises:
        Refused: 400, when it is no place, or the row that stood there is gone.
    """
    begin = 0 if after is None else _index(rows, after)
    shown = rows[begin : begin + limit]
    items = [made(row) for row in times(shown).drop(_PLACE).iter_rows(named=True)]
    is_last = begin + limit >= rows.height
    return Page(items=items, next=None if is_last else cursor(list(shown[_PLACE][-1])))


def _part(frame: pl.DataFrame, name: str) -> pl.Expr:
    if isinstance(frame.schema[name], pl.Datetime):
        return pl.col(name).dt.timestamp("ns").cast(pl.String).fill_null("")
    return pl.col(name).cast(pl.String).fill_null("")


def _index(rows: pl.DataFrame, after: Place) -> int:
    """Where the rows after a place begin."""
    places = rows[_PLACE].to_list()
    if after not in places:
        raise Refused(
            400, "cursor", "What this cursor stood at is gone.", "Begin again without `cursor`."
        )
    return places.index(after) + 1


def times(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with times in ns."""
    names = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(name).dt.timestamp("ns") for name in names)
