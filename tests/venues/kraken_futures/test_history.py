"""Missed trades of Kraken Futures: backwards, to the last one the venue still keeps."""

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.rest import Request, Span
from ssmd.model.timestamp import format_rfc3339, parse_rfc3339
from ssmd.venues.kraken_futures import VENUE, simulated_listing
from ssmd.venues.kraken_futures.history import PAGE, history, trades
from ssmd.venues.kraken_futures.tables import Trade
from tests.shared import shared
from tests.tier import scale
from tests.venues.backfilling import Settled, asking, drive, envelope, inside, partitioned, rows
from tests.venues.kraken_futures.simulating import later, market
from tests.venues.test_contract_history import tape

XBT = "PF_XBTUSD"
MS = 1_000_000
BASE = 1_787_000_000_123 * MS
STEPS = (0, 0, 0, 1, 1, 2, 17, 17, 1_000, 60_000)
"""Pauses between trades, ms."""


class Server(msgspec.Struct):
    """The venue's side as far as `/history` goes.

    Attributes:
        times: Of every trade, ns, oldest first; ids count from 0.
        most: Trades in a page.
        inclusive: Whether a trade at `lastTime` itself is told.
        kept: How many of the latest trades are still kept.
    """

    times: Sequence[int]
    most: int
    inclusive: bool
    kept: int
    asked: list[Request] = []

    def __call__(self, request: Request) -> bytes:
        self.asked.append(request)
        last = parse_rfc3339(dict(request.query)["lastTime"])
        before = [
            (at, number)
            for number, at in enumerate(self.times)
            if number >= self.forgotten and (at < last or (self.inclusive and at == last))
        ]
        return page([trade(at, number) for at, number in reversed(before[-self.most :])])

    @property
    def forgotten(self) -> int:
        return max(len(self.times) - self.kept, 0)

    @property
    def doubtful(self) -> int:
        """The time of the first trade that is kept: others of that time may be forgotten."""
        return self.times[self.forgotten] if self.kept else self.times[-1]

    @property
    def crowded(self) -> bool:
        """Whether more trades than a page holds are within a millisecond."""
        return any(
            sum(at <= other <= at + MS for other in self.times) >= self.most for at in self.times
        )


def trade(at: int, number: int) -> dict[str, object]:
    return {
        "time": f"{format_rfc3339(at)[:23]}Z",
        "trade_id": number,
        "price": 84001.5,
        "size": 25,
        "side": "sell",
        "type": "fill",
        "uid": f"uid-{number}",
    }


def page(found: Sequence[object]) -> bytes:
    return json.dumps({"result": "success", "history": found}).encode()


def told(settled: Sequence[Settled]) -> list[str | None]:
    """The ids of everything in the whole spans, oldest first, each as often as it is there."""
    return [
        row.native_id
        for each in reversed(settled)
        if not each.span.gone
        for row in reversed(inside(rows(VENUE, XBT, each.body), each.span))
    ]


def served(server: Server, since: int, until: int) -> list[Settled]:
    return drive(trades(XBT, since, until, page=server.most), server)


@settings(deadline=None, max_examples=scale(gate=150, full=3000))
@given(
    seed=st.integers(0, 2**32),
    most=st.integers(4, 20),
    inclusive=st.booleans(),
    kept=st.sampled_from([0, 1, 20, 45, 60, 60, 60]),
    data=st.data(),
)
def test_every_trade_that_is_kept_is_told_once(
    seed: int, most: int, inclusive: bool, kept: int, data: st.DataObject
) -> None:
    """What is gone is said to be, and nothing else; it may be begun again at every bound."""
    times = [BASE + at * MS for at in accumulate(Random(seed).choices(STEPS, k=60))]
    server = Server(times, most, inclusive, kept)
    edges = sorted({BASE - 1, *times, *(at + 1 for at in times)})
    since = data.draw(st.sampled_from(edges[: len(edges) // 3 + 1]))
    until = data.draw(st.sampled_from([*edges[len(edges) // 2 :], times[-1] + 10**12]))
    try:
        settled = served(server, since, until)
    except ValueError:
        assert server.crowded
        return
    asked = [number for number, at in enumerate(times) if since <= at < until]
    assert told(settled) == [f"uid-{n}" for n in asked if times[n] > server.doubtful]
    assert partitioned([each.span for each in settled], since, until)
    assert any(each.span.gone for each in settled) == (since <= server.doubtful and since < until)
    for each in settled:
        within = [n for n in asked if each.span.since <= times[n] < each.span.until]
        if each.span.gone:
            assert not [n for n in within if times[n] > server.doubtful]
        else:
            assert each.span.facts == len(within)
    if settled:
        bound = data.draw(st.sampled_from([each.span.since for each in settled]))
        again = [*served(server, bound, until), *served(server, since, bound)]
        assert told(again) == told(settled)


def test_a_moment_with_more_trades_than_a_page_is_refused() -> None:
    """A sweep through more orders than that cannot be paged through: an error, not a hole."""
    server = Server([BASE] * 5, 5, inclusive=False, kept=5)
    with pytest.raises(ValueError, match="more trades than a page holds at one moment"):
        served(server, BASE - MS, BASE + MS)
    assert len(server.asked) < 4


def test_what_is_older_than_the_venue_keeps_is_gone() -> None:
    """The trades it has are whole after their first; up to that nobody knows."""
    times = [BASE + at * MS for at in range(6)]
    server = Server(times, 4, inclusive=False, kept=3)
    settled = [each.span for each in served(server, BASE - MS, BASE + 10 * MS)]
    assert settled == [
        Span(times[3] + 1, BASE + 10 * MS, 2),
        Span(BASE - MS, times[3] + 1, 0, gone=True),
    ]


def test_a_venue_that_knows_nothing_proves_nothing() -> None:
    """No trade for a week, or the engine restarted a minute ago: it looks the same."""
    server = Server([], 4, inclusive=False, kept=3)
    (only,) = served(server, BASE, BASE + MS)
    assert only.span == Span(BASE, BASE + MS, 0, gone=True)


def test_a_quiet_time_after_an_old_trade_is_whole() -> None:
    """One trade from before is proof that nothing was forgotten since."""
    server = Server([BASE - MS], 4, inclusive=False, kept=3)
    (only,) = served(server, BASE, BASE + MS)
    assert only.span == Span(BASE, BASE + MS, 0)


def test_what_is_asked_for() -> None:
    """Up to the millisecond after, so that it does not matter whether the last one counts."""
    step = history("trade", XBT, 0, BASE + 1)
    assert step is not None
    last = f"{format_rfc3339(BASE + MS)[:23]}Z"
    assert next(step) == Request("/history", (("symbol", XBT), ("lastTime", last)))


@pytest.mark.parametrize("channel", ["book", "ticker", "ticker_lite"])
def test_only_trades_have_a_past(channel: str) -> None:
    """The other feeds are states: nobody kept them."""
    assert history(channel, XBT, 0, 1) is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"[]", "not an object"),
        (b"{", "not readable JSON"),
        (b"{}", "`history` is missing"),
        (b'{"history":null}', "`history` is missing"),
        (b'{"history":{}}', "`history` is not a list"),
        (page([5]), "not an object"),
        (page([{"price": 1}]), "a trade has no readable time"),
        (page([{"time": 17}]), "a trade has no readable time"),
        (page([trade(BASE - 5 * MS, 1), trade(BASE, 2)]), "not in the order of time"),
    ],
)
def test_a_page_that_is_none_is_named(body: bytes, wrong: str) -> None:
    """Nothing is proved by what cannot be read."""
    step = trades(XBT, BASE - 10**10, BASE + 10**10)
    next(step)
    with pytest.raises(ValueError, match=wrong):
        step.send(body)


def test_pages_must_overlap() -> None:
    """A page that does not know the first trade of the one after it leaves a hole between."""
    step = trades(XBT, BASE - 10**12, BASE + 10**10)
    next(step)
    step.send(page([trade(BASE, 3)]))
    next(step)
    with pytest.raises(ValueError, match="does not contain the first trade of the page after"):
        step.send(page([trade(BASE - 10**9, 1)]))


def test_the_documented_page() -> None:
    """One trade in the documentation's words."""
    text = shared("data/kraken_futures/rest/GetTrades.txt").read_text(encoding="utf-8")
    body = text[text.index("{") :].encode()
    (row,) = rows(VENUE, "PI_XBTUSD", body)
    at = parse_rfc3339("2024-05-03T13:05:43.974Z")
    assert row == Trade(
        symbol="PI_XBTUSD",
        ts_event=at,
        native_id="d0692c0c-742e-4d88-862c-8bd63533e067",
        side="sell",
        price=Decimal(61081),
        size=Decimal(25),
        trade_type="fill",
        extra='{"trade_id":100}',
    )
    step = trades("PI_XBTUSD", at - MS, at + MS)
    next(step)
    assert step.send(body) == Span(at + 1, at + MS, 0)


def test_a_bad_trade_hurts_no_other() -> None:
    """One reject that says where, and the neighbours stand."""
    sideless = {**trade(BASE, 1), "side": "up"}
    sizeless = {**trade(BASE, 2), "size": None}
    body = page([trade(BASE, 0), sideless, 5, sizeless, trade(BASE, 4)])
    decoded = VENUE.rows(envelope(XBT, body))
    assert [row.native_id for row in decoded.rows] == ["uid-0", "uid-4"]
    assert [(each.where, each.reason) for each in decoded.rejects] == [
        ("history[1]", "`side` is neither buy nor sell: up"),
        ("history[2]", "not an object: 5"),
        ("history[3]", "`size` is missing"),
    ]


def test_a_page_of_no_product_is_a_reject() -> None:
    """Its symbol is nowhere but on the envelope."""
    body = page([trade(BASE, 1)])
    for symbols in ((), (XBT, "PF_ETHUSD")):
        nameless = msgspec.structs.replace(envelope(XBT, body), symbols=symbols)
        (reject,) = VENUE.rows(nameless).rejects
        assert reject.reason == "a page of trades is of one product"


def test_live_and_told_later_differ_in_the_counter_alone() -> None:
    """REST counts fills where the feed counts messages; all else is the same, time included."""
    seen = tape("kraken-futures", "trade")
    again = seen.rows(seen.settled)
    both = [(row, again[key]) for key, row in seen.live.items() if key in again]
    assert len(both) > PAGE
    assert max(len(rows(VENUE, XBT, each.body)) for each in seen.settled) == PAGE
    for live, later_told in both:
        assert isinstance(live, Trade)
        assert isinstance(later_told, Trade)
        assert (live.seq is None, later_told.seq) == (False, None)
        same = msgspec.structs.replace(
            later_told, seq=live.seq, is_snapshot=live.is_snapshot, extra=None
        )
        assert same == live


def test_the_simulated_venue_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the real one does after a week: what is gone is found to be."""
    monkeypatch.setattr(simulated_listing, "TAPE", 150)
    venue = market(500.0, 1, XBT)
    for step in range(81):
        venue.advance(later(step * 0.05))
    since, until = later(-600).wall, later(4).wall
    step_of = history("trade", XBT, since, until)
    assert step_of is not None
    settled = drive(step_of, asking(VENUE, venue, later(5)))
    assert [each.span.gone for each in settled].count(True) == 1
    assert settled[-1].span.gone
    assert partitioned([each.span for each in settled], since, until)
    assert 100 < len(told(settled)) < 150


def test_the_simulated_venue_wants_a_time() -> None:
    """Anything else is answered with a complaint, in status 200."""
    query = (("symbol", XBT), ("lastTime", "yesterday"))
    complaint = VENUE.rest.complaint(market().rest("main", "/history", query, later(0)).body)
    assert complaint is not None
    assert not complaint.retryable


def test_a_product_that_only_trades_keeps_its_book() -> None:
    """However long nobody asks for the book: there is something to be traded with."""
    venue = market(1000.0, 1, XBT)
    for step in range(100):
        venue.advance(later(step))
    book = venue.listings[XBT].book
    assert len(venue.listings[XBT].tape) > 9_000
    assert min(len(book.bids.keys), len(book.asks.keys)) > 50
    assert book.bid < book.ask
