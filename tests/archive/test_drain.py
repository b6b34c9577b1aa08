"""A drained archive is whole at the store, by its bytes; whatever is not is named."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from wsgiref.types import WSGIEnvironment

import pytest

from ssmd.archive import drain as draining
from ssmd.archive import durable, files, layout, verify
from ssmd.archive.drain import Drained, drain
from ssmd.archive.errors import StillAtWork
from ssmd.archive.lock import COMPACTOR, alone
from ssmd.archive.store.errors import StoreAway
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Depot
from ssmd.archive.tables import build as building
from ssmd.archive.tables import compactor, service
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import SystemClock
from tests.archive import made
from tests.archive.drained import CONFIG, differing, left_open, open_segments
from tests.archive.store import server as s3
from tests.archive.tables.made import FEED
from tests.archive.upload.scene import Killed, Mortal, flipped, settings, upload, uploads, wrongs


@pytest.fixture(autouse=True)
def quick_disk() -> Iterator[None]:
    """Nothing waits for the disk: nobody cuts the power here."""
    with durable.use(durable.Device(sync=lambda _handle: None, sync_data=lambda _handle: None)):
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive that was left open."""
    folder = tmp_path / "data"
    left_open(folder)
    assert open_segments(folder)
    return folder


@pytest.fixture
def far(tmp_path: Path) -> LocalStore:
    """A store that is a folder."""
    return LocalStore(tmp_path / "far")


@pytest.fixture
def server() -> Iterator[s3.Server]:
    """A server that speaks S3, with an empty bucket."""
    with s3.serving() as started:
        yield started


@pytest.fixture
def bucket(server: s3.Server) -> Depot:
    """A store that gives up at once."""
    return open_store(f"s3://{s3.BUCKET}/one", server.options, timeout_s=30, retry_s=0)


def drained(root: Path, store: Depot | None = None) -> Drained:
    """Drain it."""
    wanted = None if store is None else settings(store.url)
    return asyncio.run(drain(root, CONFIG, SystemClock(), upload=wanted, store=store))


def names(found: Drained) -> set[str]:
    """What is left."""
    return {each.name for each in found.left}


def everything(root: Path) -> set[str]:
    """Every file of the archive that a store should hold."""
    tops = (layout.RAW, layout.LEDGER, layout.TABLES, layout.WRITERS)
    return {layout.IDENTITY} | {each.name for top in tops for each in LocalStore(root).files(top)}


def test_what_was_left_open_is_sealed_tabled_and_proved(root: Path, far: LocalStore) -> None:
    """One run is enough; every file of the archive is at the store with the bytes it has here."""
    opened = len(open_segments(root))
    found = drained(root, far)
    assert (found.ok, found.sealed, found.slots, found.built) == (True, opened, 3, 3)
    assert found.verified == found.uploaded == len(everything(root))
    assert found.bytes == sum((root / name).stat().st_size for name in everything(root))
    assert open_segments(root) == differing(root, far) == wrongs(far) == []
    assert verify.verify(far).ok
    assert list((far.root / layout.TABLES).rglob("*.parquet"))


def test_again_is_the_same_and_sends_nothing(root: Path, far: LocalStore) -> None:
    """Every copy is read again, for nobody knows what happened to it meanwhile."""
    first = drained(root, far)
    before = {each.name: each.mark for each in far.files("")}
    again = drained(root, far)
    assert (again.ok, again.sealed, again.built, again.uploaded) == (True, 0, 0, 0)
    assert (again.verified, again.bytes) == (first.verified, first.bytes)
    assert {each.name: each.mark for each in far.files("")} == before


def test_an_object_store_is_asked_for_every_byte(
    root: Path, bucket: Depot, server: s3.Server
) -> None:
    """The last word on a file is a reading of it, after the last writing of anything."""
    found = drained(root, bucket)
    assert found.ok
    assert differing(root, bucket) == []
    last = max(at for at, (method, _) in enumerate(server.requests) if method in {"PUT", "POST"})
    read = {path for method, path in server.requests[last:] if method == "GET"}
    wanted = everything(root)
    assert sum(any(path.endswith(name) for path in read) for name in wanted) == len(wanted)


def test_without_a_store_it_is_finished_here(root: Path) -> None:
    """Sealed, with tables; nothing is claimed of copies."""
    found = drained(root)
    assert (found.ok, found.store, found.uploaded, found.verified) == (True, "", 0, 0)
    assert open_segments(root) == []
    assert found.built == 3
    assert not (root / layout.UPLOADED).exists()


def test_an_archiver_at_work_is_left_alone(tmp_path: Path, far: LocalStore) -> None:
    """It holds what it writes to; nothing is touched, and it costs exit code 1: try again."""
    root = tmp_path / "data"
    working = left_open(root, dies=False)
    opened = open_segments(root)
    try:
        with pytest.raises(StillAtWork, match="archiver") as refused:
            drained(root, far)
    finally:
        working.close()
    assert refused.value.exit_code == 1
    assert open_segments(root) == opened != []
    assert not list(far.files(""))
    assert drained(root, far).ok


def test_an_archiver_that_wrote_nothing_yet_is_met_too(tmp_path: Path) -> None:
    """Its stream stands in the configuration, though no file tells of it."""
    working = made.archive(tmp_path)
    try:
        with pytest.raises(StillAtWork):
            drained(tmp_path)
    finally:
        working.close()


def test_nobody_begins_to_write_during_a_drain(root: Path, far: LocalStore) -> None:
    """Whoever tries meets the drain: an archiver, a compactor, another drain."""
    met: list[type[BaseException]] = []

    def intrude(_rung: str, _done: int, _total: int) -> None:
        try:
            made.archive(root)
        except Exception as error:  # noqa: BLE001 - which one it is is asked below
            met.append(type(error))

    wanted = settings(far.url)
    found = asyncio.run(drain(root, CONFIG, SystemClock(), upload=wanted, store=far, told=intrude))
    assert found.ok
    assert {each.__name__ for each in met} == {"WriterBusy"}


async def test_a_compactor_and_a_drain_keep_out_of_each_others_way(root: Path) -> None:
    """The one that came first stays; two compactors never minded each other."""
    path = layout.lock(root, COMPACTOR)
    with alone(path, shared=True) as first, alone(path, shared=True) as second:
        assert first
        assert second
        with pytest.raises(StillAtWork, match="compactor"):
            await drain(root, CONFIG, SystemClock())
    with alone(path), pytest.raises(StillAtWork, match="drain"):
        await service.run(root)


def test_somebody_who_makes_tables_or_uploads_is_waited_for(root: Path, far: LocalStore) -> None:
    """What a redecode or another upload is about to change is not vouched for."""
    with compactor.locked(root, FEED), pytest.raises(StillAtWork, match=FEED):
        drained(root, far)
    with uploads(root, far)._uploader.alone(), pytest.raises(StillAtWork, match="upload"):
        drained(root, far)
    assert drained(root, far).ok


def test_a_disk_that_never_held_anything_is_drained(tmp_path: Path, far: LocalStore) -> None:
    """An archiver that was deleted before it began must not be kept for ever."""
    (tmp_path / "new" / "lost+found").mkdir(parents=True)
    (tmp_path / "new" / ".run").mkdir()
    assert drained(tmp_path / "new", far).ok
    (tmp_path / "new" / "photos").mkdir()
    with pytest.raises(ConfigError, match="no archive"):
        drained(tmp_path / "new", far)


def test_a_copy_that_rotted_is_replaced(root: Path, far: LocalStore) -> None:
    """As long as the right bytes are here, the store gets them again."""
    assert drained(root, far).ok
    name = next(place for place, kind in files.walk(root) if kind == "sealed").name()
    (far.root / name).write_bytes(flipped(far.read(name)))
    found = drained(root, far)
    assert found.ok
    assert found.uploaded == 1
    assert differing(root, far) == []


def test_a_right_copy_counts_though_the_file_here_rotted(root: Path, far: LocalStore) -> None:
    """The manifest says what is right; a disk that goes may be bad where its copy is good."""
    assert drained(root, far).ok
    path = root / next(place for place, kind in files.walk(root) if kind == "sealed").name()
    before = path.stat()
    content = flipped(path.read_bytes())
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert drained(root, far).ok
    assert far.read(str(path.relative_to(root))) != content


def test_a_copy_that_vanished_is_sent_again(root: Path, bucket: Depot) -> None:
    """Somebody emptied a bucket that we took for full."""
    assert drained(root, bucket).ok
    bucket.delete(layout.IDENTITY)
    found = drained(root, bucket)
    assert (found.ok, found.uploaded) == (True, 1)


def test_the_only_copy_is_not_taken_for_sound(root: Path, far: LocalStore) -> None:
    """What was let go here and rotted there is lost; it is named, and so it is every time."""
    assert drained(root, far).ok
    upload(root, far, retention={"keep_s": 0, "needs_tables": False})
    gone = {place.name() for place, kind in files.walk(far) if kind == "sealed"}
    gone -= {place.name() for place, kind in files.walk(root) if kind == "sealed"}
    name = min(gone)
    assert drained(root, far).ok
    (far.root / name).write_bytes(flipped(far.read(name)))
    for _ in range(2):
        found = drained(root, far)
        assert not found.ok
        assert names(found) == {name}
        assert "other bytes" in found.left[0].reason


def test_a_segment_that_is_damaged_here_is_left(root: Path, far: LocalStore) -> None:
    """Neither it nor what speaks of it is vouched for; the rest is proved."""
    drained(root)
    place = next(place for place, kind in files.walk(root) if kind == "sealed")
    path = root / place.name()
    path.write_bytes(flipped(path.read_bytes()))
    found = drained(root, far)
    assert not found.ok
    assert {place.name(), place.name("manifest")} <= names(found)
    said = {each.name: each.reason for each in found.left}
    assert "its bytes were changed" in said[place.name()]
    assert found.verified == len(everything(root)) - len(found.left)
    assert wrongs(far) == []


def test_a_file_that_nobody_knows_is_not_thrown_away_with_the_disk(
    root: Path, far: LocalStore
) -> None:
    """It is named; whoever put it there decides."""
    (root / layout.RAW / "notes.txt").write_text("mine", encoding="utf-8")
    found = drained(root, far)
    assert names(found) == {f"{layout.RAW}/notes.txt"}


def test_tables_that_cannot_be_made_are_left_and_the_segments_proved(
    root: Path, far: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded is safe; that somebody has to look is said."""

    def build(*_arguments: object, **_more: object) -> None:
        message = "no such column"
        raise ValueError(message)

    monkeypatch.setattr(building, "build", build)
    found = drained(root, far)
    assert len(found.left) == found.slots == 3
    assert all("no such column" in each.reason for each in found.left)
    assert found.verified == len(everything(root))


def test_a_store_that_is_away_proves_nothing(root: Path, bucket: Depot, server: s3.Server) -> None:
    """Sealing and tables are done; every file is named, none is called proved."""
    server.trouble = lambda _request: "503"
    found = drained(root, bucket)
    assert (found.sealed > 0, found.built, found.verified, found.bytes) == (True, 3, 0, 0)
    assert names(found) == everything(root)
    server.trouble = lambda _request: None
    assert drained(root, bucket).ok


def test_a_store_that_goes_away_between_upload_and_proof(
    root: Path, bucket: Depot, server: s3.Server
) -> None:
    """What was uploaded is not proved by that; what was read before it went is."""
    reads = {"left": 4}
    said: list[str] = []

    def trouble(request: WSGIEnvironment) -> str | None:
        if said[-1:] != ["verifying"] or request["REQUEST_METHOD"] != "GET":
            return None
        reads["left"] -= 1
        return "503" if reads["left"] < 0 else None

    server.trouble = trouble
    wanted = settings(bucket.url, attempts=1)
    found = asyncio.run(
        drain(
            root,
            CONFIG,
            SystemClock(),
            upload=wanted,
            store=bucket,
            told=lambda rung, _done, _total: said.append(rung),
        )
    )
    assert found.uploaded == len(everything(root))
    assert draining._AT_ONCE <= found.verified < draining._AT_ONCE + 5
    assert len(found.left) == len(everything(root)) - found.verified


def test_it_may_die_at_any_step_and_is_done_again(tmp_path: Path) -> None:
    """After every death the store shows nothing half, and one more run finishes."""
    steps = 0
    while True:
        root, far = tmp_path / f"{steps}" / "data", LocalStore(tmp_path / f"{steps}" / "far")
        left_open(root, slots=1)
        try:
            found = drained(root, Mortal(far, steps))
        except Killed:
            assert wrongs(far) == []
            assert drained(root, far).ok
            assert differing(root, far) == []
            steps += 7
            continue
        assert found.ok
        break
    assert steps > 70


async def test_a_store_that_hesitates_is_asked_again(root: Path, far: LocalStore) -> None:
    """One refused reading is no reason to keep a disk."""

    class Hesitant(Mortal):
        refused = False

        def digest(self, name: str) -> str:
            if not self.refused:
                self.refused = True
                raise StoreAway(self.url, "not now")
            return super().digest(name)

    drained_first = await drain(
        root, CONFIG, SystemClock(), upload=settings(far.url), store=Hesitant(far)
    )
    assert drained_first.ok
