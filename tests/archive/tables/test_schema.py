"""Columns people's SQL depends on, and what they are derived from."""

import pyarrow as pa
import pytest

from ssmd import venues
from ssmd.archive.tables import reading, schema
from ssmd.model.row import Row

COMMON = ["symbol", "source", "connection", "ordinal", "part", "row", "sequence"]
ENDS = {
    "trades": ["price", "size", "side", "trade_id"],
    "quotes": ["bid", "bid_size", "ask", "ask_size"],
    "book": ["side", "price", "size", "is_snapshot", "book_ok"],
    "tickers": [
        "last", "volume", "vwap", "open_interest", "mark_price", "index_price", "bid", "ask",
    ],
    "lifecycle": ["event", "status", "raw_status", "detail"],
    "funding": ["rate", "rate_prediction", "relative_rate", "next_at"],
    "outcomes": ["outcome", "value", "settled_at", "determined_at"],
}  # fmt: skip


@pytest.mark.parametrize("table", ENDS)
def test_the_tables_all_venues_share_have_just_these_columns(table: str) -> None:
    """Names and order are a promise."""
    tail = ["is_repeat", "inexact"] if table == "book" else ["is_snapshot", "is_repeat", "inexact"]
    head = ["feed", "instrument_id", "ts_event", "ts_recv"]
    assert reading.schemas()[table].names == [*head, *ENDS[table], *COMMON, *tail]


def test_numbers_and_times_rest_exactly() -> None:
    """Prices are decimals, rates have more places, times are ns."""
    trades, funding = reading.schemas()["trades"], reading.schemas()["funding"]
    assert trades.field("price").type == pa.decimal128(38, 10)
    assert funding.field("rate").type == pa.decimal128(38, 24)
    assert trades.field("ts_event").type == pa.timestamp("ns", tz="UTC")
    assert funding.field("next_at").type == pa.timestamp("ns", tz="UTC")


@pytest.mark.parametrize("venue", venues.names())
def test_every_field_of_every_row_has_a_column_of_its_own(venue: str) -> None:
    """No row's field hides what the tables say about every row."""
    for row in venues.load(venue).tables:
        shape = schema.native(row)
        fields = row.__struct_fields__
        shared = set(schema.native(Row).columns)
        assert set(fields) <= shape.columns.keys()
        assert not shared & set(shape.own), row
        names = list(shape.columns)
        assert names[:5] == ["feed", "instrument_id", "symbol", "ts_event", "ts_recv"]
        assert names[5 : 5 + len(shape.own)] == list(shape.own)
        assert names[-1] == "is_repeat"
        assert reading.schemas(venue)[shape.name].names == names


def test_a_field_without_a_column_is_refused() -> None:
    """A float would be rounded: it is no column."""

    class Odd(Row, frozen=True, kw_only=True):
        price: float

    with pytest.raises(TypeError, match="price: no column holds"):
        schema.native(Odd)
