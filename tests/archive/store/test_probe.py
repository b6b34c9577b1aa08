"""Whether a store may be written is found out, and nothing is left behind."""

import hashlib

import pytest

from ssmd.archive.store.errors import NotProved, StoreAway, StoreRefused
from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Depot
from ssmd.archive.store.probe import NAME, Probed, probe
from tests.archive.store import server as s3


def test_every_kind_of_store_is_left_as_it_was(depot: Depot) -> None:
    """Listed, written, read back, deleted: afterwards there is what there was."""
    body = b"x"
    depot.put("raw/x", body, sha256=hashlib.sha256(body).hexdigest())
    assert probe(depot) == Probed(folders=1)
    assert [found.name for found in depot.files("")] == ["raw/x"]


def test_a_store_that_lets_nobody_delete_is_told_of(server: s3.Server, bucket: Depot) -> None:
    """It keeps one small file of a known name, however often somebody looks."""
    server.trouble = lambda request: (
        "503" if request["REQUEST_METHOD"] in ("DELETE", "POST") else None
    )
    for _ in range(3):
        assert probe(bucket) == Probed(folders=0, kept=True)
    assert [found.name for found in bucket.files("")] == [NAME]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_store_that_does_not_answer_is_away(
    server: s3.Server, bucket: Depot, method: str
) -> None:
    """Whichever of the questions it leaves open."""
    server.trouble = lambda request: "503" if request["REQUEST_METHOD"] == method else None
    with pytest.raises(StoreAway):
        probe(bucket)


def test_a_store_that_gives_other_bytes_is_found(server: s3.Server, bucket: Depot) -> None:
    """It took the file, and gives back another."""
    server.trouble = lambda request: (
        "garble" if request["REQUEST_METHOD"] == "GET" and NAME in request["PATH_INFO"] else None
    )
    with pytest.raises(NotProved):
        probe(bucket)


def test_a_bucket_that_is_not_there_is_refused(server: s3.Server) -> None:
    """To wait does not help."""
    with pytest.raises(StoreRefused):
        probe(open_store("s3://nowhere/x", server.options, timeout_s=5, retry_s=0))
