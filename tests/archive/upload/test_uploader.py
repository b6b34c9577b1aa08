"""What is uploaded is proved; what a reader of the store sees is whole, whenever we die."""

import asyncio
import fcntl
import os
import shutil
from pathlib import Path

import pytest

from ssmd.archive import files, layout, verify
from ssmd.archive.store.errors import StoreAway
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Stored
from ssmd.archive.store.record import Record, store_id
from ssmd.model.errors import ConfigError
from tests import tier
from tests.archive.crash import Crash
from tests.archive.crash import Mortal as MortalDisk
from tests.archive.upload.scene import (
    FEED,
    Killed,
    Mortal,
    build,
    flipped,
    grow,
    put,
    same,
    upload,
    uploads,
    wrongs,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of several slots, with ledger and tables."""
    folder = tmp_path / "data"
    grow(folder)
    build(folder)
    return folder


@pytest.fixture
def far(tmp_path: Path) -> LocalStore:
    """A store that is a folder."""
    return LocalStore(tmp_path / "far")


def test_everything_finished_is_uploaded(root: Path, far: LocalStore) -> None:
    """Segments, manifests, heads, ledger and tables; then there is nothing left to do."""
    done = upload(root, far)
    assert done.outcome.ok
    assert done.outcome.files > 30
    assert same(root, far) == []
    assert wrongs(far) == []
    assert verify.verify(far).ok
    again = upload(root, far)
    assert (again.outcome.files, again.outcome.ok) == (0, True)
    assert not list((root / layout.RAW).rglob(".*"))
    assert not any(each.name.startswith(layout.UPLOADED) for each in far.files(""))


def test_an_open_segment_waits_until_it_is_sealed(root: Path, far: LocalStore) -> None:
    """What is written to is nobody's business yet; what is just being sealed comes next time."""
    sealed = [place for place, kind in files.walk(root) if kind == "sealed"][-1]
    (root / sealed.name()).rename(root / sealed.name("open"))
    done = upload(root, far)
    assert done.outcome.ok
    names = {each.name for each in far.files(layout.RAW)}
    assert names.isdisjoint({sealed.name(), sealed.name("open"), sealed.name("manifest")})
    (root / sealed.name("open")).rename(root / sealed.name())
    assert upload(root, far).outcome.ok
    assert same(root, far) == []


def test_a_file_that_was_uploaded_but_not_noted_is_not_sent_again(
    root: Path, far: LocalStore
) -> None:
    """Without the record everything is proved again by reading it, whoever lost it."""
    upload(root, far)
    before = {each.name: each.mark for each in far.files("")}
    for path in (root / layout.UPLOADED).rglob("*.jsonl"):
        path.unlink()
    assert upload(root, far).outcome.ok
    assert {each.name: each.mark for each in far.files("")} == before


def test_a_record_that_was_cut_costs_its_last_line(root: Path, far: LocalStore) -> None:
    """A power cut in the middle of a note, or a rotten line, makes one file be proved again."""
    upload(root, far)
    path = root / layout.uploaded_day(store_id(far.url), FEED, "2027-01-15")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:5], b"{rotten", *lines[6:-2], lines[-2][:9]]))
    record = Record(path)
    known = len(record)
    done = upload(root, far)
    assert done.outcome.ok
    assert 0 < done.outcome.files <= 3
    assert len(Record(path)) == known + done.outcome.files


def test_a_damaged_segment_is_neither_uploaded_nor_vouched_for(root: Path, far: LocalStore) -> None:
    """The store would be proved to hold garbage; what comes after it in time is uploaded."""
    places = [place for place, kind in files.walk(root) if kind == "sealed"]
    path = root / places[0].name()
    path.write_bytes(flipped(path.read_bytes()))
    done = upload(root, far)
    assert list(done.outcome.problems) == [places[0].name()]
    there = {each.name for each in far.files("")}
    assert places[0].name() not in there
    assert places[0].name("manifest") not in there
    assert places[1].name("manifest") in there
    assert not any(name.startswith(layout.WRITERS) for name in there)
    assert wrongs(far) == []


def test_a_segment_that_is_gone_is_remembered_there_as_here(root: Path, far: LocalStore) -> None:
    """Somebody removed it before there were uploads: its manifest still tells what it held."""
    place = next(place for place, kind in files.walk(root) if kind == "sealed")
    (root / place.name()).unlink()
    done = upload(root, far)
    assert done.outcome.ok
    assert done.outcome.gone == [place.name()]
    assert far.stat(place.name("manifest")) is not None


def test_tables_being_replaced_wait(root: Path, far: LocalStore) -> None:
    """A table that is not the one its slot tells of is not uploaded as if it were."""
    upload(root, far)
    name = next(each.name for each in far.files(layout.TABLES) if each.name.endswith(".parquet"))
    put(root, name, b"half of a new build")
    done = upload(root, far)
    assert len(done.outcome.waiting) == 1
    assert not done.outcome.ok
    assert wrongs(far) == []
    build(root, version=2)
    assert upload(root, far).outcome.ok
    assert same(root, far) == []
    assert wrongs(far) == []


def test_an_archive_that_is_none_is_refused(tmp_path: Path, far: LocalStore) -> None:
    """A mistyped path is no archive that happens to be empty."""
    with pytest.raises(ConfigError, match="no archive"):
        upload(tmp_path / "nothing", far)


def second(root: Path) -> None:
    """What happens to an archive later: a slot more, another ledger, all tables made anew."""
    grow(root, hours=0.1, after=1)
    build(root, version=2)


@pytest.fixture(params=[False, True], ids=["first", "later"])
def begun(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An archive of few files, and its store: nothing uploaded yet, or much to be replaced."""
    folder = tmp_path / "begun"
    grow(folder / "data", hours=0.1, frames=9)
    build(folder / "data")
    (folder / "far").mkdir()
    if request.param:
        upload(folder / "data", LocalStore(folder / "far"))
        second(folder / "data")
    return folder


def copied(begun: Path, name: str) -> tuple[Path, LocalStore]:
    """The same once more."""
    shutil.copytree(begun, begun.parent / name)
    root, far = begun.parent / name / "data", LocalStore(begun.parent / name / "far")
    noted = root / layout.uploaded_folder(store_id(str(begun / "far")))
    if noted.exists():
        noted.rename(root / layout.uploaded_folder(store_id(far.url)))
    return root, far


def test_death_between_any_two_steps_costs_nothing(begun: Path) -> None:
    """The first upload and one that replaces tables: the store is whole at any moment."""
    root, far = copied(begun, "count")
    mortal = Mortal(far, 1 << 30)
    upload(root, mortal)
    steps = (1 << 30) - mortal.left
    assert steps > 40
    for step in range(0, steps, tier.scale(gate=3, full=1)):
        root, far = copied(begun, f"{step}")
        with pytest.raises(Killed):
            upload(root, Mortal(far, step))
        assert wrongs(far) == [], step
        assert upload(root, far).outcome.ok, step
        assert same(root, far) == [], step
        assert wrongs(far) == [], step


def test_death_at_any_step_of_the_disk_costs_nothing(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record, and a store that is a folder, are written as everything in an archive."""
    mortal = MortalDisk(monkeypatch)
    for step in range(0, 10_000, tier.scale(gate=11, full=1)):
        mortal.left = -1
        root, far = copied(begun, f"{step}")
        mortal.left = step
        try:
            upload(root, far)
        except Crash:
            mortal.left = -1
        else:
            break
        assert wrongs(far) == [], step
        assert upload(root, far).outcome.ok, step
        assert same(root, far) == [], step
    assert step > 50


def test_a_store_that_is_away_is_tried_again_and_then_told(root: Path, tmp_path: Path) -> None:
    """What was proved stays proved."""

    class Flaky(Mortal):
        def put(self, name: str, source: bytes | Path, *, sha256: str) -> Stored:
            if self.left > 0:
                self.left -= 1
                raise StoreAway(self.url, "it is closed")
            return self.store.put(name, source, sha256=sha256)

        def _step(self) -> None:
            return

    far = LocalStore(tmp_path / "far")
    assert upload(root, Flaky(far, 2)).outcome.ok
    assert same(root, far) == []
    grow(root, after=2)
    with pytest.raises(StoreAway):
        upload(root, Flaky(far, 1000))
    assert wrongs(far) == []
    assert upload(root, far).outcome.ok


def test_two_do_not_upload_at_once(root: Path, far: LocalStore) -> None:
    """The second one leaves it to the first."""
    path = layout.upload_lock(root, store_id(far.url))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert asyncio.run(uploads(root, far).run_once()) is None
    os.close(handle)
    assert asyncio.run(uploads(root, far).run_once()) is not None


def test_how_far_it_is_is_told(root: Path, far: LocalStore) -> None:
    """Bytes, up to all of them."""
    told: list[tuple[int, int]] = []
    asyncio.run(uploads(root, far, lambda *each: told.append(each)).run_once())
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] > 0
