"""Past trades: every one of the time asked for, whatever the pages, and nothing claimed beyond."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.rest import Request, Span
from ssmd.model.timestamp import SECOND_NS, format_rfc3339, parse_rfc3339
from ssmd.venues.kalshi import VENUE
from ssmd.venues.kalshi.history import ARCHIVED, CUTOFF, LIVE, PAGE, history
from ssmd.venues.kalshi.rows_trade import Trade
from tests.shared import shared
from tests.tier import scale
from tests.venues.backfilling import drive, envelope, inside, partitioned, rows

TICKER = "KXBTCD-27JAN1517-T99999.99"
BASE = 1_800_000_000 * SECOND_NS
MICRO = 1_000
LONG_AGO = "2020-01-01T00:00:00Z"

Past = list[tuple[int, str]]
"""When, ns, and which id; the newest first."""


def told(ts: int, trade_id: str, **fields: object) -> dict[str, object]:
    """A trade as REST tells it."""
    return {
        "trade_id": trade_id, "ticker": TICKER, "count_fp": "3.00", "yes_price_dollars": "0.8900",
        "no_price_dollars": "0.1100", "taker_side": "yes", "created_time": format_rfc3339(ts),
        **fields,
    }  # fmt: skip


def page(*trades: dict[str, object], cursor: str = "") -> bytes:
    return json.dumps({"trades": trades, "cursor": cursor}).encode()


def cutoff(text: str) -> bytes:
    fields = ("market_settled_ts", "orders_updated_ts", "trades_created_ts")
    return json.dumps(dict.fromkeys(fields, text)).encode()


class Exchange:
    """Answers as the exchange does, from a list of trades, in pages as small as one likes.

    Attributes:
        asked: Every request.
        bodies: Every page.
    """

    def __init__(
        self, past: Past, size: int, *, strict: bool, cutoffs: Iterator[int], later: int = 0
    ) -> None:
        """Take over the trades.

        Args:
            past: The trades.
            size: Trades per page.
            strict: Whether the bounds of time are excluded.
            cutoffs: What each question about the cutoff is answered with, ns.
            later: How many trades happen before each answer.
        """
        self.past = past
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self._size = size
        self._strict = strict
        self._cutoffs = cutoffs
        self._cutoff = 0
        self._later = later

    def __call__(self, request: Request) -> bytes:
        self.asked.append(request)
        if request.path == CUTOFF:
            self._cutoff = next(self._cutoffs)
            return cutoff(format_rfc3339(self._cutoff))
        asked = dict(request.query)
        assert (asked["ticker"], asked["limit"]) == (TICKER, str(PAGE))
        for _ in range(self._later):
            self.past.insert(0, (self.past[0][0] + MICRO, f"new{len(self.past)}"))
        low, high = int(asked["min_ts"]) * SECOND_NS, int(asked["max_ts"]) * SECOND_NS
        is_live = {LIVE: True, ARCHIVED: False}[request.path]
        found = [
            (ts, name)
            for ts, name in self.past
            if (low < ts < high if self._strict else low <= ts < high + SECOND_NS)
            and (ts >= self._cutoff) == is_live
        ]
        names = [name for _, name in found]
        begin = names.index(asked["cursor"]) + 1 if "cursor" in asked else 0
        shown = found[begin : begin + self._size]
        more = begin + self._size < len(found)
        body = page(*(told(*trade) for trade in shown), cursor=shown[-1][1] if more else "")
        self.bodies.append(body)
        return body


def asked(exchange: Exchange, since: int, until: int) -> list[Span]:
    """The spans of a time; each says how many facts of its own page lie in it."""
    past = history("trade", TICKER, since, until)
    assert past is not None
    settled = drive(past, exchange)
    for each in settled:
        own = inside(rows(VENUE, TICKER, each.body), each.span)
        assert each.span.facts == len(own)
        assert not each.span.gone
    return [each.span for each in settled]


def ids(bodies: list[bytes], since: int, until: int) -> set[str | None]:
    """Which trades of a time the pages tell of."""
    every = [row for body in bodies for row in rows(VENUE, TICKER, body)]
    return {row.native_id for row in inside(every, Span(since, until, 0))}


@st.composite
def tapes(draw: st.DrawFn) -> Past:
    """Trades, many of one moment, many of one second."""
    ages = draw(
        st.lists(st.sampled_from((0, 0, 0, 1, 7, 400_000, 1_000_000, 3_500_000)), max_size=40)
    )
    ts, past = BASE + draw(st.integers(0, 2_000_000)) * MICRO, []
    for number, age in enumerate(ages):
        ts -= age * MICRO
        past.append((ts, f"t{number}"))
    return past


moments = st.integers(-20_000_000, 3_000_000).map(lambda micros: BASE + micros * MICRO)


@settings(max_examples=scale(gate=80, full=2000))
@given(
    past=tapes(),
    size=st.integers(1, 7),
    strict=st.booleans(),
    bounds=st.tuples(moments, moments).map(sorted),
    cut=moments | st.just(0),
    steps=st.lists(st.integers(0, 3_000_000), max_size=20),
)
def test_every_trade_of_the_time_is_told(
    past: Past, size: int, strict: bool, bounds: list[int], cut: int, steps: list[int]
) -> None:
    """Whatever the pages, the bounds and the tiers, between which trades move meanwhile."""
    since, until = bounds

    def cutoffs() -> Iterator[int]:
        at = cut // SECOND_NS * SECOND_NS
        yield at
        for step in steps:
            at += step * MICRO // SECOND_NS * SECOND_NS
            yield at
        while True:
            yield at

    exchange = Exchange(past, size, strict=strict, cutoffs=cutoffs())
    spans = asked(exchange, since, until)
    assert partitioned(spans, since, until)
    expected = {name for ts, name in past if since <= ts < until}
    assert ids(exchange.bodies, since, until) == expected
    for bound in {span.since for span in spans} - {since}:
        halves = [Exchange(past, size, strict=strict, cutoffs=cutoffs()) for _ in range(2)]
        assert partitioned(asked(halves[0], since, bound), since, bound)
        assert partitioned(asked(halves[1], bound, until), bound, until)
        found = [ids(halves[0].bodies, since, bound), ids(halves[1].bodies, bound, until)]
        assert found[0] | found[1] == expected
        assert not found[0] & found[1]


@settings(max_examples=scale(gate=60, full=1000))
@given(past=tapes(), bounds=st.tuples(moments, moments).map(sorted), later=st.integers(0, 5))
def test_what_lies_in_a_span_is_in_its_own_page(past: Past, bounds: list[int], later: int) -> None:
    """As long as no second fills a page; and new trades shift nothing."""
    since, until = bounds
    exchange = Exchange(
        [*past], 45, strict=False, cutoffs=iter([0] * 99), later=later if past else 0
    )
    walk = history("trade", TICKER, since, until)
    assert walk is not None
    found = [
        row.native_id
        for each in drive(walk, exchange)
        for row in inside(rows(VENUE, TICKER, each.body), each.span)
    ]
    late = {name for ts, name in exchange.past if name.startswith("new")}
    expected = [name for ts, name in past if since <= ts < until]
    assert [name for name in found if name not in late] == expected
    assert len(found) == len(set(found))


@pytest.mark.parametrize("strict", [False, True])
def test_a_trade_on_the_stroke_of_a_second_is_told(strict: bool) -> None:
    """Whether or not the exchange counts the bounds in, at either end."""
    past = [(BASE + SECOND_NS, "b"), (BASE, "a")]
    for since, until, name in (
        (BASE, BASE + 1, "a"),
        (BASE, BASE + SECOND_NS, "a"),
        (BASE + 1, BASE + SECOND_NS + 1, "b"),
    ):
        exchange = Exchange([*past], 9, strict=strict, cutoffs=iter([0]))
        assert partitioned(asked(exchange, since, until), since, until)
        assert ids(exchange.bodies, since, until) == {name}


def test_the_cutoff_is_asked_again_only_where_it_may_pass_by() -> None:
    """A backfill of yesterday costs one question more, not one per page."""
    past = [(BASE - number * SECOND_NS, f"t{number}") for number in range(40)]
    since = BASE - 39 * SECOND_NS
    far = Exchange(past, 5, strict=False, cutoffs=iter([BASE - 90 * 86_400 * SECOND_NS] * 99))
    asked(far, since, BASE)
    assert [request.path for request in far.asked].count(CUTOFF) == 1
    assert len(far.asked) > 5
    near = Exchange(past, 5, strict=False, cutoffs=iter([since - 3600 * SECOND_NS] * 99))
    asked(near, since, BASE)
    paths = [request.path for request in near.asked]
    assert paths == [CUTOFF, LIVE] * (len(paths) // 2)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "JSON"),
        (b"[]", "not an object"),
        (b"{}", "`trades` is missing"),
        (b'{"trades":{}}', "`trades` is not a list"),
        (page({"ticker": TICKER}), r"trades\[0\]: `trade_id` is missing"),
        (page(told(BASE, "a"), told(BASE, "b", ticker="OTHER")), r"trades\[1\] is of 'OTHER'"),
        (page(told(BASE, "a", created_time="noon")), r"trades\[0\]: `created_time` is no time"),
        (page(told(BASE, "a"), told(BASE + 1, "b")), r"trades\[1\] is newer"),
        (page(cursor="more"), "brings no trade"),
    ],
)
def test_a_page_that_is_none_fails(body: bytes, wrong: str) -> None:
    """It says what is wrong, and settles nothing."""
    past = history("trade", TICKER, BASE - SECOND_NS, BASE + SECOND_NS)
    assert past is not None
    next(past)
    assert isinstance(past.send(cutoff(LONG_AGO)), Request)
    with pytest.raises(ValueError, match=wrong):
        past.send(body)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"trades_created_ts":"soon"}'])
def test_an_answer_about_the_cutoff_that_is_none_fails(body: bytes) -> None:
    """Nothing is known of the tiers then."""
    past = history("trade", TICKER, 0, 1)
    assert past is not None
    assert next(past).path == CUTOFF  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"trades_created_ts|JSON|not an object"):
        past.send(body)


def test_a_cursor_that_leads_back_is_no_endless_loop() -> None:
    """The same page again under another cursor brings nothing new."""
    past = history("trade", TICKER, BASE - SECOND_NS, BASE + 1)
    assert past is not None
    next(past)
    past.send(cutoff(LONG_AGO))
    same = [told(BASE, "a"), told(BASE, "b")]
    assert isinstance(past.send(page(*same, cursor="one")), Request)
    with pytest.raises(ValueError, match="brings no trade"):
        past.send(page(*same, cursor="two"))


@pytest.mark.parametrize("channel", sorted(VENUE.channels - {"trade"}))
def test_only_trades_have_a_past(channel: str) -> None:
    """Books and tickers are told once."""
    assert VENUE.rest.history(channel, TICKER, 0, 1) is None


def recorded() -> dict[str, Any]:
    parsed = json.loads(shared("data/kalshi/rest/trades_list_response.json").read_bytes())
    answer: dict[str, Any] = parsed["response"]
    return answer


def test_a_recorded_page_is_read() -> None:
    """Whole down to its last trade, as there are more; its ids have the form of the stream's."""
    answer = recorded()
    ticker = answer["trades"][0]["ticker"]
    until = parse_rfc3339(answer["trades"][0]["created_time"]) + 1
    since = until - 86_400 * SECOND_NS
    past = history("trade", ticker, since, until)
    assert past is not None
    next(past)
    past.send(cutoff(LONG_AGO))
    body = json.dumps(answer).encode()
    span = past.send(body)
    oldest = parse_rfc3339(answer["trades"][-1]["created_time"])
    assert span == Span(oldest + 1, until, len(answer["trades"]) - 1)
    found = rows(VENUE, ticker, body)
    assert [row.native_id for row in found] == [each["trade_id"] for each in answer["trades"]]
    for row, each in zip(found, answer["trades"], strict=True):
        assert isinstance(row, Trade)
        assert (str(row.yes_price), row.side) == (each["yes_price_dollars"], "sell")
        assert row.count == each["count"]
        assert row.ts_event == parse_rfc3339(each["created_time"])
        assert (row.extra, row.inexact, row.sid) == (None, {}, None)


def test_a_row_of_rest_is_the_row_of_the_stream() -> None:
    """Apart from the number of the subscription, and the time, which REST tells finer."""
    ts = BASE + 123_456 * MICRO
    live = {
        "trade_id": "x", "market_ticker": TICKER, "yes_price_dollars": "0.8900",
        "no_price_dollars": "0.1100", "count_fp": "3.00", "taker_side": "yes",
        "taker_outcome_side": "yes", "taker_book_side": "bid", "ts": ts // SECOND_NS,
        "ts_ms": ts // 1_000_000,
    }  # fmt: skip
    frame = {"type": "trade", "sid": 2, "seq": 5, "msg": live}
    heard = msgspec.structs.replace(envelope(TICKER, json.dumps(frame).encode()), type="trade")
    (one,) = VENUE.rows(heard).rows
    body = page(told(ts, "x", taker_outcome_side="yes", taker_book_side="bid"))
    (two,) = rows(VENUE, TICKER, body)
    assert isinstance(one, Trade)
    assert isinstance(two, Trade)
    assert (one.sid, two.sid) == (2, None)
    assert (one.ts_event, two.ts_event) == (ts // 1_000_000 * 1_000_000, ts)
    assert msgspec.structs.replace(two, sid=2, ts_event=one.ts_event) == one
    assert (two.native_id, two.side) == ("x", "buy")


def test_a_price_that_contradicts_the_exact_one_is_kept() -> None:
    """Beside it a float of dollars stood once: it is news only when it says something else."""
    body = page(told(BASE, "a", price=0.89), told(BASE, "b", price=0.11))
    assert [row.extra for row in rows(VENUE, TICKER, body)] == [None, '{"price":0.11}']


def test_what_cannot_be_read_hurts_no_other_trade() -> None:
    """One reject for each, with its place; other markets' trades are left in the raw."""
    body = page(
        told(BASE, "a"), {"trade_id": "b"}, told(BASE, "c", ticker="OTHER"), told(BASE, "d")
    )
    decoded = VENUE.rows(envelope(TICKER, body))
    assert [row.native_id for row in decoded.rows] == ["a", "d"]
    assert [(each.where, each.reason) for each in decoded.rejects] == [
        ("trades[1]", "`ticker` is missing")
    ]


@pytest.mark.parametrize(
    "body", [cutoff(LONG_AGO), b"<html>busy</html>", b'{"error":{"code":"bad_request"}}']
)
def test_an_answer_that_is_no_page_has_no_rows(body: bytes) -> None:
    """It is kept with the pages, as evidence of where they come from."""
    decoded = VENUE.rows(envelope(TICKER, body))
    assert (decoded.rows, decoded.rejects) == ((), ())


def test_a_page_without_trades_is_told_from_one_of_another_kind() -> None:
    """A name that the exchange changes one day must show."""
    assert VENUE.rows(envelope(TICKER, page())).rejects == ()
    assert len(VENUE.rows(envelope(TICKER, b'{"fills":[]}')).rejects) == 1
