"""Kraken spot's facts in common words: recorded frames against another reader, and hard cases."""

import json
from decimal import Decimal

import msgspec

from ssmd.model.envelope import BACKFILL
from ssmd.model.fact import Fact, Lifecycle, Quote, Ticker, Trade
from ssmd.venues.kraken import VENUE
from tests.shared import shared
from tests.venues.kraken.rowing import decoded, envelope, message, singles
from tests.venues.telling import facts, moment, number, of

PAIRS = "data/kraken/rest/ws-v2-instrument-snapshot-2024.json"


def told(channel: str, payload: bytes) -> list[Fact]:
    return [fact for row in decoded(channel, payload).rows for fact in VENUE.facts(row)]


def test_recorded_trades_and_tickers_are_what_another_reader_finds() -> None:
    """Single frames of 2026; candles are no fact of a common table."""
    expected: list[tuple[object, ...]] = []
    head: tuple[object, ...]
    for payload in singles():
        value = json.loads(payload, parse_float=str, parse_int=str)
        for item in value.get("data", []):
            if value["channel"] == "trade":
                numbers = [number(item[name]) for name in ("price", "qty")]
                more = [item["side"], item["trade_id"]]
                expected.append((item["symbol"], moment(item["timestamp"]), *numbers, *more))
            elif value["channel"] == "ticker":
                head = (item["symbol"], moment(item["timestamp"]))
                numbers = [number(item[n]) for n in ("bid", "bid_qty", "ask", "ask_qty")]
                expected.append((*head, *numbers))
                numbers = [number(item[n]) for n in ("last", "volume", "vwap", "bid", "ask")]
                expected.append((*head, *numbers))
    found: list[tuple[object, ...]] = []
    for fact in facts(VENUE, singles()):
        head = (fact.symbol, fact.ts_event)
        match fact:
            case Trade():
                found.append((*head, fact.price, fact.size, fact.side, fact.trade_id))
            case Quote():
                found.append((*head, fact.bid, fact.bid_size, fact.ask, fact.ask_size))
            case Ticker():
                found.append((*head, fact.last, fact.volume, fact.vwap, fact.bid, fact.ask))
        assert (fact.inexact, fact.is_snapshot) == ({}, False)
    assert found == expected
    assert len(found) == 3


def test_the_states_of_all_recorded_pairs_are_told() -> None:
    """A snapshot of 2024: as the venue says it, and in our words; assets are no instruments."""
    payload = shared(PAIRS).read_bytes()
    pairs = json.loads(payload)["data"]["pairs"]
    found = of(Lifecycle, told("instrument", payload))
    assert [(fact.symbol, fact.raw_status) for fact in found] == [
        (pair["symbol"], pair["status"]) for pair in pairs
    ]
    assert all(fact.is_snapshot for fact in found)
    assert {fact.status for fact in found if fact.raw_status == "online"} == {"active"}
    first = json.loads(found[0].detail or "")
    assert Decimal(first["qty_min"]) == Decimal(str(pairs[0]["qty_min"]))


def test_a_state_nobody_knows_is_none_of_ours() -> None:
    """The venue's word is kept."""
    pair = {"symbol": "A/B", "status": "napping"}
    (fact,) = told("instrument", message("instrument", {"pairs": [pair], "assets": []}))
    assert isinstance(fact, Lifecycle)
    assert (fact.status, fact.raw_status, fact.detail) == (None, "napping", None)


def test_a_trade_of_rest_is_the_same_fact() -> None:
    """By its id; only its time is coarser."""
    live = {"symbol": "A/B", "side": "sell", "price": 1.5, "qty": 2.0, "trade_id": 7}
    (heard,) = told("trade", message("trade", [live], "snapshot"))
    page = {"error": [], "result": {"AB": [["1.50", "2.0", 1.5, "s", "m", "", 7]], "last": "1"}}
    answer = msgspec.structs.replace(
        envelope(BACKFILL, json.dumps(page).encode()), symbols=("A/B",)
    )
    (row,) = VENUE.rows(answer).rows
    (fetched,) = VENUE.facts(row)
    assert isinstance(heard, Trade)
    assert (heard.native_id, heard.trade_id, heard.is_snapshot) == ("7", "7", True)
    assert msgspec.structs.replace(heard, is_snapshot=False) == msgspec.structs.replace(
        fetched, ts_event=None
    )


def test_what_says_nothing_is_no_fact() -> None:
    """An empty snapshot, and a ticker without any figure we share."""
    assert told("trade", message("trade", [], "snapshot")) == []
    assert told("ticker", message("ticker", [{"symbol": "A/B", "change": 1.0}])) == []


def test_what_no_column_holds_is_kept_under_its_common_name() -> None:
    """In every table that would have it."""
    payload = message("ticker", [{"symbol": "A/B", "bid": 1.0, "ask": 2.0, "vwap": 0.0}])
    quote, ticker = told("ticker", payload.replace(b"2.0", b"1e40").replace(b"0.0", b"1e-40"))
    assert (quote.inexact, ticker.inexact) == (
        {"ask": "1E+40"},
        {"ask": "1E+40", "vwap": "1E-40"},
    )
