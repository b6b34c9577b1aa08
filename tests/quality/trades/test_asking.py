"""What REST tells: recorded pages read whole, overlapping pages counted once, troubles said."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from aiohttp import web

from ssmd import venues
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.trades.asking import Told, ask
from ssmd.quality.trades.comparison import compare
from ssmd.quality.trades.matching import Trade
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import until
from tests.shared import shared

PAIR = "kraken"


async def asked(
    venue: str, symbol: str, time: tuple[int, int], answer: Callable[[str], bytes]
) -> Told:
    """Ask a server that answers every path as it is told to."""

    async def respond(request: web.Request) -> web.Response:
        return web.Response(body=answer(request.path_qs), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{all:.*}", respond)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        exchange, clock = venues.load(venue), ManualClock()
        addresses = dict.fromkeys(exchange.rest.services, base)
        asking = asyncio.create_task(ask(exchange, symbol, *time, addresses=addresses, clock=clock))
        await until(asking.done, clock)
        return await asking
    finally:
        await runner.cleanup()


def itself(told: Told, since: int, until_: int) -> None:
    """What was told is what is there, when it is archived as told."""
    how = venues.load(PAIR).rest.retold
    found = compare(told.trades, told.trades, (since, until_), told.settled, how)
    assert (found.status, found.why, found.repeated) == ("OK", "", 0)
    assert found.matched == found.api > 0


async def test_a_recorded_page_of_pairs() -> None:
    """Every trade, exactly: the page's own numbers, read here by other means."""
    body = shared("data/kraken/rest/sample-http_trades.json").read_bytes()
    (name, told), *_ = json.loads(body, parse_float=Decimal)["result"].items()
    assert name != "last"
    times = [round(each[2] * SECOND_NS) for each in told]
    since, end = min(times), max(times)
    found = await asked(PAIR, "BTC/USD", (since, end), lambda _: body)
    inside = {str(each[6]): each for each in told if round(each[2] * SECOND_NS) < end}
    mine = {each.id: each for each in found.trades if each.ts < end}
    assert mine.keys() == inside.keys()
    for number, each in inside.items():
        trade = mine[number]
        assert (trade.price, trade.size) == (Decimal(each[0]), Decimal(each[1]))
        assert trade.side == {"b": "buy", "s": "sell"}[each[3]]
    itself(found, since, end)


async def test_a_recorded_page_of_outcomes() -> None:
    """Times with microseconds, prices in dollars, fractions of contracts."""
    body = shared("data/kalshi/rest/trades_list_response.json").read_bytes()
    page = json.loads(body)["response"]
    ticker = page["trades"][0]["ticker"]
    page["trades"] = [each for each in page["trades"] if each["ticker"] == ticker]
    page["cursor"] = ""
    body = json.dumps(page).encode()
    cutoff = b'{"trades_created_ts":"2020-01-01T00:00:00Z"}'
    end = 2_000_000_000 * SECOND_NS
    found = await asked(
        "kalshi",
        ticker,
        (1_600_000_000 * SECOND_NS, end),
        lambda path: cutoff if "cutoff" in path else body,
    )
    assert found.trouble == ""
    assert {each.id for each in found.trades} == {each["trade_id"] for each in page["trades"]}
    assert all(each.price is not None and each.size is not None for each in found.trades)


def _pages(path: str) -> bytes:
    """Two trades that are equal in everything but their number, and one on both pages."""
    since = int(path.partition("since=")[2].partition("&")[0])
    trades = [
        ["5.0", "1.0", 1_700_000_000 + second, "b", "l", "", 100 + second] for second in range(6)
    ]
    page = [each for each in trades if each[2] * SECOND_NS >= since][:3]  # type: ignore[operator]
    return json.dumps({"error": [], "result": {"XXBTZUSD": page, "last": "0"}}).encode()


async def test_pages_that_overlap_tell_each_trade_once() -> None:
    """Each page begins with the last trade of the one before it."""
    since = 1_700_000_000 * SECOND_NS
    found = await asked(PAIR, "BTC/USD", (since, since + 10 * SECOND_NS), _pages)
    assert [each.id for each in found.trades] == [str(100 + n) for n in range(6)]
    assert found.requests > 2
    itself(found, since, since + 10 * SECOND_NS)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":["EQuery:Unknown asset pair"]}', "Unknown asset pair"),
        (b'{"error":[],"result":{}}', "cannot be understood"),
        (b"<html>", "cannot be understood"),
    ],
)
async def test_what_cannot_be_had_is_said(body: bytes, words: str) -> None:
    """Nothing is settled, and nothing is called missing."""
    found = await asked(PAIR, "BTC/USD", (0, SECOND_NS), lambda _: body)
    assert (found.trades, found.settled) == ((), ())
    assert words in found.trouble


async def test_an_entry_that_cannot_be_read_is_no_silence() -> None:
    """It may be the one that we have: all is compared, and it is said that one could not be."""

    def spoiled(path: str) -> bytes:
        return _pages(path).replace(b'"5.0", "1.0", 1700000002', b'"5.0", null, 1700000002')

    since = 1_700_000_000 * SECOND_NS
    found = await asked(PAIR, "BTC/USD", (since, since + 10 * SECOND_NS), spoiled)
    assert found.unread > 0
    assert "cannot be read" in found.trouble


def test_what_a_backfill_brought_is_told_apart() -> None:
    """REST told these before: that they match says little."""
    ours = [Trade(ts=1, price=None, size=None, id="1", is_fetched=True)]
    found = compare(ours, ours, (0, 9), [(-(10**10), 10**10)], venues.load(PAIR).rest.retold)
    assert (found.status, found.fetched, found.matched) == ("OK", 1, 1)
