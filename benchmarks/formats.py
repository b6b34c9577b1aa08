"""How fast rows become bytes: rows per CPU second of each format that the API gives.

Run with `python benchmarks/formats.py [ROWS]`. The formats are measured one after the other in one run: read the ratios.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import polars as pl

from ssmd.access import tables
from ssmd.access.encoding import Format, encoded

ROWS = 400_000
ROUNDS = 3
PIECE = 65_536


def frame(count: int) -> pl.DataFrame:
    """Trades of the shared table."""
    schema = tables.columns("trades")
    start = datetime(2027, 1, 15, tzinfo=UTC)
    values = {
        "feed": ["bench"] * count,
        "instrument_id": ["bench:BTC/USD"] * count,
        "ts_event": [start + timedelta(microseconds=n) for n in range(count)],
        "ts_recv": [start + timedelta(microseconds=n + 50) for n in range(count)],
        "price": [Decimal(10_000_000 + n % 9_973) / 100 for n in range(count)],
        "size": [Decimal(1 + n % 997) / 1000 for n in range(count)],
        "side": ["buy" if n % 3 else "sell" for n in range(count)],
        "trade_id": [str(n) for n in range(count)],
        "symbol": ["BTC/USD"] * count,
        "source": ["live"] * count,
        "connection": ["bench-0-019ac0de-0000-7000-8000-000000000000"] * count,
        "ordinal": range(count),
        "part": [0] * count,
        "row": [0] * count,
        "sequence": [None] * count,
        "is_snapshot": [False] * count,
        "is_repeat": [False] * count,
        "inexact": [None] * count,
    }
    return pl.DataFrame(values, schema=schema)


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    made = frame(count)
    for kind in get_args(Format):
        best, size = float("inf"), 0
        for _ in range(ROUNDS):
            began = time.process_time()
            size = sum(map(len, encoded(kind, made.schema, made.iter_slices(PIECE))))
            best = min(best, time.process_time() - began)
        print(
            f"{kind:8} {count / best:12,.0f} rows per CPU second, {size / count:6.1f} bytes a row"
        )


if __name__ == "__main__":
    main()
