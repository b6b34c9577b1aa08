"""What a power cut may do to a spool, found by the schedules of `tests/faults/pure`."""

import errno
import os
from pathlib import Path

from ssmd.connector.graves import close_dead
from ssmd.model.records import Lost
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import (
    Disk,
    abandon,
    assert_accounted,
    begin,
    losses,
    nothing_on_the_bus,
    receive,
)
from tests.connector.parts import everything, make_spool


async def test_a_lost_tail_before_a_declared_loss_is_declared_too(tmp_path: Path) -> None:
    """The reserved space survived, what was written just before it did not: 3 and 4 are in neither."""
    disk = Disk()
    spool = make_spool(tmp_path, write=disk.write)
    life = begin(spool)
    receive(spool, life, 3)
    await spool.sync()
    (path,) = tmp_path.glob("*.wal")
    durable = path.stat().st_size
    receive(spool, life, 2)
    disk.room = 0
    receive(spool, life, 2)
    assert spool.state == "full"
    abandon(spool)
    os.truncate(path, durable)
    again = make_spool(tmp_path)
    await close_dead(again, nothing_on_the_bus)
    entries = everything(again)
    assert_accounted(entries, {life.connection: (7, True)})
    assert sorted(each.ordinals for each in losses(entries)) == [((3, 4),), ((5, 6),)]
    again.close()


async def test_an_opening_that_nothing_kept_is_declared_too(tmp_path: Path) -> None:
    """Record 0 says who a connection was: where no record of it survived, it is said to be lost."""
    disk = Disk()
    spool = make_spool(tmp_path, write=disk.write)
    await spool.sync()
    (path,) = tmp_path.glob("*.wal")
    durable = path.stat().st_size
    life = begin(spool)
    receive(spool, life, 3)
    disk.room = 0
    receive(spool, life, 2)
    assert spool.state == "full"
    abandon(spool)
    os.truncate(path, durable)
    again = make_spool(tmp_path)
    await close_dead(again, nothing_on_the_bus)
    entries = everything(again)
    assert_accounted(entries, {life.connection: (5, True)})
    assert sorted((each.ordinals, each.records) for each in losses(entries)) == [
        (((0, 2),), ((0, 0),)),
        (((3, 4),), ()),
    ]
    again.close()


async def test_a_file_that_lost_its_end_before_a_newer_one_is_damage(tmp_path: Path) -> None:
    """The kernel writes files in any order: the newer one may be there, and the end of this not."""
    spool = make_spool(tmp_path, file_bytes=1500)
    life = begin(spool)
    receive(spool, life, 3)
    (path,) = tmp_path.glob("*.wal")
    cut = path.stat().st_size
    while len(list(tmp_path.glob("*.wal"))) < 2:
        receive(spool, life, 1)
    receive(spool, life, 1)
    abandon(spool)
    os.truncate(path, cut)
    again = make_spool(tmp_path)
    assert again.found.damaged_bytes
    await close_dead(again, nothing_on_the_bus)
    entries = everything(again)
    assert_accounted(entries, {life.connection: (life.ordinal + 1, True)})
    assert [each.reason for each in losses(entries)] == ["spool_damaged"]
    again.close()


async def test_older_files_stay_until_the_next_one_tells_their_numbers(tmp_path: Path) -> None:
    """Archived or not: without them a power cut would leave nobody who knows the connection."""
    spool = make_spool(tmp_path, file_bytes=1500)
    life = begin(spool)
    while len(list(tmp_path.glob("*.wal"))) < 2:
        await spool.sync()
        receive(spool, life, 1)
    for position, _ in everything(spool):
        spool.acknowledged(position, position + 1)
    names = sorted(path.name for path in tmp_path.glob("*.wal"))
    spool.archived(1000)
    assert sorted(path.name for path in tmp_path.glob("*.wal")) == names
    await spool.sync()
    spool.archived(1000)
    assert sorted(path.name for path in tmp_path.glob("*.wal")) == names[1:]
    spool.close()


async def test_frames_that_keep_coming_do_not_put_recovery_off(tmp_path: Path) -> None:
    """After two failed fsyncs each loss is synced: none of that is another failure."""
    clock, fails = ManualClock(), [False]

    def sync(handle: int) -> None:
        if fails[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    spool = make_spool(tmp_path, clock, sync=sync)
    life = begin(spool)
    receive(spool, life, 2)
    fails[0] = True
    await spool.sync()
    await spool.sync()
    assert spool.condition[0] is False
    fails[0] = False
    for _ in range(15):
        receive(spool, life, 1)
        await spool.sync()
        await clock.advance(0.1)
        spool.inspect()
    assert spool.state == "ok"
    receive(spool, life, 1)
    await spool.sync()
    assert spool.synced == spool.written
    entries = everything(spool)
    assert_accounted(entries, {life.connection: (life.ordinal + 1, False)})
    assert all(isinstance(each, Lost) for each in losses(entries))
    spool.close()
