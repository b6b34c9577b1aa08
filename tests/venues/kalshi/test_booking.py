"""Kalshi's books as an archive gives them back, and when they are proved."""

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from ssmd.venues.kalshi import VENUE
from tests.shared import shared
from tests.venues.booking import Replay, Sides, kept, sides


def frame(kind: str, seq: int | None, sid: int = 1, **msg: object) -> bytes:
    numbered = {} if seq is None else {"seq": seq}
    return json.dumps({"type": kind, "sid": sid, **numbered, "msg": msg}).encode()


def book(seq: int | None, symbol: str = "A", sid: int = 1, **more: object) -> bytes:
    told = {"yes_dollars_fp": [["0.4000", "10.00"]], "no_dollars_fp": [["0.5500", "3.00"]], **more}
    return frame("orderbook_snapshot", seq, sid, market_ticker=symbol, **told)


def delta(
    seq: int | None, change: str = "1.00", symbol: str = "A", sid: int = 1, **more: object
) -> bytes:
    told = {"price_dollars": "0.4000", "side": "yes", **more}
    return frame("orderbook_delta", seq, sid, market_ticker=symbol, delta_fp=change, **told)


def replay(*payloads: bytes) -> Replay:
    made = Replay(VENUE)
    for payload in payloads:
        made.hear(payload)
    return made


class Independent:
    """The books of a recording by the standard library alone, message by message.

    Attributes:
        books: Levels by market and side, as the venue has them.
        unbroken: Markets with a snapshot since which no number was missing.
    """

    def __init__(self) -> None:
        self.books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
        self.unbroken: set[str] = set()
        self._last: dict[int, int] = {}
        self._highest: dict[int, int] = {}

    def hear(self, message: dict[str, Any]) -> str | None:
        """Whose book a message tells or changes; None when it is about none."""
        sid, seq = message.get("sid"), message.get("seq", -1)
        highest = -1
        if sid is not None and seq >= 0:
            highest = self._highest.get(sid, -1)
            if seq != self._last.get(sid, seq - 1) + 1:
                self.unbroken.clear()  # these recordings have one subscription of books
            self._last[sid], self._highest[sid] = seq, max(seq, highest)
        told, kind = message.get("msg", {}), message["type"]
        if kind == "orderbook_snapshot":
            name: str = told["market_ticker"]
            self.books[name] = {
                side: {Decimal(price): Decimal(size) for price, size in told.get(key, [])}
                for side, key in (("yes", "yes_dollars_fp"), ("no", "no_dollars_fp"))
            }
            if seq > highest:
                self.unbroken.add(name)
            return name
        if kind != "orderbook_delta" or told["market_ticker"] not in self.books:
            return None
        name = told["market_ticker"]
        side, price = self.books[name][told["side"]], Decimal(told["price_dollars"])
        side[price] = side.get(price, Decimal(0)) + Decimal(told["delta_fp"])
        if not side[price]:
            del side[price]
        return name

    def sides(self, name: str) -> Sides:
        """A book in terms of YES."""
        book = self.books[name]
        return book["yes"], {1 - price: size for price, size in book["no"].items()}


@pytest.mark.parametrize(
    ("capture", "proved", "doubtful"),
    [
        ("capture-quoter-session-20260701", 2890, 0),
        ("capture-btc1h-20260418", 69, 0),
        ("capture-btc15m-20260513T1333-rebuilt", 2970, 0),
        ("capture-gold15m-20260805-windows", 1, 2815),
    ],
)
def test_recorded_books_are_those_of_another_reader(
    capture: str, proved: int, doubtful: int
) -> None:
    """Every book after every message of the first 3,000; proved as long as no number is missing.

    Of the last recording one market was kept of a larger subscription: its numbers jump.
    """
    made, other, said = Replay(VENUE), Independent(), {True: 0, False: 0}
    lines = gzip.decompress(shared(f"data/kalshi/{capture}.jsonl.gz").read_bytes()).splitlines()
    for line in lines[:3000]:
        raw: str = json.loads(line)["raw"]
        made.hear(raw.encode())
        name = other.hear(json.loads(raw))
        if name is None:
            continue
        ok = made.tables.ok[name]
        assert ok == (name in other.unbroken)
        said[ok] += 1
        if ok:
            assert made.tables.books[name] == other.sides(name)
            assert all(size > 0 for side in other.sides(name) for size in side.values())
    assert made.connections == 1
    assert said == {True: proved, False: doubtful}


def test_a_bid_for_no_is_an_offer_of_yes() -> None:
    """At what is left of a dollar; sizes are what the deltas come to."""
    made = replay(book(1), delta(2, "-2.50"), delta(3, "1.00", side="no", price_dollars="0.4500"))
    assert (
        sides(kept(made.reader)["A"])
        == made.tables.books["A"]
        == (
            {Decimal("0.4"): Decimal("7.5")},
            {Decimal("0.45"): Decimal(3), Decimal("0.55"): Decimal(1)},
        )
    )
    assert made.tables.ok["A"]


def test_a_hole_in_the_numbers_concerns_every_book_of_the_subscription() -> None:
    """And none of another; each is proved again by its own snapshot."""
    made = replay(book(1), book(2, "B"), book(1, "C", sid=2), delta(4))
    assert made.tables.ok == {"A": False, "B": False, "C": True}
    made.hear(book(5, "B"))
    assert made.tables.ok == {"A": False, "B": True, "C": True}
    made.hear(delta(6))
    assert made.tables.ok == {"A": False, "B": True, "C": True}


def test_answers_use_up_numbers() -> None:
    """What is not about a book is part of the sequence all the same."""
    ok = b'{"type":"ok","id":2,"sid":1,"seq":2,"msg":{"market_tickers":["A"]}}'
    unknown = b'{"type":"surprise","sid":1,"seq":3}'
    assert replay(book(1), ok, unknown, delta(4)).tables.ok == {"A": True}
    assert replay(book(1), ok, delta(4)).tables.ok == {"A": False}


def test_markets_that_left_the_subscription_are_proved_no_more() -> None:
    """Nothing is told of them from then on."""
    left = b'{"type":"ok","id":2,"sid":1,"seq":3,"msg":{"market_tickers":["B"]}}'
    made = replay(book(1), book(2, "B"), left)
    assert made.tables.ok == {"A": False, "B": True}
    assert kept(made.reader).keys() == {"B"}
    made.hear(b'{"type":"unsubscribed","id":3,"sid":1,"seq":4}')
    assert made.tables.ok == {"A": False, "B": False}
    assert not kept(made.reader)


def test_an_older_snapshot_proves_nothing() -> None:
    """A repetition tells a book that was; one that numbers nothing could be from any time."""
    assert replay(book(1), delta(2), book(1)).tables.ok == {"A": False}
    assert replay(book(1), delta(2), book(3)).tables.ok == {"A": True}
    assert replay(book(None)).tables.ok == {"A": False}
    assert replay(book(1), delta(None)).tables.ok == {"A": False}


def test_a_level_below_nothing_is_none_and_proves_that_something_is_wrong() -> None:
    """No size is negative, whatever the numbers say."""
    made = replay(book(1), delta(2, "-10.01"))
    assert made.tables.ok == {"A": False}
    assert made.tables.books["A"][0] == {}


def test_a_delta_without_a_book_tells_nothing() -> None:
    """How much more there is does not say how much there is."""
    made = replay(delta(1))
    assert made.tables.books == {}
    assert made.tables.ok == {}


def test_what_no_column_holds_is_told_and_proves_nothing() -> None:
    """Neither a price beyond a dollar, nor more contracts than can be written."""
    for change in (delta(2, price_dollars="1.5000"), delta(2, "1e40"), delta(2, "9" * 28)):
        made = replay(book(1, yes_dollars_fp=[["0.4000", "9" * 28]]))
        (told,) = made.hear(change)
        assert not told.ok
    (told,) = replay(book(1)).hear(delta(2, "1e40"))
    assert told.inexact == {"size": "1e40"}
    assert told.levels == ()
    wrong = replay().hear(book(1, yes_dollars_fp=[["0.4000", "1e40"], ["0.3000", "1.00"]]))
    assert [(each.ok, each.inexact) for each in wrong] == [(False, {"size": "1e40"})]


def test_a_rejected_level_proves_nothing_until_the_next_snapshot() -> None:
    """The message used up its number, and what it told is not known."""
    broken = delta(2, side="maybe")
    made = replay(book(1), broken, delta(3))
    assert made.tables.ok == {"A": False}
    half = book(4, yes_dollars_fp=[["0.4000", "1.00"], "none"])
    made.hear(half)
    assert made.tables.ok == {"A": False}
    made.hear(book(5))
    assert made.tables.ok == {"A": True}


def test_a_market_that_closes_has_an_empty_book() -> None:
    """Nobody asked for that snapshot, and it has no side at all."""
    made = replay(book(1))
    (told,) = made.hear(frame("orderbook_snapshot", 2, market_ticker="A"))
    assert (told.is_snapshot, told.levels, told.ok) == (True, (), True)
    assert made.tables.books["A"] == ({}, {})


def test_after_missing_frames_the_next_number_tells() -> None:
    """Of the whole subscription at once, though only one market spoke."""
    made = replay(book(1), book(2, "B"))
    made.reader.missed()
    assert made.hear(b'{"type":"ticker","sid":9,"msg":{"market_ticker":"A","price":5}}') != []
    assert made.tables.ok == {"A": False, "B": False}
    made.hear(delta(3))
    assert made.tables.ok == {"A": True, "B": True}
    made.reader.missed()
    made.hear(delta(5))
    assert made.tables.ok == {"A": False, "B": False}
    made.hear(delta(6))
    assert made.tables.ok == {"A": False, "B": False}
