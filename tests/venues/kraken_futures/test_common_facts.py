"""Kraken Futures' facts in common words: recorded frames against another reader, and hard cases."""

import json
from typing import Any

from ssmd.model.fact import Fact, Funding, Quote, Ticker, Trade
from ssmd.venues.kraken_futures import VENUE
from tests.venues.kraken_futures.simulating import recorded, single_frames
from tests.venues.telling import facts, number, of

MILLI = 1_000_000


def told(payloads: list[bytes]) -> list[dict[str, Any]]:
    """Messages with numbers as they are written, talk left out."""
    values = [json.loads(each, parse_float=str, parse_int=str) for each in payloads]
    return [value for value in values if "product_id" in value and "event" not in value]


def time(item: dict[str, Any]) -> int | None:
    return int(item["time"]) * MILLI if "time" in item else None


def trades(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The trades of a message."""
    if message["feed"] == "trade_snapshot":
        found: list[dict[str, Any]] = message["trades"]
        return found
    return [message] if message["feed"] == "trade" else []


def test_recorded_trades_are_what_another_reader_finds() -> None:
    """Those told again at the subscription, newest first, and the live ones."""
    for payloads, live in ((list(recorded()), 3), (list(single_frames()), 2)):
        found = of(Trade, facts(VENUE, payloads))
        assert [
            (t.symbol, t.ts_event, t.price, t.size, t.side, t.trade_id, t.native_id) for t in found
        ] == [
            (each["product_id"], time(each), number(each["price"]), number(each["qty"]),
             each["side"], each["uid"], each["uid"])
            for message in told(payloads)
            for each in trades(message)
        ]  # fmt: skip
        assert sum(not trade.is_snapshot for trade in found) == live


def test_recorded_tickers_are_what_another_reader_finds() -> None:
    """The small ones of 2021, which have no time, and the large ones of 2026 with their funding."""
    payloads = [*recorded(), *single_frames()]
    found = facts(VENUE, payloads)
    messages = [each for each in told(payloads) if each["feed"] in {"ticker", "ticker_lite"}]
    names: tuple[str, ...] = ("bid", "bid_size", "ask", "ask_size")
    assert [
        (q.symbol, q.ts_event, q.bid, q.bid_size, q.ask, q.ask_size) for q in of(Quote, found)
    ] == [(m["product_id"], time(m), *(number(m.get(n)) for n in names)) for m in messages]
    names = ("last", "volume", "openInterest", "markPrice", "index", "bid", "ask")
    assert [
        (t.symbol, t.last, t.volume, t.open_interest, t.mark_price, t.index_price, t.bid, t.ask)
        for t in of(Ticker, found)
    ] == [(m["product_id"], *(number(m.get(n)) for n in names)) for m in messages]
    names = ("funding_rate", "funding_rate_prediction", "relative_funding_rate")
    assert [
        (f.symbol, f.ts_event, f.rate, f.rate_prediction, f.relative_rate, f.next_at)
        for f in of(Funding, found)
    ] == [
        (m["product_id"], time(m), *(number(m[n]) for n in names),
         int(m["next_funding_rate_time"]) * MILLI)
        for m in messages
        if "funding_rate" in m
    ]  # fmt: skip
    assert len(of(Funding, found)) >= 2
    assert len(messages) > 107
    assert not any(fact.inexact for fact in found)


def made(**fields: object) -> list[Fact]:
    return facts(VENUE, [json.dumps({"product_id": "FF_XBTUSD_260807", **fields}).encode()])


def test_a_dated_future_pays_no_funding() -> None:
    """And says nothing of it."""
    found = made(feed="ticker", time=1, bid=1.5, ask=2.5)
    assert [type(fact) for fact in found] == [Quote, Ticker]


def test_an_empty_snapshot_has_no_trade() -> None:
    """Its row says that there was none."""
    assert made(feed="trade_snapshot", trades=[]) == []


def test_what_no_column_holds_is_kept_under_its_common_name() -> None:
    """In every table that would have it."""
    payload = json.dumps({"product_id": "PF_XBTUSD", "feed": "ticker", "bid": 7, "index": 8})
    quote, ticker = facts(VENUE, [payload.replace("7", "1e40").replace("8", "1e-40").encode()])
    assert (quote.inexact, ticker.inexact) == (
        {"bid": "1E+40"},
        {"bid": "1E+40", "index_price": "1E-40"},
    )
