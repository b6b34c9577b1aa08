"""Rows of every message, with every number exact."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kraken_futures import VENUE
from ssmd.venues.kraken_futures.tables import BookLevel, Ticker, TickerLite, Trade
from tests.venues.kraken_futures.frames import (
    MILLIS,
    TIME_NS,
    XBT,
    book,
    book_snapshot,
    lite,
    rows,
    ticker,
    trade,
    trade_snapshot,
)


def only(decoded: Decoded) -> Row:
    (row,) = decoded.rows
    assert decoded.rejects == ()
    return row


def rejected(decoded: Decoded) -> Reject:
    (reject,) = decoded.rejects
    return reject


def test_a_ticker_keeps_every_field() -> None:
    """Funding rates with all their digits, exponents included."""
    assert only(rows("ticker", ticker())) == Ticker(
        symbol=XBT,
        ts_event=TIME_NS,
        bid=Decimal("84001.0"),
        bid_size=Decimal("0.0311"),
        ask=Decimal("84002.0"),
        ask_size=Decimal("0.006"),
        last=Decimal("83997.0"),
        volume=Decimal("1234.5678"),
        volume_quote=Decimal("103702345.125"),
        open=Decimal("84190.0"),
        high=Decimal("85001.0"),
        low=Decimal("83000.0"),
        change=Decimal("1.2345678901234567"),
        premium=Decimal("-0.0"),
        index=Decimal("83990.25"),
        mark_price=Decimal("84003.12345678901"),
        open_interest=Decimal("2222.3333"),
        funding_rate=Decimal("0.5551234567890123"),
        funding_rate_prediction=Decimal("-0.000000000013"),
        relative_funding_rate=Decimal("0.000003141592653589"),
        relative_funding_rate_prediction=Decimal("-0.0000002718281"),
        next_funding_rate_time=TIME_NS + 3_600 * 10**9,
        suspended=False,
        post_only=True,
        leverage="100x",
        tag="perpetual",
        pair="XBT:USD",
        days_to_maturity=0,
        maturity_time=0,
    )


def test_missing_null_zero_and_empty_stay_apart() -> None:
    """A product that never traded has no last price; a price of 0 is a price."""
    row = only(rows("ticker", ticker(last="null", open="", bid="0", ask="0.0", pair='""')))
    assert isinstance(row, Ticker)
    assert (row.last, row.open, row.bid, row.ask) == (None, None, Decimal(0), Decimal(0))
    assert row.pair == ""
    assert row.extra is None


@pytest.mark.parametrize(
    ("new", "old", "prediction", "extra"),
    [
        ("-0.014", "-0.014", "-0.014", None),
        ("", "-0.014", "-0.014", None),
        ("-0.014", "", "-0.014", None),
        ("-0.014", "0.5", "-0.014", {"fundingRatePrediction": 0.5}),
    ],
)
def test_two_spellings_of_the_prediction_are_one_figure(
    new: str, old: str, prediction: str, extra: object
) -> None:
    """Once they differed in spelling only; should they differ in value, both are kept."""
    payload = ticker(funding_rate_prediction=new, fundingRatePrediction=old)
    row = only(rows("ticker", payload))
    assert isinstance(row, Ticker)
    assert row.funding_rate_prediction == Decimal(prediction)
    assert (row.extra and json.loads(row.extra)) == extra


def test_what_nobody_knows_yet_is_kept() -> None:
    """Exactly, digits included."""
    row = only(rows("ticker", ticker(greeks='{"delta":1.10}')))
    assert row.extra == '{"greeks":{"delta":1.10}}'


def test_what_a_column_cannot_hold_is_kept_as_text() -> None:
    """Never rounded, never dropped."""
    row = only(rows("ticker", ticker(bid="1.23456789012", markPrice='"n/a"')))
    assert isinstance(row, Ticker)
    assert (row.bid, row.mark_price) == (None, None)
    assert row.inexact == {"bid": "1.23456789012", "mark_price": "n/a"}


def test_a_lite_ticker_keeps_every_field() -> None:
    """It carries no time."""
    assert only(rows("ticker_lite", lite())) == TickerLite(
        symbol=XBT,
        bid=Decimal("411.1"),
        ask=Decimal("411.4"),
        volume=Decimal("1000001.0"),
        volume_quote=Decimal("1000001.0"),
        change=Decimal("2.123456789012345"),
        premium=Decimal("0.3"),
        tag="month",
        pair="LTC:USD",
        days_to_maturity=7,
        maturity_time=1_640_000_000_000 * 10**6,
    )


@pytest.mark.parametrize("kind", ["fill", "liquidation", "termination", "block", "unknown"])
def test_a_trade_keeps_how_it_came_about(kind: str) -> None:
    """The venue's words, also those that come with time."""
    assert only(rows("trade", trade(45, kind=kind))) == Trade(
        symbol=XBT,
        ts_event=TIME_NS,
        native_id="uid-45",
        side="sell",
        price=Decimal("84001.0"),
        size=Decimal("0.0052"),
        trade_type=kind,
        seq=45,
    )


def test_a_trade_snapshot_repeats_trades_newest_first() -> None:
    """They carry their ids, so that whoever heard them before can tell."""
    decoded = rows("trade_snapshot", trade_snapshot([9, 8, 7]))
    assert decoded.rejects == ()
    assert [row.native_id for row in decoded.rows] == ["uid-9", "uid-8", "uid-7"]
    for row in decoded.rows:
        assert isinstance(row, Trade)
        assert (row.is_snapshot, row.side, row.symbol) == (True, "buy", XBT)


def test_an_empty_snapshot_is_one_row_that_says_so() -> None:
    """That there is nothing now is a fact."""
    assert only(rows("trade_snapshot", trade_snapshot([]))) == Trade(symbol=XBT, is_snapshot=True)
    empty = book_snapshot(7, bids=(), asks=())
    assert only(rows("book_snapshot", empty)) == BookLevel(
        symbol=XBT, ts_event=TIME_NS, is_snapshot=True, seq=7
    )


@pytest.mark.parametrize(("theirs", "ours"), [("buy", "bid"), ("sell", "ask")])
def test_a_book_change_is_a_level(theirs: str, ours: str) -> None:
    """Its size is all that rests there."""
    assert only(rows("book", book(12, side=theirs))) == BookLevel(
        symbol=XBT,
        ts_event=TIME_NS,
        side=ours,
        price=Decimal("84001.5"),
        size=Decimal("0.25"),
        seq=12,
    )


def test_a_removal_has_size_zero() -> None:
    """It is a statement, not a missing value."""
    row = only(rows("book", book(12).replace(b"0.25", b"0.0")))
    assert isinstance(row, BookLevel)
    assert row.size == 0
    assert row.size is not None


def test_a_book_snapshot_has_all_levels_in_order() -> None:
    """Best first, numbered on each side."""
    many = [(f"{84000 - at}.5", "1e-7") for at in range(1800)]
    decoded = rows("book_snapshot", book_snapshot(12, bids=many))
    assert len(decoded.rows) == 1801
    first, last_bid, ask = decoded.rows[0], decoded.rows[1799], decoded.rows[1800]
    assert first == BookLevel(
        symbol=XBT,
        ts_event=TIME_NS,
        is_snapshot=True,
        side="bid",
        price=Decimal("84000.5"),
        size=Decimal("0.0000001"),
        level=0,
        seq=12,
    )
    assert isinstance(last_bid, BookLevel)
    assert isinstance(ask, BookLevel)
    assert (last_bid.level, last_bid.side) == (1799, "bid")
    assert (ask.level, ask.side) == (0, "ask")


def test_a_bad_level_or_trade_leaves_its_neighbours_alone() -> None:
    """It is counted, with its place."""
    bids = [("5", "1"), ("null", "1"), ("3", "1")]
    decoded = rows("book_snapshot", book_snapshot(7, bids=bids))
    assert [row.level for row in decoded.rows if isinstance(row, BookLevel)] == [0, 2, 0]
    assert rejected(decoded) == Reject("f-0-x:7:0", "bids[1]", "`price` is missing")
    broken = trade_snapshot([9, 8, 7]).replace(b'"side":"buy"', b'"side":"hold"', 1)
    decoded = rows("trade_snapshot", broken)
    assert [row.native_id for row in decoded.rows] == ["uid-8", "uid-7"]
    assert rejected(decoded).where == "trades[0]"
    decoded = rows("trade_snapshot", trade_snapshot([9, 8]).replace(b'"trades":[', b'"trades":[7,'))
    assert len(decoded.rows) == 2
    assert rejected(decoded).where == "trades[0]"


def test_what_a_snapshot_says_beside_its_list_is_kept_with_its_first_row() -> None:
    """`tickSize` has always been null; the day it is not, it is a fact."""
    payload = book_snapshot(7).replace(b'"tickSize":null', b'"tickSize":0.5')
    decoded = rows("book_snapshot", payload)
    assert [row.extra for row in decoded.rows] == ['{"tickSize":0.5}', None, None]
    payload = payload.replace(b'"qty":0.25', b'"qty":0.25,"orders":3')
    assert rows("book_snapshot", payload).rows[0].extra == '[{"tickSize":0.5},{"orders":3}]'


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("ticker", b"[]"),
        ("ticker", b"not json"),
        ("ticker", b'{"feed":"ticker"}'),
        ("ticker", ticker(suspended='"perhaps"')),
        ("trade", trade(5).replace(b'"side":"sell"', b'"side":"?"')),
        ("trade", trade(5).replace(b'"qty":0.0052', b'"qty":null')),
        ("book", book(5, side="both")),
        ("book_snapshot", book_snapshot(5).replace(b'"asks":[', b'"asks":{},"x":[')),
        ("settled", ticker()),
    ],
)
def test_what_cannot_be_read_is_a_reject_with_its_envelope(kind: str, payload: bytes) -> None:
    """Found again by that id, whatever it was."""
    decoded = rows(kind, payload)
    assert decoded.rows == ()
    assert rejected(decoded).envelope == "f-0-x:7:0"
    assert rejected(decoded).reason


@pytest.mark.parametrize("kind", ["_control", "_unread", "_rest", "_ledger"])
def test_what_is_no_market_data_has_no_rows(kind: str) -> None:
    """The talk is in the archive, not in tables."""
    assert rows(kind, ticker()) == Decoded()


def test_sizes_times_and_ids_may_be_text() -> None:
    """Formats change, facts do not."""
    drifted = (
        b'{"feed":"trade","product_id":"pf_xbtusd","uid":17,"side":"buy","type":"fill",'
        b'"time":"%d","qty":"0.0010","price":"84001","seq":"5"}' % MILLIS
    )
    assert only(rows("trade", drifted)) == Trade(
        symbol=XBT,
        ts_event=TIME_NS,
        native_id="17",
        side="buy",
        price=Decimal(84001),
        size=Decimal("0.001"),
        trade_type="fill",
        seq=5,
    )


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)


@given(price=NUMBERS, kind=st.sampled_from(["e", "f"]))
def test_any_number_is_exact_or_kept_as_text(price: Decimal, kind: str) -> None:
    """In whatever way it is written."""
    text = f"{price:{kind}}"
    row = only(rows("book", book(1).replace(b"84001.5", text.encode())))
    assert isinstance(row, BookLevel)
    kept = row.inexact["price"] if row.price is None else row.price
    assert Decimal(kept) == Decimal(text)


@given(st.sampled_from(sorted(VENUE.types)), st.binary(max_size=60))
def test_no_bytes_raise(kind: str, payload: bytes) -> None:
    """An archive of ten years holds everything."""
    decoded = rows(kind, payload)
    assert decoded.rows or decoded.rejects


@given(
    st.sampled_from([ticker(), lite(), trade(3), trade_snapshot([3]), book(3), book_snapshot(3)]),
    st.integers(0, 700),
    st.integers(0, 9),
    st.binary(max_size=4),
)
def test_no_damage_raises(payload: bytes, at: int, cut: int, new: bytes) -> None:
    """Each damaged message gives rows or rejects, under whatever type it was filed."""
    for kind in VENUE.types:
        decoded = rows(kind, payload[:at] + new + payload[at + cut :])
        assert decoded.rows or decoded.rejects
