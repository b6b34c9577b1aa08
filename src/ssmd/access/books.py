"""A book at a time: the newest checkpoint before it, and the changes since."""

import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from ssmd.access.ask import Ask
from ssmd.access.bars import NUMBER, TIME
from ssmd.access.scan import rows
from ssmd.access.times import Range
from ssmd.archive.store.port import Store
from ssmd.archive.tables import reading
from ssmd.archive.tables.built import Link

SCHEMA: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "side": pl.String(),
        "level": pl.UInt32(),
        "price": NUMBER,
        "size": NUMBER,
        "book_ok": pl.Boolean(),
        "connection": pl.String(),
        "ts_recv": TIME,
    }
)
"""The columns of a book; `level` counts from 1, the best; `ts_recv` is that of the last message
that said anything about the book, null when that was before the checkpoint."""

_COLUMNS: Final = (
    "feed", "instrument_id", "ts_recv", "side", "price", "size", "is_snapshot", "book_ok",
    "connection", "ordinal", "part", "is_repeat",
)  # fmt: skip
_MESSAGE: Final = ("connection", "ordinal", "part")


class Saved(msgspec.Struct, frozen=True):
    """One connection's book of one instrument, as a checkpoint has it.

    Attributes:
        instrument: `venue:symbol`.
        connection: Which connection.
        is_primary: Whether its books are the ones to take.
        ok: Whether it was proved.
        levels: Sides, prices and sizes.
    """

    instrument: str
    connection: str
    is_primary: bool
    ok: bool
    levels: pl.DataFrame


def book_at(
    store: Store, ask: Ask, at: int, depth: int | None, *, losses: Path | Store | None
) -> pl.DataFrame:
    """The books of instruments as they were known at a time.

    Args:
        store: The archive.
        ask: Of the table of book changes; its range is of no account.
        at: When, ns: what was received at this very moment counts.
        depth: How many levels of a side; None for all.
        losses: Where the ledger is read, to tell losses since the checkpoint; None tells none.
    """
    made = [pl.DataFrame(schema=SCHEMA)]
    for feed in ask.symbols:
        own = msgspec.structs.replace(ask, symbols={feed: ask.symbols[feed]})
        saved, changes = _told(store, own, at, losses=losses)
        parts = {
            str(key[0]): part
            for key, part in changes.partition_by("instrument_id", as_dict=True).items()
        }
        for instrument in sorted(parts.keys() | saved.keys()):
            here = parts.get(instrument, changes.clear())
            book = _book(here, saved.get(instrument, []), depth)
            if book is not None:
                names = (pl.lit(feed).alias("feed"), pl.lit(instrument).alias("instrument_id"))
                made.append(book.with_columns(*names).select(SCHEMA.names()).cast(SCHEMA))
    return pl.concat(made)


def _told(
    store: Store, ask: Ask, at: int, *, losses: Path | Store | None
) -> tuple[dict[str, list[Saved]], pl.DataFrame]:
    """What the newest checkpoint has, and every change since."""
    before = [each for each in reading.contents(store, list(ask.symbols)).built if each.end <= at]
    saved = _checkpoint(store, ask, before[-1]) if before else {}
    since = before[-1].end if before else None
    asked = Range(since, at + 1)
    wanted = msgspec.structs.replace(ask, asked=asked, by="ts_recv", repeats=True)
    return saved, rows(store, wanted, losses=losses).select(_COLUMNS).collect()


def _book(changes: pl.DataFrame, saved: Sequence[Saved], depth: int | None) -> pl.DataFrame | None:
    """The book of an instrument's primary connection; None when nothing gave it a beginning."""
    said = changes.filter(~pl.col("is_repeat"))
    primary = next((each.connection for each in saved if each.is_primary), None)
    if said.height:
        primary = said["connection"][-1]
    base = next((each for each in saved if each.connection == primary), None)
    mine = changes.filter(pl.col("connection") == primary).with_row_index("at")
    snapshots = mine.filter(pl.col("is_snapshot"))
    if snapshots.height:
        newest = snapshots.tail(1).select(_MESSAGE)
        first = mine.join(newest, on=_MESSAGE, nulls_equal=True)["at"].min()
        mine, base = mine.filter(pl.col("at") >= first), None
    elif base is None:
        return None
    is_ok = bool(mine["book_ok"][-1]) if mine.height else base is not None and base.ok
    levels = mine.select("side", "price", "size")
    if base is not None:
        levels = pl.concat([base.levels, levels])
    return (
        levels.filter(pl.col("side").is_not_null())
        .group_by("side", "price", maintain_order=True)
        .agg(pl.col("size").last())
        .filter(pl.col("size") > 0)
        .with_columns(_rank())
        .filter(True if depth is None else pl.col("level") <= depth)
        .sort(pl.col("side") == "ask", "level")
        .with_columns(
            pl.lit(is_ok).alias("book_ok"),
            pl.lit(primary).alias("connection"),
            pl.lit(mine["ts_recv"].max() if mine.height else None, dtype=TIME).alias("ts_recv"),
        )
    )


def _rank() -> pl.Expr:
    """The best bid is the highest, the best ask the lowest."""
    rank = pl.col("price").rank("ordinal", descending=True)
    other = pl.col("price").rank("ordinal")
    bid = pl.col("side") == "bid"
    return pl.when(bid).then(rank.over("side")).otherwise(other.over("side")).alias("level")


def _checkpoint(store: Store, ask: Ask, slot: Link) -> dict[str, list[Saved]]:
    """Every book at the end of a slot that is asked for."""
    found: dict[str, list[Saved]] = {}
    if slot.books is None:
        return found
    content = io.BytesIO(store.read(slot.books.name))
    kept = pl.read_parquet(content, hive_partitioning=False).filter(pl.col("symbol") != "")
    if ask.instruments is not None:
        kept = kept.filter(pl.col("instrument_id").is_in(ask.instruments))
    for row in kept.iter_rows(named=True):
        levels = [
            (side, Decimal(price), Decimal(size))
            for side in ("bid", "ask")
            for price, size in zip(row[f"{side}_prices"], row[f"{side}_sizes"], strict=True)
        ]
        schema = {"side": pl.String(), "price": NUMBER, "size": NUMBER}
        frame = pl.DataFrame(levels, schema=schema, orient="row")
        book = Saved(row["instrument_id"], row["connection"], row["is_primary"], row["ok"], frame)
        found.setdefault(book.instrument, []).append(book)
    return found
