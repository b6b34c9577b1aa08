"""Rows state exactly what frames say, in the formats of all years; nothing is guessed or dropped."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.row import Decoded
from ssmd.venues.kalshi.rows import rows
from tests.venues.kalshi.reading import as_any, envelope, only, read, why

TICKER = "KXMADE-26NOV22-T1.5"
DELTA = {"market_ticker": TICKER, "price_dollars": "0.5", "delta_fp": "1.00", "side": "yes"}
TRADE = {"market_ticker": TICKER, "trade_id": "t", "yes_price_dollars": "0.8950", "count_fp": "3.5"}


def test_old_and_new_spellings_give_the_same_row() -> None:
    """A table has one column for a price, whichever year it comes from."""
    told = {"market_ticker": TICKER, "market_id": "m", "ts": 1_732_579_880}
    old = {"price": 12, "yes_bid": 11, "yes_ask": 12, "volume": 5, "open_interest": 2}
    new = {
        "price_dollars": "0.12",
        "yes_bid_dollars": "0.11",
        "yes_ask_dollars": "0.12",
        "volume_fp": "5",
        "open_interest_fp": "2",
    }
    rows_of = [only(read("ticker", told | spelled)) for spelled in (old, new, old | new)]
    assert rows_of[0] == rows_of[1] == rows_of[2]
    assert rows_of[0].price == Decimal("0.12")
    assert rows_of[0].extra is None


def test_two_spellings_that_differ_are_both_kept() -> None:
    """Whole cents cannot say 99.9: what they do say is not thrown away."""
    told = {"market_ticker": TICKER, "price_dollars": "0.9990", "price": 99}
    row = only(read("ticker", told))
    assert (row.price, row.extra) == (Decimal("0.9990"), '{"price":99}')


def test_null_nothing_and_zero_stay_apart() -> None:
    """No price, an empty text and a price of zero are three statements."""
    told = {"market_ticker": TICKER, "yes_bid": None, "yes_ask_dollars": "", "price": 0}
    row = only(read("ticker", told))
    assert (row.yes_bid, row.yes_ask, row.price) == (None, None, 0)
    assert row.inexact == {"yes_ask": ""}


def test_a_market_that_never_traded_says_so_in_its_own_way() -> None:
    """0 in cents was its price, and is; an empty text is none, whatever stands beside it."""
    for told, price, inexact, extra in (
        ({"price": 0}, 0, {}, None),
        ({"price_dollars": "0.0000", "price": 0}, 0, {}, None),
        ({"price_dollars": ""}, None, {"price": ""}, None),
        ({"price_dollars": "", "price": 0}, None, {"price": ""}, '{"price":0}'),
    ):
        row = only(read("ticker", {"market_ticker": TICKER, **told}))
        assert (row.price, row.inexact, row.extra) == (price, inexact, extra)


def test_what_no_price_can_be_is_kept_as_text() -> None:
    """A contract pays a dollar or nothing: all else is somebody's error, and stays visible."""
    strange = ["9e99", "NaNnope", "-0.01", "1.01", 101, -1, 12.5, True, [1], "1" * 300]
    for value in strange:
        new = isinstance(value, str)
        name = "yes_bid_dollars" if new else "yes_bid"
        row = only(read("ticker", {"market_ticker": TICKER, "price": 5, name: value}))
        assert row.yes_bid is None
        assert row.inexact["yes_bid"] == (
            value if new else json.dumps(value, separators=(",", ":"))
        )
        assert row.price == Decimal("0.05")


def test_what_a_count_cannot_be_is_kept_as_text() -> None:
    """An empty volume is no volume of zero."""
    row = only(read("ticker", {"market_ticker": TICKER, "price": 5, "volume_fp": ""}))
    assert (row.volume, row.inexact) == (None, {"volume": ""})


@pytest.mark.parametrize(
    ("kind", "msg", "missing"),
    [
        ("ticker", {"market_ticker": "", "price": 5}, "market_ticker"),
        ("ticker", {"price": 5}, "market_ticker"),
        ("ticker", {"market_ticker": TICKER, "price_usd": "0.5"}, "quote"),
        ("trade", TRADE | {"market_ticker": None}, "market_ticker"),
        ("trade", {"market_ticker": TICKER, "count": 5}, "yes_price_dollars"),
        ("trade", {"market_ticker": TICKER, "yes_price": 5}, "count_fp"),
        ("orderbook_delta", DELTA | {"side": "maybe"}, "side"),
        ("orderbook_delta", DELTA | {"price_dollars": None}, "price_dollars"),
        ("orderbook_delta", DELTA | {"delta_fp": None}, "delta_fp"),
        ("orderbook_snapshot", {"yes_dollars_fp": []}, "market_ticker"),
        ("market_lifecycle_v2", {"market_ticker": TICKER}, "event_type"),
        ("event_lifecycle", {"title": "x"}, "event_ticker"),
        ("event_fee_update", {}, "event_ticker"),
        ("ticker", [], "not an object"),
        ("ticker", None, "not an object"),
        ("fill", {"market_ticker": TICKER}, "no table"),
    ],
)
def test_a_message_without_its_essence_is_a_counted_reject(
    kind: str, msg: object, missing: str
) -> None:
    """A field renamed by the venue shows at once, instead of as months of empty columns."""
    assert missing in why(read(kind, msg))


def test_what_is_unknown_is_kept_and_says_where_it_stood() -> None:
    """A field of next year is in `extra` from its first day, exact to the digit."""
    row = only(read("trade", TRADE | {"novel": 1.50}, shard=2))
    assert json.loads(row.extra, parse_float=str) == {"novel": "1.5", "/shard": 2}


def test_a_trade_of_the_oldest_format_is_read() -> None:
    """`price` and `side` of 2024: the price is that of YES, whichever answer was taken."""
    told = {"market_ticker": TICKER, "price": 50, "count": 10, "side": "no", "ts": 1_732_579_880}
    row = only(read("trade", told))
    assert (row.yes_price, row.no_price, row.count) == (Decimal("0.5"), None, 10)
    assert (row.side, row.taker_side, row.native_id) == ("sell", "no", None)
    assert row.ts_event == 1_732_579_880_000_000_000
    assert row.extra is None


@pytest.mark.parametrize(
    ("sides", "aggressor"),
    [
        ({"taker_side": "yes"}, "buy"),
        ({"taker_side": "no", "taker_outcome_side": "no", "taker_book_side": "ask"}, "sell"),
        ({"taker_outcome_side": "yes"}, "buy"),
        ({"taker_book_side": "ask"}, "sell"),
        ({"taker_side": "yes", "taker_book_side": "ask"}, None),
        ({"taker_side": "both"}, None),
        ({}, None),
    ],
)
def test_the_aggressor_is_told_by_whatever_field_is_left(
    sides: dict[str, str], aggressor: str | None
) -> None:
    """The three fields come and go; where they contradict each other, nothing is guessed."""
    row = only(read("trade", TRADE | sides))
    assert row.side == aggressor
    assert {name: getattr(row, name) for name in sides} == sides


def test_an_empty_book_is_one_row() -> None:
    """A market that closes sends a book without sides: that it is empty now is a fact."""
    row = only(read("orderbook_snapshot", {"market_ticker": TICKER, "market_id": "m"}))
    assert (row.symbol, row.side, row.price, row.size, row.level) == (TICKER, *[None] * 4)
    assert row.is_snapshot


def test_books_of_all_three_formats_give_the_same_levels() -> None:
    """Cents, dollars with whole sizes, dollars with hundredths; also together in one frame."""
    cents = {"yes": [[8, 300], [22, 333]], "no": [[54, 20]]}
    dollars = {"yes_dollars": [["0.08", 300], ["0.22", 333]], "no_dollars": [["0.54", 20]]}
    hundredths = {
        "yes_dollars_fp": [["0.08", "300"], ["0.22", "333"]],
        "no_dollars_fp": [["0.54", "20"]],
    }
    read_all = [
        read("orderbook_snapshot", {"market_ticker": TICKER, **levels})
        for levels in (cents, dollars, hundredths, cents | dollars, cents | dollars | hundredths)
    ]
    assert all(found == read_all[0] for found in read_all)
    assert [
        (row.side, row.level, row.price, row.size) for row in map(as_any, read_all[0].rows)
    ] == [
        ("yes", 0, Decimal("0.08"), 300),
        ("yes", 1, Decimal("0.22"), 333),
        ("no", 0, Decimal("0.54"), 20),
    ]
    assert {row.extra for row in read_all[0].rows} == {None}


def test_an_older_spelling_of_a_book_that_differs_is_kept() -> None:
    """Sub-cent levels have no cents: what the cents say stays beside them."""
    told = {"market_ticker": TICKER, "yes_dollars": [["0.085", 1]], "yes": [[8, 1]]}
    assert only(read("orderbook_snapshot", told)).extra == '{"yes":[[8,1]]}'


@given(
    bad=st.sampled_from([None, [], ["0.5"], {}, "x", 5, [None, "1"], ["0.5", None]]),
    at=st.integers(0, 3),
)
def test_one_bad_level_leaves_its_neighbours_alone(bad: object, at: int) -> None:
    """What cannot be a level is counted with its place; all others are rows."""
    levels: list[object] = [["0.1", "1"], ["0.2", "2"], ["0.3", "3"]]
    levels.insert(at, bad)
    told = {"market_ticker": TICKER, "yes_dollars_fp": levels, "no_dollars_fp": [["0.5", "9"]]}
    found = read("orderbook_snapshot", told)
    assert [reject.where for reject in found.rejects] == [f"msg.yes_dollars_fp[{at}]"]
    assert [str(row.price) for row in map(as_any, found.rows)] == ["0.1", "0.2", "0.3", "0.5"]
    assert at not in {row.level for row in map(as_any, found.rows) if row.side == "yes"}


def test_a_side_that_is_no_list_leaves_the_other_side_alone() -> None:
    """Half a book with a reject says more than no book, and is not taken for an empty one."""
    found = read(
        "orderbook_snapshot", {"market_ticker": TICKER, "yes_dollars_fp": 5, "no": [[1, 2]]}
    )
    assert [reject.where for reject in found.rejects] == ["msg.yes_dollars_fp"]
    assert [row.side for row in map(as_any, found.rows)] == ["no"]
    lost = read("orderbook_snapshot", {"market_ticker": TICKER, "yes_dollars_fp": "gone"})
    assert (lost.rows, len(lost.rejects)) == ((), 1)


def test_a_level_with_more_to_say_keeps_it() -> None:
    """A third element, an order count say, is no reason to lose the level."""
    told = {"market_ticker": TICKER, "yes_dollars_fp": [["0.5", "9", 4]]}
    row = only(read("orderbook_snapshot", told))
    assert (row.size, row.extra) == (9, '{"more":[4]}')


@pytest.mark.parametrize(
    ("value", "paid", "text"),
    [
        ("0.5000", Decimal("0.5"), None),
        (50, Decimal("0.5"), None),
        (100, Decimal(1), None),
        (0, Decimal(0), None),
        (None, None, None),
        ("", None, ""),
        ("50", None, "50"),
        (0.5, None, "0.5"),
        (101, None, "101"),
    ],
)
def test_a_settlement_is_read_in_text_dollars_and_in_whole_cents(
    value: object, paid: Decimal | None, text: str | None
) -> None:
    """Its name stayed when its unit changed: the JSON type tells which it is."""
    told = {"market_ticker": TICKER, "event_type": "determined", "settlement_value": value}
    row = only(read("market_lifecycle_v2", told))
    assert (row.settlement_value, row.inexact.get("settlement_value")) == (paid, text)


def test_updated_metadata_stand_in_the_columns_of_created_ones() -> None:
    """Creation names them inside of an object, updates name them at the top."""
    told = {"market_ticker": TICKER, "event_type": "metadata_updated"}
    facts = {"floor_strike": 7999999999.99, "yes_sub_title": "above", "custom_strike": {"a": 1}}
    inside = only(read("market_lifecycle_v2", told | {"additional_metadata": facts | {"new": 1}}))
    above = only(read("market_lifecycle_v2", told | facts))
    assert inside.extra == '{"additional_metadata":{"new":1}}'
    assert msgspec.structs.replace(inside, extra=None) == above
    assert (above.floor_strike, above.custom_strike) == (Decimal("7999999999.99"), '{"a":1}')


def test_combinations_have_a_table_of_their_own() -> None:
    """The same columns, another channel: each message type is one table."""
    told = {"market_ticker": TICKER, "event_type": "settled", "settled_ts": "1784500206"}
    row = only(read("multivariate_market_lifecycle", told))
    assert row.table == "multivariate_market_lifecycle"
    assert row.settled_ts == row.ts_event == 1_784_500_206_000_000_000


def test_a_fee_override_is_a_row() -> None:
    """Set and cleared: null is what clears it."""
    told = {"event_ticker": "KXMADE-1", "fee_type_override": "flat", "fee_multiplier_override": 0.5}
    row = only(read("event_fee_update", told))
    assert (row.event_ticker, row.fee_multiplier_override) == ("KXMADE-1", Decimal("0.5"))
    assert row.symbol is None


def test_times_that_disagree_are_both_kept() -> None:
    """The finest is the time of the row; a coarser one that is no mere cut of it is news."""
    at = {"ts": "2026-07-01T02:31:45.308599Z", "ts_ms": 1_782_873_105_308}
    row = only(read("orderbook_delta", DELTA | at))
    assert (row.ts_event, row.extra) == (1_782_873_105_308_599_000, None)
    row = only(read("orderbook_delta", DELTA | at | {"ts_ms": 1_782_873_105_309}))
    assert (row.ts_event, row.extra) == (1_782_873_105_308_599_000, '{"ts_ms":1782873105309}')


@pytest.mark.parametrize("ts", ["soon", "", True, 1e300, "9e999999", "0001-01-01T00:00:00Z", 1.5])
def test_a_time_that_is_none_is_kept_as_text(ts: object) -> None:
    """The row stands without its time; what stood there can be read later."""
    row = only(read("orderbook_delta", DELTA | {"ts": ts}))
    assert row.ts_event is None
    assert "ts_event" in row.inexact


def test_our_own_records_give_neither_rows_nor_rejects() -> None:
    """What is no market data has no table."""
    for kind in ("_control", "_connection", "_sent", "_unread", "_ledger", "_rest"):
        assert rows(envelope(kind, b"anything")) == Decoded()
