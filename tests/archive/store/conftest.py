"""Stores to try things on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Depot
from tests.archive.store import server as s3

Opened = Callable[..., Depot]


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine's environment says of stores is not ours to use."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[s3.Server]:
    """A server that speaks S3, with an empty bucket."""
    with s3.serving() as started:
        yield started


@pytest.fixture
def bucket(server: s3.Server) -> Depot:
    """A store below a prefix of that bucket, which gives up soon."""
    url = f"s3://{s3.BUCKET}/some/prefix"
    return open_store(url, server.options, timeout_s=5, retry_s=0)


@pytest.fixture(params=["folder", "file", "s3", "memory"])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    """Every kind of store that is written to."""
    if request.param == "s3":
        found: Depot = request.getfixturevalue("bucket")
        return found
    folder = tmp_path / "depot"
    if request.param == "folder":
        return open_store(folder)
    return open_store(folder.as_uri() if request.param == "file" else "memory:///")
