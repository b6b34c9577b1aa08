"""Every kind of store keeps what it is given, and says so truthfully."""

import hashlib
import io
import os
import random
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from ssmd.archive.store.errors import NotProved, StoreAway, StoreRefused
from ssmd.archive.store.layered import LayeredStore
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import as_store, open_store
from ssmd.archive.store.port import Depot
from ssmd.runtime import secrets
from tests.archive.store import server as s3

NAME = "raw/feed=a%20b/date=2026-01-01/0000-X-1.jsonl.zst"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(depot: Depot, name: str, content: bytes) -> None:
    depot.put(name, content, sha256=sha(content))


def test_what_is_put_is_there(depot: Depot, tmp_path: Path) -> None:
    """Bytes and files, empty, small, and larger than one part of an upload."""
    big = os.urandom(20 << 20)
    (tmp_path / "big").write_bytes(big)
    put(depot, NAME, b"hello")
    put(depot, f"{NAME}.empty", b"")
    stored = depot.put("raw/feed=z/big", tmp_path / "big", sha256=sha(big))
    assert (stored.name, stored.size) == ("raw/feed=z/big", len(big))
    assert depot.read(NAME) == b"hello"
    assert depot.read(f"{NAME}.empty") == b""
    assert depot.read("raw/feed=z/big") == big
    assert depot.digest("raw/feed=z/big") == sha(big)
    assert [each.name for each in depot.files("")] == [NAME, f"{NAME}.empty", "raw/feed=z/big"]
    assert [each.name for each in depot.files("raw/feed=a%20b")] == [NAME, f"{NAME}.empty"]
    assert list(depot.files("raw/feed=a")) == []  # a folder, not the beginning of a name
    assert depot.folders("raw") == ["raw/feed=a%20b", "raw/feed=z"]
    assert depot.folders("nothing") == []
    assert depot.stat("raw/feed=z/big") == stored
    assert depot.stat("raw/feed=z") is None


def test_a_file_can_be_read_from_anywhere(depot: Depot) -> None:
    """Parquet's readers begin at the end, and fetch what they need."""
    content = bytes(range(256)) * 20_000
    put(depot, NAME, content)
    with depot.open(NAME) as file:
        assert file.seek(-4, io.SEEK_END) == len(content) - 4
        assert file.read() == content[-4:]
        assert file.read(1) == b""
        file.seek(100)
        assert file.read(10) == content[100:110]
        assert file.tell() == 110
        file.seek(0)
        assert file.read() == content


def test_what_is_put_again_takes_the_place_of_the_old(depot: Depot) -> None:
    """The mark changes with it: what was proved of the old object is not said of the new one."""
    put(depot, NAME, b"one")
    old = depot.stat(NAME)
    put(depot, NAME, b"two")
    assert depot.read(NAME) == b"two"
    new = depot.stat(NAME)
    assert old is not None
    assert new is not None
    assert old.mark != new.mark


def test_what_is_deleted_is_gone(depot: Depot) -> None:
    """Twice is fine."""
    put(depot, NAME, b"one")
    depot.delete(NAME)
    depot.delete(NAME)
    assert depot.stat(NAME) is None
    assert list(depot.files("")) == []
    for ask in (depot.read, depot.open, depot.digest):
        with pytest.raises(FileNotFoundError):
            ask(NAME)


def test_a_wrong_digest_is_found(depot: Depot) -> None:
    """What is held is compared with what should be, not with what was sent."""
    with pytest.raises(NotProved, match="other bytes"):
        depot.put(NAME, b"rotten", sha256=sha(b"sound"))


def test_what_the_store_garbles_is_found(bucket: Depot, server: s3.Server) -> None:
    """An upload is proved by what the store gives back, and only by that."""
    server.trouble = lambda request: "garble" if request["REQUEST_METHOD"] == "GET" else None
    with pytest.raises(NotProved) as caught:
        put(bucket, NAME, b"sound")
    assert caught.value.retryable
    server.trouble = lambda _request: None
    put(bucket, NAME, b"sound")


@pytest.mark.parametrize("trouble", ["503", "drop"])
def test_a_store_in_trouble_is_away(bucket: Depot, server: s3.Server, trouble: str) -> None:
    """It can be tried again; the message says what happened, without the library's insides."""
    server.trouble = lambda _request: trouble
    with pytest.raises(StoreAway) as caught:
        put(bucket, NAME, b"x")
    assert caught.value.retryable
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_short_trouble_is_not_noticed(server: s3.Server) -> None:
    """A burst of 5xx is waited out by the client itself."""
    left = [3]

    def trouble(_request: object) -> str | None:
        left[0] -= 1
        return "503" if left[0] >= 0 else None

    server.trouble = trouble
    depot = open_store(f"s3://{s3.BUCKET}", server.options, retry_s=20)
    put(depot, NAME, b"x")
    assert depot.read(NAME) == b"x"
    assert left[0] < 0


def test_a_server_that_died_is_away(bucket: Depot, server: s3.Server) -> None:
    """Nobody listens: a passing trouble, whoever starts it again."""
    server.stop()
    with pytest.raises(StoreAway):
        bucket.read(NAME)


def test_an_object_replaced_while_it_is_read_is_refused(bucket: Depot) -> None:
    """Half of the old and half of the new would be a file that never was."""
    put(bucket, NAME, b"a" * (3 << 20))
    with bucket.open(NAME) as file:
        assert file.read(10) == b"a" * 10
        put(bucket, NAME, b"b" * (3 << 20))
        with pytest.raises(StoreAway, match="written again"):
            file.read()


def test_missing_credentials_are_told(server: s3.Server) -> None:
    """Nobody should have to guess why an upload does not start."""
    options = {"aws_endpoint_url": server.endpoint, "aws_metadata_endpoint": "http://127.0.0.1:9"}
    depot = open_store(f"s3://{s3.BUCKET}", options, timeout_s=2, retry_s=0)
    with pytest.raises(StoreRefused, match="AWS_ACCESS_KEY_ID") as caught:
        depot.read(NAME)
    assert caught.value.exit_code == 2
    assert not caught.value.retryable
    assert "no credentials" in caught.value.message


def test_credentials_come_from_the_environment(
    server: s3.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the names that the stores' own tools use; they are masked in whatever is logged."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    depot = open_store(f"s3://{s3.BUCKET}")
    put(depot, NAME, b"x")
    assert depot.read(NAME) == b"x"
    assert s3.SECRET not in secrets.masked(f"said {s3.SECRET}")
    [scan] = depot.scans([NAME])
    assert scan.options is not None
    assert s3.SECRET not in scan.options.values()


def test_a_bucket_that_is_not_there_is_told(server: s3.Server) -> None:
    """A mistyped name is no empty archive."""
    depot = open_store("s3://nobodys", server.options, retry_s=0)
    for ask in (depot.read, depot.folders, lambda name: put(depot, name, b"x")):
        with pytest.raises(StoreRefused, match="no such bucket"):
            ask(NAME)
    with pytest.raises(StoreRefused, match="no such bucket"):
        list(depot.files(""))


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s4://bucket", {}, "scheme"),
        ("s3://key:secret@bucket/x", {}, "credentials"),  # pragma: allowlist secret
        ("s3://bucket/x?sig=abc", {}, "credentials"),
        ("s3://bucket", {"aws_bogus": "1"}, "bogus"),
        ("az://container", {}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_an_address_that_is_not_understood_is_refused(
    url: str, options: dict[str, str], said: str
) -> None:
    """At once, and without showing what may be a secret."""
    with pytest.raises(StoreRefused, match=said) as caught:
        open_store(url, options)
    assert "secret@" not in str(caught.value)
    assert "sig=" not in str(caught.value)


def table(depot: Depot, name: str, rows: int) -> None:
    file = io.BytesIO()
    pl.DataFrame({"n": range(rows), "x": [name] * rows}).write_parquet(file, row_group_size=100)
    put(depot, name, file.getvalue())


def test_others_read_the_tables_themselves(depot: Depot) -> None:
    """Polars by address, pyarrow through the store; names are not unquoted on the way."""
    names = [f"tables/all/type=trades/feed=a%20b/date=2026-01-0{n}/x.parquet" for n in (1, 2)]
    for name in names:
        table(depot, name, 1000)
        with depot.open(name) as file:
            assert pq.read_table(file, columns=["x"]).column("x").unique().to_pylist() == [name]
    if depot.url.startswith("memory"):
        return
    [scan] = depot.scans(names)
    options = None if scan.options is None else dict(scan.options)
    lazy = pl.scan_parquet(list(scan.uris), storage_options=options, hive_partitioning=False)
    assert lazy.filter(pl.col("n") >= 900).select(pl.len()).collect().item() == 200


def test_little_more_is_fetched_than_is_read(bucket: Depot, server: s3.Server) -> None:
    """A column of a large file costs neither the file nor a request for every page of it."""
    content = io.BytesIO()
    noise = random.Random(1)
    frame = pl.DataFrame({"n": range(400_000), "x": [noise.random() for _ in range(400_000)]})
    frame.write_parquet(content, row_group_size=40_000)
    put(bucket, "tables/a.parquet", content.getvalue())
    server.requests.clear()
    with bucket.open("tables/a.parquet") as file:
        found = pq.read_table(file, columns=["n"], filters=[("n", "<", 10)])
    assert found.num_rows == 10
    assert len(server.requests) < 8


def test_layers_give_the_near_file_first(bucket: Depot, tmp_path: Path) -> None:
    """Whatever is here is read here; what went is read there; what is nowhere is nowhere."""
    near = LocalStore(tmp_path)
    for name, content in (("raw/a", b"near"), ("raw/b", b"near")):
        put(near, name, content)
    for name, content in (("raw/b", b"far"), ("raw/c/d", b"far")):
        put(bucket, name, content)
    both = LayeredStore(near, bucket, bucket.files)
    assert [each.name for each in both.files("raw")] == ["raw/a", "raw/b", "raw/c/d"]
    assert both.folders("raw") == ["raw/c"]
    assert both.folders("") == ["raw"]
    assert [both.read(name) for name in ("raw/a", "raw/b", "raw/c/d")] == [b"near", b"near", b"far"]
    with both.open("raw/c/d") as file:
        assert file.read() == b"far"
    assert [both.stat(name) is None for name in ("raw/b", "raw/c/d", "raw/x")] == [0, 0, 1]
    assert both.root is None
    assert both.url == near.url
    assert [scan.uris for scan in both.scans(["raw/c/d", "raw/a"])] == [
        (str(tmp_path / "raw/a"),),
        ("s3://archive/some/prefix/raw/c/d",),
    ]
    with pytest.raises(FileNotFoundError):
        both.read("raw/x")


def test_a_path_is_a_store(tmp_path: Path) -> None:
    """Whoever has a folder need not know of stores."""
    (tmp_path / "a").write_bytes(b"x")
    store = as_store(tmp_path)
    assert store.read("a") == b"x"
    assert as_store(store) is store
    assert open_store(str(tmp_path)).root == tmp_path
