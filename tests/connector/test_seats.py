"""No more sockets than a venue allows, and one for replacements; nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ssmd.connector.gate import Gate
from ssmd.connector.seats import Seats
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed, Live, Shard
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, Server, Talk, a_venue, make_spool, until, venue_server
from tests.connector.stage import WANTED, listen


class Several:
    """Shards of one feed that share a gate, and the most sockets the venue ever saw at once."""

    def __init__(self, made: list[Shard], clock: ManualClock, server: Server, gate: Gate) -> None:
        self.shards = made
        self.clock = clock
        self.server = server
        self.gate = gate
        self.most = 0

    @property
    def open(self) -> int:
        return sum(not peer.reader.at_eof() for peer in self.server.peers)

    def replaced(self, old: list[Live | None]) -> bool:
        """Whether every shard has a connection, and another one than before."""
        return all(
            shard.is_connected and shard.current is not before
            for shard, before in zip(self.shards, old, strict=True)
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        def look() -> bool:
            self.most = max(self.most, self.open)
            return condition()

        await until(look, self.clock)


@asynccontextmanager
async def several(spool: Spool, clock: ManualClock, count: int, cap: int) -> AsyncIterator[Several]:
    """Run so many shards with a cap on their sockets; sessions hold what is wanted, not ready."""

    def session() -> Talk:
        talk = Talk()
        talk.acknowledged = WANTED
        talk.ready = False
        return talk

    venue = a_venue(session)
    gate = Gate(clock, interval_s=0.0, at_once=4, sockets=cap)
    telemetry = Telemetry(FEED)
    async with venue_server(listen) as server:
        feed = Feed(name=FEED, category=None, venue=venue, endpoint=server.url, limits=venue.limits)
        made = [
            Shard(
                index, feed, spool=spool, clock=clock, gate=gate, tuning=Tuning(ready_s=5.0),
                telemetry=telemetry.shard(index),
            )
            for index in range(count)
        ]  # fmt: skip
        for shard in made:
            shard.want(WANTED)
        tasks = [asyncio.create_task(shard.run()) for shard in made]
        try:
            yield Several(made, clock, server, gate)
        finally:
            for task in tasks:
                task.cancel()
            await until(lambda: all(task.done() for task in tasks), clock)


async def test_replacements_queue_where_the_venue_allows_few_sockets(tmp_path: Path) -> None:
    """Three connections are allowed: three shards are replaced one after the other."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    async with several(spool, clock, count=3, cap=4) as s:
        await s.until(lambda: all(shard.is_connected for shard in s.shards))
        old = [shard.current for shard in s.shards]
        for shard in s.shards:
            shard.reconnect()
        await s.until(lambda: s.replaced(old))
        await s.until(lambda: s.open == 3)
        assert s.most == 4
        assert len(s.server.peers) == 6
        await s.until(lambda: s.gate.seats.taken == 3)
    assert s.gate.seats.taken == 0
    spool.close()


async def test_a_lost_connection_waits_for_no_successor(tmp_path: Path) -> None:
    """Others are being replaced and want to be: the seat of a shard is its own."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    async with several(spool, clock, count=3, cap=4) as s:
        await s.until(lambda: all(shard.is_connected for shard in s.shards))
        for shard in s.shards:
            shard.reconnect()
        await s.until(lambda: s.open == 4)
        began = clock.mono()
        old = [shard.current for shard in s.shards]
        for peer in s.server.peers[:3]:
            peer.writer.close()
        await s.until(lambda: s.replaced(old))
        assert clock.mono() - began < 3.0  # sooner than any successor gets ready
        assert s.most == 4
    spool.close()


def test_a_seat_is_kept_for_every_shard() -> None:
    """Successors get what is left when all shards have their own, connected or not."""
    seats = Seats(4)
    for _ in range(3):
        seats.join()
    assert seats.take_for_successor()
    assert not seats.take_for_successor()
    assert [seats.take() for _ in range(4)] == [True, True, True, False]
    seats.free()
    assert not seats.take_for_successor()
    seats.successor_settled()
    assert seats.take_for_successor()
    assert seats.taken == 4


def test_a_new_shard_waits_for_sockets_that_are_there() -> None:
    """More shards join while there is a successor too many: the bound holds all the same."""
    seats = Seats(3)
    seats.join()
    assert seats.take()
    assert seats.take_for_successor()
    assert seats.take_for_successor()
    seats.join()
    assert not seats.take()
    seats.free()
    seats.successor_settled()
    assert seats.take()
    assert not seats.take_for_successor()


def test_without_a_bound_everybody_has_a_seat() -> None:
    """A gate that was told of no bound knows none."""
    seats = Seats(None)
    assert all(seats.take() and seats.take_for_successor() for _ in range(100))
