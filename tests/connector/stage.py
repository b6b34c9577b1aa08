"""A shard against a scripted venue, on manual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ssmd.connector.gate import Gate
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed, Shard
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Closed, Opened, decode_connection
from ssmd.model.subscription import Subscription
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import Disk
from tests.connector.parts import (
    FEED,
    Peer,
    Script,
    Server,
    Talk,
    a_venue,
    everything,
    make_spool,
    until,
    venue_server,
)

SUB = Subscription("trade", "A/B")
WANTED = frozenset({SUB})


class Stage:
    """A shard against a scripted venue, on manual time."""

    def __init__(self, shard: Shard, spool: Spool, clock: ManualClock, server: Server) -> None:
        self.shard = shard
        self.spool = spool
        self.clock = clock
        self.server = server
        self.talks: list[Talk] = []
        self.said: list[Envelope] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition, self.clock)

    async def frames(self, count: int) -> None:
        """Wait for so many frames to be kept."""
        await until(lambda: sum(e.ordinal is not None for e in self.kept()) >= count)

    def kept(self) -> list[Envelope]:
        """Everything spooled so far."""
        self.spool.flush()
        self.said += [envelope for _, envelope in everything(self.spool)]
        return self.said

    def opened(self) -> list[Opened]:
        found = [decode_connection(e.payload) for e in self.kept() if e.type == CONNECTION]
        return [record for record in found if isinstance(record, Opened)]

    def closed(self) -> list[Closed]:
        found = [decode_connection(e.payload) for e in self.kept() if e.type == CONNECTION]
        return [record for record in found if isinstance(record, Closed)]


@asynccontextmanager
async def stage(
    tmp_path: Path,
    script: Script,
    talk: Callable[[], Talk] = Talk,
    *,
    disk: Disk | None = None,
    **tuning: object,
) -> AsyncIterator[Stage]:
    """Run a shard until the test is done, over a disk that may fail."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock, **({} if disk is None else {"write": disk.write}))
    talks: list[Talk] = []

    def session() -> Talk:
        talks.append(talk())
        return talks[-1]

    async with venue_server(script) as server:
        feed = Feed(
            name=FEED,
            category=None,
            venue=a_venue(session),
            endpoint=server.url,
            limits=a_venue(session).limits,
        )
        shard = Shard(
            0,
            feed,
            spool=spool,
            clock=clock,
            gate=Gate(clock, interval_s=0.0, at_once=4),
            tuning=Tuning(**tuning),  # type: ignore[arg-type]
            telemetry=Telemetry(FEED).shard(0),
        )
        shard.want(WANTED)
        task = asyncio.create_task(shard.run())
        stage = Stage(shard, spool, clock, server)
        stage.talks = talks
        try:
            yield stage
        finally:
            task.cancel()
            await until(task.done, clock)
            spool.close()


async def listen(peer: Peer) -> None:
    await peer.listen()


def speaking(*payloads: bytes) -> Script:
    async def script(peer: Peer) -> None:
        for payload in payloads:
            peer.send(payload)
        await peer.listen()

    return script
