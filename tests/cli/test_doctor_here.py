"""What `ssmd doctor` says of this machine, and how it judges what servers told; every state seen."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ssmd.bus.errors import StreamUnfit
from ssmd.bus.survey import Durable, StreamFound
from ssmd.cli import doctor_here, doctor_outside
from ssmd.cli.configured import lives
from ssmd.feeds.capture import SpoolSettings
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.model.records import ClockState
from ssmd.secmaster import survey
from ssmd.secmaster.migrate import Standing
from tests.cli.doctored import OPEN, bare, checks, plan

__all__ = ["bare"]


# --- this machine


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (ClockState(source="kernel", offset_s=0.0004, error_s=0.02), "ok"),
        (ClockState(source="kernel", offset_s=-0.3, error_s=0.02), "warn"),
        (ClockState(source="kernel", offset_s=8.0, error_s=0.02), "fail"),
        (ClockState(source="venue", offset_s=0.4, error_s=0.51), "ok"),
        (ClockState(source="venue", offset_s=0.9, error_s=0.51), "warn"),
        (ClockState(source="unknown"), "warn"),
    ],
)
def test_a_clock_is_judged_by_what_is_known(state: ClockState, wanted: str) -> None:
    """That nobody vouches for it is neither good nor bad: it is said."""
    check = doctor_here.clock_check(state)
    assert check.state == wanted
    assert bool(check.remedy) is (wanted != "ok")


@pytest.mark.parametrize(
    ("low", "least", "wanted"), [(0, 0, "ok"), (1 << 60, 0, "warn"), (1 << 60, 1 << 60, "fail")]
)
async def test_a_disk_is_judged_by_where_the_recording_stops(
    tmp_path: Path, low: int, least: int, wanted: str
) -> None:
    """The bounds are those of the spool: below them frames are declared lost."""
    spool = msgspec.structs.replace(SpoolSettings(), low_disk_bytes=low, min_free_bytes=least)
    found = await checks(
        plan(tmp_path / "not" / "yet", environment=EnvironmentConfig(name="test", spool=spool))
    )
    assert (found["disk archive"].state, found["disk spool"].state) == (wanted, wanted)
    assert str(tmp_path) in found["disk archive"].seen


async def test_folders_that_others_may_write_are_told_of(tmp_path: Path) -> None:
    """What everybody may write everybody may forge."""
    (tmp_path / ".run" / "spool").mkdir(parents=True)
    assert (await checks(plan(tmp_path)))["permissions"].state == "ok"
    (tmp_path / ".run" / "spool").chmod(0o777)
    check = (await checks(plan(tmp_path)))["permissions"]
    assert check.state == "warn"
    assert f"{tmp_path / '.run' / 'spool'} can be written by everybody" in check.seen


async def test_folders_that_we_may_not_write_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archiver that cannot write stops everything behind it."""
    shut = tmp_path / "shut"
    shut.mkdir()
    real = os.access  # root may write whatever the mode says
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != shut and real(path, mode))
    check = (await checks(plan(shut)))["permissions"]
    assert (check.state, check.seen) == ("fail", f"{shut} cannot be written by us.")
    check = (await checks(plan(shut / "below")))["permissions"]
    assert (check.state, check.seen) == ("fail", f"{shut / 'below'} cannot be made in {shut}.")


def spooled(root: Path, feed: str, size: int = 1000) -> None:
    """A spool with something in it."""
    folder = root / ".run" / "spool" / feed
    folder.mkdir(parents=True)
    (folder / "0.wal").write_bytes(bytes(size))


async def test_what_waits_in_a_spool_is_told_of(tmp_path: Path) -> None:
    """A stopped recording may hold the only copy; a feed nobody records any more holds it for ever."""
    spooled(tmp_path, OPEN)
    spooled(tmp_path, "forgotten")
    spooled(tmp_path, "empty", 0)
    spooled(tmp_path, f"{OPEN}@1")
    found = await checks(plan(tmp_path, OPEN))
    assert found[f"spool {OPEN}"].state == "warn"
    assert "1 file, 1.0 kB" in found[f"spool {OPEN}"].seen
    assert found["spool forgotten"].state == "warn"
    assert "not configured any more" in found["spool forgotten"].seen
    assert "Record forgotten once more" in found["spool forgotten"].remedy
    assert found["spool empty"].state == "ok"
    assert "not configured" not in found[f"spool {OPEN}@1"].seen


def runs(root: Path, name: str, pid: int, url: str = "http://127.0.0.1:1") -> None:
    """A run file."""
    told = {"name": name, "pid": pid, "started_at": "", "health": url, "feed": OPEN}
    (root / ".run").mkdir(exist_ok=True, parents=True)
    (root / ".run" / f"{name}.json").write_bytes(msgspec.json.encode(told))


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_a_process_that_left_its_run_file_behind_is_told_of(tmp_path: Path) -> None:
    """Killed, it could not say goodbye; its log may say why."""
    pid = dead()
    assert not lives(pid)
    runs(tmp_path, "connector-x", pid)
    log = tmp_path / ".run" / "logs" / "connector-x.log"
    log.parent.mkdir()
    log.touch()
    check = (await checks(plan(tmp_path)))["service connector-x"]
    assert check.state == "fail"
    assert f"Its process, {pid}, is gone" in check.seen
    assert str(log) in check.seen


async def test_a_process_that_does_not_answer_fails(tmp_path: Path) -> None:
    """It lives, and that is all."""
    assert lives(os.getpid())
    runs(tmp_path, "archiver", os.getpid())
    check = (await checks(plan(tmp_path)))["service archiver"]
    assert check.state == "fail"
    assert check.seen.startswith("No answer at http://127.0.0.1:1")


async def test_a_stranger_on_the_port_is_told_of(tmp_path: Path) -> None:
    """It lives, it answers, and it is somebody else."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    runs(
        tmp_path, "archiver", os.getpid(), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    )
    found = await checks(plan(tmp_path))
    server.close()
    assert found["service archiver"].state == "fail"
    assert found["service archiver"].seen.startswith("Somebody else answers at http://127.0.0.1:")
    assert found["clock"].state in ("ok", "warn")


# --- streams and databases, as they stand


HELD = Durable(name="archive-x", behind=3, is_held=True)


@pytest.mark.parametrize(
    ("found", "running", "wanted", "seen"),
    [
        (StreamFound(stream="S", durables=(HELD,)), True, "ok", "3 not archived yet."),
        (StreamFound(stream="S", durables=(msgspec.structs.replace(HELD, behind=20_000),)), True, "warn", "20000 not"),
        (StreamFound(stream="S", durables=(msgspec.structs.replace(HELD, is_held=False),)), True, "fail", "no archiver is at work"),
        (StreamFound(stream="S", durables=(msgspec.structs.replace(HELD, is_held=False),)), False, "warn", "no archiver is at work"),
        (StreamFound(stream="S", durables=(Durable(name="a", behind=0, is_held=False),)), False, "ok", "0 not"),
        (StreamFound(stream="S"), True, "fail", "nobody archives it"),
        (StreamFound(stream="S"), False, "warn", "nobody archives it"),
        (StreamFound(stream="S", bytes=90, max_bytes=100, durables=(HELD,)), True, "warn", "a bound of 100 B"),
        (StreamFound(stream="S", unfit=StreamUnfit("S", "it does not exist", remedy="r")), True, "fail", "exist"),
        (StreamFound(stream="S", unfit=StreamUnfit("S", "it does not exist", remedy="r")), False, "warn", "exist"),
        (StreamFound(stream="S", unfit=StreamUnfit("S", "it throws away", remedy="r")), False, "fail", "throws"),
    ],
)  # fmt: skip
def test_a_stream_is_judged(found: StreamFound, running: bool, wanted: str, seen: str) -> None:
    """What is normal before anything runs is wrong while it does."""
    check = doctor_outside._stream(found, is_running=running)
    assert check.state == wanted, check
    assert seen in check.seen
    assert bool(check.remedy) is (wanted != "ok")


READ = survey.SlotFound(active=True, wal_status="reserved", behind_bytes=10)


@pytest.mark.parametrize(
    ("slot", "running", "wanted"),
    [
        (READ, True, "ok"),
        (None, True, "fail"),
        (None, False, "warn"),
        (msgspec.structs.replace(READ, active=False), True, "fail"),
        (msgspec.structs.replace(READ, active=False), False, "ok"),
        (msgspec.structs.replace(READ, active=False, behind_bytes=2 << 30), False, "warn"),
        (msgspec.structs.replace(READ, wal_status="lost"), False, "fail"),
    ],
)
def test_a_slot_is_judged(slot: survey.SlotFound | None, running: bool, wanted: str) -> None:
    """One that nobody reads fills the database's disk."""
    check = doctor_outside._slot(server(slot=slot), is_running=running)
    assert (check.state, bool(check.remedy)) == (wanted, wanted != "ok")


def server(**changes: object) -> survey.Found:
    """A database that is as it should be, but for some changes."""
    schema = Standing(revisions=("p0001",), missing=())
    good = survey.Found(address="h/db", major=16, wal_level="logical", schema=schema, slot=READ)
    return msgspec.structs.replace(good, **changes)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (server(), "ok"),
        (server(schema=Standing(revisions=(), missing=("p0001",))), "ok"),
        (server(schema=Standing(revisions=("p0001",), missing=("q0001",))), "warn"),
        (server(schema=Standing(revisions=("p0001",), missing=("p0002",))), "fail"),
        (server(schema=Standing(revisions=("p0001",), missing=(), foreign=("q9",))), "fail"),
    ],
)
def test_migrations_are_judged(found: survey.Found, wanted: str) -> None:
    """What a newer version only added disturbs nobody; what it took away does."""
    assert doctor_outside._migrations(found).state == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [(server(), "ok"), (server(major=14), "fail"), (server(wal_level="replica"), "fail")],
)
def test_a_database_server_is_judged(found: survey.Found, wanted: str) -> None:
    """It answers, and is of no use all the same."""
    assert doctor_outside._server(found).state == wanted
