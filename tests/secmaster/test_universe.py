"""A universe between a real database and a real bus: what it wants, whatever goes away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from ssmd import venues
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.feeds.universe import Master, MasterFilters
from ssmd.runtime import metrics, universe_metrics
from ssmd.runtime.tasks import Stop
from ssmd.secmaster import universe_snapshot
from ssmd.secmaster.address import Address
from ssmd.secmaster.changes.service import Capture
from ssmd.secmaster.changes.settings import ChangesSettings
from ssmd.secmaster.universe_changes import read
from ssmd.secmaster.universe_roster import Roster
from ssmd.secmaster.universe_state import State
from tests.integration import bus as parts
from tests.integration.bus import CLOCK, STREAM, until
from tests.secmaster.server import Server, connect
from tests.secmaster.universe_stage import (
    FEED,
    VENUE,
    Scene,
    enlist,
    following,
    is_held_up,
    trade,
    turn,
    waits,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A bus with a stream."""
    server = parts.server(tmp_path)
    url = await server.start()
    try:
        await parts.stream(BusSettings(url=url))
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def bus(nats: EmbeddedServer) -> BusSettings:
    """Where it is."""
    return BusSettings(url=nats.url)


@pytest.fixture
async def scene(address: Address, bus: BusSettings) -> AsyncIterator[Scene]:
    """A database whose changes the bus hears of when it is told to."""
    made = Scene(address, bus)
    try:
        yield made
    finally:
        made.close()


def counted(name: str, **labels: str) -> float:
    """A metric of the feed."""
    value = metrics.REGISTRY.get_sample_value(name, {"feed": FEED, "category": "", **labels})
    return 0.0 if value is None else value


async def test_it_begins_with_the_database_and_goes_on_with_the_stream(scene: Scene) -> None:
    """What is listed at once, what comes, what ends; and a pause is no end."""
    enlist(scene.writer, "A", "B")
    enlist(scene.writer, "C", status="settled")
    await scene.publish()
    async with following(scene.address, scene.bus) as universe:
        await universe.wants("A", "B")
        assert universe.health.ready() == (True, [])
        enlist(scene.writer, "D")
        await scene.publish()
        await universe.wants("A", "B", "D")
        turn(scene.writer, "A", "settled")
        turn(scene.writer, "B", "paused")
        await scene.publish()
        await universe.wants("B", "D")
        scene.writer.execute("UPDATE instrument SET listed = false WHERE symbol = 'B'")
        await scene.publish()
        await universe.wants("D")
        assert universe.said == ""


async def test_the_real_publisher_is_understood(address: Address, bus: BusSettings) -> None:
    """From a row in PostgreSQL to what a connector is told, with nothing made up in between."""
    settings = ChangesSettings(environment="followed")
    capture, stop = Capture(address, bus, settings, clock=CLOCK), Stop()
    told = asyncio.create_task(capture.main(stop))
    with connect(address) as writer:
        enlist(writer, "A")
        async with following(address, bus, stream=settings.stream) as universe:
            await universe.wants("A")
            enlist(writer, "B")
            await universe.wants("A", "B")
            turn(writer, "A", "closed")
            await universe.wants("B")
            writer.execute("DELETE FROM instrument WHERE symbol = 'B'")
            await universe.wants()
    stop.request("the test is over")
    await told


async def test_a_commit_told_before_it_can_be_seen_is_not_missed(
    scene: Scene, server: Server
) -> None:
    """A commit is told as soon as it is in the log, and seen a moment later: that moment is long here.

    The stream's end is behind it, and the snapshot would not have it: the writers' lock is what
    makes the universe wait for it.
    """
    enlist(scene.writer, "A")
    await scene.publish()
    slow = connect(scene.address)
    server.run(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").format())
    server.run(sql.SQL("SELECT pg_reload_conf()").format())
    slow.execute("SET synchronous_commit = on")
    writing = asyncio.create_task(asyncio.to_thread(enlist, slow, "B"))
    try:
        told = 0
        async with asyncio.timeout(parts.GENEROUS_S):
            while not told:
                told = await scene.publish()
        with connect(scene.address) as other:
            assert other.execute("SELECT 1 FROM instrument WHERE symbol = 'B'").fetchone() is None
        async with following(scene.address, scene.bus) as universe:
            await waits(scene.address, is_held_up)
            assert universe.sets == []
            assert not writing.done()
            server.run(sql.SQL("ALTER SYSTEM RESET synchronous_standby_names").format())
            server.run(sql.SQL("SELECT pg_reload_conf()").format())
            await universe.wants("A", "B")
    finally:
        server.run(sql.SQL("ALTER SYSTEM RESET synchronous_standby_names").format())
        server.run(sql.SQL("SELECT pg_reload_conf()").format())
        await writing
        slow.close()


class Meanwhile(Roster):
    """A roster that lets somebody write when the first row is read."""

    scene: Scene
    written = False

    def put(self, row: Mapping[str, Any]) -> None:
        """Let the writer commit, once."""
        if not self.written:
            self.written = True
            enlist(self.scene.writer, "C")
            turn(self.scene.writer, "A", "settled")
            trade(self.scene.writer, "C", 30)
            self.scene.writer.execute("UPDATE activity SET volume = 5 WHERE symbol = 'B'")
        super().put(row)


async def test_who_writes_while_it_is_read_is_neither_held_up_nor_half_seen(scene: Scene) -> None:
    """The snapshot is of one moment, and the stream has everything after that moment."""
    enlist(scene.writer, "A", "B")
    for symbol in "AB":
        trade(scene.writer, symbol, 20)
    scene.tap.read()
    filters = MasterFilters(min_volume=Decimal(10), statuses=("active",))
    roster = Meanwhile(filters, venues.load(VENUE).clocked, 9)
    roster.scene = scene
    floor, listed = await universe_snapshot.read(scene.address, VENUE, roster)
    assert listed == 2
    roster.settle(CLOCK.wall())
    assert list(roster.wanted) == ["A", "B"]
    state = State(roster, floor, lambda: roster)
    outcomes = [state.take(read(frame, VENUE)) for frame in scene.tap.read()]
    assert [each for each in outcomes if each != "passed"] == ["applied"] * 4
    roster.settle(CLOCK.wall())
    assert list(roster.wanted) == ["C"]


async def test_without_a_database_it_waits_and_says_so(
    server: Server, address: Address, bus: BusSettings
) -> None:
    """Nothing is recorded rather than something that nobody asked for."""
    away = server.at("not_there_yet")
    template = urlsplit(address.url).path[1:]
    async with following(away, bus) as universe:
        await universe.says("not_there_yet")
        assert universe.sets == []
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.run(make.format(sql.Identifier("not_there_yet"), sql.Identifier(template)))
        await universe.says("lists nothing of kraken yet")
        assert universe.sets == [set()]
    server.drop(away)


async def test_without_a_stream_it_waits_and_says_so(address: Address, bus: BusSettings) -> None:
    """A snapshot without a place in the stream could never be gone on with."""
    with connect(address) as writer:
        enlist(writer, "A")
    async with following(address, bus, stream="LATER") as universe:
        await universe.says("LATER cannot be used: it does not exist")
        assert universe.sets == []
        async with await Streams.connect(bus, CLOCK) as streams:
            await streams.ensure("LATER", "later", max_bytes=1 << 20)
        await universe.wants("A")


async def test_while_the_bus_is_away_what_is_known_is_wanted(
    scene: Scene, nats: EmbeddedServer
) -> None:
    """Neither a subscription more nor one less; and then it goes on where it was."""
    enlist(scene.writer, "A")
    async with following(scene.address, scene.bus) as universe:
        await universe.wants("A")
        nats.kill()
        await universe.says("changes do not come, what is known is recorded")
        assert universe.health.ready()[0]
        await nats.restart()
        enlist(scene.writer, "B")
        await scene.publish()
        await universe.wants("A", "B")
        await until(lambda: universe.said == "")
        assert universe.sets == [{"A"}, {"A", "B"}]


async def test_a_stream_made_anew_is_noticed_and_the_database_read_again(scene: Scene) -> None:
    """Whatever was told in between is in the database."""
    enlist(scene.writer, "A")
    before = counted("ssmd_universe_restarts_total", reason="stream_lost")
    async with following(scene.address, scene.bus) as universe:
        await universe.wants("A")
        async with await Streams.connect(scene.bus, CLOCK) as streams:
            await streams.delete(STREAM)
            enlist(scene.writer, "B")
            turn(scene.writer, "A", "settled")
            await parts.stream(scene.bus)
        await universe.wants("B")
        assert counted("ssmd_universe_restarts_total", reason="stream_lost") > before
        assert universe.sets == [{"A"}, {"B"}]


async def test_a_snapshot_in_the_stream_needs_no_database(scene: Scene) -> None:
    """The slot was lost and changes with it; the publisher tells everything anew."""
    enlist(scene.writer, "A", "B")
    await scene.publish()
    before = counted("ssmd_universe_snapshots_total", source="stream")
    async with following(scene.address, scene.bus) as universe:
        await universe.wants("A", "B")
        turn(scene.writer, "A", "settled")
        enlist(scene.writer, "C")
        scene.tap.read()  # lost
        await scene.tell(scene.tap.snapshot(CLOCK.wall()))
        await universe.wants("B", "C")
        turn(scene.writer, "C", "closed")
        await scene.publish()
        await universe.wants("B")
        assert universe.sets == [{"A", "B"}, {"B", "C"}, {"B"}]
    assert counted("ssmd_universe_snapshots_total", source="stream") == before + 1


async def test_a_change_nobody_can_read_is_counted_told_and_made_good(scene: Scene) -> None:
    """It may have been a market that opened: the database is read again."""
    enlist(scene.writer, "A")
    before = counted("ssmd_universe_changes_total", outcome="unreadable")
    async with following(scene.address, scene.bus) as universe:
        await universe.wants("A")
        enlist(scene.writer, "B")
        frames = [frame.replace(b'"v":1', b'"v":9') for frame in scene.tap.read()]
        await scene.tell(frames)
        await universe.wants("A", "B")
    assert counted("ssmd_universe_changes_total", outcome="unreadable") == before + 1
    told = metrics.REGISTRY.get_sample_value(
        "ssmd_incidents_total", {"event": "universe.change_unreadable"}
    )
    assert told


async def test_what_finds_no_room_is_told_aloud_and_comes_when_there_is(scene: Scene) -> None:
    """Counted, in the health, and an incident: never a market less in silence."""
    enlist(scene.writer, "A", "B", "C")
    master = Master(max_instruments=2)
    async with following(scene.address, scene.bus, master) as universe:
        await universe.wants("A", "B")
        await universe.says("1 instruments pass the filters and are not recorded")
        assert counted("ssmd_universe_given_up") == 1
        assert universe.health.ready()[0]
        turn(scene.writer, "A", "closed")
        await scene.publish()
        await universe.wants("B", "C")
        await until(lambda: universe.said == "")
        assert counted("ssmd_universe_given_up") == 0
        assert counted("ssmd_universe_wanted") == 2
    assert universe_metrics.GIVEN_UP.describe()
