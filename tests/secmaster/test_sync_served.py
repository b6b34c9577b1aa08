"""Recorded listings that simulated venues serve over HTTP: what the database holds is counted apart."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssmd import venues
from ssmd.model.simulated import SimulationOptions
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.http import Http
from ssmd.secmaster.database import Database
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.statement import Order, Statement
from ssmd.sim import recorded
from ssmd.sim.simulation import Simulation
from tests.secmaster.syncing import ask, column
from tests.shared import shared

CLOCK = SystemClock()


async def synced_twice(
    database: Database, folder: Path, name: str, bodies: Sequence[str]
) -> tuple[Statement, Statement]:
    """Two whole rounds of a venue that answers some paths from a recording, over HTTP."""
    venue = venues.load(name)
    assert venue.simulated is not None
    market = venue.simulated(SimulationOptions())
    server = Simulation(market, clock=CLOCK, directory=folder, recorded=recorded.load(bodies))
    await server.start()
    try:
        addresses = {service: f"{server.rest}/{service}" for service in venue.rest.services}
        async with Http(venue.rest, clock=CLOCK, addresses=addresses) as http:
            work = Synchroniser(database, CLOCK)
            order = Order(venue=venue, mode="full")
            first = await work.run(order, http.fetcher("secmaster"))
            return first, await work.run(order, http.fetcher("secmaster"))
    finally:
        await server.stop()


async def counted(database: Database, what: str) -> dict[str, int]:
    """How many instruments there are of each value of a column."""
    rows = await ask(database, f"SELECT {what} AS name, count(*) AS n FROM instrument GROUP BY 1")  # noqa: S608 - a column
    return {row["name"]: row["n"] for row in rows}


async def test_kraken_pairs(database: Database, tmp_path: Path) -> None:
    """All 1,434, by the venue's status and by quote; the second round writes nothing."""
    path = shared("data/kraken/rest/AssetPairs-20260112.json.gz")
    pairs: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))["result"]
    bodies = [f"/0/public/AssetPairs={path}"]
    first, second = await synced_twice(database, tmp_path, "kraken", bodies)
    assert (first.inserted, first.quarantined) == (1434, 0)
    assert await counted(database, "raw_status") == Counter(it["status"] for it in pairs.values())
    modern = {"XBT": "BTC", "XDG": "DOGE"}
    quotes = Counter(pair["wsname"].split("/")[1] for pair in pairs.values())
    assert await counted(database, "quote") == {modern.get(q, q): n for q, n in quotes.items()}
    assert (second.unchanged, second.written) == (1434, 0)


async def test_kalshi_events(database: Database, tmp_path: Path) -> None:
    """Events with their markets; the series above them, which nobody recorded, is made up."""
    events = json.loads(shared("data/kalshi/rest/events_nfl_preseason.json").read_bytes())["events"]
    series = sorted({event["series_ticker"] for event in events})
    files = {
        "/events": {"events": events, "cursor": ""},
        "/series": {"series": [_series(ticker) for ticker in series]},
        "/markets": {"markets": [], "cursor": ""},
    }
    bodies = []
    for number, (path, body) in enumerate(files.items()):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(body), encoding="utf-8")
        bodies.append(f"{path}={file}")
    first, second = await synced_twice(database, tmp_path, "kalshi", bodies)
    markets = [market for event in events for market in event["markets"]]
    assert (first.inserted, first.quarantined) == (len(markets), 0)
    assert await counted(database, "raw_status") == Counter(it["status"] for it in markets)
    assert await counted(database, "status") == {"active": len(markets)}
    assert await counted(database, "quote") == {"USD": len(markets)}
    assert await column(database, "SELECT count(*) FROM event") == [len(events)]
    assert (second.unchanged, second.written) == (len(markets), 0)


def _series(ticker: str) -> dict[str, Any]:
    return {
        "ticker": ticker,
        "title": "Made up",
        "category": "Sports",
        "tags": ["Football"],
        "frequency": "weekly",
        "fee_type": "quadratic",
        "fee_multiplier": 1,
    }


async def test_gamma_events(database: Database, tmp_path: Path) -> None:
    """Every token of every market, with the flags of its market; none twice."""
    path = shared("data/polymarket/rest/pm_gamma_response.json")
    first, second = await synced_twice(database, tmp_path, "polymarket", [f"/events={path}"])
    markets = {it["id"]: it for e in json.loads(path.read_bytes()) for it in e["markets"]}.values()
    tokens = {token: it for it in markets for token in json.loads(it["clobTokenIds"])}
    assert first.inserted == len(tokens) > 0
    wanted = Counter(_standing(market) for market in tokens.values())
    assert await counted(database, "status") == wanted
    assert (second.unchanged, second.written) == (len(tokens), 0)


def _standing(market: dict[str, Any]) -> str:
    """By this test's own reading of the venue's flags."""
    if market["closed"]:
        resolved = market.get("umaResolutionStatus") == "resolved"
        return "settled" if resolved else "closed"
    trades = market["active"] and market.get("acceptingOrders", True)
    return "active" if trades and market.get("enableOrderBook", True) else "paused"
