"""Nothing is lost, nothing comes twice and nothing out of order, whatever is killed."""

import asyncio
import contextlib
import itertools
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from ssmd.bus.api import StreamState
from tests import tier
from tests.secmaster.changes.world import CLOCK, SLOT, Replay, World, look, until

pytestmark = pytest.mark.integration

POINTS = tier.scale(gate=10, full=100)
PER_WORLD = 10
STRIKES = ("publisher",) * 4 + ("postgres", "postgres", "nats", "both", "slot", "forged", "stream")

CARELESS = (sys.executable, str(Path(__file__).with_name("careless.py")))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


async def write(world: World, rng: random.Random, stop: asyncio.Event) -> int:
    """Commit transactions as fast as they go, through every loss; gives how many tries there were.

    Every transaction counts a number up, so that a missing one shows in the numbers.
    """
    await world.execute(
        "INSERT INTO series (venue, symbol, title, details, payload)"
        " VALUES ('v', 'COUNT', '0', '{}', '{}') ON CONFLICT DO NOTHING"
    )
    tries = 0
    while not stop.is_set():
        with contextlib.suppress(psycopg.OperationalError):
            async with await world.session() as session:
                while not stop.is_set():
                    tries += 1
                    async with session.transaction():
                        await transaction(session, rng)
                    await CLOCK.sleep(rng.choice((0.0, 0.0, 0.002)))
    return tries


async def transaction(session: psycopg.AsyncConnection, rng: random.Random) -> None:
    """A handful of changes of two tables, some of them none."""
    await session.execute("UPDATE series SET title = (title::int + 1)::text WHERE symbol = 'COUNT'")
    for _ in range(rng.randrange(6)):
        value = f"a{rng.randrange(40)}"
        match rng.randrange(4):
            case 0 | 1:
                await session.execute(
                    "INSERT INTO alias (venue, scheme, value, symbol) VALUES ('v', 's', %s, %s)"
                    " ON CONFLICT DO NOTHING",
                    (value, f"S{rng.randrange(3)}"),
                )
            case 2:
                await session.execute("UPDATE alias SET scheme = scheme WHERE value = %s", (value,))
            case 3:
                await session.execute("DELETE FROM alias WHERE value = %s", (value,))


async def strike(world: World, rng: random.Random, kind: str) -> None:
    """Take something away, and give it back."""
    (publisher,) = world.publishers
    match kind:
        case "publisher":
            await world.kill(publisher)
        case "postgres":
            await world.restart_postgres()
        case "nats":
            world.nats.kill()
            await CLOCK.sleep(rng.random() * 0.3)
            await world.nats.restart()
        case "both":
            world.postgres.kill()
            await world.kill(publisher)
            await world.restart_postgres()
        case "slot" | "forged":
            await world.kill(publisher)
            await world.drop_slot()
            await CLOCK.sleep(rng.random() * 0.2)
            if kind == "forged":  # a slot of our name, but none that saw what happened since
                await world.execute(
                    f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')"
                )
        case "stream":
            await world.delete_stream()
    if not world.publishers:
        await world.publish()


def check(replay: Replay, state: StreamState) -> None:
    """What the stream promises beyond the tables it leaves."""
    assert replay.repeated == 0, "a change stands in the stream twice"
    assert replay.reading.void == 0
    assert replay.tables.whole
    numbers = [
        int(change.new["title"])
        for change in replay.changes
        if change.table == "series" and change.op == "update" and change.new is not None
    ]
    generations = sum(change.op == "begin" for change in replay.changes)
    jumps = sum(after != before + 1 for before, after in itertools.pairwise(numbers))
    assert jumps <= generations, "a transaction is missing, or out of order"
    assert numbers == sorted(numbers)
    assert state.messages == state.last - state.first + 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("at", range(POINTS // PER_WORLD))
async def test_the_stream_says_what_the_database_holds_whatever_is_killed(
    world: World, seed: int, at: int
) -> None:
    """Ten strikes at random moments under load; afterwards a replay equals the tables."""
    rng = random.Random(f"{seed}-{at}")
    kinds = [*STRIKES]
    rng.shuffle(kinds)
    await world.publish()
    stop = asyncio.Event()
    writer = asyncio.create_task(write(world, rng, stop))
    try:
        for kind in kinds[:PER_WORLD]:
            await CLOCK.sleep(0.1 + rng.random())
            await strike(world, rng, kind)
    finally:
        stop.set()
        tries = await writer
    replay = await world.drained()
    check(replay, await look(world.bus))
    assert tries > PER_WORLD, f"seed {seed}-{at}: nothing was written"


async def mislead(world: World) -> None:
    """Have a careless publisher confirm a change that the bus does not have, and die."""
    publisher = await world.publish(*CARELESS)
    await world.execute(
        "INSERT INTO series (venue, symbol, title, details, payload)"
        " VALUES ('v', 'COUNT', '0', '{}', '{}')"
    )
    await world.drained()
    world.nats.kill()
    await world.execute("UPDATE series SET title = '1' WHERE symbol = 'COUNT'")
    ((end,),) = await world.execute("SELECT pg_current_wal_flush_lsn()::text")

    async def confirmed() -> bool:
        ((found,),) = await world.execute(
            f"SELECT confirmed_flush_lsn >= '{end}'::pg_lsn FROM pg_replication_slots"  # noqa: S608 - an LSN
        )
        return bool(found)

    await until(confirmed, "the careless publisher confirms what the bus does not have")
    await world.kill(publisher)
    await world.nats.restart()


async def test_confirming_before_the_bus_has_it_loses_changes(world: World) -> None:
    """The control: confirm what was only sent, trust the slot, and this judge sees the loss."""
    await mislead(world)
    await world.publish(*CARELESS)
    await world.execute("UPDATE series SET title = '2' WHERE symbol = 'COUNT'")
    with pytest.raises(AssertionError, match="something is missing before"):
        await world.drained()


async def test_a_slot_confirmed_beyond_the_stream_is_a_hole_and_everything_is_told_anew(
    world: World,
) -> None:
    """Whoever confirmed too much (or made the slot by hand), the next publisher sees it."""
    await mislead(world)
    await world.publish()
    replay = await world.drained()
    reasons = [each.new["reason"] for each in replay.changes if each.op == "begin" and each.new]
    assert reasons == ["first", "hole"]
    assert replay.reading.generation == 2
