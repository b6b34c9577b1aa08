"""The clock and the disks that a control file moves, and torn ends of files."""

import errno
import os
from pathlib import Path
from random import Random

import pytest

from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.storm.switches import Orders, SteppedClock, Switches, order, synced
from ssmd.sim.storm.tearing import newest, tear


def test_a_clock_is_off_as_ordered(tmp_path: Path) -> None:
    """Its wall time alone: waiting and the monotonic time are never touched."""
    inner, file = ManualClock(), tmp_path / "service.json"
    switches = Switches(file, inner)
    clock = SteppedClock(inner, switches)
    assert (clock.wall(), clock.asleep()) == (inner.wall(), inner.asleep())
    for step_s in (45.0, -900.0, 0.0):
        order(file, Orders(step_s=step_s, asleep_s=abs(step_s)))
        switches.look()
        assert clock.wall() == inner.wall() + step_s * SECOND_NS
        assert clock.now().wall == clock.wall()
        assert clock.asleep() == inner.asleep() + abs(step_s)
        assert (clock.mono(), clock.now().mono) == (inner.mono(), inner.mono())


def test_disks_fail_as_ordered(tmp_path: Path) -> None:
    """Spool's and archive's alike; without an order they are the machine's own."""
    file = tmp_path / "service.json"
    switches = Switches(file, ManualClock())
    spool, archive = switches.spool(), switches.archive()
    handle = os.open(tmp_path / "data", os.O_RDWR | os.O_CREAT)
    try:
        assert spool.write(handle, memoryview(b"abc")) == 3
        assert archive.write(handle, memoryview(b"def")) == 3
        for sync in (spool.sync, archive.sync, archive.sync_data):
            sync(handle)
        assert spool.free(tmp_path) > 0
        order(file, Orders(write="ENOSPC", sync="EIO", full=True))
        switches.look()
        for write in (spool.write, archive.write):
            with pytest.raises(OSError, match="No space") as full:
                write(handle, memoryview(b"lost"))
            assert full.value.errno == errno.ENOSPC
        for sync in (spool.sync, archive.sync, archive.sync_data):
            with pytest.raises(OSError, match="Input/output") as failed:
                sync(handle)
            assert failed.value.errno == errno.EIO
        assert spool.free(tmp_path) == 0
        order(file, Orders())
        switches.look()
        assert spool.write(handle, memoryview(b"ghi")) == 3
    finally:
        os.close(handle)
    assert (tmp_path / "data").read_bytes() == b"abcdefghi"


@pytest.mark.parametrize("seed", range(40))
def test_a_torn_end_keeps_what_was_made_durable(tmp_path: Path, seed: int) -> None:
    """A crash takes unsynced bytes or leaves half a write; it takes nothing back."""
    path = tmp_path / "file"
    content = Random(seed).randbytes(500)
    path.write_bytes(content)
    tear(path, Random(seed), synced=300)
    assert path.read_bytes()[:300] == content[:300]
    path.write_bytes(content)
    tear(path, Random(seed))
    assert path.read_bytes()[:500] == content
    assert path.stat().st_size > 500, "when nothing may go, something must come"


def test_the_file_written_last_is_found(tmp_path: Path) -> None:
    """Below a folder, by pattern; none when there is none."""
    assert newest(tmp_path, "*.wal") is None
    (tmp_path / "deep").mkdir()
    for name, moment in (("deep/b.wal", 30), ("a.wal", 20), ("c.txt", 40)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (moment, moment))
    assert newest(tmp_path, "*.wal") == tmp_path / "deep" / "b.wal"


def test_what_was_made_durable_is_known_to_the_byte(tmp_path: Path) -> None:
    """Who tears a spool takes nothing that an fsync had promised, however late the kill came."""
    file, data = tmp_path / "service.json", tmp_path / "data"
    spool = Switches(file, ManualClock()).spool()
    handle = os.open(data, os.O_RDWR | os.O_CREAT)
    try:
        spool.write(handle, memoryview(b"abc"))
        assert synced(file, data) == 0
        spool.sync(handle)
        spool.write(handle, memoryview(b"def"))
        assert synced(file, data) == 3
        os.truncate(data, 2)
        spool.sync(handle)
        assert synced(file, data) == 2
    finally:
        os.close(handle)
