"""Rows of every recorded frame say what the frames say, letter for letter."""

import json
from datetime import datetime
from typing import Any

import pytest

from ssmd.model.row import Decoded
from ssmd.venues.kalshi.rows import rows
from tests.shared import shared
from tests.venues.kalshi.reading import as_any, envelope, only, recorded

BIG = (
    "capture-btc15m-20260513T1333-rebuilt.jsonl.gz",
    "capture-gold15m-20260805-windows.jsonl.gz",
)
SMALL = (
    "capture-btc1h-20260418.jsonl.gz",
    "capture-quoter-session-20260701.jsonl.gz",
    "capture-ticker-legacy-20250116.jsonl.gz",
    "frames/real-lifecycle-trade-ticker-2025-2026.jsonl",
)
SAMPLED = 11
"""In the gate one of so many changes of the big captures is compared; `make full` compares all."""
RENAMED = {"market_ticker": "symbol", "trade_id": "native_id", "Clock": "clock"}
CENTS = {"price", "yes_bid", "yes_ask", "no_bid", "no_ask", "yes_price", "no_price"}
SECONDS = {"open_ts", "close_ts", "determination_ts", "settled_ts", "expected_expiration_ts"}
CLOCKS = {"time", "ts", "ts_ms"}


def stated_time(msg: dict[str, Any]) -> int | None:
    """When a message says it happened, by its finest text; reads nothing the way rows do."""
    for text in (msg.get("time"), msg.get("ts")):
        if text and "T" in text:
            second = int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())
            return second * 10**9 + int(text[20:-1].ljust(9, "0"))
    for name, zeros in (("ts_ms", 6), ("ts", 9), ("determination_ts", 9), ("settled_ts", 9)):
        if msg.get(name):
            return int(msg[name] + "0" * zeros)
    return None


def agrees(row: Any, msg: dict[str, Any]) -> None:  # noqa: ANN401 - the tables differ
    """Every field of a message stands in the row, letter for letter."""
    assert row.ts_event == stated_time(msg)
    for name, told in msg.items():
        if name in CLOCKS:
            continue
        if isinstance(told, dict) and name == "additional_metadata":
            agrees_inside(row, told)
            continue
        stem = name.removesuffix("_dollars").removesuffix("_fp")
        said = getattr(row, RENAMED.get(name, stem))
        if f"{name}_dollars" in msg or f"{name}_fp" in msg:
            continue  # the other spelling of the same quantity
        if told == "" and said is None:
            assert row.inexact[stem] == ""
        elif name in SECONDS:
            assert str(said) == f"{told}000000000"
        elif name in CENTS:
            assert said * 100 == int(told)
        else:
            assert said == told if isinstance(said, str | bool) else str(said) == told


def agrees_inside(row: Any, told: dict[str, Any]) -> None:  # noqa: ANN401 - the tables differ
    """The metadata of a creation stand in columns of their own."""
    for name, text in told.items():
        said = getattr(row, name)
        if isinstance(text, dict):
            assert json.loads(said) == text
        elif name in SECONDS:
            assert str(said) == f"{text}000000000"
        else:
            assert said == text if isinstance(said, str | bool) else str(said) == text


@pytest.mark.parametrize(
    ("capture", "step"), [*((name, SAMPLED) for name in BIG), *((name, 1) for name in SMALL)]
)
def test_recorded_frames_give_rows_and_no_number_changes(capture: str, step: int) -> None:
    """Four formats of two years: nothing is rejected, rounded or dropped."""
    compare(capture, step)


@pytest.mark.full
@pytest.mark.parametrize("capture", BIG)
def test_every_recorded_frame_gives_rows_and_no_number_changes(capture: str) -> None:
    """The same for each of 200,000 frames."""
    compare(capture, 1)


def compare(capture: str, step: int) -> None:
    """Reads the frames of a capture, of the changes of books one of so many."""
    frames = 0
    for kind, payload, frame in recorded(shared(f"data/kalshi/{capture}")):
        frames += 1
        if kind == "orderbook_delta" and frames % step:
            continue
        found = rows(envelope(kind, payload))
        assert found.rejects == ()
        msg: dict[str, Any] = frame["msg"]
        if kind == "orderbook_snapshot":
            same_book(found, msg)
            continue
        row = only(found)
        assert str(row.sid) == frame["sid"]
        assert not row.is_snapshot
        agrees(row, msg)
        # A market that never traded said 0 cents and "" dollars at once: both are kept.
        assert row.extra == ('{"price":0}' if msg.get("price_dollars") == "" else None)
    assert frames


def same_book(found: Decoded, msg: dict[str, Any]) -> None:
    """The levels of a book, in the venue's order; an empty book is one row of nothing."""
    said = [(row.side, str(row.price), str(row.size)) for row in map(as_any, found.rows)]
    told = [
        (side, price, size)
        for side in ("yes", "no")
        for price, size in msg.get(f"{side}_dollars_fp", [])
    ]
    assert said == told if told else said == [(None, "None", "None")]
    assert all(row.is_snapshot and row.extra is None for row in found.rows)
