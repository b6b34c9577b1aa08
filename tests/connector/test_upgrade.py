"""An attempt that is given up leaves no connection behind, whenever that happens."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ssmd.connector.gate import Gate
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed, Shard
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.records import Closed, Opened, decode_connection
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import (
    FEED,
    Server,
    Talk,
    a_venue,
    everything,
    make_spool,
    until,
    venue_server,
)
from tests.connector.stage import WANTED, listen


class Late(Server):
    """A venue that answers the upgrade when it is let, or never."""

    def __init__(self) -> None:
        super().__init__(listen)
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await self.let.wait()
        await super().serve(reader, writer)


def _shard(spool: Spool, clock: ManualClock, url: str, talk: Callable[[], Talk]) -> Shard:
    venue = a_venue(talk)
    shard = Shard(
        0,
        Feed(name=FEED, category=None, venue=venue, endpoint=url, limits=venue.limits),
        spool=spool,
        clock=clock,
        gate=Gate(clock, interval_s=0.0, at_once=4),
        tuning=Tuning(),
        telemetry=Telemetry(FEED).shard(0),
    )
    shard.want(WANTED)
    return shard


def _records(spool: Spool) -> list[Opened | Closed]:
    spool.flush()
    kept = [envelope for _, envelope in everything(spool)]
    return [decode_connection(each.payload) for each in kept if each.type == "_connection"]


async def test_a_stop_in_the_moment_of_opening_closes_what_opened(tmp_path: Path) -> None:
    """The opening record is written, nobody holds the connection yet: the shard closes it."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    running: list[asyncio.Task[None]] = []

    def talk() -> Talk:
        running[0].cancel()
        return Talk()

    async with venue_server(listen) as server:
        shard = _shard(spool, clock, server.url, talk)
        running.append(asyncio.create_task(shard.run()))
        with pytest.raises(asyncio.CancelledError):
            await running[0]
        opened, closed = _records(spool)
        assert isinstance(opened, Opened)
        assert isinstance(closed, Closed)
        assert closed.reason == "shutdown"
        assert not spool.lives.open
        assert shard._gate.seats.take(), "its seat is free again"
    spool.close()


async def test_an_upgrade_that_succeeds_after_the_stop_begins_nothing(tmp_path: Path) -> None:
    """The library goes on with an attempt that was cancelled: it used to record on, unseen."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    late = Late()
    listening = await asyncio.start_server(late.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    shard = _shard(spool, clock, f"ws://127.0.0.1:{port}", Talk)
    task = asyncio.create_task(shard.run())
    await late.asked.wait()
    task.cancel()
    await asyncio.wait((task,))
    late.let.set()
    await until(lambda: bool(late.peers))
    peer = late.peers[0]
    peer.send(b'{"hello":1}')
    await until(peer.reader.at_eof)
    assert _records(spool) == []
    assert not spool.lives.open
    peer.writer.close()
    await peer.writer.wait_closed()
    listening.close()
    await listening.wait_closed()
    spool.close()
