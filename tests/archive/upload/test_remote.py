"""An archive in a real object store: what goes there under trouble reads there as here."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.types import WSGIEnvironment

import pytest

from ssmd.archive import files, layout, listing, reader, verify
from ssmd.archive.ledger import store as ledger
from ssmd.archive.store.errors import StoreAway
from ssmd.archive.store.opening import as_store, open_store
from ssmd.archive.store.port import Depot
from ssmd.feeds.upload import Retention
from ssmd.model.errors import ConfigError
from tests import tier
from tests.archive.store import server as s3
from tests.archive.upload.scene import FEED, build, grow, same, upload, wrongs


@pytest.fixture
def server() -> Iterator[s3.Server]:
    """A server that speaks S3, with an empty bucket."""
    with s3.serving() as started:
        yield started


@pytest.fixture
def bucket(server: s3.Server) -> Depot:
    """A store that gives up at once."""
    url = f"s3://{s3.BUCKET}/archives/one"
    return open_store(url, server.options, timeout_s=2, retry_s=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of a few slots, with ledger and tables."""
    folder = tmp_path / "data"
    grow(folder, hours=0.5, frames=40)
    build(folder)
    return folder


def test_an_uploaded_archive_reads_as_the_one_here(root: Path, bucket: Depot) -> None:
    """Frames, days, ledger and proof, all from the store alone."""
    assert upload(root, bucket).outcome.ok
    assert same(root, bucket) == []
    assert [line.envelope for line in reader.read(bucket)] == [
        line.envelope for line in reader.read(root)
    ]
    assert listing.listing(bucket) == listing.listing(root)
    assert ledger.feeds(bucket) == [FEED]
    assert ledger.load(bucket, FEED) == ledger.load(root, FEED)
    assert verify.verify(bucket) == verify.verify(root)


def test_a_mistyped_prefix_is_no_archive(root: Path, bucket: Depot, server: s3.Server) -> None:
    """Nothing there is not the same as an archive in which nothing happened."""
    upload(root, bucket)
    other = open_store(f"s3://{s3.BUCKET}/archives/two", server.options)
    asks: list[Callable[[Depot], object]] = [
        lambda store: list(reader.read(store)),
        listing.listing,
        verify.verify,
    ]
    for ask in asks:
        with pytest.raises(ConfigError, match="no archive at s3://"):
            ask(other)


def test_trouble_of_every_kind_costs_time_only(
    root: Path, bucket: Depot, server: s3.Server
) -> None:
    """Bursts of 5xx, cut connections, wrong bytes: tried again until what is there is proved."""
    chance = random.Random(3)

    def trouble(request: WSGIEnvironment) -> str | None:
        what = chance.choice(["503", "drop", "garble", *[""] * tier.scale(gate=17, full=5)])
        return what if what != "garble" or request["REQUEST_METHOD"] == "GET" else None

    server.trouble = trouble
    done = upload(root, bucket, attempts=30)
    server.trouble = lambda _request: None
    assert done.outcome.ok
    assert same(root, bucket) == []
    assert wrongs(bucket) == []


def test_a_server_that_dies_in_the_middle_leaves_what_is_whole(
    root: Path, bucket: Depot, server: s3.Server
) -> None:
    """Whenever it dies; and with retention on, nothing is gone here that is not there."""
    dead_after = 3
    names = [place.name() for place, kind in files.walk(root) if kind == "sealed"]
    for _ in range(40):
        left = [dead_after]

        def trouble(request: WSGIEnvironment, left: list[int] = left) -> str | None:
            if request["REQUEST_METHOD"] == "PUT":
                left[0] -= 1
            return "drop" if left[0] < 0 else None

        server.trouble = trouble
        try:
            upload(root, bucket, attempts=2, retention=Retention(keep_s=0))
        except StoreAway:
            server.trouble = lambda _request: None
            assert wrongs(bucket) == []
            there = {each.name for each in bucket.files(layout.RAW)}
            assert all((root / name).exists() or name in there for name in names)
        else:
            break
        dead_after += tier.scale(gate=7, full=2)
    server.trouble = lambda _request: None
    assert verify.verify(bucket).ok
    assert not any((root / name).exists() for name in names)


def test_what_was_let_go_is_read_from_the_store(
    root: Path, bucket: Depot, server: s3.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials are not kept beside the archive: they are in the environment of who reads."""
    for name, value in server.options.items():
        monkeypatch.setenv(name.upper(), value)
    frames = [line.envelope for line in reader.read(root)]
    upload(root, bucket, retention=Retention(keep_s=0), options=server.options)
    kept = b"".join(path.read_bytes() for path in (root / layout.UPLOADED).rglob("*.json*"))
    assert s3.SECRET.encode() not in kept
    assert s3.KEY.encode() not in kept
    assert not [place for place, kind in files.walk(root) if kind == "sealed"]
    assert [line.envelope for line in reader.read(root)] == frames
    server.requests.clear()
    assert len(list(as_store(root).files(layout.RAW))) > 4
    assert server.requests == []  # what was let go is known here
    server.stop()
    assert verify.verify(root).ok
    with pytest.raises(StoreAway):
        list(reader.read(root))
