"""The publisher, inside of this process, against a real database and a real bus."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import psycopg
import pytest

from ssmd.bus.errors import StreamUnfit
from ssmd.bus.streams import Streams
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Closed, Opened
from ssmd.runtime import cdc_metrics
from ssmd.runtime.tasks import Stop
from ssmd.secmaster.address import Address
from ssmd.secmaster.changes.errors import SlotTaken, StreamTaken
from ssmd.secmaster.changes.service import Capture
from ssmd.secmaster.changes.settings import FEED, ChangesSettings
from ssmd.secmaster.embedded import EmbeddedPostgres
from ssmd.secmaster.errors import DatabaseRefused
from tests.secmaster.changes.world import (
    CLOCK,
    ENVIRONMENT,
    SLOT,
    World,
    everything,
    look,
    until,
)

pytestmark = pytest.mark.integration

FAST = ChangesSettings(
    environment=ENVIRONMENT, look_s=0.1, confirm_s=0.02, standby_s=0.05, retry_s=0.5
)
SERIES = (
    "INSERT INTO series (venue, symbol, title, details, payload)"
    " SELECT 'v', 'S' || g, 't', '{}', '{}' FROM generate_series(1, %d) g"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


class Running:
    """A publisher at work."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.stop = Stop()
        self.task = asyncio.create_task(capture.main(self.stop))

    async def ready(self) -> None:
        """Wait until it publishes."""
        await self.seen(lambda: self.capture.health.ready()[0])

    async def seen(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; what it dies of is raised."""

        async def holds() -> bool:
            if self.task.done():
                await self.task
            return condition()

        await until(holds, "the publisher's condition")

    def says(self, *words: str) -> bool:
        """Whether its health gives a reason with such words in it."""
        text = " ".join([*self.capture.health.ready()[1], *self.capture.health.warnings])
        return all(word in text for word in words)

    async def end(self) -> None:
        """Ask it to end."""
        self.stop.request("test")
        await self.task


@contextlib.asynccontextmanager
async def publishing(
    world: World, settings: ChangesSettings = FAST, address: Address | None = None
) -> AsyncIterator[Running]:
    """A publisher for as long as this lasts."""
    made = Running(Capture(address or world.address, world.bus, settings, clock=CLOCK))
    try:
        yield made
        await made.end()
    finally:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)


def spoken(messages: list[Envelope]) -> list[records.ConnectionRecord]:
    """The openings and closings among them."""
    return [records.decode_connection(e.payload) for e in messages if e.type == CONNECTION]


async def test_a_clean_end_closes_the_connection_and_the_next_one_names_it(world: World) -> None:
    """The archive proves by these records that nothing of either is missing."""
    for _ in range(2):
        async with publishing(world) as publisher:
            await publisher.ready()
            await world.execute(SERIES % 3 + " ON CONFLICT DO NOTHING")
            await world.drained()
    messages = await everything(world.bus)
    first, closed, second, ended = spoken(messages)
    assert isinstance(first, Opened)
    assert isinstance(second, Opened)
    assert isinstance(closed, Closed)
    assert isinstance(ended, Closed)
    mine = messages[0].connection
    assert (first.previous, second.previous) == (None, mine)
    assert (closed.by, closed.reason) == ("connector", "stopped")
    ordinals = [each.ordinal for each in messages if each.connection == mine]
    assert [each for each in ordinals if each is not None] == list(range(closed.last_ordinal + 1))
    assert (closed.last_record, ended.last_record) == (1, 1)
    assert mine.startswith("secmaster-cdc-")
    assert (first.reason, second.reason) == ("first", "start"), "nothing was told anew"


async def test_a_dead_publishers_connection_is_closed_by_the_next(world: World) -> None:
    """Nobody else can: it names the last number that the stream holds."""
    publisher = await world.publish()
    await world.execute(SERIES % 3)
    await world.drained()
    await world.kill(publisher)
    async with publishing(world) as next_one:
        await next_one.ready()
    messages = await everything(world.bus)
    opened, closed, *_ = spoken(messages)
    assert isinstance(closed, Closed)
    dead = [each for each in messages if each.connection == messages[0].connection]
    assert (closed.by, closed.reason) == ("recovery", "died")
    assert closed.last_ordinal == max(each.ordinal for each in dead if each.ordinal is not None)
    assert (dead[-1].type, dead[-1].record, closed.last_record) == (CONNECTION, 1, 1)
    assert isinstance(opened, Opened)
    assert opened.feed == opened.venue == FEED


async def test_a_standby_waits_and_takes_over(world: World) -> None:
    """Two may be started: one publishes, and when it dies the other goes on at once."""
    first = await world.publish()
    await world.execute(SERIES % 2)
    await world.drained()
    async with publishing(world) as standby:
        await standby.seen(lambda: "standby" in str(standby.capture.health.ready()))
        await world.kill(first)
        await standby.ready()
        await world.execute("UPDATE series SET title = 'u'")
        replay = await world.drained()
    assert replay.reading.generation == 1
    assert replay.repeated == 0


async def test_bus_and_database_may_come_later(world: World) -> None:
    """Whatever is started first waits for the others, and says for what."""
    await world.nats.stop()
    await world.postgres.stop()
    async with publishing(world) as publisher:
        await publisher.seen(lambda: publisher.says("database", "does not answer"))
        await world.postgres.start()
        await publisher.seen(lambda: publisher.says("bus:", "cannot be used"))
        await world.nats.start()
        await publisher.ready()


async def test_a_database_asked_to_stop_is_not_held_up_by_us(world: World) -> None:
    """PostgreSQL waits at its end until its readers have everything: we say so at once."""
    async with publishing(world, msgspec.structs.replace(FAST, confirm_s=0.1)) as publisher:
        await publisher.ready()
        await world.execute(SERIES % 100)
        began = CLOCK.mono()
        await world.postgres.stop()
        assert CLOCK.mono() - began < 25, "it waited for wal_sender_timeout, or was killed"
        await world.postgres.start()
        await publisher.seen(lambda: not publisher.capture.health.ready()[0])
        await publisher.ready()
        assert (await world.drained()).reading.generation == 1


async def test_two_environments_with_one_prefix_are_refused(world: World) -> None:
    """Both would go to whichever stream came first: the second is told so."""
    async with await Streams.connect(world.bus, CLOCK) as streams:
        await streams.ensure("OTHER_SECMASTER", "", max_bytes=1 << 20, subject="cdc.>")
    with pytest.raises(StreamUnfit, match=r"another stream of this bus takes some of cdc\.>"):
        async with publishing(world) as publisher:
            await publisher.ready()
    async with publishing(world, msgspec.structs.replace(FAST, prefix="test.cdc")) as publisher:
        await publisher.ready()


async def test_another_database_behind_the_same_name_is_told_anew(
    world: World, tmp_path: Path
) -> None:
    """Its places mean nothing beside the others': the generation grows, and all is told."""
    async with publishing(world) as publisher:
        await publisher.ready()
        await world.execute(SERIES % 5)
        await world.drained()
    await world.postgres.stop()
    world.postgres = EmbeddedPostgres(tmp_path / "another", CLOCK)
    await world.postgres.start()
    async with publishing(world) as publisher:
        await publisher.ready()
        await world.execute(SERIES % 2)
        replay = await world.drained()
    assert replay.reading.generation == 2
    assert [e.new["reason"] for e in replay.changes if e.op == "begin" and e.new] == [
        "first",
        "other_system",
    ]


async def test_two_databases_that_write_to_one_stream_are_told_apart(
    world: World, tmp_path: Path
) -> None:
    """Each would tell everything anew for ever: the one that was displaced says so and ends."""
    other = EmbeddedPostgres(tmp_path / "another", CLOCK)
    address = await other.start()
    first = Running(Capture(world.address, world.bus, FAST, clock=CLOCK))
    try:
        await first.ready()
        async with publishing(world, address=address) as second:
            await second.ready()
            await world.execute(SERIES % 1)
            with pytest.raises(StreamTaken, match="is written by the database"):
                await first.task
    finally:
        await other.stop()


async def test_a_stream_deleted_while_nothing_happens_is_told_anew(world: World) -> None:
    """Its readers lost their place; without a change nobody would tell them anything."""
    async with publishing(world) as publisher:
        await publisher.ready()
        await world.execute(SERIES % 4)
        await world.drained()
        await world.delete_stream()
        replay = await world.drained()
    assert replay.reading.generation == 2
    assert [e.new["reason"] for e in replay.changes if e.op == "begin" and e.new] == ["stream_lost"]


async def test_a_slot_of_another_program_is_left_alone(world: World) -> None:
    """A name that is taken by somebody else's slot is no reason to drop it."""
    await world.execute("CREATE DATABASE other")
    await world.execute("SELECT 1")
    elsewhere = world.address.url.replace("/postgres?", "/other?")
    with psycopg.connect(elsewhere, autocommit=True) as session:
        session.execute(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")
    with pytest.raises(SlotTaken):
        async with publishing(world) as publisher:
            await publisher.ready()


async def test_a_database_that_writes_no_changes_down_is_refused(
    world: World, tmp_path: Path
) -> None:
    """wal_level is the owner's to set: we say which it must be."""
    other = EmbeddedPostgres(tmp_path / "another", CLOCK, settings={"wal_level": "replica"})
    address = await other.start()
    try:
        with pytest.raises(DatabaseRefused, match="wal_level"):
            async with publishing(world, address=address) as publisher:
                await publisher.ready()
    finally:
        await other.stop()


async def test_an_idle_database_keeps_no_log_for_us(world: World) -> None:
    """Tables that are not ours are written: the slot moves all the same, by a word in the stream."""
    settings = msgspec.structs.replace(FAST, idle_bytes=1 << 20)
    async with publishing(world, settings) as publisher:
        await publisher.ready()
        await world.execute("CREATE TABLE noise (t text)")
        await world.execute(
            "INSERT INTO noise SELECT repeat('x', 900) FROM generate_series(1, 9000)"
        )
        ((wanted,),) = await world.execute("SELECT pg_current_wal_lsn()::text")

        async def moved() -> bool:
            ((behind,),) = await world.execute(
                f"SELECT confirmed_flush_lsn > '{wanted}'::pg_lsn - {1 << 20}::numeric"  # noqa: S608 - an LSN
                " FROM pg_replication_slots"
            )
            return bool(behind)

        await until(moved, "the slot moves")
    told = [each for each in await everything(world.bus) if each.type == "position"]
    assert 1 <= len(told) <= 20
    async with publishing(world) as publisher:
        await publisher.ready()
        assert (await world.drained()).reading.generation == 1, "it goes on after such a word"


async def test_a_slot_that_is_lost_is_told_anew_and_was_warned_of(tmp_path: Path) -> None:
    """The log a dead reader may hold is bounded: the price is a snapshot, never a full disk."""
    world = World(tmp_path)
    bounds = {
        "max_slot_wal_keep_size": "16MB",
        "max_wal_size": "32MB",
        "min_wal_size": "32MB",
        "wal_keep_size": "0",
    }
    world.postgres = EmbeddedPostgres(tmp_path / "bounded", CLOCK, settings=bounds)
    await world.start()
    try:
        async with publishing(world) as publisher:
            await publisher.ready()
            await world.execute(SERIES % 3)
            await world.drained()
        await world.execute("CREATE TABLE noise (t text)")
        for _ in range(4):
            await world.execute(
                "INSERT INTO noise SELECT repeat('x', 900) FROM generate_series(1, 30000)"
            )
            await world.execute("CHECKPOINT")

        async def lost() -> bool:
            ((status,),) = await world.execute("SELECT wal_status FROM pg_replication_slots")
            return bool(status == "lost")

        await until(lost, "the slot is lost")
        async with publishing(world) as publisher:
            await publisher.ready()
            replay = await world.drained()
        assert [e.new["reason"] for e in replay.changes if e.op == "begin" and e.new] == [
            "first",
            "slot_lost",
        ]
    finally:
        await world.close()


async def test_a_slot_near_its_end_is_a_warning(world: World) -> None:
    """Before it is lost: readiness stays, and whoever watches is told."""
    settings = msgspec.structs.replace(FAST, safe_bytes=1 << 50)
    async with publishing(world, settings) as publisher:
        await publisher.ready()
        await publisher.seen(lambda: publisher.says("bytes behind"))
        assert publisher.capture.health.ready()[0]


def most_memory(pid: int) -> int:
    """The most memory a process ever used, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


async def test_a_hundred_thousand_rows_in_one_transaction_flow_through(world: World) -> None:
    """Memory is the window's, not the transaction's; it is confirmed at its end only."""
    rows = 100_000
    statement = (
        "INSERT INTO alias (venue, scheme, value, symbol)"
        " SELECT 'v', 's', 'x' || g, 'S' FROM generate_series(1, 100000) g"
    )
    publisher = await world.publish()
    await world.execute(SERIES % 1000)
    await world.drained()
    before, used = (await look(world.bus)).last, most_memory(publisher.pid)
    await world.execute(statement)

    async def arrived() -> bool:
        return (await look(world.bus)).last >= before + rows + 1

    await until(arrived, "all rows are on the bus")
    assert most_memory(publisher.pid) - used < 32 << 20, "it was gathered in memory"
    messages = await everything(world.bus)
    told = [msgspec.json.decode(e.payload) for e in messages if e.type == "alias"]
    assert len(told) == rows
    assert [each["n"] for each in told] == list(range(1, rows + 1))
    assert [each["last"] for each in told] == [False] * (rows - 1) + [True]


async def test_what_happens_is_counted(world: World) -> None:
    """Lag, frames and transactions are metrics: an alert hangs on them."""
    frames = cdc_metrics.FRAMES.labels(FEED, "update")._value
    before = frames.get()
    async with publishing(world) as publisher:
        await publisher.ready()
        await world.execute(SERIES % 3)
        await world.execute("UPDATE series SET title = 'u'")
        await world.drained()
        lag = cdc_metrics.LAG_SECONDS.labels(FEED)._value
        await publisher.seen(lambda: lag.get() == 0)
        assert cdc_metrics.ACTIVE.labels(FEED)._value.get() == 1
    assert frames.get() - before == 3
