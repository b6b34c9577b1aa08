"""Both recordings through a passive session and through `rows`: nothing unread, nothing lost."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from ssmd.model.event import Control, Data, Event, Subscribed
from ssmd.model.frame import Frame, Opcode
from ssmd.venues.polymarket.rows import rows
from ssmd.venues.polymarket.tables import Book, LastTradePrice, PriceChange
from tests.venues.polymarket.frames import Talk, envelope
from tests.venues.polymarket.recordings import LEGACY, NEW, frames, single

KINDS = {
    "sample-book": "book",
    "sample-last_trade_price": "last_trade_price",
    "sample-price_change": "price_change_v0",
    "sample-price_change_v2": "price_change",
    "sample-tick_size_change": "tick_size_change",
    "sample-ws_market_best_bid_ask_msg": "best_bid_ask",
    "sample-ws_market_book_msg": "book",
    "sample-ws_market_last_trade_msg": "last_trade_price",
    "sample-ws_market_new_market_msg": "new_market",
    "sample-ws_market_price_change_msg": "price_change",
    "sample-ws_market_resolved_msg": "market_resolved",
    "sample-ws_market_tick_size_msg": "tick_size_change",
}


def heard(capture: str) -> list[tuple[bytes, list[Event]]]:
    session = Talk(passive=True).session
    return [
        (payload, list(session.receive(Frame(payload, Opcode.TEXT, 1, 0.0))))
        for payload in frames(capture)
    ]


def messages(payload: bytes) -> list[dict[str, Any]]:
    """The messages of a frame, read by another reader than ours; numbers as they were written."""
    if payload == b"PONG":
        return []
    value = json.loads(payload, parse_float=str, parse_int=str)
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("capture", "types"),
    [
        (NEW, {"book": 494, "price_change": 60, "last_trade_price": 1}),
        (
            LEGACY,
            {"book": 10, "price_change_v1": 300, "last_trade_price": 4, "pong": 4},
        ),
    ],
)
def test_every_frame_is_understood(capture: str, types: dict[str, int]) -> None:
    """Nothing is unread, and pongs are no data."""
    found: Counter[str] = Counter()
    for _, events in heard(capture):
        for event in events:
            if isinstance(event, Data):
                found[event.type] += 1
            elif isinstance(event, Control):
                found[event.kind] += 1
            else:
                assert isinstance(event, Subscribed)
    assert found == types


@pytest.mark.parametrize("capture", [NEW, LEGACY])
def test_every_split_frame_is_its_parts_to_the_byte(capture: str) -> None:
    """And every part speaks of one token, or of one condition, at the venue's own time."""
    for payload, events in heard(capture):
        parts = [event for event in events if isinstance(event, Data)]
        wire = messages(payload)
        assert len(parts) == len(wire)
        if len(parts) > 1:
            assert b"[%s]" % b",".join(part.payload or b"" for part in parts) == payload
        for part, message in zip(parts, wire, strict=True):
            named = [change["asset_id"] for change in message.get("price_changes", ())]
            assert part.symbols == tuple(dict.fromkeys(named or [message["asset_id"]]))
            assert part.route == message["market"]
            assert part.ts_event == int(message["timestamp"]) * 1_000_000


def test_the_first_list_confirms_every_token_once() -> None:
    """494 books in one frame of 0.9 MB."""
    payload, events = heard(NEW)[0]
    confirmed = [event for event in events if isinstance(event, Subscribed)]
    assert len(payload) > 900_000 - 10_000
    assert {event.subscription.symbol for event in confirmed} == {
        message["asset_id"] for message in messages(payload)
    }
    assert len(confirmed) == 494


@pytest.mark.parametrize("capture", [NEW, LEGACY])
def test_the_rows_state_what_the_frames_state(capture: str) -> None:
    """Every level, every digit; read again by another reader."""
    found: list[tuple[object, ...]] = []
    expected: list[tuple[object, ...]] = []
    for payload in frames(capture):
        if payload == b"PONG":
            continue
        decoded = rows(envelope(payload))
        assert decoded.rejects == ()
        for row in decoded.rows:
            assert row.extra is None
            assert set(row.inexact) <= {"last_trade_price"}  # empty where nothing was traded yet
            match row:
                case Book():
                    found.append((row.symbol, row.side, row.level, row.price, row.size, row.hash))
                case PriceChange():
                    found.append((row.symbol, row.side, row.price, row.size, row.hash))
                case LastTradePrice():
                    hashed = row.transaction_hash
                    found.append((row.symbol, row.side, row.price, row.size, hashed))
        for message in messages(payload):
            expected += stated(message)
    assert found == expected


def stated(message: dict[str, Any]) -> list[tuple[object, ...]]:
    """What a message says, as tuples."""
    side = {"BUY": "bid", "SELL": "ask"}
    match message["event_type"]:
        case "book":
            return [
                (message["asset_id"], name, level, Decimal(item["price"]), Decimal(item["size"]),
                 message["hash"])
                for name, items in (("bid", message["bids"]), ("ask", message["asks"]))
                for level, item in enumerate(items)
            ]  # fmt: skip
        case "price_change":
            items = message.get("price_changes") or message["changes"]
            return [
                (item.get("asset_id") or message["asset_id"], side[item["side"]],
                 Decimal(item["price"]), Decimal(item["size"]),
                 item.get("hash") or message["hash"])
                for item in items
            ]  # fmt: skip
        case _:
            return [
                (message["asset_id"], message["side"].casefold(), Decimal(message["price"]),
                 Decimal(message["size"]), message.get("transaction_hash"))
            ]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_single_frames_have_their_types_and_rows(name: str, kind: str) -> None:
    """One of every sort, of three years."""
    payload = single(name)
    (event,) = (e for e in Talk().receive(payload) if not isinstance(e, Subscribed))
    assert isinstance(event, Data)
    assert event.type == kind
    decoded = rows(envelope(payload, kind))
    assert decoded.rejects == ()
    assert decoded.rows
    assert all(row.extra is None and not row.inexact for row in decoded.rows)
    assert {row.symbol for row in decoded.rows} == set(event.symbols)
