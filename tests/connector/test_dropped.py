"""What the ledger is told of the plan: how many shards it has, and which of them are gone."""

import asyncio
from pathlib import Path

from ssmd.connector.gate import Gate
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed, Shard
from ssmd.connector.supervisor import Supervisor
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import (
    Closed,
    Opened,
    Unwanted,
    Wanted,
    decode_connection,
    decode_ledger,
)
from ssmd.model.subscription import Subscription
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, Talk, a_venue, everything, make_spool, until, venue_server
from tests.connector.stage import listen


def subs(*names: str) -> frozenset[Subscription]:
    return frozenset(Subscription("trade", name) for name in names)


def shard_of(envelope: Envelope) -> int:
    return int(envelope.connection.removeprefix(f"{FEED}-").split("-")[0])


async def recorded(tmp_path: Path, *plans: frozenset[Subscription]) -> list[Envelope]:
    """What a feed's shards put on record while one plan follows the other, two to a shard."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    async with venue_server(listen) as server:
        venue = a_venue(Talk, subscriptions_per_connection=2, connections=4)
        feed = Feed(name=FEED, category=None, venue=venue, endpoint=server.url, limits=venue.limits)
        telemetry = Telemetry(FEED)

        def make(index: int) -> Shard:
            return Shard(
                index, feed, spool=spool, clock=clock,
                gate=Gate(clock, interval_s=0, at_once=4), tuning=Tuning(),
                telemetry=telemetry.shard(index), shards=lambda: supervisor.size,
            )  # fmt: skip

        supervisor = Supervisor(
            FEED, feed.limits, make, clock=clock, tuning=Tuning(), telemetry=telemetry
        )
        for plan in plans:
            applying = asyncio.create_task(supervisor.apply(plan))
            await until(lambda done=applying.done: done() and not supervisor.disconnected, clock)  # type: ignore[misc]
        closing = asyncio.create_task(supervisor.close())
        await until(closing.done, clock)
    spool.flush()
    kept = [envelope for _, envelope in everything(spool)]
    spool.close()
    return kept


async def test_an_opening_says_how_many_shards_the_plan_has(tmp_path: Path) -> None:
    """So that a smaller plan after a restart ends what nobody will come back for."""
    kept = await recorded(tmp_path, subs("a", "b", "c"))
    records = [decode_connection(e.payload) for e in kept if e.type == CONNECTION]
    opened = {r.shard: r.shards for r in records if isinstance(r, Opened)}
    assert opened == {0: 2, 1: 2}


async def test_a_dropped_shard_says_that_it_wants_nothing_before_it_closes(tmp_path: Path) -> None:
    """Else its subscriptions would look like an outage for ever."""
    kept = await recorded(tmp_path, subs("a", "b", "c"), subs("a", "b"))
    told: dict[int, list[object]] = {}
    for envelope in kept:
        if envelope.type == CONNECTION:
            told.setdefault(shard_of(envelope), []).append(decode_connection(envelope.payload))
        elif envelope.type == LEDGER:
            told.setdefault(shard_of(envelope), []).append(decode_ledger(envelope.payload))
    said = [record for record in told[1] if isinstance(record, (Wanted, Unwanted, Closed))]
    assert said[:2] == [
        Wanted(channel="trade", symbol="c", reason="start"),
        Unwanted(channel="trade", symbol="c", reason="plan"),
    ]
    assert isinstance(said[2], Closed)
    assert not any(isinstance(record, Unwanted) for record in told[0])
