"""What a crash leaves, and what the next start makes of it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssmd.connector.graves import close_dead
from ssmd.connector.spool.codec import Totals
from ssmd.connector.spool.totals import spool_totals
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.errors import Busy
from ssmd.model.records import Closed, Lost, decode_connection, decode_ledger
from tests.connector.accounts import (
    Disk,
    abandon,
    assert_accounted,
    begin,
    losses,
    nothing_on_the_bus,
    receive,
)
from tests.connector.parts import a_frame, everything, make_spool


async def test_a_restart_publishes_everything_left_with_the_same_ids(tmp_path: Path) -> None:
    """What was spooled survives the process; identity is what de-duplicates it later."""
    spool = make_spool(tmp_path, file_bytes=2000)
    life = begin(spool)
    for _ in range(100):
        receive(spool, life)
    before = everything(spool)
    assert len(list(tmp_path.glob("*.wal"))) > 3
    abandon(spool)
    again = make_spool(tmp_path)
    after = everything(again)
    assert [(p, e.message_id, e) for p, e in after] == [(p, e.message_id, e) for p, e in before]
    assert list(again.dead) == [life.connection]
    assert (again.dead[life.connection].ordinal, again.dead[life.connection].record) == (99, 0)
    again.close()


async def test_a_crash_while_the_disk_is_full_keeps_the_declaration(tmp_path: Path) -> None:
    """The reserved space is read at the next start, and said once."""
    disk = Disk()
    spool = make_spool(tmp_path, write=disk.write)
    life = begin(spool)
    receive(spool, life, 10)
    disk.room = 0
    receive(spool, life, 7)
    abandon(spool)
    again = make_spool(tmp_path)
    await close_dead(again, nothing_on_the_bus)
    assert_accounted(everything(again), {life.connection: (17, True)})
    abandon(again)  # before the declaration was made durable: it is not said twice
    third = make_spool(tmp_path)
    assert len(losses(everything(third))) == 1
    assert spool_totals(tmp_path) == Totals(10, 7)
    third.close()


async def test_damage_in_a_file_is_declared_as_far_as_it_is_provable(tmp_path: Path) -> None:
    """Numbers around the damage prove what was there; what the bus has is not lost."""
    spool = make_spool(tmp_path, file_bytes=3000)
    life = begin(spool)
    for _ in range(60):
        receive(spool, life)
    abandon(spool)
    victim = sorted(tmp_path.glob("*.wal"))[1]
    data = victim.read_bytes()
    victim.write_bytes(data[:200] + b"\xff" * 400 + data[600:])
    again = make_spool(tmp_path)
    holes = again.found.missing(life.connection)[0]
    ((low, high),) = holes
    kept = {e.ordinal for _, e in everything(again) if e.ordinal is not None}
    assert kept == set(range(60)) - set(range(low, high + 1))

    async def bus(_: int) -> AsyncIterator[tuple[int, Envelope]]:
        yield 1, a_frame(life.connection, low)

    await close_dead(again, bus)
    said = losses(everything(again))
    assert said == [Lost(ordinals=((low + 1, high),), reason="spool_damaged")]
    again.close()


async def test_the_dead_are_closed_at_the_greatest_number_known(tmp_path: Path) -> None:
    """Pages the disk lost may have reached the bus: it is asked before anything is said."""
    spool = make_spool(tmp_path)
    life = begin(spool)
    receive(spool, life, 5)
    abandon(spool)
    again = make_spool(tmp_path)
    everything(again)

    async def bus(_: int) -> AsyncIterator[tuple[int, Envelope]]:
        yield 1, a_frame(life.connection, 6)
        yield 2, a_frame(life.connection, 8)

    assert await close_dead(again, bus) == 1
    said = [e for _, e in everything(again)]
    assert [decode_ledger(e.payload) for e in said if e.type == LEDGER] == [
        Lost(ordinals=((5, 5), (7, 7)), reason="spool_damaged")
    ]
    (closed,) = [decode_connection(e.payload) for e in said if e.type == CONNECTION]
    assert isinstance(closed, Closed)
    assert (closed.last_ordinal, closed.last_record, closed.by) == (8, 2, "recovery")
    abandon(again)
    third = make_spool(tmp_path)
    assert third.dead == {}
    assert third.lives.latest == {"feed-0": life.connection}
    third.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 6000), frames=st.integers(1, 40))
async def test_any_crash_point_leaves_a_consistent_spool(
    tmp_path: Path, cut: int, frames: int
) -> None:
    """The last file may end anywhere: what is left is a prefix, and the dead are closed at it."""
    for old in tmp_path.iterdir():
        old.unlink()
    spool = make_spool(tmp_path, file_bytes=1500)
    life = begin(spool)
    for _ in range(frames):
        receive(spool, life)
    abandon(spool)
    last = max(tmp_path.glob("*.wal"))
    size = last.stat().st_size
    os.truncate(last, cut % (size + 1))
    again = make_spool(tmp_path)
    kept = [e.ordinal for _, e in everything(again) if e.ordinal is not None]
    assert kept == list(range(len(kept)))
    await close_dead(again, nothing_on_the_bus)
    tail = [e for _, e in everything(again)]
    if kept:
        (closed,) = [decode_connection(e.payload) for e in tail if e.type == CONNECTION]
        assert isinstance(closed, Closed)
        assert len(kept) - 1 <= closed.last_ordinal < frames
        assert_accounted([*enumerate(e for e in tail)], {}, only=False)
    again.close()


async def test_a_second_connector_is_refused_by_name(tmp_path: Path) -> None:
    """Two writers would ruin both; the owner's number says whom to stop."""
    spool = make_spool(tmp_path)
    with pytest.raises(Busy, match=f"process {os.getpid()}") as refusal:
        make_spool(tmp_path)
    assert refusal.value.exit_code == 2
    spool.close()
    make_spool(tmp_path).close()


def test_the_lock_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    """The number in the file outlives its process; the claim does not."""
    code = (
        "import os,sys;from pathlib import Path;from ssmd.connector.spool.lock import Lock;"
        "Lock(Path(sys.argv[1]));os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert (tmp_path / "lock").read_text().strip().isdigit()

    async def take() -> None:
        make_spool(tmp_path).close()

    asyncio.run(take())
