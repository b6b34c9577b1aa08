"""What the spool promises: kept before published, kept until archived, declared when not."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from ssmd.connector.spool.codec import Totals
from ssmd.connector.spool.totals import spool_totals
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Closed, Lost, decode_connection
from ssmd.runtime.clock import SystemClock
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import (
    CLOSED,
    Disk,
    abandon,
    assert_accounted,
    begin,
    losses,
    receive,
)
from tests.connector.parts import a_frame, an_id, everything, make_spool


async def test_everything_of_one_turn_is_one_write(tmp_path: Path) -> None:
    """A system call per frame would be the capture's largest cost."""
    sizes: list[int] = []

    def write(fd: int, data: memoryview) -> int:
        sizes.append(len(data))
        return os.write(fd, data)

    spool = make_spool(tmp_path, write=write)
    life = begin(spool)
    for _ in range(50):
        spool.write(a_frame(life.connection, life.next_ordinal()))
    assert everything(spool) == []  # nothing is given out before it is written
    await asyncio.wait_for(spool.more.wait(), 1)
    await SystemClock().sleep(0)
    assert len(sizes) == 2  # the carry of the new file, and the turn
    assert len(everything(spool)) == 51
    spool.close()


async def test_durability_is_claimed_after_the_fsync_only(tmp_path: Path) -> None:
    """No rung of durability is claimed before it is reached."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    task = asyncio.create_task(spool.run())
    receive(spool, begin(spool), 10)
    assert (spool.written, spool.synced) == (10, -1)
    await clock.advance(0.04)
    assert spool.synced == -1
    await clock.advance(0.02)
    async with asyncio.timeout(5):
        while spool.synced != 10:
            await SystemClock().sleep(0.001)
    task.cancel()
    spool.close()


async def test_files_stay_until_archived_and_then_go(tmp_path: Path) -> None:
    """The bus is not the only copy of anything before the archive has it."""
    spool = make_spool(tmp_path, file_bytes=2000)
    life = begin(spool)
    for _ in range(100):
        receive(spool, life)
    await spool.sync()
    files = len(list(tmp_path.glob("*.wal")))
    for position, _ in everything(spool):
        spool.acknowledged(position, position + 1)
    spool.archived(0)
    assert len(list(tmp_path.glob("*.wal"))) == files
    spool.archived(50)
    assert 1 < len(list(tmp_path.glob("*.wal"))) < files
    spool.archived(101)
    assert len(list(tmp_path.glob("*.wal"))) == 1
    abandon(spool)
    again = make_spool(tmp_path)  # the deleted files' knowledge was carried forward
    assert again.dead[life.connection].ordinal == 99
    assert again.lives.latest == {"feed-0": life.connection}
    assert spool_totals(tmp_path) == Totals(100, 0)
    again.close()


async def test_the_bound_drops_what_the_bus_has_before_it_loses_anything(tmp_path: Path) -> None:
    """Acknowledged records are the lesser evil."""
    spool = make_spool(tmp_path, max_bytes=40_000)
    life = begin(spool)
    while spool.state == "ok":
        receive(spool, life, payload=b"x" * 500)
        await spool.sync()
        for position, _ in everything(spool):
            spool.acknowledged(position, position + 1)
        if life.ordinal == 300:
            break
    assert spool.state == "ok"
    assert spool.totals.lost == 0
    assert sum(p.stat().st_size for p in tmp_path.glob("*.wal")) <= 40_000
    spool.close()


async def test_beyond_the_bound_frames_are_declared(tmp_path: Path) -> None:
    """What cannot be saved is declared, never silent."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock, max_bytes=200_000)
    life = begin(spool)
    while spool.state == "ok":
        receive(spool, life, payload=b"x" * 5000)
    receive(spool, life, 5)
    assert not spool.condition[0]
    lost = spool.totals.lost
    assert lost == 6
    assert spool_totals(tmp_path).lost == 6  # reserved space says so already
    await spool.sync()
    for position, _ in everything(spool):
        spool.acknowledged(position, position + 1)
    spool.archived(10_000)
    await clock.advance(2)
    receive(spool, life)
    assert spool.condition[0]
    said = losses(everything(spool))
    first = life.ordinal - 6
    assert said == [Lost(ordinals=((first, first + 5),), reason="spool_bound")]
    assert spool.totals == Totals(first + 1, 6)
    spool.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("room", [0, 1, 150, 400])
async def test_a_full_disk_is_declared_and_survived(tmp_path: Path, room: int, error: int) -> None:
    """Every frame is in the spool or in a declaration, wherever the write broke."""
    clock, disk = ManualClock(), Disk()
    spool = make_spool(tmp_path, clock, write=disk.write)
    life = begin(spool)
    receive(spool, life, 10)
    disk.room, disk.error = room, error
    receive(spool, life, 10)
    spool.finish(life, CLOSED)
    assert spool.state == "full"
    assert not spool.writable.is_set()
    disk.room = None
    receive(spool, second := begin(spool, an_id(1, shard=1)), 1)  # too early to try again
    await clock.advance(1.5)
    spool.inspect()
    assert (spool.state, spool.writable.is_set()) == ("ok", True)
    assert_accounted(
        everything(spool), {life.connection: (20, True), second.connection: (1, False)}
    )
    assert spool.totals.frames + spool.totals.lost == 21
    await spool.sync()
    spool.close()
    assert spool_totals(tmp_path).frames + spool_totals(tmp_path).lost == 21


async def test_memory_stays_flat_while_the_bus_is_away(tmp_path: Path) -> None:
    """The tail in memory is bounded; the rest is read back in order."""
    spool = make_spool(tmp_path, memory_bytes=20_000)
    life = begin(spool)
    for _ in range(50):
        receive(spool, life, 20, b"x" * 100)
        assert spool._backlog.held_bytes <= 21_000
    positions = [position for position, _ in everything(spool)]
    assert positions == list(range(1001))
    spool.republish()
    assert [position for position, _ in everything(spool)] == positions
    spool.close()


async def test_labels_that_cannot_be_encoded_cost_labels_only(tmp_path: Path) -> None:
    """A number beyond 64 bits in a message must not cost the turn's frames."""
    spool = make_spool(tmp_path)
    life = begin(spool)
    strange = a_frame(life.connection, life.next_ordinal(), b"strange")
    spool.write(
        Envelope(
            **{f: getattr(strange, f) for f in strange.__struct_fields__} | {"sequence": 2**70}
        )
    )
    receive(spool, life)
    kept = [(e.type, e.payload) for _, e in everything(spool) if e.ordinal is not None]
    assert kept == [("_unread", b"strange"), ("trade", b"{}")]
    spool.close()


async def test_a_frame_refused_after_its_connection_closed_is_closed_again(tmp_path: Path) -> None:
    """The closing record must stay the one with the greatest number."""
    spool = make_spool(tmp_path)
    life = begin(spool)
    receive(spool, life, 2)
    spool.finish(life, CLOSED)
    known = spool.life(life.connection)
    assert known is not None
    spool.declare(known, Lost(ordinals=((1, 1),), reason="publish_refused"))
    records = [e for _, e in everything(spool) if e.record is not None]
    closings = [decode_connection(e.payload) for e in records[1:] if e.type == CONNECTION]
    assert [c.last_record for c in closings if isinstance(c, Closed)] == [1, 3]
    assert records[-1].record == 3
    spool.close()


async def test_what_is_written_during_an_fsync_is_not_claimed_by_it(tmp_path: Path) -> None:
    """The next fsync is its own."""
    spool = make_spool(tmp_path)
    life = begin(spool)
    receive(spool, life, 5)
    syncing = asyncio.create_task(spool.sync())
    await SystemClock().sleep(0)  # the fsync has begun
    receive(spool, life, 5)
    await syncing
    assert (spool.synced, spool.written) == (5, 10)
    spool.close()


async def test_a_declaration_that_does_not_arrive_is_still_owed(tmp_path: Path) -> None:
    """The disk may fail again at the very record that says what it lost."""
    clock, disk = ManualClock(), Disk()
    spool = make_spool(tmp_path, clock, write=disk.write)
    life = begin(spool)
    receive(spool, life, 10)
    for room in (0, 150, 150):  # enough for the new file's beginning, not for the declaration
        disk.room = room
        receive(spool, life, 3)
        await clock.advance(2)
    disk.room = None
    await clock.advance(2)
    receive(spool, life, 1)
    spool.finish(life, CLOSED)
    assert spool.totals == Totals(11, 9)
    assert_accounted(everything(spool), {life.connection: (20, True)})
    spool.close()
