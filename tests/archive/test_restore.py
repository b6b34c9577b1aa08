"""A backup is proved, or it is said what is missing; nothing is written into it."""

import shutil
from pathlib import Path

import msgspec
import pytest

from ssmd.archive import files, identity, layout, manifest, restore, verify
from ssmd.archive.errors import TooNew
from ssmd.archive.layout import Place
from ssmd.archive.store.local import LocalStore
from ssmd.feeds.upload import Retention
from ssmd.model.errors import ConfigError, Damaged
from tests.archive.upload.scene import FEED, build, grow, put, upload


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A backup of some slots, with ledger and tables."""
    folder = tmp_path / "backup"
    grow(folder, hours=0.5, frames=40)
    build(folder)
    return folder


def places(root: Path) -> list[Place]:
    return [place for place, kind in files.walk(root) if kind == "manifest"]


def test_a_whole_backup_is_proved_and_left_alone(root: Path) -> None:
    """Segments, chains, ledger, tables; reading it changes not a byte of it."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    found = restore.restore(root)
    assert found.ok, found.problems
    assert (found.missing, found.days_behind, found.slots_unbuilt) == ([], [], [])
    assert found.tables_missing == []
    assert found.days == 1
    assert found.slots == len(places(root))
    assert found.table_bytes > 0
    assert found.report == verify.verify(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert restore.restore(root.as_uri()) == found


def test_a_segment_that_is_missing_is_named(root: Path) -> None:
    """And it is a problem: nothing else has these frames."""
    name = places(root)[1].name()
    (root / name).unlink()
    found = restore.restore(root)
    assert not found.ok
    assert found.missing == [name]
    assert found.elsewhere == []


def test_a_segment_that_is_in_a_store_is_said_to_be_there(root: Path, tmp_path: Path) -> None:
    """Such a backup is whole together with the store; which one it is is said."""
    far = LocalStore(tmp_path / "far")
    upload(root, far, retention=Retention(keep_s=0))
    found = restore.restore(root)
    assert found.ok, found.problems
    assert found.missing == found.elsewhere == [place.name() for place in places(root)]
    assert found.stores == [str(tmp_path / "far")]
    assert found.slots == len(places(root))
    there = restore.restore(tmp_path / "far")
    assert there.ok, there.problems
    assert (there.missing, there.slots) == ([], found.slots)


def test_tables_that_are_missing_are_no_loss(root: Path) -> None:
    """They are made again from raw; which ones is said."""
    first, second, *_ = places(root)
    gone = layout.rows(first, "trades")
    (root / gone).unlink()
    (root / layout.built(layout.slot_of(second))).unlink()
    found = restore.restore(root)
    assert found.ok, found.problems
    assert found.tables_missing == [gone]
    assert found.slots_unbuilt == [layout.built(layout.slot_of(place)) for place in (first, second)]
    assert found.slots == len(places(root)) - 2


def test_tables_with_other_bytes_are_a_problem(root: Path) -> None:
    """Somebody would read wrong numbers from them."""
    name = layout.rows(places(root)[0], "trades")
    put(root, name, b"other bytes")
    found = restore.restore(root)
    assert [problem.file for problem in found.problems] == [name]
    assert not found.ok


def test_a_ledger_that_was_changed_is_a_problem(root: Path) -> None:
    """One that is behind is not: whoever reads it folds what is missing."""
    name = layout.table(FEED, "2027-01-15", "coverage")
    content = (root / name).read_bytes()
    put(root, name, content[:-1] + b"x")
    found = restore.restore(root)
    assert [problem.file for problem in found.problems] == [layout.day(FEED, "2027-01-15")]
    shutil.rmtree(root / layout.ledger_folder(FEED, "2027-01-15"))
    found = restore.restore(root)
    assert found.ok
    assert (found.days, found.days_behind) == (0, [layout.day(FEED, "2027-01-15")])


def test_a_damaged_manifest_is_told_once(root: Path) -> None:
    """As `verify` does; the tables of its slot are then not known to be the right ones."""
    place = places(root)[0]
    put(root, place.name("manifest"), b"{rotten")
    found = restore.restore(root)
    assert not found.ok
    assert layout.built(layout.slot_of(place)) in found.slots_unbuilt


def test_a_folder_without_an_archive_is_refused(tmp_path: Path) -> None:
    """The wrong folder is no backup that happens to be empty."""
    with pytest.raises(ConfigError, match="no archive"):
        restore.restore(tmp_path)


@pytest.mark.parametrize("what", ["manifest", "head", "identity"])
@pytest.mark.parametrize("needs", ["2.7.1", None])
def test_a_newer_archive_is_refused_with_the_version_it_needs(
    root: Path, what: str, needs: str | None
) -> None:
    """Whatever else a newer format has in it; it must not look like a damaged one."""
    place = places(root)[0]
    name = {
        "manifest": place.name("manifest"),
        "head": layout.head(place.writer),
        "identity": layout.IDENTITY,
    }[what]
    put(
        root,
        name,
        msgspec.json.encode({"format": 99, "all": "new"} | ({"needs": needs} if needs else {})),
    )
    with pytest.raises(TooNew, match=needs or "newer ssmd") as caught:
        restore.restore(root)
    assert "format 99" in caught.value.message
    with pytest.raises(TooNew):
        verify.verify(root)
    if what == "identity":
        with pytest.raises(TooNew):
            identity.ensure(root, 0)


def test_what_is_no_file_of_any_version_is_damaged(root: Path) -> None:
    """Nobody is told to upgrade because of a rotten byte."""
    with pytest.raises(Damaged) as caught:
        manifest.decode(b'{"format":1}', "x")
    assert not isinstance(caught.value, TooNew)
