"""Missed trades of Kraken spot: every one of them, whatever lies at the edge of a page."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.frame import Now
from ssmd.model.rest import Request, Span
from ssmd.model.row import Row
from ssmd.venues.kraken import VENUE, simulated_listing
from ssmd.venues.kraken.history import PAGE, history, trades
from ssmd.venues.kraken.tables import TradeRow
from tests.shared import shared
from tests.tier import scale
from tests.venues.backfilling import Settled, drive, envelope, inside, partitioned, rows
from tests.venues.kraken.simulating import later, market
from tests.venues.test_contract_history import tape

PAIR = "BTC/USD"
BASE = 1_762_820_035_982_277_754
BLUR_NS = 1_000
STEPS = (0, 0, 0, 1, 90, 130, 400, *[5_000] * 6, 7_001, 60_000_000_000)
"""Pauses between trades, ns: some are told apart by nobody, some by the nanosecond alone."""


class Server(msgspec.Struct):
    """The venue's side as far as `Trades` goes: every trade at its nanosecond, told in seconds.

    Attributes:
        times: Of every trade, ns, oldest first; ids count from 1.
        most: Trades in a page.
        inclusive: Whether `since` brings what happened at that moment too.
    """

    times: Sequence[int]
    most: int
    inclusive: bool
    asked: list[Request] = []

    def __call__(self, request: Request) -> bytes:
        self.asked.append(request)
        query = dict(request.query)
        since = int(query["since"])
        after = [
            (at, number)
            for number, at in enumerate(self.times, 1)
            if at > since or (self.inclusive and at == since)
        ]
        return page([trade(at, number) for at, number in after[: self.most]])

    @property
    def stated(self) -> dict[str, int]:
        """The times a reader of the answers finds, by id."""
        told = {str(number): json.dumps(at / 1e9) for number, at in enumerate(self.times, 1)}
        return {number: int(Decimal(text).scaleb(9)) for number, text in told.items()}

    @property
    def crowded(self) -> bool:
        """Whether more trades than a page holds share what cannot be told apart."""
        return any(
            sum(at - 2 * BLUR_NS <= other <= at for other in self.times) >= self.most
            for at in self.times
        )


def trade(at: int, number: int) -> list[object]:
    return ["105899.40000", "0.00009443", at / 1e9, "s", "m", "", number]


def page(found: Sequence[object], **beside: object) -> bytes:
    return json.dumps({"error": [], "result": {"XXBTZUSD": found, "last": "1"}, **beside}).encode()


def collected(settled: Sequence[Settled]) -> list[str | None]:
    """The ids of everything in the spans, each as often as it is there."""
    return [
        row.native_id for each in settled for row in inside(rows(VENUE, PAIR, each.body), each.span)
    ]


def served(server: Server, since: int, until: int) -> list[Settled]:
    return drive(trades("XBTUSD", since, until, page=server.most), server)


@settings(deadline=None, max_examples=scale(gate=150, full=3000))
@given(seed=st.integers(0, 2**32), most=st.integers(6, 20), inclusive=st.booleans(), data=st.data())
def test_every_trade_is_told_once(
    seed: int, most: int, inclusive: bool, data: st.DataObject
) -> None:
    """Many share a time, pages are small, and it may be begun again at every bound."""
    times = [BASE + at for at in accumulate(Random(seed).choices(STEPS, k=60))]
    server = Server(times, most, inclusive)
    edges = sorted({BASE - 1, *times, *(at + 1 for at in times)})
    since = data.draw(st.sampled_from(edges[: len(edges) // 3 + 1]))
    until = data.draw(st.sampled_from([*edges[len(edges) // 2 :], times[-1] + 10**12]))
    expected = [number for number, at in server.stated.items() if since <= at < until]
    try:
        settled = served(server, since, until)
    except ValueError:
        assert server.crowded
        return
    assert collected(settled) == expected
    assert partitioned([each.span for each in settled], since, until)
    assert sum(each.span.facts for each in settled) == len(expected)
    assert not any(each.span.gone for each in settled)
    if settled:
        bound = data.draw(st.sampled_from([each.span.until for each in settled]))
        again = [*served(server, since, bound), *served(server, bound, until)]
        assert collected(again) == expected


def test_a_moment_with_more_trades_than_a_page_is_refused() -> None:
    """What cannot be paged through is an error, instead of a loop or a hole."""
    server = Server([BASE] * 5, 5, inclusive=True)
    with pytest.raises(ValueError, match="more trades than a page holds at one moment"):
        served(server, BASE - 5_000, BASE + 5_000)
    assert len(server.asked) < 4


def test_a_short_page_is_no_end() -> None:
    """A venue that tells fewer than were asked for is asked again, until nothing is new."""
    times = [BASE + at * 1_000_000 for at in range(7)]
    settled = drive(trades("XBTUSD", BASE - 1_000, BASE + 10**12), Server(times, 3, True))
    assert len(collected(settled)) == len(times)


def test_an_empty_page_is_the_end() -> None:
    """A quiet pair costs one request."""
    server = Server([], 3, inclusive=True)
    (only,) = served(server, 10**18, 2 * 10**18)
    assert only.span == Span(10**18, 2 * 10**18, 0)
    assert len(server.asked) == 1


def test_what_is_asked_for() -> None:
    """The pair as REST names it, from a little earlier, as much as a page can hold."""
    told = history("trade", "BTC/USD", BASE, BASE + 1)
    assert told is not None
    query = (("pair", "XBTUSD"), ("since", str(BASE - 1_000)), ("count", str(PAGE)))
    assert next(told) == Request("/0/public/Trades", query)


@pytest.mark.parametrize(
    ("channel", "symbol"), [("book", PAIR), ("ticker", PAIR), ("ohlc", PAIR), ("trade", "BTC")]
)
def test_only_trades_of_pairs_have_a_past(channel: str, symbol: str) -> None:
    """The other channels are states: nobody kept them."""
    assert history(channel, symbol, 0, 1) is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"[]", "not an object"),
        (b"{", "not readable JSON"),
        (b'{"result":5}', "not the trades of one pair but has 0"),
        (b'{"result":{"last":"1"}}', "not the trades of one pair but has 0"),
        (b'{"result":{"A":[],"B":[]}}', "not the trades of one pair but has 2"),
        (b'{"result":{"A":{}}}', "the trades are not a list"),
        (page([["1", "2"]]), "a trade is not a list of 7"),
        (page([{}]), "a trade is not a list of 7"),
        (page([["1", "2", None, "s", "m", "", 1]]), "a trade has no readable time"),
        (page([["1", "2", "soon", "s", "m", "", 1]]), "a trade has no readable time"),
        (page([trade(BASE, 1), trade(BASE - 10**9, 2)]), "not in the order of time"),
    ],
)
def test_a_page_that_is_none_is_named(body: bytes, wrong: str) -> None:
    """Nothing is proved by what cannot be read."""
    told = trades("XBTUSD", BASE - 10**10, BASE + 10**10)
    next(told)
    with pytest.raises(ValueError, match=wrong):
        told.send(body)


def test_pages_must_overlap() -> None:
    """A page that does not know the last trade of the one before it leaves a hole between."""
    told = trades("XBTUSD", BASE - 10**10, BASE + 10**12)
    next(told)
    told.send(page([trade(BASE, 1)]))
    next(told)
    with pytest.raises(ValueError, match="does not contain the last trade of the page before"):
        told.send(page([trade(BASE + 10**9, 3)]))


def test_the_recorded_page() -> None:
    """A thousand trades of 586 times: whole up to the last time, and every figure exact."""
    body = shared("data/kraken/rest/sample-http_trades.json").read_bytes()
    told = trades("XBTUSDT", 1_762_795_433 * 10**9, 1_762_900_000 * 10**9)
    next(told)
    span = told.send(body)
    assert span == Span(1_762_795_433 * 10**9, 1_762_820_035_982_277_900, 999)
    (listed,) = [v for k, v in exact(body)["result"].items() if k != "last"]
    made = rows(VENUE, "BTC/USDT", body)
    assert len(made) == len(listed) == PAGE
    for row, element in zip(made, listed, strict=True):
        assert isinstance(row, TradeRow)
        price, size, time, side, kind, _, number = element
        assert row.symbol == "BTC/USDT"
        assert (row.price, row.size) == (Decimal(price), Decimal(size))
        assert row.ts_event == Decimal(time).scaleb(9)
        assert row.native_id == number == str(row.trade_id)
        assert row.side == {"b": "buy", "s": "sell"}[side]
        assert row.ord_type == {"m": "market", "l": "limit"}[kind]
        assert (row.extra, row.inexact, row.is_snapshot) == (None, {}, False)


def exact(body: bytes) -> dict[str, dict[str, list[list[str]]]]:
    parsed = json.loads(body, parse_float=str, parse_int=str)
    assert isinstance(parsed, dict)
    return parsed


def one(element: object) -> Row:
    (row,) = rows(VENUE, PAIR, page([element]))
    return row


def test_what_nobody_reads_is_kept() -> None:
    """A word in `misc`, a letter of tomorrow, an eighth element."""
    row = one(["1.0", "2", 1.5, "x", "q", "odd", 7, {"new": 1}])
    assert isinstance(row, TradeRow)
    assert (row.side, row.ord_type) == ("x", "q")
    assert json.loads(row.extra or "") == {"misc": "odd", "more": [{"new": 1}]}


def test_the_id_0_is_nobodys() -> None:
    """The venue once told thousands of trades with it: they are not one."""
    assert one(["1.0", "2", 1.5, "b", "m", "", 0]).native_id is None


def test_a_bad_trade_hurts_no_other() -> None:
    """One reject that says where, and the neighbours stand."""
    body = page([trade(BASE, 1), ["1.0"], [None, "2", 1.5, "b", "m", "", 3], trade(BASE, 4)])
    decoded = VENUE.rows(envelope(PAIR, body))
    assert [row.native_id for row in decoded.rows] == ["1", "4"]
    assert [(each.where, each.reason) for each in decoded.rejects] == [
        ("result[1]", "a trade is not a list of 7"),
        ("result[2]", "`price` is missing"),
    ]


def test_a_page_of_no_pair_is_a_reject() -> None:
    """Its symbol is nowhere but on the envelope."""
    body = page([trade(BASE, 1)])
    for symbols in ((), (PAIR, "ETH/USD")):
        nameless = msgspec.structs.replace(envelope(PAIR, body), symbols=symbols)
        (reject,) = VENUE.rows(nameless).rejects
        assert reject.reason == "a page of trades is of one pair"


def test_live_and_told_later_differ_in_the_time_alone() -> None:
    """By less than a microsecond: one is cut, the other rounded."""
    told = tape("kraken", "trade")
    again = told.rows(told.settled)
    both = [(row, again[key]) for key, row in told.live.items() if key in again]
    assert len(both) > PAGE
    for live, later_told in both:
        assert live.ts_event is not None
        assert later_told.ts_event is not None
        assert abs(live.ts_event - later_told.ts_event) < BLUR_NS
        same = msgspec.structs.replace(
            later_told, ts_event=live.ts_event, is_snapshot=live.is_snapshot
        )
        assert same == live


def test_the_simulated_venue_refuses_what_it_forgot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue keeps everything; leaving trades out in silence would be a lie about it."""
    monkeypatch.setattr(simulated_listing, "TAPE", 20)
    venue = market(500.0, 1, PAIR)
    run_alone(venue.advance, 2.0)
    complaints = []
    for since in (1, later(1.9).wall):
        query = [("pair", "XBTUSD"), ("since", str(since))]
        answer = venue.rest("main", "/0/public/Trades", query, later(2))
        complaints.append(VENUE.rest.complaint(answer.body))
    assert complaints[0] is not None
    assert not complaints[0].retryable
    assert complaints[1] is None


def test_pairs_that_nobody_hears_are_traded() -> None:
    """Unless trading stands still, or the pair is only to be left."""
    venue = market(500.0, 1, PAIR, "XMR/EUR")
    run_alone(venue.advance, 2.0)
    traded = {symbol: len(listing.tape) for symbol, listing in venue.listings.items()}
    assert traded[PAIR] > 50
    assert traded["XMR/EUR"] == 0
    venue.speed(0.0)
    run_alone(venue.advance, 4.0)
    assert len(venue.listings[PAIR].tape) == traded[PAIR]


def run_alone(advance: Callable[[Now], None], seconds: float) -> None:
    """Let time pass without anybody."""
    for step in range(round(seconds / 0.05)):
        advance(later(step * 0.05))
