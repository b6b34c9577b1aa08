"""Polymarket's facts in common words: recorded frames against another reader, and hard cases."""

import json
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.fact import Fact, Lifecycle, Outcome, Quote, Trade
from ssmd.venues.polymarket import VENUE
from tests.venues.polymarket.recordings import LEGACY, NEW, frames, single
from tests.venues.telling import facts, number, of

MILLI = 1_000_000


def messages(payload: bytes) -> list[dict[str, Any]]:
    if payload == b"PONG":
        return []
    value = json.loads(payload)
    return value if isinstance(value, list) else [value]


def expected(message: dict[str, Any]) -> list[tuple[object, ...]]:
    """What a message states of trades and the touch, by the standard library alone."""
    at = int(message["timestamp"]) * MILLI
    match message.get("event_type"):
        case "last_trade_price":
            numbers = [number(message.get(name)) for name in ("price", "size")]
            side = {"BUY": "buy", "SELL": "sell"}[message["side"]]
            return [("trades", message["asset_id"], at, *numbers, side, None)]
        case "price_change":
            return [
                ("quotes", each["asset_id"], at, number(each["best_bid"]), None,
                 number(each["best_ask"]), None)
                for each in message.get("price_changes", [])
            ]  # fmt: skip
        case "best_bid_ask":
            touch = [number(message[name]) for name in ("best_bid", "best_ask")]
            return [("quotes", message["asset_id"], at, touch[0], None, touch[1], None)]
    return []


def shown(fact: Fact) -> tuple[object, ...]:
    head = (fact.table, fact.symbol, fact.ts_event)
    match fact:
        case Trade():
            return (*head, fact.price, fact.size, fact.side, fact.trade_id)
        case Quote():
            return (*head, fact.bid, fact.bid_size, fact.ask, fact.ask_size)
    return head


@pytest.mark.parametrize(
    ("payloads", "trades", "quotes"),
    [
        (lambda: frames(NEW), 1, 120),
        (lambda: frames(LEGACY), 4, 0),
        (lambda: [single("sample-last_trade_price")], 1, 0),
        (lambda: [single("sample-price_change_v2")], 0, 3),
        (lambda: [single("sample-ws_market_best_bid_ask_msg")], 0, 1),
    ],
    ids=["new", "legacy", "trade", "changes", "touch"],
)
def test_recorded_trades_and_quotes_are_what_another_reader_finds(
    payloads: Any,  # noqa: ANN401 - read only when the recordings are there
    trades: int,
    quotes: int,
) -> None:
    """In all formats there were; until September 2025 price changes told no touch."""
    said: list[bytes] = payloads()
    found = facts(VENUE, said)
    assert [shown(fact) for fact in found] == [
        each for payload in said for message in messages(payload) for each in expected(message)
    ]
    assert (len(of(Trade, found)), len(of(Quote, found))) == (trades, quotes)
    assert not any(fact.inexact for fact in found)


def test_a_recorded_resolution_is_an_outcome_of_each_token() -> None:
    """The winner pays a dollar, the other nothing."""
    payload = single("sample-ws_market_resolved_msg")
    told = json.loads(payload)
    found = facts(VENUE, [payload])
    at = int(told["timestamp"]) * MILLI
    assert [(o.symbol, o.outcome, o.value, o.determined_at) for o in of(Outcome, found)] == [
        (token, told["winning_outcome"], Decimal(token == told["winning_asset_id"]), at)
        for token in told["assets_ids"]
    ]
    assert {(life.event, life.status) for life in of(Lifecycle, found)} == {
        ("market_resolved", "determined")
    }


def test_recorded_listings_and_steps_are_lives_of_tokens() -> None:
    """With everything that was said about them."""
    listing = single("sample-ws_market_new_market_msg")
    told = json.loads(listing)
    lives = of(Lifecycle, facts(VENUE, [listing]))
    assert [life.symbol for life in lives] == told["assets_ids"]
    assert json.loads(lives[0].detail or "")["question"] == told["question"]
    step = json.loads(single("sample-ws_market_tick_size_msg"))
    (life,) = of(Lifecycle, facts(VENUE, [json.dumps(step).encode()]))
    assert (life.event, life.status) == ("tick_size_change", None)
    assert Decimal(json.loads(life.detail or "")["new_tick_size"]) == Decimal(step["new_tick_size"])


def made(kind: str, **fields: object) -> list[Fact]:
    base = {"event_type": kind, "market": "0x1", "timestamp": "1", "asset_id": "7"}
    return facts(VENUE, [json.dumps({**base, **fields}).encode()])


def test_a_resolution_without_a_winner_pays_nobody_knows_what() -> None:
    """Neither a dollar nor nothing: both halves may be paid."""
    for winner in ({}, {"winning_asset_id": ""}, {"winning_asset_id": None}):
        found = of(Outcome, made("market_resolved", assets_ids=["1", "2"], **winner))
        assert [outcome.value for outcome in found] == [None, None]


def test_what_no_column_holds_is_kept_under_its_common_name() -> None:
    """A touch that cannot be read, and half of one."""
    (quote,) = of(Quote, made("best_bid_ask", best_bid="high", best_ask="0.5"))
    assert (quote.bid, quote.ask, quote.inexact) == (None, Decimal("0.5"), {"bid": "high"})
    (trade,) = of(Trade, made("last_trade_price", price="0.5", size="1e40"))
    assert (trade.size, trade.side, trade.inexact) == (None, None, {"size": "1e40"})
