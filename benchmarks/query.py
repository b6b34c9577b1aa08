"""One instrument-hour out of a large archive: what is touched, and how long it takes.

Run with `python benchmarks/query.py [ROWS]`. A day of trades is made, in files of an hour, as
Parquet as the compactor writes it and as raw JSON lines; then the same question is asked of both:
trades and volume of one instrument in one hour. DuckDB reads the raw lines, once all of them, once
only those of the hour, which somebody must then know how to find.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import polars as pl
import pyarrow.parquet as pq
import zstandard

from ssmd.access import scan, tables
from ssmd.access.ask import Ask
from ssmd.access.scan import Read
from ssmd.access.times import Range
from ssmd.archive import layout
from ssmd.archive.layout import Place
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import files, reading
from ssmd.archive.tables.built import FORMAT, Link, TableFile
from ssmd.model.timestamp import SECOND_NS

ROWS = 4_000_000
SYMBOLS = 200
SLOTS = 24
SLOT_NS = 3600 * SECOND_NS
ROUNDS = 5
DAY = 1_799_971_200 * SECOND_NS
"""Midnight UTC."""
FEED = "bench"
WANTED = "S042/USD"
HOUR = Range(DAY + 10 * 3600 * SECOND_NS, DAY + 11 * 3600 * SECOND_NS)
GROUPS = re.compile(r"Predicate pushdown: reading (\d+) / (\d+) row groups")


def slot(number: int, rows: int) -> pl.DataFrame:
    """The trades of a slot, in the order of their receipt."""
    index = pl.int_range(rows, eager=True)
    ts = DAY + number * SLOT_NS + index * (SLOT_NS // rows)
    return pl.DataFrame(
        {
            "feed": pl.repeat(FEED, rows, eager=True),
            "symbol": [f"S{each:03d}/USD" for each in (index * 7919 + number) % SYMBOLS],
            "ts_recv": ts,
            "price": (100_000 + index % 977),
            "size": 1 + index % 89,
            "trade_id": (number * rows + index).cast(pl.String),
            "ordinal": number * rows + index,
        }
    )


def write(root: Path, number: int, made: pl.DataFrame) -> None:
    """One slot: raw lines, the name of a manifest, the table, and what says so."""
    place = layout.place(FEED, DAY + number * SLOT_NS, "bench", 0)
    raw = root / place.name()
    raw.parent.mkdir(parents=True, exist_ok=True)
    text = made.select(
        pl.format(
            '{"t":{},"c":"bench-0-00000000-0000-7000-8000-000000000000","n":{},"p":0,"k":"trade",'
            '"s":["{}"],"q":null,"e":{},"raw":{"channel":"trade","type":"update","data":[{'
            '"symbol":"{}","side":"buy","price":{}.5,"qty":0.{},"ord_type":"limit","trade_id":{}}]}}'
            .replace("{}", "\0").replace("{", "{{").replace("}", "}}").replace("\0", "{}"),
            "ts_recv", "ordinal", "symbol", "ts_recv", "symbol", "price", "size", "trade_id",
        )
    )  # fmt: skip
    lines = "\n".join(text.to_series()).encode()
    raw.write_bytes(zstandard.ZstdCompressor(level=1).compress(lines))
    (root / place.name("manifest")).touch()
    file = table(root, place, made)
    link = Link(
        format=FORMAT, feed=FEED, venue=FEED, date=place.date, time=place.time, interval_s=3600,
        key="", segments={place.name(): ""}, previous="", consulted={}, asked={}, files=(file,),
        books=None, ended="", ids="",
    )  # fmt: skip
    path = root / layout.built(link.slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(link))


def table(root: Path, place: Place, made: pl.DataFrame) -> TableFile:
    """The trades of a slot as the compactor would write them."""
    schema = tables.shared()["trades"]
    number = pl.Decimal(38, 10)
    told = made.sort("symbol", "ts_recv").with_columns(
        pl.format("bench:{}", "symbol").alias("instrument_id"),
        pl.col("ts_recv").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC"),
        (pl.col("price").cast(number) + pl.lit("0.5").cast(number)).alias("price"),
        pl.format("0.{}", "size").str.to_decimal(scale=10).alias("size"),
        pl.lit("buy").alias("side"),
        pl.lit("live").alias("source"),
        pl.lit("bench-0-00000000-0000-7000-8000-000000000000").alias("connection"),
        pl.lit(value=False).alias("is_repeat"),
        pl.lit(value=False).alias("is_snapshot"),
        pl.lit(0).alias("part"),
        pl.lit(0).alias("row"),
        pl.lit(None).alias("sequence"),
        pl.lit(None).alias("inexact"),
    )
    whole = told.with_columns(pl.col("ts_recv").alias("ts_event")).select(schema.names())
    name = layout.rows(place, "trades")
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    arrow = whole.cast(schema).to_arrow().cast(reading.schemas()["trades"])
    pq.write_table(arrow, path, compression="zstd", row_group_size=files.GROUP_ROWS)
    times = made["ts_recv"]
    first, last = int(times[0]), int(times[-1])
    return TableFile(
        name=name, table="trades", segment=place.name(), rows=made.height,
        bytes=path.stat().st_size, sha256="", first_ts=first, last_ts=last, first_event=first,
        last_event=last,
    )  # fmt: skip


def question(read: Read) -> pl.LazyFrame:
    """The hour of an instrument."""
    ask = Ask(
        table="trades", schema=tables.shared()["trades"], symbols={FEED: [WANTED]},
        venues={FEED: FEED}, asked=HOUR,
    )  # fmt: skip
    return scan.rows(LocalStore(ROOT), ask, read=read).select(pl.len(), pl.col("size").sum())


def ours() -> tuple[object, ...]:
    """Asked of the tables."""
    return question(Read()).collect().row(0)


def raw(glob: str) -> Callable[[], tuple[object, ...]]:
    """Asked of raw lines, by DuckDB."""

    def ask() -> tuple[object, ...]:
        with duckdb.connect(":memory:") as connection:
            found = connection.execute(
                f"""
                SELECT count(*), sum(CAST(raw.data[1].qty AS DECIMAL(38, 10)))
                FROM read_json('{glob}', format = 'newline_delimited', compression = 'zstd',
                    columns = {{t: 'BIGINT', raw: 'STRUCT(data STRUCT(symbol VARCHAR, qty VARCHAR)[])'}})
                WHERE t >= {HOUR.since} AND t < {HOUR.until} AND raw.data[1].symbol = '{WANTED}'
                """  # noqa: S608 - ours
            ).fetchone()
        assert found is not None
        return found

    return ask


def seconds(ask: Callable[[], object], rounds: int) -> float:
    """The median time of an answer."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def touched() -> None:
    """Say which files and row groups the answer was read from; by Polars' own account."""
    read = Read()
    code = f"import sys; sys.argv = ['', 'groups', {str(ROOT)!r}]; exec(open({__file__!r}).read())"
    question(read).collect()
    told = subprocess.run(  # noqa: S603 - this very file
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    groups = [(int(some), int(every)) for some, every in GROUPS.findall(told.stderr)]
    sizes = sum((ROOT / name).stat().st_size for name in read.files)
    every = list(ROOT.glob("tables/all/**/*.parquet"))
    print(
        f"touched: {len(read.files)} of {len(every)} files ({sizes / 1e6:.1f} of "
        f"{sum(path.stat().st_size for path in every) / 1e6:.1f} MB), "
        f"{sum(some for some, _ in groups)} of their {sum(all_ for _, all_ in groups)} row groups, "
        f"{len(read.segments)} raw segments"
    )


def main(rows: int) -> None:
    """Make the archive, ask, and compare."""
    for number in range(SLOTS):
        write(ROOT, number, slot(number, rows // SLOTS))
    glob = str(ROOT / layout.feed_folder(FEED) / "*" / "*.zst")
    answers = {
        "tables": ours,
        "raw, the hour's files": raw(glob.replace("*.zst", "10*.zst")),
        "raw, all files": raw(glob),
    }
    found = {name: ask() for name, ask in answers.items()}
    assert len(set(found.values())) == 1, found
    print(f"{rows // SLOTS * SLOTS} rows, {SYMBOLS} instruments, {SLOTS} slots: {found['tables']}")
    touched()
    taken = {name: seconds(ask, 1 if "all" in name else ROUNDS) for name, ask in answers.items()}
    for name, each in taken.items():
        print(f"{name:22} {each * 1000:9.1f} ms   x{each / taken['tables']:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["groups"]:
        ROOT = Path(sys.argv[2])
        with pl.Config(verbose=True):
            question(Read()).collect()
    else:
        with tempfile.TemporaryDirectory() as folder:
            ROOT = Path(folder)
            main(int(sys.argv[1]) if sys.argv[1:] else ROWS)
