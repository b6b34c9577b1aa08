"""A connection of which we said something that is lost is replaced, so that all of it is said anew."""

from pathlib import Path

import pytest

from ssmd.model.envelope import LEDGER
from ssmd.model.event import Gap, Send
from ssmd.model.records import Leaving, Lost, Wanted, decode_ledger
from ssmd.model.subscription import Subscription
from tests.connector.accounts import Disk
from tests.connector.stage import SUB, WANTED, Stage, listen, stage

OTHER = Subscription("trade", "C/D")
BOTH = WANTED | {OTHER}


async def fills(s: Stage, disk: Disk, room: int = 0) -> None:
    """The disk takes so many bytes more; frames come that find no place."""
    disk.room = room
    s.server.peers[-1].send(b"{}")
    await s.until(lambda: s.spool.state == "full")


async def drains(s: Stage, disk: Disk) -> None:
    """There is room again, and the spool has found out."""
    disk.room = None

    def writes() -> bool:
        s.spool.inspect()
        return s.spool.state == "ok"

    await s.until(writes)


def wanted(s: Stage, connection: str) -> list[Wanted]:
    """What the spool says that a connection is to hold."""
    own = [e for e in s.kept() if e.connection == connection and e.type == LEDGER]
    found = [decode_ledger(e.payload) for e in own]
    return [record for record in found if isinstance(record, Wanted)]


async def test_a_connection_that_lost_records_is_replaced_make_before_break(tmp_path: Path) -> None:
    """The successor's records say all of it; they stand before the old one goes."""
    disk = Disk()
    async with stage(tmp_path, listen, disk=disk) as s:
        await s.until(lambda: s.shard.is_connected)
        old = s.shard.current
        assert old is not None
        s.kept()
        await fills(s, disk)
        s.shard.want(BOTH)
        await s.clock.advance(5)
        assert len(s.server.peers) == 1, "no successor while its opening cannot be kept"
        assert old.connection.leaving is None, "nor a reason that nobody could read"
        await drains(s, disk)
        await s.until(lambda: bool(s.closed()))
        (closed,) = s.closed()
        first, second = s.opened()
        assert (closed.reason, second.reason) == ("records_lost", "planned")
        assert (first.previous, second.previous) == (None, old.connection.id)
        new = s.shard.current
        assert new is not None
        assert [record.symbol for record in wanted(s, old.connection.id)] == [SUB.symbol]
        assert {record.symbol for record in wanted(s, new.connection.id)} == {"A/B", "C/D"}
        kept = [e.connection for e in s.kept()]
        ledger = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
        assert Leaving(reason="records_lost", since=None) in ledger
        assert any(isinstance(record, Lost) and record.records for record in ledger)
        ending = len(kept) - 1 - kept[::-1].index(old.connection.id)
        assert kept.index(new.connection.id) < ending
        await s.clock.advance(60)
        assert len(s.opened()) == 2  # once is enough


@pytest.mark.parametrize("room", [0, 40, 120])
async def test_a_lost_opening_is_said_by_the_successor(tmp_path: Path, room: int) -> None:
    """The disk fills in the very turn in which a connection begins, anywhere in it."""
    disk = Disk()
    async with stage(tmp_path, listen, disk=disk) as s:
        await s.until(lambda: s.shard.is_connected)
        s.kept()
        disk.room = room
        s.server.peers[0].writer.close()
        await s.until(lambda: s.spool.state == "full")
        await drains(s, disk)
        await s.until(lambda: s.shard.is_connected and not s.shard.current.connection._life.untold)  # type: ignore[union-attr]
        live = s.shard.current
        assert live is not None
        assert [record.symbol for record in wanted(s, live.connection.id)] == [SUB.symbol]


async def test_frames_and_requests_that_are_lost_replace_nothing(tmp_path: Path) -> None:
    """They are declared, and what a reader knows of the connection is as true as before."""
    disk = Disk()
    async with stage(tmp_path, listen, disk=disk) as s:
        await s.until(lambda: s.shard.is_connected)
        s.kept()
        await fills(s, disk)
        s.talks[0].ticking = [Send(b"ping")]
        await s.clock.advance(5)
        s.talks[0].ticking = []
        await drains(s, disk)
        await s.clock.advance(30)
        assert len(s.server.peers) == 1
        lost = [decode_ledger(e.payload) for e in s.kept() if e.type == LEDGER]
        assert any(isinstance(record, Lost) and record.records for record in lost)


async def test_a_gap_that_could_not_be_told_is_a_reason_too(tmp_path: Path) -> None:
    """Whatever the ledger is made of: each record of it."""
    disk = Disk()
    async with stage(tmp_path, listen, disk=disk) as s:
        await s.until(lambda: s.shard.is_connected)
        s.kept()
        await fills(s, disk)
        s.talks[0].ticking = [Gap("trade", ("A/B",), "sequence", 1, 3)]
        await s.clock.advance(1)
        s.talks[0].ticking = []
        await drains(s, disk)
        await s.until(lambda: bool(s.closed()))
        assert s.closed()[0].reason == "records_lost"
