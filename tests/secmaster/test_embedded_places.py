"""The embedded server starts wherever we may write, whoever we are; elsewhere it says why not."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from ssmd.model.errors import ConfigError, Unavailable
from ssmd.runtime.children import ChildFailed
from ssmd.secmaster import programs
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.errors import FolderUnfit, OtherVersion, PostgresMissing
from tests.secmaster.embedding import CLOCK, ROOT, answer, forget, hear, opening, running, say
from tests.secmaster.server import HURRIED
from tests.shared import REPOSITORY


async def test_the_socket_has_a_short_place_wherever_the_data_lies(
    made_cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's path holds 107 bytes; after a restart of the machine its folder is gone."""
    deep = tmp_path.joinpath(*["a long name with a space & an é"] * 6)
    shutil.copytree(made_cluster, deep / "postgres")
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    server = EmbeddedPostgres(deep / "postgres", CLOCK, settings=HURRIED)
    (deep / "postgres" / "socket").write_text(str(tmp_path / "of before"), encoding="utf-8")
    for _ in range(2):
        await server.start()
        assert answer(server)
        await server.stop()
        forget(deep / "postgres")


async def test_a_socket_folder_that_is_not_its_own_is_not_used(
    folder: Path, tmp_path: Path
) -> None:
    """Somebody who makes the folder first may not stand in for the database."""
    squat = tmp_path / "squat"
    squat.symlink_to(tempfile.gettempdir())
    (folder / "socket").write_text(str(squat), encoding="utf-8")
    async with running(folder) as server:
        assert str(squat) not in server.address.url
        assert answer(server)


@pytest.mark.skipif(
    not ROOT, reason="only root can close folders to the user that PostgreSQL runs as"
)
async def test_root_runs_it_as_another_behind_closed_folders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and programs may lie where nobody else may look; nothing of that is opened."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "bin").symlink_to(programs.find_programs())
    monkeypatch.setenv("SSMD_POSTGRES_BIN", str(closed / "bin"))
    async with running(folder) as server:
        assert answer(server)
        assert psutil.Process(server.pid).uids().effective == 65_534
    assert closed.stat().st_mode & 0o777 == 0o700
    assert tmp_path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
async def test_who_owns_the_data_serves_it(folder: Path) -> None:
    """What an ordinary user made, root can go on with, and the user again after that."""
    programs.own_all(folder / "data", 12_345)
    async with running(folder) as server:
        assert psutil.Process(server.pid).uids().effective == 12_345
        assert answer(server)
    assert {path.stat().st_uid for path in (folder / "data").rglob("*")} == {12_345}


@pytest.mark.skipif(not ROOT, reason="only root can become an ordinary user")
async def test_an_ordinary_user_has_one_too() -> None:
    """Nothing of it needs root; what is another user's is refused with its reason."""
    who = "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"
    reads = subprocess.run([*who, "test", "-r", Path(__file__)], check=False)  # noqa: ASYNC221 - the same
    if reads.returncode:
        pytest.skip(f"this checkout, {REPOSITORY}, is closed to other users")
    place = Path(tempfile.mkdtemp(prefix="ssmd-test-"))
    os.chown(place, 65_534, 65_534)
    try:
        with opening(place / "postgres", "a", *who) as process:
            assert hear(process) == "open"
            assert say(process, "row") == "written"
            assert say(process, "end") == "closed"
        assert (place / "postgres" / "data").stat().st_uid == 65_534
        forget(place / "postgres")
        os.chown(place / "postgres" / "password", 0, 0)
        other = subprocess.run(  # noqa: ASYNC221 - nothing else is to run meanwhile
            [*who, sys.executable, "-m", "tests.secmaster.opening", place / "postgres", "a"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "FolderUnfit" in other.stderr
        assert "Permission denied" in other.stderr
    finally:
        forget(place / "postgres")
        shutil.rmtree(place, ignore_errors=True)


def fake(folder: Path, **scripts: str) -> Path:
    """Programs that do what they are told."""
    place = folder / "bin"
    place.mkdir()
    for name, body in scripts.items():
        (place / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (place / name).chmod(0o755)
    folder.chmod(0o755)
    return place


async def test_a_disk_that_is_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What initdb could not do is quoted, and half a cluster is never taken for one."""
    body = 'mkdir -p "$2/base"; echo "initdb: could not write: No space left on device" >&2; exit 1'
    place = fake(tmp_path, initdb=body, postgres="echo 'postgres (PostgreSQL) 18.1'")
    monkeypatch.setenv("SSMD_POSTGRES_BIN", str(place))
    server = EmbeddedPostgres(tmp_path / "postgres", CLOCK)
    for _ in range(2):
        with pytest.raises(FolderUnfit, match=r"No space left on device.*Make room"):
            await server.start()
        assert not server.exists


async def test_a_server_that_does_not_start_is_quoted(folder: Path) -> None:
    """Its log says why, and its folder may be tried again."""
    broken = EmbeddedPostgres(folder, CLOCK, settings={"wal_level": "no such level"})
    with pytest.raises(ChildFailed, match='invalid value for parameter "wal_level"'):
        await broken.start()
    async with running(folder) as server:
        assert answer(server)


async def test_data_of_another_version_is_served_by_its_own_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel has two versions: who goes to a newer wheel keeps the data; a third is refused."""
    place = tmp_path / "postgres"
    newest = programs.find_programs()
    older = newest.parent.parent / "pginstall" / "bin"
    monkeypatch.setenv("SSMD_POSTGRES_BIN", str(older))
    async with running(place) as server:
        first = answer(server)
    monkeypatch.delenv("SSMD_POSTGRES_BIN")
    async with running(place) as server:
        assert first
        assert answer(server)
        with psycopg.connect(server.address.url) as connection:
            assert connection.info.server_version // 10_000 == 16
    monkeypatch.setenv("SSMD_POSTGRES_BIN", str(newest))
    with pytest.raises(OtherVersion, match="made by PostgreSQL 16; here is 18"):
        await EmbeddedPostgres(place, CLOCK).start()
    (place / "data" / "PG_VERSION").write_text("9\n", encoding="utf-8")
    monkeypatch.delenv("SSMD_POSTGRES_BIN")
    with pytest.raises(OtherVersion, match="made by PostgreSQL 9; here is 16, 18"):
        await EmbeddedPostgres(place, CLOCK).start()
    forget(place)


async def test_a_folder_of_programs_without_programs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names one means it: the wheel's are not taken instead."""
    monkeypatch.setenv("SSMD_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresMissing, match="SSMD_POSTGRES_BIN"):
        await EmbeddedPostgres(tmp_path / "postgres", CLOCK).start()


@pytest.mark.skipif(not ROOT, reason="only root needs it")
async def test_without_the_tool_root_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL refuses root; the way out is named."""
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ConfigError, match="setpriv"):
        await EmbeddedPostgres(folder, CLOCK).start()


async def test_a_place_where_nothing_can_be_kept_is_said(tmp_path: Path) -> None:
    """A file in the way is named, not traced back."""
    (tmp_path / "postgres").write_text("", encoding="utf-8")
    with pytest.raises(FolderUnfit, match="cannot be kept"):
        await EmbeddedPostgres(tmp_path / "postgres" / "x", CLOCK).start()


def test_an_address_needs_a_database(tmp_path: Path) -> None:
    """Who reads a folder without one is told what makes one."""
    with pytest.raises(Unavailable, match="ssmd secmaster sync"):
        _ = EmbeddedPostgres(tmp_path, CLOCK).address
