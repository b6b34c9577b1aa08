"""Whatever comes as JSON or as bytes: rows or rejects, never an exception, never silence."""

import json
from decimal import Context, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.row import Decoded
from ssmd.venues.kalshi.rows import TABLES, rows
from tests.venues.kalshi.reading import envelope, read

TYPES = tuple(table.table for table in TABLES)
TICKER = "KXMADE-26NOV22-T1.5"
EXACT = Context(prec=100)

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["yes", "no", "0.5", "9e99", "9e999999", "-1", "NaN", "", "\u0661", "1_0", "é"]
    )
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = sorted(
    {"market_ticker", "market_id", "trade_id", "side", "price", "delta", "ts", "ts_ms", "time"}
    | {"price_dollars", "delta_fp", "yes_price_dollars", "yes_price", "no_price_dollars", "count"}
    | {"count_fp", "taker_side", "taker_book_side", "yes", "no", "yes_dollars", "no_dollars_fp"}
    | {"yes_dollars_fp", "yes_bid", "yes_bid_dollars", "volume", "volume_fp", "Clock"}
    | {"event_type", "settlement_value", "open_ts", "settled_ts", "is_deactivated", "result"}
    | {"additional_metadata", "custom_strike", "floor_strike", "event_ticker", "strike_date"}
    | {"fee_type_override", "fee_multiplier_override", "exchange_index", "is_block_trade"}
)


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from([*TYPES, "fill", ""]),
    msg=st.dictionaries(st.sampled_from(fields), values, max_size=12) | values,
    named=st.booleans(),
)
def test_any_json_gives_rows_or_rejects(kind: str, msg: Any, named: bool) -> None:  # noqa: ANN401
    """Never an exception, never silence, and every column holds what its type says."""
    if named and isinstance(msg, dict):
        msg = {"market_ticker": TICKER, "event_ticker": "E", "event_type": "t"} | msg
    sound(read(kind, msg, sid=msg))


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(TYPES), payload=st.binary(max_size=60))
def test_any_bytes_give_a_reject(kind: str, payload: bytes) -> None:
    """Never an exception, whatever came through the wire."""
    sound(rows(envelope(kind, payload)))


@pytest.mark.parametrize("depth", [100, 300, 900, 5_000, 100_000])
def test_nesting_gives_rows_or_a_reject(depth: int) -> None:
    """A text deep enough to exhaust a reader is a reject; it ends no process."""
    head, tail = b'{"type":"ticker","sid":1,"msg":{"market_ticker":"A","price":1,"deep":', b"}}"
    sound(rows(envelope("ticker", head + b"[" * depth + b"]" * depth + tail)))


def sound(found: Decoded) -> None:
    """At least one row or reject; values that fit their columns; and all can be written as text."""
    assert found.rows or found.rejects
    for row in found.rows:
        msgspec.convert(msgspec.structs.asdict(row), type(row), strict=True)
        for name in type(row).__struct_fields__:
            value = getattr(row, name)
            if isinstance(value, Decimal):
                exponent = value.normalize(EXACT).as_tuple().exponent
                assert isinstance(exponent, int)
                assert exponent >= -10
                assert abs(value) < Decimal(10) ** 28
            elif isinstance(value, int):
                assert -(1 << 63) <= value < 1 << 63
        if row.extra is not None:
            json.loads(row.extra)
