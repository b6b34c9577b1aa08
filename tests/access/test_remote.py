"""An archive in an object store is read as one in a folder is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ssmd.access.opening import open_archive
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import open_store
from ssmd.model.errors import ConfigError
from ssmd.sim.manual_clock import ManualClock
from tests.access.made import MINUTE_NS, Made
from tests.archive.made import START
from tests.archive.store import server as s3

URL = f"s3://{s3.BUCKET}/some/archive"


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[s3.Server]:
    """A server that speaks S3 and holds the archive of known trades."""
    with s3.serving() as started:
        depot = open_store(URL, started.options, timeout_s=20, retry_s=0)
        local = LocalStore(root)
        for top in ("raw", "ledger", "tables"):
            for stored in local.files(top):
                depot.put(stored.name, root / stored.name, sha256=local.digest(stored.name))
        yield started


def test_tables_ledger_and_frames_are_read_from_a_bucket(
    server: s3.Server, root: Path, known: list[Made]
) -> None:
    """The same answers, warnings and names; of a minute, only its files are fetched."""
    clock = ManualClock(START + 10 * MINUTE_NS)
    far = open_archive(URL, server.options, clock=clock)
    near = open_archive(root, clock=clock)
    asked = {"instrument": "ETH/USD", "start": "-6m", "end": "-5m"}
    far.feeds()
    server.requests.clear()
    found = far.trades(**asked).collect()  # type: ignore[arg-type] # a range and a name
    assert found.equals(near.trades(**asked).collect())  # type: ignore[arg-type] # as above
    assert found.height == 20
    fetched = {path for _, path in server.requests if "/tables/all/" in path}
    assert {path.rpartition("/")[2][:4] for path in fetched if path.endswith(".parquet")} == {
        "0804"
    }
    assert far.sql("SELECT count(*) AS n FROM trades").rows() == [{"n": len(known)}]
    assert far.gaps().collect().equals(near.gaps().collect())
    assert far.coverage().collect().equals(near.coverage().collect())
    assert list(far.envelopes()) == list(near.envelopes())
    with pytest.raises(ConfigError, match="mean"):
        far.trades(instrument="ETH/UDS")


def test_an_empty_bucket_is_no_archive(server: s3.Server) -> None:
    """A mistyped prefix must not look empty and sound."""
    with pytest.raises(ConfigError, match="no archive"):
        open_archive(f"s3://{s3.BUCKET}/other", server.options)
