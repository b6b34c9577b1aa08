"""What `ssmd.open` gives is what was recorded, of just the instruments and time asked for."""

import subprocess
import sys
import warnings
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import ssmd
from ssmd.access import Incomplete
from ssmd.access.archive import Archive
from ssmd.access.opening import open_archive
from ssmd.access.times import Moment
from ssmd.archive import reader
from ssmd.archive.tables.compactor import Compactor
from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, Made, Recorder, Recording, trades
from tests.archive.made import START

Told = list[tuple[object, ...]]


def told(frame: pl.LazyFrame) -> Told:
    """Trades as a test knows them."""
    columns = frame.with_columns(pl.col("ts_recv", "ts_event").to_physical())
    return columns.select(
        "symbol", "price", "size", "side", "trade_id", "ts_recv", "ts_event"
    ).collect().rows()  # fmt: skip


def expected(made: Sequence[Made]) -> Told:
    return [(m.symbol, m.price, m.size, m.side, str(m.number), m.ts_recv, m.ts_event) for m in made]


def test_opening_costs_a_recorder_nothing() -> None:
    """Connectors and archivers import `ssmd`; Polars and DuckDB come with `ssmd.open` alone."""
    code = "import sys, ssmd, ssmd.access; sys.exit('polars' in sys.modules or 'duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert ssmd.open is open_archive
    with pytest.raises(AttributeError, match="opne"):
        ssmd.opne  # noqa: B018 - it is not there


def test_every_trade_is_there_exactly(archive: Archive, known: list[Made]) -> None:
    """Prices and sizes to the last digit, times to the nanosecond."""
    assert sorted(told(archive.trades())) == sorted(expected(known))
    schema = archive.trades().collect_schema()
    assert schema["price"] == pl.Decimal(38, 10)
    assert schema["ts_recv"] == pl.Datetime("ns", "UTC")
    assert schema == archive.schema()["trades"]


@pytest.mark.parametrize("name", ["ETH/USD", "kraken:ETH/USD"])
def test_an_instrument_comes_in_order_by_either_name(
    archive: Archive, known: list[Made], name: str
) -> None:
    """Through all slots, in the order of receipt."""
    mine = [made for made in known if made.symbol == "ETH/USD"]
    assert told(archive.trades(instrument=name)) == expected(mine)


@pytest.mark.parametrize(
    ("start", "end", "low", "high"),
    [
        (START + 90 * SECOND_NS, START + 150 * SECOND_NS, 90, 150),
        (START + 90 * SECOND_NS + 1, START + 150 * SECOND_NS + 1, 91, 151),
        ("2027-01-15T08:02Z", "2027-01-15T08:03:00Z", 120, 180),
        ("-8m", "-7m", 120, 180),
        (None, "2027-01-15T08:00:05Z", 0, 5),
        ("-5s", None, 595, 600),
    ],
)
def test_a_range_is_half_open(
    archive: Archive,
    known: list[Made],
    start: Moment | None,
    end: Moment | None,
    low: int,
    high: int,
) -> None:
    """By our clock: its first nanosecond is in it, its last is not."""
    found = told(archive.trades(start=start, end=end))
    assert sorted(found) == sorted(expected(known[low:high]))


def test_a_range_by_the_venues_clock(archive: Archive, known: list[Made]) -> None:
    """A trade at 07:59:59.995 was received at 08:00:00: it is of the hour before."""
    edge = START + 60 * SECOND_NS
    found = told(archive.trades(start=edge - SECOND_NS, end=edge, by="ts_event"))
    assert found == expected(known[60:61])


def test_several_instruments(archive: Archive, known: list[Made]) -> None:
    """A list of names is their union, in one order of time."""
    mine = [made for made in known if made.symbol != "SOL/USD"]
    assert told(archive.trades(instrument=["BTC/USD", "ETH/USD"])) == expected(mine)


def test_filters_and_projections_are_those_of_polars(archive: Archive, known: list[Made]) -> None:
    """Whatever is pushed into the files, the answer is the same."""
    at = pl.lit(START + 100 * SECOND_NS).cast(pl.Datetime("ns", "UTC"))
    frame = archive.trades().filter(
        (pl.col("ts_recv") >= at) & (pl.col("symbol") == "BTC/USD") & (pl.col("side") == "buy")
    )
    mine = [m for m in known[100:] if m.symbol == "BTC/USD" and m.side == "buy"]
    assert told(frame) == expected(mine)
    assert frame.select(pl.len()).collect().item() == len(mine)
    assert archive.trades().head(7).collect().height == 7
    assert archive.trades().select("price").collect().columns == ["price"]
    volume = archive.trades().select(pl.col("size").sum()).collect().item()
    assert volume == sum((made.size for made in known), Decimal(0))


def test_the_venues_own_words(archive: Archive, known: list[Made]) -> None:
    """What cross-venue tables leave out is in the native ones."""
    rows = archive.rows("trade", feed="kraken", instrument="BTC/USD").collect()
    assert rows["trade_id"].to_list() == [m.number for m in known if m.symbol == "BTC/USD"]
    assert set(rows["ord_type"]) == {"limit"}
    assert rows.schema == archive.schema(feed="kraken")["trade"]


def test_bars_are_lazy_and_of_the_range(archive: Archive, known: list[Made]) -> None:
    """The trades of a minute, by the venue's clock."""
    frame = archive.bars(
        width="1m", instrument="BTC/USD", start="2027-01-15T08:02Z", end="2027-01-15T08:04Z"
    )
    assert "ssmd bars" in frame.explain()
    made = frame.collect()
    begin = START + 2 * MINUTE_NS
    mine = [m for m in known if m.symbol == "BTC/USD" and begin <= m.ts_event < begin + MINUTE_NS]
    assert made["ts"].to_physical().to_list() == [begin, begin + MINUTE_NS]
    assert made["volume"][0] == sum((m.size for m in mine), Decimal(0))
    assert made["open"][0] == mine[0].price


def test_arrow_has_the_types_of_the_files(archive: Archive, known: list[Made]) -> None:
    """Other programs get `string`, `decimal128` and `timestamp[ns, UTC]`."""
    reading = archive.arrow(archive.trades())
    assert reading.schema.field("price").type == pa.decimal128(38, 10)
    assert reading.schema.field("ts_recv").type == pa.timestamp("ns", tz="UTC")
    assert reading.schema.field("symbol").type == pa.string()
    assert reading.read_all().num_rows == len(known)
    frames = archive.arrow(archive.frames()).schema
    assert frames.field("symbols").type == pa.list_(pa.string())
    assert frames.field("payload").type == pa.binary()


def test_frames_are_byte_for_byte(archive: Archive, root: Path) -> None:
    """The raw record is the truth; it is to be had without leaving Python."""
    raw = [line.envelope for line in reader.read(root)]
    assert list(archive.envelopes()) == raw
    assert archive.frames().collect()["payload"].to_list() == [each.payload for each in raw]
    some = archive.frames(
        kind="trade", instrument="BTC/USD", start=START + 30 * SECOND_NS, end=START + 36 * SECOND_NS
    ).collect()
    assert some["ts_recv"].to_physical().to_list() == [START + n * SECOND_NS for n in (30, 33)]


async def test_a_stream_without_a_bus_is_the_history(archive: Archive, root: Path) -> None:
    """The same envelopes in the same order, of the same instruments; `test_stream` has the rest."""
    frames = [line.envelope for line in reader.read(root) if line.envelope.record is None]
    assert [each async for each in archive.stream(feed="kraken")] == frames
    some = archive.stream(feed="kraken", instrument="BTC/USD", kind="trade", start="-5m")
    late = START + 5 * MINUTE_NS
    mine = [e for e in frames if "BTC/USD" in e.symbols and e.ts_recv and e.ts_recv >= late]
    assert [each async for each in some] == mine
    with pytest.raises(ConfigError, match="mean"):
        archive.stream(feed="krakne")


def test_instruments_that_were_heard_of(archive: Archive, known: list[Made]) -> None:
    """With how much was heard of each."""
    found = archive.instruments().collect()
    assert found.select("instrument_id", "messages").rows() == [
        ("kraken:BTC/USD", 200), ("kraken:ETH/USD", 200), ("kraken:SOL/USD", 200),
    ]  # fmt: skip
    assert archive.feeds() == ["kraken"]
    assert archive.instruments(instrument="SOL/USD").collect().height == 1
    assert len(known) == 600


ASKED: list[tuple[dict[str, Any], str]] = [
    ({"feed": "krakne"}, "no feed 'krakne'.*mean \"kraken\""),
    ({"instrument": "kraken:BTC/UDS"}, 'no instrument.*mean "kraken:BTC/USD"'),
    ({"feed": "kraken", "instrument": "BTCUSD"}, 'in kraken.*mean "BTC/USD"'),
    ({"start": "yesterday"}, "no time"),
    ({"by": "ts"}, "Use ts_recv or ts_event"),
]


@pytest.mark.parametrize(("asked", "said"), ASKED)
def test_a_wrong_name_is_answered_at_once_with_the_nearest(
    archive: Archive, asked: dict[str, Any], said: str
) -> None:
    """Nothing found and nothing there are two answers; a typo is neither."""
    with pytest.raises(ConfigError, match=said):
        archive.trades(**asked)


def test_other_wrong_questions(archive: Archive, tmp_path: Path) -> None:
    """Each is refused with what to do instead."""
    with pytest.raises(ConfigError, match=r"no table 'trades'.*trade"):
        archive.rows("trades", feed="kraken")
    with pytest.raises(ConfigError, match=r"no table 'trade'.*trades"):
        archive.shared("trade")
    with pytest.raises(ConfigError, match="one feed"):
        archive.rows("trade")
    with pytest.raises(ConfigError, match="at a time"):
        archive.book(depth=3)
    with pytest.raises(ConfigError, match="instrument"):
        archive.book(at="now")
    with pytest.raises(ConfigError, match="no width"):
        archive.bars(width="1x")
    with pytest.raises(ConfigError, match="no archive"):
        open_archive(tmp_path / "nothing")


def test_a_time_after_the_recording_was_stopped_is_not_quiet(archive: Archive) -> None:
    """That nothing came is an answer for a known instrument, and why is told."""
    frame = archive.trades(instrument="BTC/USD", start=START + 3600 * SECOND_NS)
    with pytest.warns(Incomplete, match="shutdown"):
        assert frame.collect().is_empty()


def lossy(root: Path) -> None:
    """Ten minutes, in the third of which a connection died and five frames were lost."""
    recorder = Recorder(root)
    first = Recording()
    made = trades(600)
    recorder.write([*first.begin(), *map(first.trade, made[:130])])
    first.ordinal += 5
    recorder.write([first.lost((130, 134)), *map(first.trade, made[135:400]), first.closed()])
    recorder.seal()
    Compactor(root, ManualClock(START)).run_once()


def test_losses_of_the_time_read_are_told(tmp_path: Path) -> None:
    """Whoever reads rows hears of what is missing among them, of just that time."""
    lossy(tmp_path)
    archive = open_archive(tmp_path)
    frame = archive.trades(instrument="BTC/USD", start=START + 2 * MINUTE_NS)
    with pytest.warns(Incomplete, match=r"1 losses .*loss of 3 instruments") as caught:
        assert frame.collect().height > 0
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        archive.trades(end=START + 2 * MINUTE_NS).collect()
        open_archive(tmp_path, warn=False).trades().collect()
    with pytest.warns(Incomplete, match="losses"):
        archive.sql("SELECT count(*) FROM trades").rows()
    with pytest.warns(Incomplete, match="losses"):
        archive.bars(width="1m").collect()


def test_what_is_missing_is_listed(tmp_path: Path) -> None:
    """With whose loss it is, and what shows it; and every minute has its condition."""
    lossy(tmp_path)
    archive = open_archive(tmp_path)
    gaps = archive.gaps(end=START + 6 * MINUTE_NS).collect()
    loss = gaps.filter(pl.col("kind") == "loss").row(0, named=True)
    assert (loss["first_ordinal"], loss["last_ordinal"], loss["reason"]) == (130, 134, "spool_full")
    assert loss["repaired"] == "no"
    minutes = archive.coverage(instrument="BTC/USD", end=START + 6 * MINUTE_NS).collect()
    assert minutes["lost"].to_list() == [1]
    assert minutes["complete"].to_list() == [5]
    runs = archive.conditions(instrument="BTC/USD", end=START + 6 * MINUTE_NS).collect()
    assert runs["condition"].to_list() == ["complete", "lost", "complete"]
    by_channel = archive.conditions(instrument="BTC/USD", channels=True).collect()
    assert set(by_channel["channel"]) == {"trade"}
