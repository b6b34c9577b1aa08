"""Bars from trades, exact to the last digit.

A volume-weighted average is a quotient: it is rounded half to even at the tenth decimal, the last
that a price can have. Everything else is as the trades say.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, Literal

import polars as pl

from ssmd.access.times import Range

By = Literal["ts_recv", "ts_event"]
"""By which clock rows are chosen and put into bars: ours, or the venue's."""

NUMBER: Final = pl.Decimal(38, 10)
TIME: Final = pl.Datetime("ns", "UTC")
SCHEMA: Final = pl.Schema(
    {
        "feed": pl.String(),
        "instrument_id": pl.String(),
        "ts": TIME,
        "open": NUMBER,
        "high": NUMBER,
        "low": NUMBER,
        "close": NUMBER,
        "volume": NUMBER,
        "trade_count": pl.UInt32(),
        "buy_volume": NUMBER,
        "sell_volume": NUMBER,
        "vwap": NUMBER,
    }
)
"""The columns of bars; `ts` is when a bar begins."""

COLUMNS: Final = (
    "feed", "instrument_id", "ts_event", "ts_recv", "price", "size", "side", "connection",
    "ordinal", "part", "row",
)  # fmt: skip
"""What is needed of trades."""

_KEY: Final = ("feed", "instrument_id", "ts")
_ORDER: Final = ("_clock", "ts_recv", "connection", "ordinal", "part", "row")
_LIMB: Final = 10**13
"""Numbers of 38 digits are divided into three: products and their sums then fit into 128 bits."""
_DOUBT: Final = ("lost", "unknown")
_WIDE: Final = Context(prec=100, rounding=ROUND_HALF_EVEN)
_LAST: Final = Decimal("1e-10")
_SCALE: Final = 10


def bars(trades: pl.DataFrame, width_ns: int, by: By) -> pl.DataFrame:
    """Bars of trades; there is none where nothing was traded.

    Args:
        trades: With `COLUMNS`; rows without a price or a size count for nothing.
        width_ns: How long a bar is; bars are aligned to the Unix epoch.
        by: Which time puts a trade into its bar; of a trade without a venue's time, ours does.
    """
    begin = (pl.col("_clock").to_physical() // width_ns * width_ns).cast(pl.Datetime("ns"))
    told = (
        trades.lazy()
        .filter(pl.col("price").is_not_null() & pl.col("size").is_not_null())
        .with_columns(pl.coalesce(by, "ts_recv").alias("_clock"))
        .filter(pl.col("_clock").is_not_null())
        .with_columns(begin.dt.replace_time_zone("UTC").alias("ts"))
        .sort(_ORDER)
    )
    price, size = pl.col("price"), pl.col("size")
    zero = pl.lit(Decimal(0), dtype=NUMBER)
    products = _products(pl.col("price").to_physical(), pl.col("size").to_physical())
    whole = (
        told.group_by(*_KEY, maintain_order=True)
        .agg(
            price.first().alias("open"),
            price.max().alias("high"),
            price.min().alias("low"),
            price.last().alias("close"),
            size.sum().alias("volume"),
            pl.len().cast(pl.UInt32).alias("trade_count"),
            pl.when(pl.col("side") == "buy").then(size).otherwise(zero).sum().alias("buy_volume"),
            pl.when(pl.col("side") == "sell").then(size).otherwise(zero).sum().alias("sell_volume"),
            *(product.sum().alias(f"_{power}") for power, product in products.items()),
        )
        .collect()
    )
    weights = [f"_{power}" for power in products]
    average = [
        _average(sum(int(one) * _LIMB**power for power, one in enumerate(row)), volume)
        for *row, volume in whole.select(*weights, "volume").iter_rows()
    ]
    return (
        whole.with_columns(pl.Series("vwap", average, dtype=NUMBER))
        .select(SCHEMA.names())
        .cast(SCHEMA)
        .sort(_KEY)
    )


def filled(made: pl.DataFrame, width_ns: int, asked: Range, judged: pl.DataFrame) -> pl.DataFrame:
    """The same with a bar for every width: an empty one repeats the last close.

    It has no volume: 0 where nothing was traded, null where a minute of it is lost or unknown.
    Each instrument begins at its first bar and ends with the range asked for, or at its last bar.

    Args:
        made: Bars.
        width_ns: How long each is.
        asked: The range that was asked for.
        judged: Runs of minutes of one condition, by instrument.
    """
    doubt = judged.filter(pl.col("condition").is_in(_DOUBT))
    parts = [
        _filled_one(part.sort("ts"), width_ns, asked, _spans(doubt, *key))
        for key, part in made.partition_by(
            "feed", "instrument_id", maintain_order=True, as_dict=True
        ).items()
    ]
    return pl.concat(parts) if parts else made


def _spans(judged: pl.DataFrame, feed: object, instrument: object) -> list[tuple[int, int]]:
    """From when to when a feed says so of an instrument, ns."""
    mine = judged.filter((pl.col("feed") == feed) & (pl.col("instrument_id") == instrument))
    return mine.select(pl.col("since", "until").to_physical()).rows()


def _filled_one(
    part: pl.DataFrame, width_ns: int, asked: Range, doubt: Sequence[tuple[int, int]]
) -> pl.DataFrame:
    stamps = part["ts"].to_physical()
    first, last = int(stamps[0]), int(stamps[-1])
    if asked.until is not None:
        last = max(last, (asked.until - 1) // width_ns * width_ns)
    times = pl.int_range(first, last + 1, width_ns, dtype=pl.Int64, eager=True)
    every = pl.DataFrame({"ts": times.cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")})
    close = pl.col("close").forward_fill()
    stamp = pl.col("ts").to_physical()
    is_known = pl.lit(value=True)
    for since, until in doubt:
        is_known &= (stamp >= until) | (stamp + width_ns <= since)
    nothing = [
        pl.when(pl.col(name).is_null() & is_known).then(0).otherwise(pl.col(name)).alias(name)
        for name in ("volume", "trade_count", "buy_volume", "sell_volume")
    ]
    return (
        every.join(part, on="ts", how="left", maintain_order="left")
        .with_columns(pl.col("feed", "instrument_id").forward_fill(), close, *nothing)
        .with_columns(pl.coalesce(name, "close").alias(name) for name in ("open", "high", "low"))
        .select(SCHEMA.names())
        .cast(SCHEMA)
    )


def _products(one: pl.Expr, other: pl.Expr) -> Mapping[int, pl.Expr]:
    """What the products of two 38-digit numbers sum up to, by powers of the limb."""
    found: dict[int, pl.Expr] = {}
    for high, left in enumerate(_limbs(one)):
        for low, right in enumerate(_limbs(other)):
            product = left * right
            power = high + low
            found[power] = found[power] + product if power in found else product
    return dict(sorted(found.items()))


def _limbs(number: pl.Expr) -> Iterator[pl.Expr]:
    """The lowest first; the highest has the sign."""
    limb = pl.lit(_LIMB, dtype=pl.Int128)
    rest = number
    for _ in range(2):
        above = rest // limb
        yield rest - above * limb
        rest = above
    yield rest


def _average(notional: int, volume: Decimal) -> Decimal | None:
    """The mean price: notional has twenty decimals; None where nothing was traded."""
    if not volume:
        return None
    whole = Decimal(notional).scaleb(-2 * _SCALE, _WIDE)
    return _WIDE.divide(whole, volume).quantize(_LAST, context=_WIDE)
