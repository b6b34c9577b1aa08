"""Rows a page at a time, in one stable order, however much was recorded in between."""

from collections.abc import Sequence

import msgspec
import polars as pl

from ssmd.access.scan import ORDER


class Page(msgspec.Struct, frozen=True):
    """Some rows, and where the next ones begin.

    Attributes:
        rows: The rows.
        after: What the next page comes after: the place of the last row; None at the end.
    """

    rows: pl.DataFrame
    after: list[str | int] | None


def page(
    frame: pl.LazyFrame,
    after: Sequence[str | int] | None,
    limit: int,
    order: Sequence[str] = ORDER,
) -> Page:
    """The rows after a place, and no more of them read than is needed.

    The order is that of receipt, then feed, connection, ordinal, part, row: what is recorded later
    comes later, so that nothing is told twice or left out while pages are turned. What is fetched
    or made good afterwards may lie before the place, and is not told.

    Args:
        frame: Rows of a table in the order of their receipt (`ordered=True`).
        after: The place of the last row of the page before, as `Page.after` gave it.
        limit: Most rows.
        order: The columns that they are ordered by, a time first.
    """
    wanted = frame if after is None else frame.filter(*_after(after, order))
    taken: list[pl.DataFrame] = []
    left = limit + 1
    for piece in wanted.collect_batches(maintain_order=True):
        taken.append(piece.head(left))
        left -= taken[-1].height
        if left <= 0:
            break
    rows = pl.concat(taken) if taken else pl.DataFrame(schema=frame.collect_schema())
    if rows.height <= limit:
        return Page(rows, None)
    rows = rows.head(limit)
    last = rows.tail(1).select(pl.col(order[0]).dt.timestamp("ns"), *order[1:]).row(0)
    return Page(rows, list(last))


def _after(place: Sequence[str | int], order: Sequence[str]) -> Sequence[pl.Expr]:
    """What comes after a place; the first part alone tells which files can hold it."""
    ts = pl.lit(place[0], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    later = pl.lit(value=False)
    for name, value in reversed(list(zip(order[1:], place[1:], strict=True))):
        later = (pl.col(name) > value) | ((pl.col(name) == value) & later)
    time = pl.col(order[0])
    return [time >= ts, (time > ts) | later]
