"""One bad trade of a snapshot: its neighbours stand, and still count."""

import json

import pytest

from ssmd.model.event import Data, Repaired
from tests.venues.kraken_futures.frames import (
    ETH,
    TRADE,
    XBT,
    Talk,
    answer,
    gap,
    rows,
    trade,
    trade_snapshot,
)


def with_bad(bad: object, at: int, seqs: range) -> bytes:
    """A snapshot of which one trade is replaced; a dict replaces some of its fields."""
    told = json.loads(trade_snapshot(seqs))
    trades = told["trades"]
    trades[at] = {**trades[at], **bad} if isinstance(bad, dict) else bad
    return json.dumps(told).encode()


BAD: list[object] = [
    None,
    7,
    "x",
    [],
    {"seq": "one"},
    {"seq": []},
    {"seq": 1.5},
    {"seq": -1},
    {"seq": 1 << 70},
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", [1, 2, 8])
def test_one_bad_trade_costs_no_other(bad: object, at: int) -> None:
    """The snapshot keeps its type, and the other trades are had."""
    payload = with_bad(bad, at, range(10, 0, -1))
    assert Talk().receive(payload) == [Data("trade_snapshot", (XBT,))]
    found = rows("trade_snapshot", payload)
    whole = rows("trade_snapshot", trade_snapshot(range(10, 0, -1)))
    neighbours = [row for index, row in enumerate(whole.rows) if index != at]
    assert [row for row in found.rows if row in neighbours] == neighbours
    assert len(found.rows) + len(found.rejects) == 10


@pytest.mark.parametrize("bad", BAD)
def test_the_other_trades_of_a_snapshot_prove_what_is_missing(bad: object) -> None:
    """It repairs a gap that they span, and what follows is judged from the newest of them."""
    talk = Talk()
    talk.hold(TRADE)
    talk.receive(trade(100))
    assert talk.receive(trade(104))[1:] == [gap("trade", 101, 104)]
    talk.receive(answer("unsubscribed", TRADE))
    talk.receive(answer("subscribed", TRADE))
    snapshot = with_bad(bad, 20, range(106, 6, -1))
    assert talk.receive(snapshot)[1:] == [Repaired("trade", (XBT,), "snapshot")]
    assert len(talk.receive(trade(107))) == 1
    assert talk.receive(trade(109))[1:] == [gap("trade", 108, 109)]


def test_the_newest_trade_that_cannot_be_read_is_missing() -> None:
    """Nobody has it, so the counter says so."""
    talk = Talk()
    talk.hold(TRADE)
    talk.receive(with_bad(None, 0, range(10, 0, -1)))
    assert talk.receive(trade(11))[1:] == [gap("trade", 10, 11)]


def test_a_snapshot_without_one_good_trade_keeps_its_type() -> None:
    """It proves nothing, and each of its elements is a reject."""
    told = {"feed": "trade_snapshot", "product_id": ETH, "trades": [None, 1]}
    payload = json.dumps(told).encode()
    assert Talk().receive(payload) == [Data("trade_snapshot", (ETH,))]
    assert len(rows("trade_snapshot", payload).rejects) == 2
