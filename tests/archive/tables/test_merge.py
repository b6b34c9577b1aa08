"""Small files become larger ones: the same rows, at every moment, whoever dies or comes late."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ssmd.archive import durable, layout, restore
from ssmd.archive.store.local import LocalStore
from ssmd.archive.tables import merge as merging
from ssmd.archive.tables import merged, reading
from ssmd.archive.tables.redecode import redecode
from ssmd.feeds.upload import Retention
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests import tier
from tests.archive.crash import Crash, Mortal
from tests.archive.tables.made import FEED, SLOT_NS, START, Talk, compact, content, record, values
from tests.archive.tables.test_build import late
from tests.archive.upload.scene import upload

TABLES = ("trades", "tickers", "native/trade", "native/ticker")
LATER = START + 10 * 86_400 * SECOND_NS


def said(slots: int = 6) -> list[Envelope]:
    """Some slots with trades, tickers, what comes again, and what cannot be read."""
    talk = Talk()
    found = [talk.opened()]
    for slot in range(slots):
        talk.ts = START + slot * SLOT_NS
        for index in range(4):
            found += [
                talk.trades(100 * slot + index, symbol=("BTC/USD", "ETH/USD")[index % 2]),
                talk.ticker(slot + index),
            ]
        found.append(talk.trades(100 * slot, 100 * slot - 100, again=True))
        found.append(talk.frame("trade", {"channel": "trade", "type": "update", "data": [{}]}))
    return [*found, talk.closed()]


@pytest.fixture(autouse=True)
def quick_disk() -> Any:  # noqa: ANN401 - a fixture that gives nothing
    """Nothing waits for the disk; here nobody cuts the power."""
    with durable.use(durable.Device(sync=lambda _handle: None, sync_data=lambda _handle: None)):
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with tables, from 08:00 to 09:30."""
    folder = tmp_path / "data"
    record(folder, said())
    assert compact(folder).failed == []
    return folder


def merge(root: Path, **more: Any) -> merging.Outcome:  # noqa: ANN401 - whatever `merge` takes
    return merging.merge(root, ManualClock(LATER), **more)


def told(root: Path) -> dict[str, list[Any]]:
    """Every row of every table, as readers find them; what is told from raw, too."""
    store = LocalStore(root)
    contents = reading.contents(store, [FEED])
    found: dict[str, list[Any]] = {}
    raw = reading.tell(store, contents.unbuilt, TABLES) if contents.unbuilt else {}
    for table in TABLES:
        rows: list[Any] = []
        parts = [merging._read(root, file) for file in contents.files(table)]
        for part in [*parts, *([raw[table]] if table in raw else [])]:
            names = sorted(part.column_names)
            rows += [str(row) for row in values(part, *names)]
        found[table] = sorted(rows)
    return found


def files(root: Path) -> int:
    return sum(name.endswith(".parquet") for name in content(root))


def test_the_rows_are_the_same_in_fewer_files(root: Path) -> None:
    """Hour by hour, then day by day; a second run finds nothing to do."""
    before, many = told(root), files(root)
    assert all(before.values())
    done = merge(root)
    assert (done.groups, done.slots, done.waiting) == (2, 6, 0)
    assert told(root) == before
    assert files(root) == many - done.before + done.after < many
    assert merge(root).groups == 0
    day = merge(root, every_s=86_400)
    assert (day.groups, day.slots) == (1, 6)
    assert told(root) == before
    assert len(reading.contents(LocalStore(root)).files("trades")) == 1
    assert len(list(merged.records(LocalStore(root)))) == 1
    assert merge(root).groups == merge(root, every_s=86_400).groups == 0
    assert compact(root).built == []
    assert restore.restore(root).slots_unbuilt == []


def test_what_is_not_settled_stays_as_it_is(root: Path) -> None:
    """Late data would come to what is young; what is not built yet is waited for."""
    young = ManualClock(START + 3 * 3600 * SECOND_NS)
    assert merging.merge(root, young).groups == 0
    talk = Talk(1)
    late(root, talk.opened(), talk.trades(7), talk.closed())
    done = merge(root)
    assert (done.groups, done.waiting) == (1, 1)


def test_large_files_are_left_alone(root: Path) -> None:
    """They are not small, and an hour of them would have to be held in memory."""
    before = told(root)
    assert merge(root, most_bytes=10).groups == 0
    assert told(root) == before


def test_a_file_that_rotted_is_not_merged(root: Path) -> None:
    """Its rows would be lost, or wrong for good."""
    name = reading.contents(LocalStore(root)).files("trades")[0].name
    (root / name).write_bytes((root / name).read_bytes()[:-1] + b"x")
    with pytest.raises(Damaged, match="is not what its slot tells"):
        merge(root)
    assert (root / name).exists()
    assert list(merged.records(LocalStore(root))) == []


def test_a_late_segment_takes_its_hour_apart(root: Path, tmp_path: Path) -> None:
    """Readers have every row meanwhile; the tables are those that were never merged."""
    talk = Talk(1, ts=START + SLOT_NS)
    more = [talk.opened(), talk.trades(107), talk.closed()]
    other = tmp_path / "other"
    shutil.copytree(root, other)
    merge(root)
    late(root, *more)
    late(other, *more)
    assert told(root) == told(other)
    compact(root)
    compact(other)
    assert told(root) == told(other)
    own, plain = content(root), content(other)
    still = {name for name in own if layout.is_merged_rows(name) or layout.is_merged(name)}
    assert still
    assert all(own[name] == plain[name] for name in own.keys() - still)
    assert merge(root).groups == merge(other).groups + (-1)
    assert told(root) == told(other)


def test_what_follows_a_merged_slot_knows_its_facts(root: Path, tmp_path: Path) -> None:
    """A trade told again is a repeat, wherever the file lies in which it was told first."""
    talk = Talk(1, ts=START + 6 * SLOT_NS)
    more = [talk.opened(), talk.trades(500, 100, 600, again=True), talk.trades(503), talk.closed()]
    other = tmp_path / "other"
    shutil.copytree(root, other)
    merge(root, every_s=86_400)
    for each in (root, other):
        late(each, *more)
        compact(each)
    assert told(root) == told(other)


@pytest.mark.parametrize("late_too", [False, True])
def test_every_step_may_be_the_last(tmp_path: Path, late_too: bool) -> None:
    """Merging, and taking apart: readers find every row once, and the next run heals the rest."""
    root = tmp_path / "short"
    record(root, said(3))
    compact(root)
    if late_too:
        merge(root)
        talk = Talk(1, ts=START + SLOT_NS)
        late(root, talk.opened(), talk.trades(107), talk.closed())

    def work(folder: Path) -> None:
        compact(folder)
        merge(folder)

    shutil.copytree(root, tmp_path / "whole")
    before = told(root)
    work(tmp_path / "whole")
    expected = content(tmp_path / "whole")
    after = told(tmp_path / "whole")
    step, died = 0, True
    while died:
        folder = tmp_path / str(step)
        shutil.copytree(root, folder)
        with pytest.MonkeyPatch.context() as patch:
            mortal = Mortal(patch)
            mortal.left = step
            try:
                work(folder)
                died = False
            except Crash:
                pass
            mortal.left = -1
        assert told(folder) in (before, after), step
        work(folder)
        assert content(folder) == expected, step
        shutil.rmtree(folder)
        step += tier.scale(gate=61, full=1)
    assert step > 30


def test_making_tables_again_takes_the_same_rows_apart(root: Path) -> None:
    """`redecode` compares what became one with what raw gives, and leaves the files by slot."""
    plain = content(root)
    merge(root)
    before = told(root)
    dry = redecode(root, ManualClock(LATER), dry_run=True)
    assert dry.is_same, dry
    assert told(root) == before
    part = redecode(root, ManualClock(LATER), until=START + SLOT_NS)
    assert part.is_same
    assert len(part.slots) == 4
    assert told(root) == before
    assert redecode(root, ManualClock(LATER)).is_same
    assert content(root) == plain


def test_merged_tables_are_uploaded_and_let_go(root: Path, tmp_path: Path) -> None:
    """The store has at any moment what is whole, and in the end what is here: nothing twice."""
    far = LocalStore(tmp_path / "far")
    before = told(root)
    assert upload(root, far).outcome.ok
    merge(root)
    assert upload(root, far).outcome.ok
    assert told(tmp_path / "far") == before
    assert content(tmp_path / "far") == content(root)
    talk = Talk(1, ts=START + SLOT_NS)
    late(root, talk.opened(), talk.trades(107), talk.closed())
    assert upload(root, far).outcome.ok
    assert told(tmp_path / "far") == told(root)
    compact(root)
    assert upload(root, far).outcome.ok
    assert told(tmp_path / "far") == told(root)
    assert content(tmp_path / "far") == content(root)
    fresh = LocalStore(tmp_path / "fresh")
    merge(root)
    assert upload(root, fresh, retention=Retention(keep_s=0, needs_tables=True)).outcome.ok
    assert told(tmp_path / "fresh") == told(tmp_path / "far")
