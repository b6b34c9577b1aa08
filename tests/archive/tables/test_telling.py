"""What no file holds yet is told as the build would tell it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import reading
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from tests.archive import made
from tests.archive.made import sent
from tests.archive.tables.made import (
    FEED,
    SLOT_NS,
    START,
    Talk,
    compact,
    imported,
    record,
    table,
    values,
)
from tests.archive.tables.test_repeats import in_time, twin
from tests.shared import shared

TABLES = [*reading.schemas(), *reading.schemas(FEED)]


def tell(root: Path, *tables: str, feed: str = FEED, **more: object) -> dict[str, pa.Table]:
    """What is told of everything unbuilt."""
    store = LocalStore(root)
    unbuilt = reading.contents(store, [feed]).unbuilt
    return reading.tell(store, unbuilt, tables, **more)  # type: ignore[arg-type]  # as in the call


def talks() -> list[Envelope]:
    """Twins with quotes, trades told again after a reconnect, two instruments, four slots."""
    trader = Talk(7)
    said = [trader.opened()]
    for number in range(250):
        trader.ts = START + number * 11 * SECOND_NS
        said.append(trader.trades(number, symbol=("BTC/USD", "ETH/USD")[number % 2]))
    again = Talk(8, trader.ts, trader.id)
    said += [again.opened("reconnect"), again.trades(*range(0, 250, 2), again=True)]
    return in_time(twin(0, range(160)), twin(1, range(280)), said)


def compare(root: Path, told: dict[str, pa.Table], feed: str = FEED) -> None:
    """Everything told is what is built now."""
    for name, rows in told.items():
        found = reading.contents(LocalStore(root), [feed]).files(name)
        if found:
            assert rows.equals(table(root, name, feed)), name
        else:
            assert rows.num_rows == 0, name


@pytest.mark.parametrize("built", [0, 1, 2])
def test_what_is_told_is_what_is_built(tmp_path: Path, built: int) -> None:
    """Rows, flags and order are the same, whether earlier slots are built already or not."""
    said = talks()
    early = [each for each in said if (each.ts_recv or 0) < START + built * SLOT_NS]
    if early:
        record(tmp_path, early)
        compact(tmp_path)
    record(tmp_path, said[len(early) :])
    before = {
        name: table(tmp_path, name).num_rows
        for name in TABLES
        if reading.contents(LocalStore(tmp_path), [FEED]).files(name)
    }
    told = tell(tmp_path, *TABLES)
    compact(tmp_path)
    whole = {
        name: table(tmp_path, name).slice(before.get(name, 0))
        for name in TABLES
        if reading.contents(LocalStore(tmp_path), [FEED]).files(name)
    }
    assert {name for name, rows in told.items() if rows.num_rows} <= whole.keys()
    for name, rows in whole.items():
        assert told[name].equals(rows), name
    assert True in whole["trades"].column("is_repeat").to_pylist()


def opened(root: Path, said: Sequence[Envelope]) -> None:
    """Archive envelopes in several commits, and leave the segment open as a writer has it."""
    writer = made.archive(root)
    for at in range(0, len(said), 50):
        writer.append(sent(said[at : at + 50], at))
        writer.commit()
    writer.close()


def test_an_open_segment_is_told_up_to_its_last_commit(tmp_path: Path) -> None:
    """Rows can be read before anything is sealed, and are the same when it is."""
    said = [each for each in talks() if (each.ts_recv or 0) < START + 600 * SECOND_NS]
    opened(tmp_path, said)
    told = tell(tmp_path, "trades", "quotes", "native/trade")
    assert told["trades"].num_rows == 55
    made.archive(tmp_path).close()  # a recovery seals what it finds
    compact(tmp_path)
    compare(tmp_path, told)


def test_only_what_is_asked_for_is_told(tmp_path: Path) -> None:
    """Tables, symbols and times; what is not asked for does not change what is."""
    record(tmp_path, talks())
    whole = tell(tmp_path, "trades", "quotes")
    wanted = tell(
        tmp_path,
        "trades",
        symbols=["ETH/USD"],
        since=START + 20 * SECOND_NS,
        until=START + 60 * SECOND_NS,
    )
    assert wanted.keys() == {"trades"}
    names = ("symbol", "ts_event", "trade_id", "connection", "is_repeat")
    chosen = [
        row
        for row in values(whole["trades"], *names)
        if row[0] == "ETH/USD" and START + 20 * SECOND_NS <= row[1] < START + 60 * SECOND_NS
    ]
    assert values(wanted["trades"], *names) == chosen
    assert len(chosen) == 20
    by_receipt = tell(tmp_path, "quotes", since=START + SLOT_NS, by="ts_recv")["quotes"]
    assert min(ts for (ts,) in values(by_receipt, "ts_recv")) >= START + SLOT_NS


def test_nothing_is_told_of_nothing(tmp_path: Path) -> None:
    """An archive without that feed gives tables without rows, with all their columns."""
    record(tmp_path, talks())
    compact(tmp_path)
    told = tell(tmp_path, "trades")
    assert told["trades"].num_rows == 0
    assert told["trades"].schema == reading.schemas()["trades"]


@pytest.mark.parametrize(
    "capture",
    [
        "kraken/capture-v2-book10-btc-eth-20260802.jsonl.gz",
        "kraken_futures/capture-v1-20210722.jsonl.gz",
        "kalshi/capture-btc1h-20260418.jsonl.gz",
    ],
)
def test_recorded_data_is_told_as_it_is_built(tmp_path: Path, capture: str) -> None:
    """Of every table, books included."""
    venue = capture.partition("/")[0].replace("_", "-")
    imported(tmp_path, venue, shared(f"data/{capture}"))
    told = tell(tmp_path, *reading.schemas(), *reading.schemas(venue), feed=venue)
    compact(tmp_path)
    compare(tmp_path, told, venue)
    assert told["book"].num_rows > 0
