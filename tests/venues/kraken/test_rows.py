"""Rows hold what the venue said: every field, every digit, and nothing it did not say."""

import json
from collections.abc import Callable
from decimal import Context, Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.row import Reject
from ssmd.venues.kraken import VENUE
from ssmd.venues.kraken.tables import (
    AssetRow,
    BookRow,
    InstrumentRow,
    OhlcRow,
    TickerRow,
    TradeRow,
)
from tests.venues.kraken import frames
from tests.venues.kraken.rowing import decoded, envelope, message, of, rows
from tests.venues.kraken.simulating import full_session

PAIR = {
    "symbol": "NEW/COIN", "base": "NEW", "quote": "COIN", "status": "post_only",
    "qty_precision": 8, "qty_increment": 0.5, "price_precision": 1, "cost_precision": 5,
    "marginable": True, "has_index": False, "cost_min": 0.5, "margin_initial": 0.2,
    "position_limit_long": 300, "position_limit_short": 0, "tick_size": 0.1,
    "price_increment": 0.1, "qty_min": 0.25, "execution_venue": "international",
}  # fmt: skip
ASSET = {"id": "NEW", "status": "enabled", "precision": 10, "precision_display": 5,
         "borrowable": False, "collateral_value": 0.5, "margin_rate": 0.25}  # fmt: skip


def test_a_ticker_keeps_every_figure_to_its_last_digit() -> None:
    """Trailing zeros are the venue's precision; a float would lose them."""
    (row,) = rows("ticker", frames.ticker("ETH/USD"))
    assert row == TickerRow(
        symbol="ETH/USD",
        ts_event=frames.TIME_NS,
        bid=Decimal("83744.2"), bid_size=Decimal("0.56251979"),
        ask=Decimal("83744.3"), ask_size=Decimal("0.00044780"),
        last=Decimal("83744.3"), volume=Decimal("3156.84782110"), vwap=Decimal("84174.6"),
        low=Decimal("83163.6"), high=Decimal("85247.4"),
        change=Decimal("-429.3"), change_pct=Decimal("-0.51"), trades=135262,
    )  # fmt: skip
    assert isinstance(row, TickerRow)
    assert str(row.ask_size) == "0.00044780"


def test_every_trade_of_a_message_is_a_row_with_its_id() -> None:
    """One message holds many trades, in theory of several pairs."""
    made = rows("trade", frames.trade("BTC/USD", "ETH/USD"))
    assert [(row.symbol, row.native_id, row.is_snapshot) for row in made] == [
        ("BTC/USD", "0", False), ("ETH/USD", "1", False),
    ]  # fmt: skip
    assert made[1] == TradeRow(
        symbol="ETH/USD", ts_event=frames.TIME_NS, native_id="1", side="buy",
        price=Decimal("83744.3"), size=Decimal("0.00044780"), ord_type="limit", trade_id=1,
    )  # fmt: skip


def test_trades_repeated_at_a_subscription_are_marked() -> None:
    """They are told again after every reconnect, and counted once by their ids."""
    repeated = frames.trade("BTC/USD").replace(b'"update"', b'"snapshot"')
    (row,) = rows("trade", repeated)
    assert row.is_snapshot
    assert row.native_id == "0"


def test_a_trade_id_may_be_a_text() -> None:
    """An earlier system met both."""
    (row,) = rows("trade", frames.trade("BTC/USD").replace(b'"trade_id":0', b'"trade_id":"17"'))
    assert isinstance(row, TradeRow)
    assert (row.native_id, row.trade_id) == ("17", 17)


def test_a_snapshot_gives_every_level_its_place() -> None:
    """The book can be rebuilt from the rows alone."""
    made = rows("book", frames.snapshot())
    assert [
        (row.side, row.level, row.price, row.size) for row in made if isinstance(row, BookRow)
    ] == [
        *(("bid", n, Decimal(p), Decimal(q)) for n, (p, q) in enumerate(frames.BIDS)),
        *(("ask", n, Decimal(p), Decimal(q)) for n, (p, q) in enumerate(frames.ASKS)),
    ]
    assert {row.is_snapshot for row in made} == {True}
    assert {row.checksum for row in made if isinstance(row, BookRow)} == {
        frames.crc(frames.ASKS, frames.BIDS)
    }


def test_an_update_gives_absolute_sizes_and_zero_is_a_removal() -> None:
    """Zero is a statement, not a missing value."""
    item = frames.item("BTC/USD", [("10.0", "0.00000000"), ("9.0", "3")], [], 5)
    made = rows("book", frames.book("update", item))
    assert made == tuple(
        BookRow(symbol="BTC/USD", ts_event=frames.TIME_NS, side="bid", price=Decimal(price),
                size=Decimal(size), checksum=5)
        for price, size in (("10.0", "0"), ("9.0", "3"))
    )  # fmt: skip
    assert not made[0].is_snapshot


@pytest.mark.parametrize("kind", ["snapshot", "update"])
def test_a_book_without_levels_is_one_row(kind: str) -> None:
    """That the book is empty now is news."""
    (row,) = rows("book", frames.book(kind, frames.item("BTC/USD", [], [], 0)))
    assert row == BookRow(
        symbol="BTC/USD", ts_event=frames.TIME_NS, is_snapshot=kind == "snapshot", checksum=0
    )


@pytest.mark.parametrize("kind", ["ticker", "trade", "book"])
def test_a_message_about_nothing_is_one_row_of_nothing(kind: str) -> None:
    """A pair that never traded has an empty snapshot, and it names no pair."""
    (row,) = rows(kind, message(kind, [], "snapshot"))
    assert row.table == kind
    assert (row.symbol, row.is_snapshot) == (None, True)


def test_pairs_and_assets_are_two_tables() -> None:
    """One message, two kinds of fact; a change of status is a row with the status as it came."""
    made = rows("instrument", message("instrument", {"assets": [ASSET], "pairs": [PAIR]}))
    (pair,), (asset,) = of(made, "instrument"), of(made, "asset")
    assert pair == InstrumentRow(
        symbol="NEW/COIN", base="NEW", quote="COIN", status="post_only",
        qty_precision=8, qty_increment=Decimal("0.5"), qty_min=Decimal("0.25"),
        price_precision=1, price_increment=Decimal("0.1"), tick_size=Decimal("0.1"),
        cost_precision=5, cost_min=Decimal("0.5"), marginable=True,
        margin_initial=Decimal("0.2"), position_limit_long=Decimal(300),
        position_limit_short=Decimal(0), has_index=False, execution_venue="international",
    )  # fmt: skip
    assert asset == AssetRow(
        symbol=None, asset="NEW", status="enabled", precision=10, precision_display=5,
        borrowable=False, collateral_value=Decimal("0.5"), margin_rate=Decimal("0.25"),
    )  # fmt: skip


def test_an_instrument_message_of_nothing_is_one_row() -> None:
    """It was said, so it is kept."""
    (row,) = rows("instrument", message("instrument", {"assets": [], "pairs": []}, "snapshot"))
    assert row == InstrumentRow(symbol=None, is_snapshot=True)


def test_numbers_may_be_texts_and_exponents() -> None:
    """The same number in three spellings."""
    for spelling in (b"0.00000001", b"1E-8", b'"0.00000001"'):
        payload = frames.trade("A/B").replace(b"0.00044780", spelling)
        (row,) = rows("trade", payload)
        assert isinstance(row, TradeRow)
        assert row.size == Decimal("0.00000001")


def test_null_zero_and_empty_stay_three_things() -> None:
    """Missing is unknown, zero is zero, and an empty text is no number but was said."""
    for spelling, expected, inexact in (
        (b"null", None, {}),
        (b"0", Decimal(0), {}),
        (b'""', None, {"last": ""}),
    ):
        payload = frames.ticker().replace(b'"last":83744.3', b'"last":' + spelling)
        (row,) = rows("ticker", payload)
        assert isinstance(row, TickerRow)
        assert (row.last, row.inexact) == (expected, inexact)


def test_a_candle_ends_later_than_it_is_told() -> None:
    """The time of an element is the end of its interval; the time of the message is now."""
    candle = {"symbol": "A/B", "open": 1, "high": 4, "low": 1, "close": 2, "trades": 33,
              "volume": 0.5, "vwap": 0, "interval": 1, "timestamp": "2026-08-02T05:44:00.000000Z",
              "interval_begin": "2026-08-02T05:43:00.000000000Z"}  # fmt: skip
    (row,) = rows("ohlc", message("ohlc", [candle], timestamp=frames.TIME))
    minute = frames.TIME_NS - frames.TIME_NS % 60_000_000_000
    assert row == OhlcRow(
        symbol="A/B", ts_event=frames.TIME_NS, interval=1, interval_begin=minute,
        interval_end=minute + 60_000_000_000, open=Decimal(1), high=Decimal(4), low=Decimal(1),
        close=Decimal(2), vwap=Decimal(0), volume=Decimal("0.5"), trades=33,
    )  # fmt: skip
    (row,) = rows("ohlc", message("ohlc", [candle], "snapshot", timestamp="now"))
    assert (row.ts_event, row.is_snapshot, row.inexact) == (None, True, {"ts_event": "now"})
    assert row.extra is None


def test_what_a_column_cannot_hold_is_kept_as_text() -> None:
    """Nothing is rounded."""
    payload = frames.trade("A/B").replace(b"0.00044780", b"0.12345678901")
    (row,) = rows("trade", payload)
    assert isinstance(row, TradeRow)
    assert (row.size, row.inexact) == (None, {"size": "0.12345678901"})
    payload = frames.snapshot("A/B", [("5.5", "1e-11")], [])
    (level,) = rows("book", payload)
    assert isinstance(level, BookRow)
    assert (level.size, level.inexact) == (None, {"size": "1E-11"})


def test_a_time_that_is_none_is_kept_as_text() -> None:
    """The row stands; only its time is unknown."""
    for time in ("yesterday", "9999-12-31T23:59:59.000000Z"):
        for kind, payload in (
            ("trade", frames.trade("A/B", time=time)),
            ("book", frames.snapshot().replace(frames.TIME.encode(), time.encode())),
        ):
            row = rows(kind, payload)[0]
            assert (row.ts_event, row.inexact) == (None, {"ts_event": time})


def test_fields_nobody_knows_are_kept_wherever_they_stand() -> None:
    """A new field of the venue is data from its first day."""
    level = {"price": 1, "qty": 2, "orders": 3}
    item = {"symbol": "A/B", "bids": [level], "asks": [], "venue": "x"}
    (row,) = rows("book", message("book", [item], "snapshot", timestamp="now"))
    assert json.loads(row.extra or "") == {
        "$message": {"timestamp": "now"}, "$level": {"orders": 3}, "venue": "x",
    }  # fmt: skip
    for kind, data in (
        ("instrument", {"pairs": [PAIR | {"new": 1}], "indices": [1]}),
        ("ticker", [{"symbol": "A/B", "new": 1}]),
    ):
        (row,) = rows(kind, message(kind, data, "refresh"))
        beside = {"data": {"indices": [1]}} if kind == "instrument" else {}
        assert json.loads(row.extra or "") == {
            "$message": {"type": "refresh", **beside}, "new": 1,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("ticker", [{"symbol": "A/B"}, {"bid": 1}, {"symbol": "C/D"}], "data[1]"),
        ("ticker", [{"symbol": "A/B"}, 5, {"symbol": "C/D"}], "data[1]"),
        ("trade", [{"symbol": "A/B", "price": 1, "qty": 1}, {"symbol": "A/B", "cost": 1},
                   {"symbol": "C/D", "price": 1, "qty": 1}], "data[1]"),
        ("book", [{"symbol": "A/B", "bids": []}, {"symbol": "A/B", "levels": []},
                  {"symbol": "C/D", "asks": []}], "data[1]"),
        ("book", [{"symbol": "A/B", "bids": []}, {"symbol": "A/B", "bids": {}},
                  {"symbol": "C/D", "asks": []}], "data[1]"),
        ("book", [{"symbol": "A/B", "bids": [{"price": 1, "qty": 1}, {"price": 1}]},
                  {"symbol": "C/D", "asks": []}], "data[0].bids[1]"),
        ("instrument", {"pairs": [{"symbol": "A/B"}, {"symbol": ""}, {"symbol": "C/D"}]},
         "data.pairs[1]"),
        ("instrument", {"assets": [{"id": "A"}, {"name": "B"}, {"id": "C"}]}, "data.assets[1]"),
    ],
)  # fmt: skip
def test_one_bad_piece_does_not_hurt_its_neighbours(kind: str, data: object, where: str) -> None:
    """It is one reject that says where it stands."""
    made = decoded(kind, message(kind, data))
    assert [(reject.envelope, reject.where) for reject in made.rejects] == [
        ("kraken-0-x:7:0", where)
    ]
    assert len(made.rows) == 2
    assert all(row.symbol or isinstance(row, AssetRow) for row in made.rows)


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("trade", b"", "not readable JSON"),
        ("trade", b"[" * 100_000, "not readable JSON"),
        ("trade", b'"\xff"', "codec"),
        ("trade", b"[1]", "not an object"),
        ("trade", frames.ticker(), "`channel` is 'ticker'"),
        ("trade", b'{"channel":"trade","type":"update"}', "`data` is missing"),
        ("trade", message("trade", {}), "`data` is not a list"),
        ("book", message("book", None), "`data` is missing"),
        ("instrument", message("instrument", []), "not an object"),
        ("instrument", message("instrument", {"listings": []}), "neither `data.pairs`"),
        ("candle", message("candle", []), "no rows of type 'candle'"),
    ],
)
def test_what_is_no_message_is_one_reject(kind: str, payload: bytes, reason: str) -> None:
    """Nothing vanishes without being counted."""
    made = decoded(kind, payload)
    (reject,) = made.rejects
    assert isinstance(reject, Reject)
    assert made.rows == ()
    assert reason in reject.reason


@pytest.mark.parametrize("kind", ["_unread", "_control", "_sent", "_connection", "_rest"])
def test_what_is_no_market_data_has_no_rows(kind: str) -> None:
    """Unread frames of the venue's retired protocol stay raw."""
    made = decoded(kind, b'[1,[["5541.30000","2.50700000"]],"trade","XBT/USD"]')
    assert (made.rows, made.rejects) == ((), ())


def test_every_row_is_of_a_known_table() -> None:
    """Whoever writes tables is told all of them beforehand."""
    assert len({row.table for row in VENUE.tables}) == len(VENUE.tables) == 6
    kinds = {type(row) for frame in full_session(1.0) for row in _of_any_type(frame)}
    assert kinds == {TickerRow, TradeRow, BookRow, OhlcRow}


def _of_any_type(frame: bytes) -> list[object]:
    channel = json.loads(frame).get("channel")
    return list(rows(channel, frame)) if channel in {"ticker", "trade", "book", "ohlc"} else []


def test_a_payload_of_another_time_is_read_alike() -> None:
    """The ticker had no time and no count of trades before 2026."""
    old = json.loads(frames.ticker())
    for name in ("timestamp", "trades"):
        del old["data"][0][name]
    (row,) = rows("ticker", json.dumps(old).encode())
    assert isinstance(row, TickerRow)
    assert (row.ts_event, row.trades, row.last) == (None, None, Decimal("83744.3"))


WIDE = Context(prec=60)
KINDS = st.sampled_from(["ticker", "trade", "book", "instrument", "ohlc"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["1e999999", "-0", "9" * 400, "NaN", "A/B", frames.TIME]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["symbol", "bids", "asks", "price", "qty", "timestamp", "pairs", "assets",
                         "id", "trade_id", "checksum", "status", "x"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@given(KINDS, st.binary(max_size=60))
def test_no_bytes_break_it(kind: str, payload: bytes) -> None:
    """It never raises, and what gives no row gives a reject."""
    made = decoded(kind, payload)
    assert made.rows or made.rejects


@given(KINDS, VALUES, st.sampled_from(["snapshot", "update"]) | VALUES, VALUES)
def test_no_values_break_it(kind: str, data: object, said: object, beside: object) -> None:
    """Whatever stands where: rows or rejects, and rows that can be written down."""
    payload = {"channel": kind, "type": said, "data": data}
    payload |= {} if beside is None else {"beside": beside}
    made = decoded(kind, json.dumps(payload).encode())
    assert made.rows or made.rejects
    for row in made.rows:
        assert isinstance(row, VENUE.tables)
        assert row.extra is None or json.loads(row.extra)
        msgspec.json.encode(row)
    for number in (number for row in made.rows for number in _decimals(row)):
        assert number == number.quantize(Decimal(1).scaleb(-10), context=WIDE)


@given(st.sampled_from(["symbol", "bids", "asks", "checksum", "timestamp", "price", "qty"]), VALUES)
def test_any_value_in_any_field_of_a_book_is_kept_or_told(name: str, value: object) -> None:
    """The usual book takes a short way; every other one must be read as well."""
    level = {"price": 1, "qty": 2, name: value} if name in {"price", "qty"} else {}
    item = {"symbol": "A/B", "bids": [level or {"price": 1, "qty": 2}], "asks": [],
            "checksum": 5, "timestamp": frames.TIME}  # fmt: skip
    made = decoded("book", message("book", [item if level else item | {name: value}]))
    assert made.rows or made.rejects
    for row in made.rows:
        assert isinstance(row, BookRow)
        msgspec.json.encode(row)
        assert row.ts_event == frames.TIME_NS or "ts_event" in row.inexact or name == "timestamp"


@given(st.data())
def test_a_damaged_message_never_breaks_it(data: st.DataObject) -> None:
    """One byte of a right message is another."""
    make = data.draw(st.sampled_from(MAKERS))
    payload = bytearray(make())
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] = data.draw(st.integers(0, 255))
    made = VENUE.rows(envelope(data.draw(KINDS), bytes(payload)))
    assert made.rows or made.rejects


MAKERS: tuple[Callable[[], bytes], ...] = (
    frames.ticker,
    frames.snapshot,
    lambda: frames.trade("BTC/USD", "ETH/USD"),
    lambda: message("instrument", {"assets": [ASSET], "pairs": [PAIR]}),
)


def _decimals(row: object) -> list[Decimal]:
    values = msgspec.structs.asdict(row).values()  # type: ignore[arg-type]
    return [value for value in values if isinstance(value, Decimal)]
