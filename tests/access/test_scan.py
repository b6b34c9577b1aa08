"""Only what can hold the rows is touched; nothing is missing or doubled while files change."""

import re
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import polars as pl
import pytest

from ssmd.access import scan, tables, units
from ssmd.access.ask import Ask
from ssmd.access.opening import open_archive
from ssmd.access.scan import Read
from ssmd.access.times import Range
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Scan
from ssmd.archive.tables import files
from ssmd.archive.tables.built import Link
from ssmd.archive.tables.compactor import Compactor
from ssmd.model.errors import Unavailable
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, Made, Recorder, Recording, record, trades
from tests.archive.made import START

READ_GROUPS = re.compile(r"Predicate pushdown: reading (\d+) / (\d+) row groups")


def ask(**asked: object) -> Ask:
    """A question about trades."""
    given = {
        "table": "trades",
        "schema": tables.shared()["trades"],
        "symbols": {"kraken": None},
        "venues": {"kraken": "kraken"},
    }
    return Ask(**{**given, **asked})  # type: ignore[arg-type] # what a test gives fits


def read(store: object, question: Ask) -> tuple[list[int], Read]:
    """The numbers of the trades found, and what was touched for them."""
    touched = Read()
    frame = scan.rows(store, question, read=touched)  # type: ignore[arg-type] # a store
    return [int(number) for number in frame.collect()["trade_id"]], touched


def minute(name: str) -> int:
    """Which minute of the archive a file is of."""
    found = re.search(r"/08(\d\d)-", name)
    assert found
    return int(found[1])


@pytest.mark.parametrize(
    ("asked", "by", "minutes"),
    [
        (Range(START + 90 * SECOND_NS, START + 150 * SECOND_NS), "ts_recv", [1, 2]),
        (Range(START + MINUTE_NS, START + 2 * MINUTE_NS), "ts_recv", [1]),
        (Range(START + MINUTE_NS, START + 2 * MINUTE_NS), "ts_event", [1, 2]),
        (Range(None, START + 1), "ts_recv", [0]),
        (Range(START + 3600 * SECOND_NS, None), "ts_recv", []),
        (Range(), "ts_recv", list(range(10))),
    ],
)
def test_only_files_that_can_hold_the_range_are_opened(
    root: Path, asked: Range, by: str, minutes: list[int]
) -> None:
    """By either clock, as the statistics of the files tell."""
    _, touched = read(LocalStore(root), ask(asked=asked, by=by))
    assert [minute(name) for name in touched.files] == minutes
    assert touched.segments == []
    assert touched.listings == 1


def test_a_filter_spares_files_as_a_range_does(root: Path) -> None:
    """Who filters a frame instead of asking for a range waits no longer."""
    touched = Read()
    frame = scan.rows(LocalStore(root), ask(), read=touched)
    low, high = (pl.lit(START + n * MINUTE_NS).cast(pl.Datetime("ns", "UTC")) for n in (3, 4))
    found = frame.filter((pl.col("ts_recv") >= low) & (pl.col("ts_recv") < high)).collect()
    assert found.height == 60
    assert [minute(name) for name in touched.files] == [3]
    assert frame.filter(pl.col("feed") == "other").collect().is_empty()
    assert len(touched.files) == 1


def test_only_row_groups_that_can_hold_the_instrument_are_decoded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Polars itself tells of each file: an instrument is a part of it."""
    monkeypatch.setattr(files, "GROUP_ROWS", 500)
    record(tmp_path, trades(9000, every_ns=10_000_000))
    Compactor(tmp_path, ManualClock(START)).run_once()
    archive = open_archive(tmp_path, warn=False)
    capfd.readouterr()
    with pl.Config(verbose=True):
        found = archive.trades(instrument="SOL/USD", end=START + MINUTE_NS).collect()
        mine = archive.sql("SELECT price FROM trades WHERE instrument_id = 'kraken:SOL/USD'").pl()
    groups = READ_GROUPS.findall(capfd.readouterr().err)
    assert (found.height, mine.height) == (2000, 3000)
    assert groups[0] == ("4", "12")
    assert sorted(groups[1:]) == [("2", "6"), ("4", "12")], "two files, read side by side"


class Meddled(LocalStore):
    """An archive's folder where something happens to files that are about to be read.

    Args:
        root: The folder.
        meddle: Told their names.
    """

    def __init__(self, root: Path, meddle: Callable[[Sequence[str]], None]) -> None:
        super().__init__(root)
        self._meddle = meddle

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        """Where the files are, or were."""
        found = super().scans(names)
        self._meddle(names)
        return found


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are read one after the other, as large ones are."""
    monkeypatch.setattr(units, "_UNIT_BYTES", 1)


def link(root: Path, slot: str) -> tuple[Path, Link]:
    """What says which files a slot has."""
    (path,) = root.glob(f"tables/built/*/*/{slot}.json")
    return path, msgspec.json.decode(path.read_bytes(), type=Link)


def merge(root: Path) -> None:
    """Put the trades of 08:03 to those of 08:02, as a merge of small files does."""
    (early, one), (late, other) = link(root, "0802"), link(root, "0803")
    first, second = (
        next(file for file in each.files if file.table == "trades") for each in (one, other)
    )
    name = first.name.replace(".parquet", "-merged.parquet")
    whole = pl.concat([pl.read_parquet(root / first.name), pl.read_parquet(root / second.name)])
    whole.write_parquet(root / name)
    both = msgspec.structs.replace(first, name=name, last_ts=second.last_ts)
    early.write_bytes(msgspec.json.encode(msgspec.structs.replace(one, files=(both,))))
    late.write_bytes(msgspec.json.encode(msgspec.structs.replace(other, files=())))
    (root / first.name).unlink()
    (root / second.name).unlink()


@pytest.fixture
def own(root: Path, tmp_path: Path) -> Path:
    """The archive of known trades, to be changed."""
    return Path(shutil.copytree(root, tmp_path / "own"))


@pytest.mark.parametrize("before", [2, 3])
@pytest.mark.usefixtures("one_by_one")
def test_files_merged_while_they_are_read_are_found_again(
    own: Path, known: list[Made], before: int
) -> None:
    """Each row once, whether the slot before the merged file was read already or not."""
    merged: list[str] = []

    def meddle(names: Sequence[str]) -> None:
        if not merged and minute(names[0]) == before:
            merged.append(names[0])
            merge(own)

    numbers, touched = read(Meddled(own, meddle), ask())
    assert merged
    assert touched.listings == 2
    assert sorted(numbers) == [made.number for made in known]


def test_a_file_that_is_gone_for_good_is_told(own: Path) -> None:
    """Rows are never left out in silence."""
    next(own.glob("tables/all/type=trades/*/*/0804*.parquet")).unlink()
    with pytest.raises(Unavailable, match="0804"):
        read(LocalStore(own), ask())


class Writing:
    """An archive that is being written: the first minutes sealed, the last ones open."""

    def __init__(self, root: Path) -> None:
        self.recorder = Recorder(root)
        self.talk = Recording()
        self.recorder.write(self.talk.begin())
        self.compactor = Compactor(root, ManualClock(START))

    def add(self, made: Sequence[Made]) -> None:
        """Commit more trades, and seal what is over."""
        self.recorder.write(map(self.talk.trade, made))
        self.recorder.tick(made[-1].ts_recv)


def test_what_was_committed_is_read_at_once(tmp_path: Path, known: list[Made]) -> None:
    """Sealed and built, sealed, or still open: each trade once, in the order of receipt."""
    writing = Writing(tmp_path)
    done = 0
    for until in (50, 130, 131, 200, 260):
        writing.add(known[done:until])
        done = until
        numbers, _ = read(LocalStore(tmp_path), ask(symbols={"kraken": ("BTC/USD",)}))
        assert numbers == [made.number for made in known[:done] if made.symbol == "BTC/USD"]
        if until == 200:
            writing.compactor.run_once()
    _, touched = read(LocalStore(tmp_path), ask(asked=Range(known[259].ts_recv, None)))
    assert touched.files == []
    assert [minute(name) for name in touched.segments] == [3, 4]
    _, old = read(LocalStore(tmp_path), ask(asked=Range(None, START + MINUTE_NS)))
    assert (len(old.files), old.segments) == (1, [])


def test_what_the_slot_before_told_is_a_repeat(tmp_path: Path) -> None:
    """Also where neither slot has tables, and only the later one is asked for."""
    writing = Writing(tmp_path)
    midnight = START + 16 * 3600 * SECOND_NS
    told = trades(70, start=midnight - MINUTE_NS)
    again = told[55]._replace(ts_recv=midnight + 5 * SECOND_NS)
    writing.add([*told[:65], again, *told[65:]])
    numbers, touched = read(LocalStore(tmp_path), ask(asked=Range(midnight, None)))
    assert sorted(numbers) == list(range(60, 70))
    assert len(touched.segments) == 1
    every, _ = read(LocalStore(tmp_path), ask(asked=Range(midnight, None), repeats=True))
    assert sorted(every) == [55, *range(60, 70)]


def test_rows_of_what_is_open_are_those_that_will_be_built(tmp_path: Path) -> None:
    """Column by column: building changes where a row is read from, nothing else."""
    writing = Writing(tmp_path)
    writing.add(trades(90))
    before = {
        name: scan.rows(LocalStore(tmp_path), ask(table=name, schema=schema, repeats=True)).collect()
        for name, schema in tables.shared().items()
    }  # fmt: skip
    writing.recorder.seal()
    writing.compactor.run_once()
    for name, schema in tables.shared().items():
        question = ask(table=name, schema=schema, repeats=True)
        after, read_ = Read(), scan.rows(LocalStore(tmp_path), question)
        key = ["connection", "ordinal", "part", "row"]
        assert read_.collect().sort(key).equals(before[name].sort(key)), name
        assert after.segments == []


def test_reading_while_tables_are_made(tmp_path: Path, known: list[Made]) -> None:
    """At no moment of a compactor's work is a row missing, or there twice."""
    writing = Writing(tmp_path)
    writing.add(known)
    writing.recorder.seal()
    expected = [made.number for made in known]
    stop = threading.Event()
    failures: list[object] = []
    sources: set[tuple[bool, bool]] = set()

    def look() -> None:
        while not stop.is_set():
            numbers, touched = read(LocalStore(tmp_path), ask())
            sources.add((bool(touched.files), bool(touched.segments)))
            if sorted(numbers) != expected:
                failures.append((len(numbers), len(set(numbers)), touched))

    reader = threading.Thread(target=look)
    reader.start()
    while not sources:
        stop.wait(0.01)
    for date in sorted(tmp_path.glob("raw/*/*/*.jsonl.zst")):  # one slot after the other, twice
        del date
        writing.compactor.run_once()
    for built in sorted(tmp_path.glob("tables/built/*/*/*.json"))[::2]:
        built.unlink()
    writing.compactor.run_once()
    stop.set()
    reader.join()
    assert failures == []
    assert (False, True) in sources
