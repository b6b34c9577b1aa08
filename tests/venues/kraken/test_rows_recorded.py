"""What the real venue said, read twice: by us, and by the standard library."""

from decimal import Decimal

import msgspec

from ssmd.model.row import Row
from ssmd.venues.kraken.tables import BookRow
from tests.shared import shared
from tests.venues.kraken.rowing import captured, exact, of, rows, singles, spelled

CAPTURE = "capture-v2-book10-btc-eth-20260802.jsonl.gz"
SNAPSHOT = "data/kraken/rest/ws-v2-instrument-snapshot-2024.json"
RENAMED = {"bid_qty": "bid_size", "ask_qty": "ask_size", "qty": "size", "id": "asset"}


def says(row: Row, item: dict[str, object]) -> bool:
    """Whether a row holds every field of an element, digit for digit."""
    values = msgspec.structs.asdict(row)
    for name, value in item.items():
        column = RENAMED.get(name, name)
        if name in {"timestamp", "interval_begin"}:
            assert row.ts_event is not None
        elif isinstance(value, str) and isinstance(values[column], Decimal | int):
            assert spelled(values[column], value) == value
        else:
            assert values[column] == value
    return row.extra is None and not row.inexact


def test_every_level_of_the_recorded_books_is_a_row_with_its_exact_text() -> None:
    """68 messages, no digit lost."""
    books = [frame for frame in captured(CAPTURE) if frame.startswith(b'{"channel":"book"')]
    assert len(books) == 68
    for frame in books:
        message = exact(frame)
        expected = [
            (item["symbol"], side, level["price"], level["qty"], item["checksum"])
            for item in message["data"]  # type: ignore[attr-defined]
            for side, name in (("bid", "bids"), ("ask", "asks"))
            for level in item[name]
        ]
        made = [row for row in rows("book", frame) if isinstance(row, BookRow)]
        assert [
            (row.symbol, row.side, f"{row.price:f}", f"{row.size:f}", str(row.checksum))
            for row in made
        ] == expected
        assert {row.is_snapshot for row in made} == {message["type"] == "snapshot"}
        assert all(row.ts_event and row.extra is None and not row.inexact for row in made)


def test_the_recorded_ticker_trade_and_candle_are_rows_without_a_rest() -> None:
    """The single real frames there are."""
    seen = set()
    for frame in singles():
        message = exact(frame)
        channel = message.get("channel")
        if channel in {"ticker", "trade", "ohlc"}:
            (row,) = rows(str(channel), frame)
            data = message["data"]
            assert isinstance(data, list)
            assert says(row, data[0])
            seen.add(channel)
    assert seen == {"ticker", "trade", "ohlc"}


def test_the_recorded_instrument_snapshot_is_979_rows_without_a_rest() -> None:
    """683 pairs and 296 assets, every field known, every number exact."""
    payload = shared(SNAPSHOT).read_bytes()
    made = rows("instrument", payload)
    data = exact(payload)["data"]
    assert isinstance(data, dict)
    for table, name, count in (("instrument", "pairs", 683), ("asset", "assets", 296)):
        found = of(made, table)
        assert len(found) == len(data[name]) == count
        assert all(says(row, item) for row, item in zip(found, data[name], strict=True))
    assert {row.is_snapshot for row in made} == {True}
    statuses = {row.status for row in of(made, "instrument")}  # type: ignore[attr-defined]
    assert statuses == {"online", "reduce_only", "cancel_only"}
