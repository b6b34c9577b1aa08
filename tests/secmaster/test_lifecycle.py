"""What the bus tells of instruments: applied once, in its order, and never silently left out."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssmd import venues
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.publisher import Publisher
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Opened, encode
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.runtime.clock import SystemClock
from ssmd.secmaster.database import Database
from ssmd.secmaster.keeper import Keeper, Stream
from ssmd.secmaster.lifecycle import LifecycleEvents, Position
from ssmd.secmaster.lookups import Lookups
from ssmd.secmaster.news import News, news_of, types_of, was_away
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import KeeperSettings
from ssmd.secmaster.statement import Mode
from tests.secmaster.bazaar import Bazaar, market
from tests.secmaster.syncing import ask, column, numbers, statuses, synchronise
from tests.secmaster.telling import ended, happened, message, talking

CLOCK = SystemClock()
STREAM = "TEST_BAZAAR"


class Teller:
    """A database with two markets, and a bus that tells of them.

    Attributes:
        shop: The venue's REST side.
    """

    def __init__(self, database: Database) -> None:
        self.shop = Bazaar(market("M"), market("N"))
        self.venue = talking(self.shop)
        self._events = LifecycleEvents(database, self.venue, CLOCK)
        self._sequence = 0

    async def tell(self, *messages: Envelope) -> tuple[dict[str, int], list[str]]:
        """Some messages at once; gives outcomes, and what is to be asked about."""
        self._sequence += len(messages)
        taken = await self._events.take(messages, Position(STREAM, 1, self._sequence))
        return taken.outcomes, taken.wanted


@pytest.fixture
async def teller(database: Database) -> Teller:
    """Two active markets, listed a moment ago."""
    made = Teller(database)
    await synchronise(database, made.shop)
    return made


def now() -> int:
    """The time, in ns."""
    return CLOCK.wall()


async def test_a_pause_is_applied_since_the_venues_time(database: Database, teller: Teller) -> None:
    """`deactivated` is a pause; what was so before is still known as it was."""
    at = now() // 1000 * 1000
    done, wanted = await teller.tell(
        message(0, at + 5, happened("M", "deactivated", "paused", ts_event=at))
    )
    assert (done, wanted) == ({"applied": 1}, [])
    rows = await ask(
        database,
        "SELECT status, raw_status, status_source, (extract(epoch FROM valid_from) * 1000000)::bigint AS since"
        " FROM instrument WHERE symbol = 'M'",
    )
    assert tuple(rows[0].values()) == ("paused", "deactivated", "ws", at // 1000)
    await teller.tell(message(1, now(), happened("M", "activated", "active")))
    assert await statuses(database) == {"M": "active", "N": "active"}
    history = await column(
        database,
        "SELECT status FROM instrument_version WHERE symbol = 'M' AND known_to = 'infinity'"
        " ORDER BY valid_from",
    )
    assert history == ["active", "paused", "active"]


async def test_what_is_told_twice_is_done_once(database: Database, teller: Teller) -> None:
    """Redelivered, alone or among others, it leaves no second trace."""
    first = message(0, now(), happened("M", "halt", "paused"))
    second = message(1, now(), happened("M", "resume", "active"))
    await teller.tell(first, second)
    changes = await column(database, "SELECT count(*) FROM change_set")
    assert await teller.tell(first, second) == ({}, [])
    assert await teller.tell(second, first) == ({}, [])
    assert await statuses(database) == {"M": "active", "N": "active"}
    assert await column(database, "SELECT count(*) FROM change_set") == changes
    assert await column(database, "SELECT count(*) FROM lifecycle_event") == [2]


async def test_how_it_ended_is_kept(database: Database, teller: Teller) -> None:
    """Result and value, with the status, of one message; a word later the value alone."""
    await teller.tell(
        message(0, now(), happened("M", "determined", "determined"), ended("M", "yes")),
        message(1, now(), ended("M", value="1")),
        message(2, now(), happened("M", "settled", "settled")),
    )
    rows = await ask(
        database, "SELECT status, result, settlement_value::text FROM instrument WHERE symbol = 'M'"
    )
    assert tuple(rows[0].values()) == ("settled", "yes", "1")


async def test_what_cannot_be_is_refused_and_counted(database: Database, teller: Teller) -> None:
    """The row stays; the refusal is one row, however often it is said."""
    await teller.tell(message(0, now(), happened("M", "settled", "settled")))
    for ordinal in (1, 2):
        done, _ = await teller.tell(message(ordinal, now(), happened("M", "open", "active")))
        assert done == {"refused": 1}
    assert (await statuses(database))["M"] == "settled"
    rows = await ask(
        database, "SELECT from_status, to_status, raw_status, source, times FROM refusal"
    )
    assert [tuple(row.values()) for row in rows] == [("settled", "active", "open", "ws", 2)]


async def test_old_news_changes_nothing(database: Database, teller: Teller) -> None:
    """What a second connection tells late is no step back, and no refusal."""
    later = now()
    await teller.tell(message(0, later, happened("M", "halt", "paused", ts_event=later)))
    done, _ = await teller.tell(
        message(1, now(), happened("M", "resume", "active", ts_event=later - SECOND_NS))
    )
    assert done == {"unchanged": 1}
    assert (await statuses(database))["M"] == "paused"
    assert await column(database, "SELECT count(*) FROM refusal") == [0]


async def test_a_snapshot_that_repeats_leaves_no_trace(database: Database, teller: Teller) -> None:
    """Every reconnection sends all states; only what differs is an event."""
    done, _ = await teller.tell(
        message(
            0,
            now(),
            happened("M", "state", "active", raw_status="raw active", is_snapshot=True),
            happened("N", "state", "paused", raw_status="halted", is_snapshot=True),
        )
    )
    assert done == {"applied": 1}
    assert await column(database, "SELECT symbol FROM lifecycle_event") == ["N"]


async def test_a_new_market_is_looked_up(database: Database, teller: Teller) -> None:
    """Unknown to us: remembered, and asked about; so is what changed in a way nobody tells."""
    done, wanted = await teller.tell(
        message(0, now(), happened("NEW", "created", "pre_open"), happened("N", "moved"))
    )
    assert done == {"unknown_instrument": 1, "unchanged": 1}
    assert wanted == ["NEW", "N"]
    teller.shop.world.append(market("NEW", "pre_open"))
    found = await synchronise(database, teller.shop, "lookup", symbols=tuple(wanted))
    assert numbers(found) == {"inserted": 1, "unchanged": 1}


async def test_a_lookup_is_tried_until_the_venue_lists_it(
    database: Database, teller: Teller
) -> None:
    """What was told of a moment ago may not be listed yet."""
    settings = KeeperSettings(lookup_s=0.01)
    lookups = Lookups(teller.venue, database, CLOCK, settings, lambda: None)
    asked: list[Any] = []

    async def fetch(request: Any) -> bytes:  # noqa: ANN401 - a request
        asked.append(request)
        if len(asked) == 2:
            teller.shop.world.append(market("NEW"))
        return await teller.shop.fetch(request)

    lookups.want(["NEW"])
    running = asyncio.create_task(lookups.run(Synchroniser(database, CLOCK), fetch))
    while "NEW" not in await statuses(database):
        await CLOCK.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(asked) == 2


def test_a_venue_that_cannot_be_asked_has_a_round_soon(database: Database) -> None:
    """It is the only way to learn of what is new."""
    shop = Bazaar()
    shop.looks_up = False
    called: list[int] = []
    lookups = Lookups(talking(shop), database, CLOCK, KeeperSettings(), lambda: called.append(1))
    lookups.want(["NEW"])
    assert called == [1]


def test_only_what_can_tell_is_read() -> None:
    """By what each venue says of its types: no trade, no book, nothing of ours."""
    assert types_of(talking(Bazaar())) == ("told",)
    assert types_of(venues.load("kraken")) == ("instrument",)
    for name in venues.names():
        found = types_of(venues.load(name))
        assert not {"trade", "book", "ticker", "orderbook_delta", "price_change"} & set(found)
        assert all(not each.startswith("_") for each in found)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("activated", "active"),
        ("deactivated", "paused"),
        ("determined", "determined"),
        ("settled", "settled"),
        ("close_date_updated", None),
    ],
)
def test_a_real_venues_events_are_read(kind: str, status: str | None) -> None:
    """A pause is a pause, and ends are ends."""
    told = {
        "type": "market_lifecycle_v2",
        "sid": 13,
        "msg": {"market_ticker": "KXTEST-26-A", "event_type": kind},
    }
    envelope = msgspec.structs.replace(
        message(0, 5), feed="kalshi", type="market_lifecycle_v2", payload=msgspec.json.encode(told)
    )
    found = news_of(venues.load("kalshi"), envelope)
    assert [(one.symbol, one.event, one.status, one.at) for one in found] == [
        ("KXTEST-26-A", kind, status, 5)
    ]
    assert isinstance(found[0], News)


async def publish(settings: BusSettings, envelopes: Sequence[Envelope]) -> None:
    """Put messages on the stream, and wait until they stand there."""
    publisher = Publisher(
        settings,
        stream=STREAM,
        prefix="test.bazaar",
        acknowledged=lambda *_: None,
        refused=lambda _, reason: pytest.fail(reason),
        clock=CLOCK,
        stream_changed=lambda _: None,
    )
    publisher.start()
    for key, envelope in enumerate(envelopes):
        publisher.publish(key, envelope)
    assert await publisher.drain(60.0)
    await publisher.close()


async def test_a_stream_is_read_on_from_where_it_ended(
    database: Database, teller: Teller, tmp_path: Path
) -> None:
    """Through a real bus: what came while nobody listened is applied, and nothing twice."""
    server = EmbeddedServer(tmp_path / "nats", CLOCK)
    settings = BusSettings(url=await server.start())
    try:

        async def listening() -> "asyncio.Task[None]":
            keeper = Keeper(teller.venue, database, CLOCK)
            return asyncio.create_task(keeper.listen(settings, Stream(STREAM, "test.bazaar")))

        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.ensure(STREAM, "test.bazaar", max_bytes=1 << 24)
        first = await listening()
        trade = message(0, now(), kind="trade")
        await publish(settings, [trade, message(1, now(), happened("M", "halt", "paused"))])
        await _until_status(database, "M", "paused")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await publish(settings, [message(2, now(), happened("N", "halt", "paused"))])
        second = await listening()
        await _until_status(database, "N", "paused")
        assert await column(database, "SELECT count(*) FROM lifecycle_event") == [2]
        assert await column(database, "SELECT sequence FROM lifecycle_position") == [4]
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    finally:
        await server.stop()


def opened(number: int, *, shard: int | str = 0, previous: str | None, reason: str) -> Envelope:
    """The record that a connection begins with."""
    record = Opened(
        feed="bazaar",
        venue="bazaar",
        shard=shard,
        endpoint="",
        local="",
        peer="",
        previous=previous,
        reason=reason,
        version="1",
        host="here",
    )
    return msgspec.structs.replace(
        message(number, now()),
        type=CONNECTION,
        ordinal=None,
        record=number,
        symbols=(),
        payload=encode(record),
    )


def test_who_was_away_is_told_apart() -> None:
    """Not by a first connection, one that took over from a living one, REST, or what nobody can read."""
    assert was_away(opened(0, previous="before", reason="reconnect"))
    assert was_away(opened(0, previous="before", reason="start"))
    assert not was_away(opened(0, previous=None, reason="start"))
    assert was_away(opened(0, previous="before", reason="handover")), "it may have died just now"
    assert not was_away(opened(0, previous="before", reason="planned"))
    assert not was_away(opened(0, shard="rest", previous="before", reason="start"))
    strange = opened(0, previous="before", reason="reconnect")
    assert not was_away(msgspec.structs.replace(strange, payload=b"{}"))
    assert not was_away(message(0, now()))


class Rounds(Keeper):
    """Notes its rounds, and does none."""

    def __init__(self, venue: Venue, database: Database, settings: KeeperSettings) -> None:
        super().__init__(venue, database, CLOCK, settings=settings)
        self.modes: list[str] = []

    async def round(self, mode: Mode) -> bool:
        """Note it."""
        self.modes.append(mode)
        return True


async def test_a_connection_that_was_lost_calls_for_a_round(
    database: Database, teller: Teller, tmp_path: Path
) -> None:
    """What was told while nobody listened is learned from the listing, long before its time."""
    server = EmbeddedServer(tmp_path / "nats", CLOCK)
    settings = BusSettings(url=await server.start())
    keeper = Rounds(teller.venue, database, KeeperSettings(early_s=0.01))
    tasks: list[asyncio.Task[None]] = []
    try:
        async with await Streams.connect(settings, CLOCK) as streams:
            await streams.ensure(STREAM, "test.bazaar", max_bytes=1 << 24)
        stream = Stream(STREAM, "test.bazaar")
        tasks = [
            asyncio.create_task(keeper.rounds()),
            asyncio.create_task(keeper.listen(settings, stream)),
        ]
        first = opened(0, previous=None, reason="start")
        await publish(settings, [first, message(1, now(), happened("M", "halt", "paused"))])
        await _until_status(database, "M", "paused")
        assert keeper.modes == ["full"]
        await publish(settings, [opened(2, previous="before", reason="reconnect")])
        async with asyncio.timeout(60.0):
            while len(keeper.modes) < 2:
                await CLOCK.sleep(0.02)
        assert keeper.modes == ["full", "incremental"]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()


async def _until_status(database: Database, symbol: str, status: str) -> None:
    async with asyncio.timeout(60.0):
        while (await statuses(database))[symbol] != status:
            await CLOCK.sleep(0.02)
