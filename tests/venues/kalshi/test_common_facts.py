"""Kalshi's facts in common words: recorded frames against another reader, and hard cases."""

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.fact import Fact, Lifecycle, Outcome, Quote, Ticker, Trade
from ssmd.venues.kalshi import VENUE
from tests.shared import shared
from tests.venues.telling import facts, number, of

SECOND = 10**9
CAPTURES = [
    ("capture-gold15m-20260805-windows", {"trades": 2640}),
    ("capture-btc15m-20260513T1333-rebuilt", {"quotes": 931, "tickers": 931}),
    ("capture-ticker-legacy-20250116", {"quotes": 302, "tickers": 302}),
]


def captured(name: str, *kinds: str) -> list[bytes]:
    """Frames of a recording that are of some types."""
    lines = gzip.decompress(shared(f"data/kalshi/{name}.jsonl.gz").read_bytes()).splitlines()
    raws: list[str] = [json.loads(line)["raw"] for line in lines]
    return [raw.encode() for raw in raws if any(f'"type":"{kind}"' in raw for kind in kinds)]


def singles() -> list[bytes]:
    path = shared("data/kalshi/frames/real-lifecycle-trade-ticker-2025-2026.jsonl")
    return [json.loads(line)["raw"].encode() for line in path.read_text().splitlines()]


def either(told: dict[str, Any], name: str) -> Decimal | None:
    """Dollars, or cents where there are none."""
    if told.get(f"{name}_dollars"):
        return Decimal(told[f"{name}_dollars"])
    return Decimal(told[name]) / 100 if told.get(name) is not None else None


def time(told: dict[str, Any]) -> int:
    """In ns; the text is finer than ms, and ms are finer than s."""
    if "time" in told:
        whole, _, rest = told["time"].rstrip("Z").partition(".")
        assert whole[:4] == "2026"
        return int(told["ts"]) * SECOND + int(rest.ljust(9, "0"))
    if "ts_ms" in told:
        return int(told["ts_ms"]) * 1_000_000
    return int(told["ts"]) * SECOND


def expected(message: dict[str, Any]) -> list[tuple[object, ...]]:
    """What a message states, by the standard library alone."""
    told = message["msg"]
    name = told["market_ticker"]
    if message["type"] == "trade":
        side = "buy" if told["taker_side"] == "yes" else "sell"
        size = number(told.get("count_fp", told.get("count")))
        return [
            ("trades", name, time(told), either(told, "yes_price"), size, side, told["trade_id"])
        ]
    bid, ask = either(told, "yes_bid"), either(told, "yes_ask")
    sizes = [number(told.get(f"yes_{side}_size_fp")) for side in ("bid", "ask")]
    if bid == 0:
        bid, sizes[0] = None, Decimal(0)
    if ask == 1:
        ask, sizes[1] = None, Decimal(0)
    volume, interest = (
        number(told.get(f"{total}_fp", told.get(total))) for total in ("volume", "open_interest")
    )
    return [
        ("quotes", name, time(told), bid, sizes[0], ask, sizes[1]),
        ("tickers", name, time(told), either(told, "price") or None, volume, interest, bid, ask),
    ]


def shown(fact: Fact) -> tuple[object, ...]:
    head = (fact.table, fact.symbol, fact.ts_event)
    match fact:
        case Trade():
            return (*head, fact.price, fact.size, fact.side, fact.trade_id)
        case Quote():
            return (*head, fact.bid, fact.bid_size, fact.ask, fact.ask_size)
        case Ticker():
            return (*head, fact.last, fact.volume, fact.open_interest, fact.bid, fact.ask)
    return head


@pytest.mark.parametrize(("capture", "count"), CAPTURES)
def test_recorded_trades_and_tickers_are_what_another_reader_finds(
    capture: str, count: dict[str, int]
) -> None:
    """Cents of 2025, dollars and fractions of 2026: every one of them."""
    payloads = captured(capture, "trade", "ticker")
    found = facts(VENUE, payloads)
    assert [shown(fact) for fact in found] == [
        fact for payload in payloads for fact in expected(json.loads(payload))
    ]
    assert {table: sum(fact.table == table for fact in found) for table in count} == count
    assert not any(fact.inexact for fact in found)


def test_recorded_lives_of_markets_end_in_outcomes() -> None:
    """Determined and settled, in the formats of both years; an event is no instrument."""
    found = facts(VENUE, singles())
    lives = {fact.symbol: fact for fact in of(Lifecycle, found)}
    told = {fact.symbol: fact for fact in of(Outcome, found)}
    assert sorted((fact.event, fact.status) for fact in lives.values()) == [
        ("close_date_updated", None),
        *[("created", "pre_open")] * 3,
        ("deactivated", "paused"),
        *[("determined", "determined")] * 2,
        *[("settled", "settled")] * 2,
    ]
    assert {
        symbol for symbol, fact in lives.items() if fact.event in {"determined", "settled"}
    } == (told.keys())
    older, newer, paid = (
        told[name]
        for name in (
            "KXMLBGAME-25OCT01DETCLE-DET",
            "KXMLBSPREAD-26JUL191605WSHATH-ATH4",
            "KXBNB15M-26JUL191830-30",
        )
    )
    assert (older.outcome, older.value, older.determined_at) == ("no", None, 1759350638 * SECOND)
    assert (newer.outcome, newer.value, newer.determined_at) == (
        "no",
        Decimal(0),
        1784501722 * SECOND,
    )
    assert (paid.outcome, paid.settled_at, paid.determined_at) == (None, 1784500206 * SECOND, None)
    created = lives["KXSWIFTATTENDEVENT-25OCT04"]
    detail = json.loads(created.detail or "")
    assert detail["open_ts"] == 1759375800 * SECOND
    assert detail["title"] == "Will Taylor Swift attend Saturday Night Live Season 51 Premiere?"


def test_a_market_that_never_traded_has_no_last_price() -> None:
    """A recorded one: its price is 0 in cents and an empty text in dollars, and nobody bids."""
    (ticker,) = [
        fact for fact in of(Ticker, facts(VENUE, singles())) if fact.symbol.endswith("NOSRATTLER2")
    ]
    assert (ticker.last, ticker.bid, ticker.ask) == (None, None, Decimal("0.03"))


def made(kind: str, **msg: object) -> list[Fact]:
    payload = json.dumps({"type": kind, "sid": 1, "msg": {"market_ticker": "A", **msg}})
    return facts(VENUE, [payload.encode()])


def test_a_trade_told_in_terms_of_no_is_told_in_terms_of_yes() -> None:
    """What is left of a dollar; nothing is derived from what could not be read."""
    (trade,) = of(Trade, made("trade", no_price_dollars="0.3000", count_fp="1.50", taker_side="no"))
    assert (trade.price, trade.size, trade.side) == (Decimal("0.7"), Decimal("1.5"), "sell")
    (trade,) = of(Trade, made("trade", yes_price_dollars="9e99", no_price_dollars="0.3", count=1))
    assert (trade.price, trade.side, trade.inexact) == (None, None, {"price": "9e99"})
    (trade,) = of(Trade, made("trade", yes_price_dollars="0.6", no_price_dollars="9e99", count=1))
    assert (trade.price, trade.inexact) == (Decimal("0.6"), {})


def test_an_empty_side_has_no_price_and_nothing_in_it() -> None:
    """The venue writes it as a price that no order can have; one that is not told is not empty."""
    told = made(
        "ticker",
        yes_bid_dollars="0.0000",
        yes_bid_size_fp="0.00",
        yes_ask_dollars="1.0000",
        yes_ask_size_fp="0.00",
    )
    (quote,) = of(Quote, told)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (
        None,
        Decimal(0),
        None,
        Decimal(0),
    )
    (quote,) = of(Quote, made("ticker", yes_bid_dollars="0.4", yes_bid_size_fp="1.00"))
    assert (quote.bid, quote.ask, quote.ask_size) == (Decimal("0.4"), None, None)
    assert of(Quote, made("ticker", price_dollars="0.4")) == []


def test_what_no_column_holds_is_kept_under_its_common_name() -> None:
    """In every table that would have it."""
    told = made("ticker", yes_bid_dollars="1.5", yes_ask_dollars="0.6", volume_fp="1e40")
    (quote,), (ticker,) = of(Quote, told), of(Ticker, told)
    assert (quote.bid, quote.ask, quote.inexact) == (None, Decimal("0.6"), {"bid": "1.5"})
    assert (ticker.volume, ticker.inexact) == (None, {"bid": "1.5", "volume": "1e40"})
