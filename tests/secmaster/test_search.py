"""Words find instruments, also when they are spelt wrongly."""

import pytest

from ssmd.secmaster.database import Database
from ssmd.secmaster.search import ranked, runs, search
from tests.secmaster.filled import fill


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("bitcoin perpetual", "PF_XBTUSD"),
        ("bitcion perpetaul", "PF_XBTUSD"),
        ("btc usd", "BTC/USD"),
        ("XXBTZUSD", "BTC/USD"),
        ("ether", "ETH/EUR"),
        ("KXBTC-26DEC-T2", "KXBTC-26DEC-T2"),
        ("kxbtc t2", "KXBTC-26DEC-T2"),
    ],
)
async def test_the_best_comes_first(database: Database, words: str, first: str) -> None:
    """Two letters in the wrong order, a part of a name, a name of another scheme."""
    await fill(database)
    async with database.session() as session:
        hits = await search(session, words)
    assert hits[0].symbol == first
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("words", ["", "  ", "!?", "zzzzqqqq"])
async def test_what_fits_nothing_finds_nothing(database: Database, words: str) -> None:
    """A list of what does not fit is worse than none."""
    await fill(database)
    async with database.session() as session:
        assert await search(session, words) == []


async def test_venue_limit_and_what_is_gone(database: Database) -> None:
    """Each narrows as it says."""
    await fill(database)
    async with database.writing("sync") as session:
        await session.execute("UPDATE instrument SET listed = false WHERE symbol = 'BTC/USD'")
    async with database.session() as session:
        assert {hit.venue for hit in await search(session, "usd", venue="kalshi")} == {"kalshi"}
        assert len(await search(session, "usd", limit=2)) == 2
        assert "BTC/USD" not in {hit.symbol for hit in await search(session, "btc")}
        assert "BTC/USD" in {hit.symbol for hit in await search(session, "btc", unlisted=True)}


def test_runs_of_letters() -> None:
    """Short words count as they are."""
    assert runs(["btc", "ab", "coin"]) == ["btc", "ab", "coi", "oin"]


def test_what_is_listed_and_active_comes_before_its_equals() -> None:
    """People look for what can be traded."""
    row = {
        "venue": "a", "kind": "spot", "title": "", "base": "BTC", "quote": None, "underlying": None,
        "event": None, "series": None, "outcome": None, "category": None, "tags": None, "aliases": "{}",
    }  # fmt: skip
    rows = [
        {**row, "symbol": "1", "status": "paused", "listed": True},
        {**row, "symbol": "2", "status": "active", "listed": False},
        {**row, "symbol": "3", "status": "active", "listed": True},
    ]
    assert [hit.symbol for hit in ranked(["btc"], rows)] == ["3", "1", "2"]
