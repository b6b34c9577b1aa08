"""Questions to the security master are answered for the time they are about, and refused clearly."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.errors import ConfigError
from ssmd.secmaster import ask
from ssmd.secmaster.ask import Filters, When
from ssmd.secmaster.database import Database, Session
from ssmd.secmaster.errors import FutureKnowledge, NothingSynced
from tests.secmaster.filled import EVERYTHING, fill

NOW = datetime.fromisoformat("2026-11-30T12:00:00Z")
TICK = timedelta(microseconds=1)


async def symbols(session: Session, which: Filters, when: When | None = None) -> list[str]:
    """What is listed."""
    rows, total = await ask.listed(session, which, when or When(), NOW, None)
    assert total == len(rows)
    return [row["symbol"] for row in rows]


async def now(session: Session) -> datetime:
    """The database's clock."""
    row = await (await session.execute("SELECT clock_timestamp() AS at")).fetchone()
    assert row is not None
    at: datetime = row["at"]
    return at


@pytest.mark.parametrize(
    ("which", "count"),
    [
        ({}, 7),
        ({"venue": "kraken"}, 2),
        ({"status": "paused"}, 1),
        ({"kind": "event"}, 3),
        ({"series": "KXBTC"}, 3),
        ({"event": "KXBTC-26DEC"}, 3),
        ({"event": "KXBTC"}, 0),
        ({"category": "crypto"}, 3),
        ({"tag": "hourly"}, 3),
        ({"tag": "hour"}, 0),
        ({"base": "btc"}, 3),
        ({"quote": "eur"}, 1),
        ({"closes_within": timedelta(hours=12)}, 3),
        ({"closes_within": timedelta(hours=11)}, 0),
        ({"listed": False}, 0),
        ({"listed": None}, 7),
        ({"venue": "kraken", "base": "BTC", "status": "active", "kind": "spot"}, 1),
    ],
)
async def test_filters(database: Database, which: dict[str, Any], count: int) -> None:
    """Each leaves just what it says."""
    await fill(database)
    async with database.session() as session:
        assert len(await symbols(session, Filters(**which))) == count


async def test_what_is_gone_is_listed_only_when_asked_for(database: Database) -> None:
    """A soft deletion hides an instrument and keeps it."""
    await fill(database)
    async with database.writing("sync") as session:
        await session.execute("UPDATE instrument SET listed = false WHERE symbol = 'ETH/EUR'")
    async with database.session() as session:
        assert "ETH/EUR" not in await symbols(session, Filters())
        assert await symbols(session, Filters(listed=False)) == ["ETH/EUR"]
        assert len(await symbols(session, Filters(listed=None))) == len(EVERYTHING)


async def test_a_list_of_a_time_is_what_was_known_then(database: Database) -> None:
    """A late correction is seen by who asks now, and not by who asks what was known before it."""
    await fill(database)
    async with database.session() as session:
        before = await now(session)
    async with database.writing("sync") as session:
        await session.execute(
            "UPDATE instrument SET status = 'void', told_from = %s WHERE symbol = 'BTC/USD'",
            (before,),
        )
    async with database.session() as session:
        void = Filters(status="void")
        assert await symbols(session, void) == ["BTC/USD"]
        assert await symbols(session, void, When(as_of=before)) == ["BTC/USD"]
        assert await symbols(session, void, When(as_of=before - TICK)) == []
        assert await symbols(session, void, When(as_of=before, known_at=before)) == []
        assert await symbols(session, void, When(known_at=before)) == []
        assert await symbols(session, void, When(known_at=await now(session))) == ["BTC/USD"]


async def test_a_limit_says_how_many_there_are(database: Database) -> None:
    """A list that stops must not look whole."""
    await fill(database)
    async with database.session() as session:
        rows, total = await ask.listed(session, Filters(), When(), NOW, 2)
    assert (len(rows), total) == (2, len(EVERYTHING))


async def test_the_future_is_not_known(database: Database) -> None:
    """An answer for a time that has not come could change."""
    await fill(database)
    later = datetime.fromisoformat("2990-01-01T00:00:00Z")
    async with database.session() as session:
        with pytest.raises(FutureKnowledge, match="obody knows yet"):
            await ask.listed(session, Filters(), When(known_at=later), NOW, None)
    async with database.session() as session:
        assert await symbols(session, Filters(venue="kraken"), When(as_of=later)) != []


async def test_an_unknown_venue_is_refused(database: Database) -> None:
    """A typing error must not look like an empty venue."""
    async with database.session() as session:
        with pytest.raises(NothingSynced):
            await symbols(session, Filters())
    await fill(database)
    async with database.session() as session:
        with pytest.raises(ConfigError, match=r"no venue 'krakn'.*\"kraken\""):
            await symbols(session, Filters(venue="krakn"))


@pytest.mark.parametrize(
    "name", ["kraken:BTC/USD", "BTC/USD", "XXBTZUSD", "XBT/USD", "kraken:XBTUSD"]
)
async def test_an_instrument_is_found_by_any_name(database: Database, name: str) -> None:
    """People know a pair by the name that another tool shows."""
    await fill(database)
    async with database.session() as session:
        assert await ask.find(session, name, When()) == ("kraken", "BTC/USD")


async def test_a_name_that_means_several_or_none_is_refused(database: Database) -> None:
    """One of them chosen silently would be the wrong one some day."""
    await fill(database)
    async with database.session() as session:
        with pytest.raises(ConfigError, match="names 3 instruments: kalshi:KXBTC-26DEC-T1, "):
            await ask.find(session, "KXBTC", When())
        with pytest.raises(ConfigError, match=r"no instrument 'XXBTUSD'.*kraken:BTC/USD"):
            await ask.find(session, "XXBTUSD", When())


async def test_all_facts_of_an_instrument(database: Database) -> None:
    """What belongs to it is found through its event, its series, and its own names."""
    await fill(database)
    async with database.session() as session:
        found = await ask.facts(session, "kalshi", "KXBTC-26DEC-T1", When(), NOW)
        perpetual = await ask.facts(session, "kraken_futures", "PF_XBTUSD", When(), NOW)
        none = await ask.facts(session, "kalshi", "NOPE", When(), NOW)
    assert found is not None
    assert perpetual is not None
    assert none is None
    assert found["event"]["title"] == "Bitcoin in December"
    assert found["series"]["title"] == "Bitcoin price"
    assert found["fee"]["multiplier"] == 1
    assert found["activity"]["volume"] == 12
    assert ("event_ticker", "KXBTC-26DEC") in found["aliases"]
    assert [each["status"] for each in found["statuses"]] == ["active"]
    assert found["funding"] is None
    assert perpetual["funding"]["rate"] == Decimal("0.0001")


async def test_the_nearest_fee_in_force_is_shown(database: Database) -> None:
    """An event's own fee outranks its series'; one that is over, or to come, is none."""
    await fill(database)
    fee = (
        "INSERT INTO fee (venue, scope, symbol, kind, maker, taker, effective_from, effective_to)"
        " VALUES ('kalshi', 'event', 'KXBTC-26DEC', 'flat', '[]', '[]', %s, %s)"
    )
    async with database.writing("sync") as session:
        await session.execute(fee, (NOW - timedelta(days=2), NOW - timedelta(days=1)))
        await session.execute(fee, (NOW + timedelta(days=1), "infinity"))

    async def kind(at: datetime) -> str:
        async with database.session() as session:
            found = await ask.facts(session, "kalshi", "KXBTC-26DEC-T1", When(), at)
        assert found is not None
        return str(found["fee"]["kind"])

    assert await kind(NOW) == "quadratic"
    assert await kind(NOW + timedelta(days=1)) == "flat"
    assert await kind(NOW - timedelta(days=1, seconds=1)) == "flat"
    assert await kind(NOW - timedelta(days=1)) == "quadratic"


async def test_history_says_what_changed_and_who_said_so(database: Database) -> None:
    """The first question about a surprise is: since when, and from where do we know?"""
    await fill(database)
    async with database.writing("clock") as session:
        await session.execute("UPDATE instrument SET status = 'paused' WHERE symbol = 'BTC/USD'")
    async with database.writing("sync") as session:
        await session.execute("UPDATE instrument SET title = 'B' WHERE symbol = 'BTC/USD'")
    async with database.session() as session:
        versions = await ask.history(session, "kraken", "BTC/USD")
        found = await ask.facts(session, "kraken", "BTC/USD", When(), NOW)
    believed = sorted(
        (each for each in versions if each["known_to"].year == 9999), key=lambda v: v["valid_from"]
    )
    assert [(each["source"], each["changed"]) for each in believed] == [
        ("sync", None),
        ("clock", {"status": ("active", "paused")}),
        ("sync", {"title": ("Bitcoin / US dollar", "B")}),
    ]
    assert len(versions) == 5
    assert found is not None
    assert [each["status"] for each in found["statuses"]] == ["active", "paused"]


async def test_counts(database: Database) -> None:
    """By venue, in our words, the venue's, and by quote; what is gone does not count."""
    async with database.session() as session:
        with pytest.raises(NothingSynced):
            await ask.stats(session)
    await fill(database)
    async with database.writing("sync") as session:
        await session.execute(
            "UPDATE instrument SET listed = false WHERE symbol = 'KXBTC-26DEC-T3'"
        )
        await session.execute(
            "INSERT INTO quarantine (venue, entity, symbol, kind, reason, payload, first_at, last_at,"
            " released_at) VALUES ('kraken', 'instrument', 'A', 'absurd', 'r', '', now(), now(), NULL),"
            " ('kraken', 'instrument', 'B', 'absurd', 'r', '', now(), now(), now())"
        )
    async with database.session() as session:
        found = await ask.stats(session)
    assert found["by_venue"]["kraken"] == {
        "instruments": 2,
        "by_status": {"active": 1, "paused": 1},
        "by_raw_status": {"cancel_only": 1, "online": 1},
        "by_quote": {"EUR": 1, "USD": 1},
    }
    assert found["by_venue"]["kalshi"]["instruments"] == 2
    assert found["by_venue"]["atlantis"]["by_raw_status"] == {"": 1}
    assert found["quarantined"] == {"kraken": 1}
