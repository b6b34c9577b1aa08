"""What is listed, over HTTP: as the database knows it, now or at a time."""

from pathlib import Path

import httpx2
import pytest

from ssmd.secmaster.database import Database
from tests.access.world import Truth
from tests.api.ledger.test_ledger import pages
from tests.api.world import Only, app_of, asked
from tests.secmaster.filled import EVERYTHING, fill

LIST = "/v1/secmaster/instruments"


async def test_every_instrument_is_listed_once(master: httpx2.AsyncClient) -> None:
    """Page by page, by venue and symbol; filters leave just what they say."""
    for limit in (1, 2, 1000):
        items = await pages(master, LIST, limit=limit)
        assert [each["instrument"] for each in items] == sorted(
            f"{each.venue}:{each.symbol}" for each in EVERYTHING
        )
    for words, count in (
        ({"venue": "kraken"}, 2),
        ({"status": "paused"}, 1),
        ({"kind": "event"}, 3),
        ({"series": "KXBTC"}, 3),
        ({"tag": "hourly"}, 3),
        ({"quote": "eur"}, 1),
        ({"listed": False}, 0),
    ):
        assert len(await pages(master, LIST, **words)) == count, words


@pytest.mark.usefixtures("_pointed")
async def test_twenty_thousand_are_walked_once_each_while_others_write(
    database: Database, tmp_path: Path
) -> None:
    """Keys, not numbers of rows: what is listed between two pages neither hides nor doubles any."""
    add = (
        "INSERT INTO instrument (venue, symbol, kind, status, raw_status, status_source, title,"
        " restricted, listed, price_ranges, aliases, details, payload, tags)"
        " SELECT 'atlantis', 'S' || to_char(n, 'FM00000'), 'spot', 'active', 'x', 'rest', '', false,"
        " true, '[]', '{}', '{}', '{}', '{}' FROM generate_series(%s::int, %s::int) n"
    )
    async with database.session() as session:
        await session.execute(add, (1, 20_000))
    async with asked(app_of(tmp_path)) as client:
        first = (await client.get(LIST, params={"limit": 1000})).json()
        async with database.session() as session:
            await session.execute(add, (20_001, 20_010))
            await session.execute(add, (0, 0))
        rest = await pages(client, LIST, limit=1000, cursor=first["next"])
    names = [each["symbol"] for each in [*first["items"], *rest]]
    assert names == [f"S{n:05d}" for n in range(1, 20_011)]


async def test_one_instrument_is_told_whole_and_exactly(master: httpx2.AsyncClient) -> None:
    """By any of its names, with its aliases; numbers are texts with every digit."""
    for name in ("kraken:BTC/USD", "XXBTZUSD"):
        told = (await master.get("/v1/secmaster/instrument", params={"instrument": name})).json()
        assert told["instrument"]["symbol"] == "BTC/USD"
        assert told["instrument"]["min_size"] == "0.00005"
        assert ["altname", "XBTUSD"] in told["aliases"]
        assert told["statuses"][0]["status"] == "active"


async def test_names_are_resolved_and_doubts_are_told(master: httpx2.AsyncClient) -> None:
    """One, several, or none: none is an answer, not an error."""

    async def state(name: str) -> tuple[str, bool, int]:
        told = (await master.get("/v1/secmaster/resolve", params={"name": name})).json()
        return told["state"], told["known"], len(told["matches"])

    assert await state("XXBTZUSD") == ("found", True, 1)
    assert await state("no such name") == ("unknown", False, 0)


async def test_words_find_instruments_in_pages(master: httpx2.AsyncClient) -> None:
    """The best first, spelt wrong or not."""
    items = await pages(master, "/v1/secmaster/search", q="bitcoin dolar", limit=1)
    assert items[0]["instrument"] == "kraken:BTC/USD"
    assert [each["score"] for each in items] == sorted((e["score"] for e in items), reverse=True)


async def test_events_series_fees_and_funding_are_listed(
    master: httpx2.AsyncClient, database: Database
) -> None:
    """As many as the tables hold, page by page."""
    for table, path in (
        ("event", "events"),
        ("series", "series"),
        ("fee", "fees"),
        ("funding", "funding"),
    ):
        async with database.session() as session:
            row = await (await session.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()  # noqa: S608 - names of tables
        assert row is not None
        items = await pages(master, f"/v1/secmaster/{path}", limit=1)
        assert len(items) == row["n"], table
        assert row["n"] > 0, table


async def test_history_and_the_past_are_told(
    master: httpx2.AsyncClient, database: Database
) -> None:
    """What was so before a change, and what changed; what nobody can know yet is refused."""
    async with database.session() as session:
        row = await (await session.execute("SELECT clock_timestamp()::text AS at")).fetchone()
        assert row is not None
    async with database.writing("test", "kraken") as session:
        await session.execute(
            "UPDATE instrument SET status = 'paused' WHERE symbol = 'BTC/USD' AND venue = 'kraken'"
        )
    before = row["at"].replace(" ", "T").replace("+00", "Z")
    words = {"instrument": "kraken:BTC/USD"}
    now = (await master.get("/v1/secmaster/instrument", params=words)).json()
    then = (
        await master.get("/v1/secmaster/instrument", params={**words, "known_at": before})
    ).json()
    assert now["instrument"]["status"] == "paused"
    assert then["instrument"]["status"] == "active"
    versions = await pages(master, "/v1/secmaster/history", limit=1, **words)
    assert versions[-1]["changed"]["status"] == ["active", "paused"]
    assert versions[0]["changed"] is None
    future = await master.get(LIST, params={"known_at": "2200-01-01"})
    assert future.status_code == 400


async def test_counts_are_by_venue_and_status(master: httpx2.AsyncClient) -> None:
    """The same that the list gives."""
    told = (await master.get("/v1/secmaster/stats")).json()
    assert sum(each["instruments"] for each in told["venues"]) == len(EVERYTHING)


@pytest.mark.parametrize(
    "word",
    [
        "'; DROP TABLE instrument; --",
        "%",
        "_",
        "\\",
        "a" * 500,
        "日本語",
        "\u202e",
        '"',
        "{}",
        "%s",
    ],
)
async def test_hostile_words_are_words(master: httpx2.AsyncClient, word: str) -> None:
    """They find nothing, or are refused; they never mean anything to the database."""
    for path, name in (
        ("search", "q"),
        ("resolve", "name"),
        ("instruments", "base"),
        ("events", "symbol"),
    ):
        answer = await master.get(f"/v1/secmaster/{path}", params={name: word})
        assert answer.status_code in {200, 400}, (path, answer.text)
    one = await master.get("/v1/secmaster/instrument", params={"instrument": word})
    assert one.status_code == 404
    nul = await master.get("/v1/secmaster/resolve", params={"name": "a\0b"})
    assert nul.status_code == 400


async def test_a_database_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    """503, never a crash: neither without any, nor with one that does not answer."""
    async with asked(app_of(tmp_path)) as client:
        none = await client.get(LIST)
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    async with asked(app_of(tmp_path, database_url=away)) as client:
        gone = await client.get(LIST)
    for answer in (none, gone):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["remedy"]


@pytest.mark.usefixtures("_pointed")
async def test_a_key_of_some_feeds_sees_their_venues(
    database: Database, played: tuple[Path, dict[str, list[Truth]]]
) -> None:
    """Lists, names, searches and counts of others are kept from it."""
    await fill(database)
    keeper = Only(feeds=frozenset({"kraken"}))
    app = app_of(played[0], doorkeeper=keeper)
    async with asked(app) as client:
        items = await pages(client, LIST)
        assert {each["venue"] for each in items} == {"kraken"}
        assert (await client.get(LIST, params={"venue": "kalshi"})).status_code == 403
        words = {"instrument": "kraken_futures:PF_XBTUSD"}
        assert (await client.get("/v1/secmaster/instrument", params=words)).status_code == 403
        hits = await pages(client, "/v1/secmaster/search", q="bitcoin")
        assert {each["venue"] for each in hits} == {"kraken"}
        told = (await client.get("/v1/secmaster/stats")).json()
        assert {each["venue"] for each in told["venues"]} <= {"kraken"}
        name = (await client.get("/v1/secmaster/resolve", params={"name": "PF_XBTUSD"})).json()
        assert name["known"] is False
