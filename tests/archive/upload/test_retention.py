"""What is let go here is proved to be there, at that moment; what is needed stays."""

import os
import shutil
from pathlib import Path

import pytest

from ssmd.archive import files, layout, listing, reader, verify
from ssmd.archive.ledger import store as ledger
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import as_store, open_archive
from ssmd.archive.store.record import store_id, targets
from ssmd.feeds.upload import Retention
from tests.archive.upload.scene import (
    FEED,
    Killed,
    Mortal,
    build,
    flipped,
    grow,
    same,
    sha,
    upload,
    wrongs,
)

ALL = Retention(keep_s=0)


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


def raw(root: Path) -> list[str]:
    return [place.name() for place, kind in files.walk(root) if kind == "sealed"]


def content(root: Path) -> dict[str, str]:
    near = LocalStore(root)
    return {
        each.name: sha(near.read(each.name))
        for top in (layout.RAW, layout.TABLES, layout.LEDGER)
        for each in near.files(top)
    }


def test_only_what_is_asked_for_goes(root: Path, far: LocalStore) -> None:
    """Without retention nothing; with it segments and tables, never what tells of them."""
    before = content(root)
    upload(root, far)
    assert content(root) == before
    done = upload(root, far, retention=ALL)
    assert done.let_go is not None
    assert done.let_go.lost == []
    gone = before.keys() - content(root).keys()
    assert len(gone) == done.let_go.files
    assert set(raw(root)) == set()
    assert all(name.endswith((".jsonl.zst", ".parquet")) for name in gone)
    assert not any("/type=outcomes/" in name or name.startswith(layout.LEDGER) for name in gone)
    assert same(root, far) == []
    assert {name for name in gone if far.stat(name) is None} == set()
    last = max(name for name in before if layout.parse_built(name))
    slot = layout.parse_built(last)
    assert slot is not None
    assert layout.books(slot) in content(root)  # the next slot begins with them
    again = upload(root, far, retention=ALL)
    assert again.let_go is not None
    assert (again.outcome.files, again.let_go.files, again.outcome.ok) == (0, 0, True)


def test_readers_go_on_as_before(root: Path, far: LocalStore) -> None:
    """Frames, days and ledger are those of the whole archive; `verify` says where it lies."""
    frames = [line.envelope for line in reader.read(root)]
    days = listing.listing(root)
    told = ledger.load(root, FEED)
    size = sum((root / name).stat().st_size for name in raw(root))
    segments = len(raw(root))
    upload(root, far, retention=ALL)
    assert [line.envelope for line in reader.read(root)] == frames
    assert listing.listing(root) == days
    assert ledger.load(root, FEED) == told
    report = verify.verify(root)
    assert report.ok, report.problems
    assert (report.elsewhere, report.elsewhere_bytes) == (segments, size)
    assert report.segments == 0
    there = verify.verify(far)
    assert there.ok, there.problems
    assert (there.segments, there.elsewhere) == (segments, 0)
    store = open_archive(root)
    assert store.root is None
    [scan, *_] = store.scans([layout.rows(_place(raw(far.root)[0]), "trades")])
    assert str(far.root) in scan.uris[0]


def test_an_archive_that_lets_nothing_go_is_a_folder(root: Path, far: LocalStore) -> None:
    """Whoever only copies to a store reads at the disk's speed, and without a network."""
    upload(root, far)
    assert as_store(root).root == root
    upload(root, far, retention=ALL)
    assert as_store(root).root is None
    assert [target.lets_go for target in targets(root)] == [True]


def test_a_segment_stays_until_its_tables_are_made(tmp_path: Path, far: LocalStore) -> None:
    """Neither age nor size takes away what the compactor still has to read."""
    root = tmp_path / "data"
    grow(root)
    names = raw(root)
    upload(root, far, retention=Retention(keep_s=0, max_bytes=0))
    assert raw(root) == names
    build(root)
    path = root / layout.built(layout.slot_of(_place(names[1])))
    path.unlink()
    upload(root, far, retention=ALL)
    assert raw(root) == [names[1]]
    done = upload(root, far, retention=Retention(keep_s=0, needs_tables=False))
    assert done.let_go is not None
    assert raw(root) == []


def _place(name: str) -> layout.Place:
    known = layout.parse(name)
    assert known is not None
    return known[0]


def test_a_segment_stays_while_the_ledger_has_no_facts_of_it(root: Path, far: LocalStore) -> None:
    """The fold of a day is made from facts; without them it would read the segment."""
    name = raw(root)[0]
    (root / layout.facts(_place(name))).unlink()
    upload(root, far, retention=ALL)
    assert raw(root) == [name]


def test_what_the_store_lost_stays_and_is_uploaded_again(root: Path, far: LocalStore) -> None:
    """A lifecycle rule of the bucket, or somebody's mistake: asked once more before each removal."""
    upload(root, far)
    first, second, *_ = raw(root)
    (far.root / first).unlink()
    path = far.root / second
    path.write_bytes(flipped(path.read_bytes()))
    done = upload(root, far, retention=ALL)
    assert done.let_go is not None
    assert done.let_go.lost == [first, second]
    assert raw(root) == [first, second]
    again = upload(root, far, retention=ALL)
    assert again.let_go is not None
    assert again.let_go.lost == []
    assert raw(root) == []
    assert wrongs(far) == []


def test_an_object_written_again_with_the_same_bytes_is_right(root: Path, far: LocalStore) -> None:
    """Somebody copied the bucket: the marks differ, the bytes are compared once more."""
    upload(root, far)
    for name in raw(root):
        shutil.copy(far.root / name, far.root / f"{name}.new")
        os.replace(far.root / f"{name}.new", far.root / name)  # noqa: PTH105 - as a copier does
    upload(root, far, retention=ALL)
    assert raw(root) == []


def test_what_was_changed_here_since_it_was_proved_stays(root: Path, far: LocalStore) -> None:
    """The store holds another file than the one that is here now."""
    upload(root, far)
    name = raw(root)[0]
    path = root / name
    path.write_bytes(path.read_bytes() + b"more")
    upload(root, far, retention=ALL)
    assert raw(root) == [name]


def test_death_between_any_two_steps_deletes_nothing_unproved(
    tmp_path: Path,
) -> None:
    """Whatever is not here is there, and readers find it, wherever letting go was cut short."""
    begun = tmp_path / "begun"
    grow(begun / "data", hours=0.3, frames=9)
    build(begun / "data")
    whole = content(begun / "data")
    frames = [line.envelope for line in reader.read(begun / "data")]
    upload(begun / "data", LocalStore(begun / "far"))
    step = 0
    while True:
        shutil.copytree(begun, tmp_path / f"{step}")
        root, far = tmp_path / f"{step}" / "data", LocalStore(tmp_path / f"{step}" / "far")
        noted = root / layout.uploaded_folder(store_id(str(begun / "far")))
        noted.rename(root / layout.uploaded_folder(store_id(far.url)))
        try:
            upload(root, Mortal(far, step), retention=ALL)
        except Killed:
            left = content(root)
            assert all(
                left.get(name) == digest or sha(far.read(name)) == digest
                for name, digest in whole.items()
            )
            assert [line.envelope for line in reader.read(root)] == frames
            upload(root, far, retention=ALL)
            assert raw(root) == []
        else:
            break
        step += 1
    assert step > 5


def test_a_disk_that_dies_while_letting_go_loses_nothing(
    root: Path, far: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noted that a file is elsewhere before it is removed; the other way round it is lost."""
    frames = [line.envelope for line in reader.read(root)]
    upload(root, far)
    whole = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith(".jsonl.zst"):
            whole(path)
            raise Killed
        whole(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(Killed):
        upload(root, far, retention=ALL)
    monkeypatch.undo()
    assert [line.envelope for line in reader.read(root)] == frames
    assert verify.verify(root).ok
