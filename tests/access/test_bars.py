"""Bars are exact: computed again with nothing but `Decimal`."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.bars import NUMBER, SCHEMA, TIME, By, bars, filled
from ssmd.access.completeness import CONDITION
from ssmd.access.times import Range

WIDE = Context(prec=200, rounding=ROUND_HALF_EVEN)
COLUMNS: dict[str, pl.DataType] = {
    "feed": pl.String(), "instrument_id": pl.String(), "ts_event": TIME, "ts_recv": TIME,
    "price": NUMBER, "size": NUMBER, "side": pl.String(), "connection": pl.String(),
    "ordinal": pl.Int64(), "part": pl.Int32(), "row": pl.Int32(),
}  # fmt: skip


class Trade(NamedTuple):
    instrument: str
    ts_event: int | None
    ts_recv: int
    price: Decimal
    size: Decimal
    side: str | None


def told(trades: Sequence[Trade]) -> pl.DataFrame:
    """Trades as the table has them."""
    rows = [("f", *trade, "c", number, 0, 0) for number, trade in enumerate(trades)]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def by_hand(trades: Sequence[Trade], width: int, by: By) -> dict[tuple[str, int], tuple[Any, ...]]:
    """The same bars, trade by trade."""
    found: dict[tuple[str, int], list[tuple[int, int, int, Trade]]] = {}
    for number, trade in enumerate(trades):
        ts = trade.ts_recv if by == "ts_recv" or trade.ts_event is None else trade.ts_event
        found.setdefault((trade.instrument, ts // width * width), []).append(
            (ts, trade.ts_recv, number, trade)
        )
    return {key: _bar([each[-1] for each in sorted(those)]) for key, those in found.items()}


def _bar(trades: Sequence[Trade]) -> tuple[Any, ...]:
    prices = [trade.price for trade in trades]
    volume = _sum(trade.size for trade in trades)
    notional = _sum(WIDE.multiply(trade.price, trade.size) for trade in trades)
    vwap = None
    if volume:
        vwap = WIDE.divide(notional, volume).quantize(Decimal("1e-10"), context=WIDE)
    bought, sold = (_sum(t.size for t in trades if t.side == side) for side in ("buy", "sell"))
    return (
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        volume,
        len(trades),
        bought,
        sold,
        vwap,
    )


def _sum(numbers: Any) -> Decimal:  # noqa: ANN401 - a generator
    total = Decimal(0)
    for number in numbers:
        total = WIDE.add(total, number)
    return total


NUMBERS = st.decimals(0, Decimal("8e26"), places=10) | st.decimals(0, 2, places=10)
TRADES = st.lists(
    st.builds(
        Trade,
        st.sampled_from(["v:A", "v:B"]),
        st.none() | st.integers(0, 40),
        st.integers(0, 40),
        NUMBERS | NUMBERS.map(lambda number: -number),
        NUMBERS,
        st.sampled_from(["buy", "sell", None]),
    ),
    max_size=12,
)


@given(TRADES, st.integers(1, 20), st.sampled_from(["ts_event", "ts_recv"]))
def test_bars_equal_those_made_by_hand(trades: list[Trade], width: int, by: By) -> None:
    """To the last digit, of numbers as long as a column can hold, negative prices too."""
    made = bars(told(trades), width, by)
    stamped = made.with_columns(pl.col("ts").to_physical())
    found = {(row[1], row[2]): tuple(row[3:]) for row in stamped.rows()}
    assert found == by_hand(trades, width, by)
    assert made.schema == SCHEMA


def test_the_longest_numbers_are_multiplied_exactly() -> None:
    """Their products have twice as many digits as any column, and still no digit is lost."""
    long = Decimal("876543210987654321098765432.1098765431")
    trades = [
        Trade("v:A", n, n, sign * (long - n), long + n, "buy") for n, sign in enumerate((1, -1, 1))
    ]
    made = bars(told(trades), 10, "ts_event")
    assert tuple(made.row(0)[3:]) == by_hand(trades, 10, "ts_event")["v:A", 0]


def test_an_average_is_rounded_half_to_even() -> None:
    """It is said so in the documentation; any other rule drifts in long sums."""
    last = Decimal("1e-10")
    for odd, expected in ((1, 0), (3, 2), (5, 2)):
        price = odd * last
        trades = [Trade("v:A", 0, 0, price, last, "buy"), Trade("v:A", 0, 0, 0 * last, last, "buy")]
        assert bars(told(trades), 10, "ts_event")["vwap"][0] == expected * last


def test_rows_without_a_price_count_for_nothing() -> None:
    """A value that fits no column is null there, not 0."""
    rows = told([Trade("v:A", 1, 1, Decimal(5), Decimal(2), "buy")])
    empty = rows.with_columns(pl.lit(None, dtype=NUMBER).alias("price"))
    assert bars(pl.concat([rows, empty]), 10, "ts_event")["trade_count"].to_list() == [1]


def test_filled_bars_tell_quiet_from_not_known() -> None:
    """Nothing happened, and we were not there: two answers."""
    trades = [Trade("v:A", ts, ts, Decimal(ts + 1), Decimal(2), "buy") for ts in (0, 50)]
    made = bars(told(trades), 10, "ts_event")
    judged = pl.DataFrame(
        [("f", "v:A", None, 20, 35, "lost"), ("f", "v:A", None, 0, 20, "quiet"),
         ("f", "v:B", None, 0, 99, "unknown")],
        schema=CONDITION, orient="row",
    )  # fmt: skip
    whole = filled(made, 10, Range(0, 75), judged)
    assert whole["ts"].to_physical().to_list() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert whole["volume"].to_list() == [2, 0, None, None, 0, 2, 0, 0]
    assert whole["trade_count"].to_list() == [1, 0, None, None, 0, 1, 0, 0]
    assert whole["open"].to_list() == [1, 1, 1, 1, 1, 51, 51, 51]
    assert whole["vwap"].to_list() == [1, None, None, None, None, 51, None, None]
    assert whole.schema == SCHEMA
    assert filled(made.clear(), 10, Range(), judged).is_empty()
