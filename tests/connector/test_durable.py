"""A failed fsync: what it left in doubt is written anew, or declared; nothing is claimed of it."""

import errno
import os
import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd.connector.spool.spool import Spool
from ssmd.connector.spool.totals import spool_totals
from ssmd.model.records import Lost
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import (
    CLOSED,
    abandon,
    assert_accounted,
    begin,
    losses,
    receive,
)
from tests.connector.parts import everything, make_spool


class Platter:
    """A disk as the kernel shows it: pages an fsync failed on are clean, and not on the disk."""

    def __init__(self) -> None:
        self.fails = 0
        self._dirty: dict[int, list[tuple[int, int]]] = {}
        self._gone: dict[int, list[tuple[int, int]]] = {}

    def write(self, fd: int, data: memoryview) -> int:
        state = os.fstat(fd)
        if state.st_size == 0:  # a new file, perhaps under the number of a deleted one
            self._dirty.pop(state.st_ino, None)
            self._gone.pop(state.st_ino, None)
        written = os.write(fd, data)
        self._dirty.setdefault(state.st_ino, []).append((state.st_size, written))
        return written

    def sync(self, fd: int) -> None:
        inode = os.fstat(fd).st_ino
        dirty = self._dirty.pop(inode, [])
        if self.fails:
            self.fails -= 1
            self._gone.setdefault(inode, []).extend(dirty)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def after_power_failure(self, spool: Path, copy: Path) -> Path:
        """The spool as the disk has it: what is not on it reads as zeros."""
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(spool, copy)
        for path in spool.glob("*.wal"):
            state = path.stat()
            lost = self._dirty.get(state.st_ino, []) + self._gone.get(state.st_ino, [])
            with (copy / path.name).open("r+b") as file:
                for offset, size in lost:
                    file.seek(offset)
                    file.write(bytes(max(0, min(size, state.st_size - offset))))
        return copy


async def test_what_a_failed_fsync_left_in_doubt_is_written_again(tmp_path: Path) -> None:
    """The next fsync succeeds and proves nothing: only new pages reach the disk."""
    disk = Platter()
    spool = make_spool(tmp_path / "spool", write=disk.write, sync=disk.sync)
    life = begin(spool)
    receive(spool, life, 5)
    await spool.sync()
    receive(spool, life, 5)
    disk.fails = 1
    await spool.sync()
    assert (spool.synced, spool.state, spool.condition[0]) == (5, "ok", False)
    receive(spool, life, 5)
    assert spool.synced == 5
    await spool.sync()
    assert (spool.synced, spool.condition) == (15, (True, ""))
    again = make_spool(disk.after_power_failure(tmp_path / "spool", tmp_path / "copy"))
    assert again.found.damaged_bytes == 0
    assert_accounted(everything(again), {life.connection: (15, False)})
    assert spool_totals(tmp_path / "copy").frames == 15
    again.close()
    assert_accounted(everything(spool), {life.connection: (15, False)})
    spool.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    turns=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 3), st.booleans()), min_size=1, max_size=12
    ),
    memory=st.sampled_from([1, 2000, 1 << 20]),
)
async def test_whatever_is_claimed_durable_survives_a_power_failure(
    tmp_path: Path, turns: list[tuple[int, int, bool]], memory: int
) -> None:
    """Any order of writes, failing and succeeding fsyncs, retries and rotations."""
    shutil.rmtree(tmp_path / "spool", ignore_errors=True)
    disk, clock = Platter(), ManualClock()
    spool = make_spool(
        tmp_path / "spool",
        clock,
        write=disk.write,
        sync=disk.sync,
        file_bytes=1500,
        memory_bytes=memory,
    )
    life = begin(spool)
    told: dict[int, str] = {}
    for frames, fails, waits in turns:
        receive(spool, life, frames)
        disk.fails = fails
        await spool.sync()
        if waits:
            await clock.advance(2)
            spool.inspect()
        told |= {position: envelope.message_id for position, envelope in everything(spool)}
        again = make_spool(disk.after_power_failure(tmp_path / "spool", tmp_path / "copy"))
        found = {position: envelope.message_id for position, envelope in everything(again)}
        abandon(again)
        durable = {at: name for at, name in told.items() if at <= spool.synced}
        assert durable.items() <= found.items()
    disk.fails = 0
    for _ in range(3):
        await spool.sync()
        await clock.advance(2)
        spool.inspect()
    spool.finish(life, CLOSED)
    assert (spool.state, spool.condition) == ("ok", (True, ""))
    spool.republish()
    assert_accounted(everything(spool), {life.connection: (life.ordinal + 1, True)})
    await spool.sync()
    assert spool.synced == spool.written
    totals = spool.totals
    abandon(spool)
    assert spool_totals(tmp_path / "spool") == totals
    assert totals.frames + totals.lost == life.ordinal + 1


async def test_a_second_failure_stops_the_spool_until_an_fsync_succeeds(tmp_path: Path) -> None:
    """What comes meanwhile is declared: a device that fails twice keeps nothing."""
    disk, clock = Platter(), ManualClock()
    spool = make_spool(tmp_path, clock, write=disk.write, sync=disk.sync)
    life = begin(spool)
    receive(spool, life, 5)
    disk.fails = 2
    await spool.sync()
    await spool.sync()
    assert spool.state == "full"
    receive(spool, life, 3)
    await spool.sync()  # good, but of files nobody doubts
    assert (spool.synced, spool.state) == (-1, "full")
    await clock.advance(2)
    spool.inspect()
    await spool.sync()
    assert (spool.synced, spool.state, spool.condition[0]) == (5, "ok", True)
    receive(spool, life, 1)
    entries = everything(spool)
    assert_accounted(entries, {life.connection: (9, False)})
    assert [lost.reason for lost in losses(entries)] == ["spool_full"]
    spool.close()


async def test_what_cannot_be_written_again_is_declared_unless_the_bus_has_it(
    tmp_path: Path,
) -> None:
    """The page cache may lose what it could not write; memory holds only so much."""
    disk = Platter()
    spool = make_spool(tmp_path, write=disk.write, sync=disk.sync, memory_bytes=1)
    life = begin(spool)
    receive(spool, life, 1)
    (path,) = tmp_path.glob("*.wal")
    sizes = []
    for _ in range(4):
        sizes.append(path.stat().st_size)
        receive(spool, life, 1)
    for position, _ in everything(spool):
        if position in {0, 3}:
            spool.acknowledged(position, position + 1)
    with path.open("r+b") as file:
        for offset in sizes[1:3]:  # ordinals 2 and 3, positions 3 and 4
            file.seek(offset + 20)
            file.write(b"\xff" * 8)
    disk.fails = 1
    await spool.sync()
    assert losses(everything(spool)) == [Lost(ordinals=((3, 3),), reason="spool_damaged")]
    assert (spool.totals.frames, spool.totals.lost) == (4, 1)
    await spool.sync()
    assert spool.synced == spool.written
    spool.close()


async def test_a_crash_between_the_new_file_and_the_cut_of_the_old_is_no_loss(
    tmp_path: Path,
) -> None:
    """Both hold the same records: each is published, and acknowledged, once."""
    disk = Platter()
    spool = make_spool(tmp_path, write=disk.write, sync=disk.sync)
    life = begin(spool)
    receive(spool, life, 4)
    await spool.sync()
    receive(spool, life, 4)
    (old,) = tmp_path.glob("*.wal")
    before = old.read_bytes()
    disk.fails = 1
    await spool.sync()
    abandon(spool)
    old.write_bytes(before)
    (tmp_path / "00000000000000000009.draft").write_bytes(b"a crash left this")
    again: Spool = make_spool(tmp_path)
    entries = everything(again)
    assert [position for position, _ in entries] == list(range(9))
    assert spool_totals(tmp_path).frames == 8
    assert again.unpublished == 9
    for position, _ in entries:
        again.acknowledged(position, position + 1)
    assert again.unpublished == 0
    await again.sync()  # what the new file carries forward is durable: the old ones may go
    again.archived(9)
    assert len(list(tmp_path.glob("*.wal"))) == 1
    assert not list(tmp_path.glob("*.draft"))
    again.close()


async def test_what_a_killed_process_did_not_sync_is_synced_by_the_next(tmp_path: Path) -> None:
    """Its pages outlive it in memory only; they are claimed after an fsync of our own."""
    disk = Platter()
    spool = make_spool(tmp_path / "spool", write=disk.write, sync=disk.sync, file_bytes=1500)
    life = begin(spool)
    for _ in range(20):
        receive(spool, life)
    abandon(spool)
    again = make_spool(tmp_path / "spool", write=disk.write, sync=disk.sync)
    assert again.synced == 20
    third = make_spool(disk.after_power_failure(tmp_path / "spool", tmp_path / "copy"))
    assert_accounted(everything(third), {life.connection: (20, False)})
    third.close()
    again.close()
