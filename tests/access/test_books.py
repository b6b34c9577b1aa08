"""Books at a time equal those of the venues' own simulations, and an independent replay."""

import random
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ssmd.access import books
from ssmd.access.archive import Archive
from ssmd.access.bars import NUMBER, TIME
from ssmd.access.opening import open_archive
from ssmd.sim.manual_clock import ManualClock
from tests import tier
from tests.access.world import Sides, Truth
from tests.venues.conversation import START

CHECKED = 10_000 if tier.FULL else 300
Played = tuple[Path, dict[str, list[Truth]]]


@pytest.fixture(scope="module")
def archive(played: Played) -> Archive:
    """Of all venues' simulations."""
    return open_archive(played[0], warn=False, clock=ManualClock(START))


def sides(book: pl.DataFrame) -> Sides:
    """The levels of a frame, by side and price."""

    def levels(side: str) -> Mapping[Decimal, Decimal]:
        rows = book.filter(pl.col("side") == side)
        return dict(rows.select("price", "size").rows())

    return levels("bid"), levels("ask")


def replayed(archive: Archive, truth: Truth) -> Sides:
    """The same book from the changes alone, row by row."""
    rows = archive.book(feed=truth.feed, instrument=truth.symbol, end=truth.at + 1).collect()
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    message: tuple[object, ...] = ()
    for row in rows.iter_rows(named=True):
        here = (row["connection"], row["ordinal"], row["part"])
        if row["is_snapshot"] and here != message:
            bids, asks = {}, {}
        message = here
        if row["side"] is not None:
            book = bids if row["side"] == "bid" else asks
            book[row["price"]] = row["size"]
            if not row["size"]:
                del book[row["price"]]
    return bids, asks


def test_books_at_random_times_are_the_venues_own(
    archive: Archive, played: Played, seed: int
) -> None:
    """Level by level, of every venue, whether a checkpoint or a snapshot gave the beginning."""
    everything = [truth for truths in played[1].values() for truth in truths]
    chosen = random.Random(seed).choices(everything, k=CHECKED)
    assert {truth.feed for truth in chosen} == set(archive.feeds())
    for truth in chosen:
        book = archive.book(feed=truth.feed, instrument=truth.symbol, at=truth.at).collect()
        assert sides(book) == truth.sides, (seed, truth[:3])
        assert book["book_ok"].all(), (seed, truth[:3])


def test_books_equal_a_replay_of_their_changes(archive: Archive, played: Played, seed: int) -> None:
    """The changes alone give the same book: a reader needs no rule of any venue."""
    chosen = random.Random(seed)
    for truths in played[1].values():
        truth = chosen.choice(truths)
        assert replayed(archive, truth) == truth.sides, (seed, truth[:3])


def test_a_book_is_shown_the_best_first(archive: Archive, played: Played) -> None:
    """Bids down, asks up, numbered from 1, no deeper than asked."""
    truth = played[1]["kraken"][-1]
    asked = {"feed": "kraken", "instrument": truth.symbol, "at": truth.at}
    whole = archive.book(**asked).collect()  # type: ignore[arg-type] # one of each kind
    top = archive.book(depth=2, **asked).collect()  # type: ignore[arg-type] # as above
    assert top.select("side", "level").rows() == [("bid", 1), ("bid", 2), ("ask", 1), ("ask", 2)]
    bids, asks = truth.sides
    assert top["price"].to_list() == sorted(bids, reverse=True)[:2] + sorted(asks)[:2]
    assert whole.filter(pl.col("level") <= 2).equals(top)
    assert whole["ts_recv"].to_physical().max() <= truth.at  # type: ignore[operator] # it has rows


def said(*rows: tuple[str, int, bool, str | None, int | None, int | None, bool]) -> pl.DataFrame:
    """Changes: connection, ordinal, snapshot, side, price, size, repeat."""
    told = [
        ("f", "v:X", at, side, price, size, snapshot, not repeat, of, number, 0, repeat)
        for at, (of, number, snapshot, side, price, size, repeat) in enumerate(rows)
    ]
    kinds = {"ts_recv": TIME, "price": NUMBER, "size": NUMBER}
    columns = {name: kinds.get(name) for name in books._COLUMNS}
    return pl.DataFrame(told, schema=columns, orient="row")


def test_a_snapshot_replaces_what_was_known() -> None:
    """Levels of before are gone, whether it has some or none; a level of size 0 is gone too."""
    rows = said(
        ("a", 1, True, "bid", 1, 5, False), ("a", 1, True, "ask", 3, 5, False),
        ("a", 2, False, "bid", 2, 7, False),
        ("a", 3, True, "bid", 1, 9, False), ("a", 3, True, "ask", 4, 9, False),
        ("a", 4, False, "ask", 4, 0, False), ("a", 5, False, "ask", 5, 1, False),
    )  # fmt: skip
    found = books._book(rows, [], None)
    assert found is not None
    assert found.select("side", "price", "size").rows() == [("bid", 1, 9), ("ask", 5, 1)]
    empty = books._book(pl.concat([rows, said(("a", 6, True, None, None, None, False))]), [], None)
    assert empty is not None
    assert empty.is_empty()
    assert books._book(rows.slice(5), [], None) is None, "it has no beginning"


def test_the_book_is_that_of_the_connection_that_counts() -> None:
    """Two connections hold one book: the rows of the other are repeats, until it takes over."""
    rows = said(
        ("a", 1, True, "bid", 1, 5, False), ("b", 1, True, "bid", 1, 6, True),
        ("a", 2, False, "bid", 2, 5, False), ("b", 2, False, "bid", 2, 6, True),
    )  # fmt: skip
    first, then = books._book(rows, [], None), said(("b", 3, True, "bid", 7, 7, False))
    taken = books._book(pl.concat([rows, then]), [], None)
    assert first is not None
    assert taken is not None
    assert first.select("price", "size", "connection").rows() == [(2, 5, "a"), (1, 5, "a")]
    assert taken.select("price", "size", "connection").rows() == [(7, 7, "b")]
    assert first["book_ok"].all()


def test_there_is_no_book_before_there_was_one(archive: Archive) -> None:
    """An empty answer, not an empty book."""
    symbol = archive.book(feed="kraken").select("symbol").collect()["symbol"][0]
    assert archive.book(instrument=symbol, feed="kraken", at=START - 1).collect().is_empty()


def test_the_simulations_give_every_table_rows(archive: Archive) -> None:
    """What is compared above is not nothing."""
    for name in archive.schema():
        assert archive.sql(f"SELECT count(*) AS n FROM {name}").rows()[0]["n"], name  # noqa: S608 - names of ours
