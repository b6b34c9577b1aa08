"""Past trades: every one of the time asked for, in the page that claims it, and none twice."""

import json
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.rest import Request, Span
from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.history import CONDITION, SIZES, STATUS, TRADES, YEARS_NS, history
from ssmd.venues.polymarket.tables import LastTradePrice
from tests.tier import scale
from tests.venues.backfilling import Settled, drive, envelope, inside, partitioned, rows
from tests.venues.polymarket.frames import MARKET, NO, YES, trade

NOW_S = 1_800_000_000
NOW = NOW_S * SECOND_NS

Past = list[tuple[int, str, str]]
"""Second, token and transaction; the newest first."""


def told(second: int, token: str = YES, transaction: str = "0x9f", **fields: object) -> object:
    """A trade as the data service tells it."""
    return {
        "proxy_wallet": "0x" + "ab" * 20, "side": "BUY", "token_id": token, "condition_id": MARKET,
        "size": 5, "price": 0.64, "timestamp": second, "title": "Will it?", "slug": "will-it",
        "icon": "", "event_slug": "", "outcome": "Yes", "outcome_index": 0, "name": "n",
        "pseudonym": "p", "bio": "", "profile_image": "", "profile_image_optimized": "",
        "transaction_hash": transaction, **fields,
    }  # fmt: skip


def page(*trades: object, cursor: str | None = None, **paging: object) -> bytes:
    following = {"limit": 1, "offset": 0, "has_more": cursor is not None, "next_cursor": cursor}
    return json.dumps({"data": trades, "pagination": {**following, **paging}}).encode()


def status(second: int, lag: object = 0, **serving: object) -> bytes:
    told = {"lag_seconds": lag, "worst": None, "mechanisms": [], **serving}
    computed = f"{format_rfc3339(second * SECOND_NS)[:19]}Z"
    return json.dumps({"data": {"computed_at": computed, "serving": told}}).encode()


RESOLVED = json.dumps({"condition_id": MARKET}).encode()


class Service:
    """Answers as the venue does, in pages that are smaller by a factor.

    Attributes:
        asked: Every request.
    """

    def __init__(self, past: Past, factor: int, *, later: int = 0) -> None:
        """Take over the trades; `later` new ones happen before each answer."""
        self.past = [*past]
        self.asked: list[Request] = []
        self._factor = factor
        self._later = later

    def __call__(self, request: Request) -> bytes:
        self.asked.append(request)
        if request.path == f"{CONDITION}{YES}":
            return RESOLVED
        if request.path == STATUS:
            return status(NOW_S)
        assert (request.path, request.service) == (TRADES, "data")
        asked = dict(request.query)
        assert (asked["condition"], asked["taker_only"]) == (MARKET, "true")
        assert asked["_"] == str(NOW_S)
        for _ in range(self._later):
            self.past.insert(0, (NOW_S, YES, f"new{len(self.past)}"))
        size, begin = int(asked["limit"]) // self._factor, 0
        if "cursor" in asked:
            size, last = json.loads(asked["cursor"])
            begin = [name for _, _, name in self.past].index(last) + 1
        shown = self.past[begin : begin + size]
        more = begin + size < len(self.past)
        cursor = json.dumps([size, shown[-1][2]]) if more else None
        return page(*(told(*each) for each in shown), cursor=cursor)


def asked(service: Service, since: int, until: int) -> list[Settled]:
    past = history("market", YES, since, until)
    assert past is not None
    return drive(past, service)


def hashes(settled: list[Settled]) -> list[str | None]:
    """The transactions of a token's trades, each taken from the page that settles its time."""
    found = []
    for each in settled:
        own = inside(rows(VENUE, YES, each.body), each.span)
        assert each.span.facts == len(own)
        assert not each.span.gone
        for row in own:
            assert isinstance(row, LastTradePrice)
            found.append(row.transaction_hash)
    return found


@st.composite
def tapes(draw: st.DrawFn, crowd: int, most: int) -> Past:
    """Trades of both tokens, up to so many in one second."""
    second = NOW_S - 1 - draw(st.integers(0, 3))
    past: Past = []
    gaps = st.lists(st.tuples(st.integers(1, 4), st.integers(1, crowd)), max_size=most)
    for gap, number in draw(gaps):
        second -= gap
        for _ in range(number):
            token = draw(st.sampled_from((YES, YES, NO)))
            past.append((second, token, f"0x{len(past):x}"))
    return past


moments = st.integers(-150_000, 0).map(lambda millis: NOW + millis * 1_000_000)


@settings(max_examples=scale(gate=80, full=2000))
@given(
    past=tapes(2, 60),
    factor=st.sampled_from((100, 50, 35)),
    bounds=st.tuples(moments, moments).map(sorted),
    later=st.integers(0, 4),
)
def test_every_trade_is_in_the_page_that_settles_it(
    past: Past, factor: int, bounds: list[int], later: int
) -> None:
    """Once: a trade without identity could not be told from itself in another page."""
    since, until = bounds
    settled = asked(Service(past, factor, later=later), since, until)
    assert partitioned([each.span for each in settled], since, until)
    expected = [
        name for second, token, name in past if token == YES and since <= second * SECOND_NS < until
    ]
    assert hashes(settled) == expected
    for bound in {each.span.since for each in settled} - {since}:
        before = asked(Service(past, factor), since, bound)
        after = asked(Service(past, factor), bound, until)
        assert partitioned([each.span for each in before], since, bound)
        assert partitioned([each.span for each in after], bound, until)
        assert hashes(after) + hashes(before) == expected


@settings(max_examples=scale(gate=60, full=1000))
@given(past=tapes(40, 6), bounds=st.tuples(moments, moments).map(sorted))
def test_a_second_longer_than_any_page_is_put_together(past: Past, bounds: list[int]) -> None:
    """Each of its trades was read by the time it is settled, and it ends."""
    since, until = bounds
    service = Service(past, 200)
    seen: set[str] = set()

    def ask(request: Request) -> bytes:
        body = service(request)
        if request.path == TRADES:
            seen.update(each["transaction_hash"] for each in json.loads(body)["data"])
        return body

    walk = history("market", YES, since, until)
    assert walk is not None
    step, spans = next(walk, None), []
    for _ in range(2000):
        if isinstance(step, Span):
            spans.append(step)
            within = {
                name for second, _, name in past if step.since <= second * SECOND_NS < step.until
            }
            assert within <= seen
        try:
            step = walk.send(ask(step) if isinstance(step, Request) else b"")
        except (StopIteration, TypeError):
            break
    assert partitioned(spans, since, until)


def test_a_short_time_costs_one_page() -> None:
    """Another walk begins only where a page ends amid the time asked for."""
    past: Past = [(NOW_S - number, YES, f"0x{number}") for number in range(1, 40)]
    service = Service(past, 100)
    asked(service, NOW - 8 * SECOND_NS, NOW)
    assert [request.path for request in service.asked] == [f"{CONDITION}{YES}", STATUS, TRADES]
    asked(service, NOW - 30 * SECOND_NS, NOW)
    limits = Counter(dict(each.query)["limit"] for each in service.asked[5:])
    assert limits == {str(SIZES[0]): 3, str(SIZES[1]): 5}


def test_what_the_venue_forgot_is_gone() -> None:
    """Three years of a condition are told: what is older stays lost, the rest is told."""
    past: Past = [(NOW_S - 5, YES, "0x1")]
    since = NOW - YEARS_NS - 100 * SECOND_NS
    settled = asked(Service(past, 1), since, NOW)
    assert [each.span for each in settled] == [
        Span(NOW - YEARS_NS, NOW, 1),
        Span(since, NOW - YEARS_NS, 0, gone=True),
    ]
    (only,) = asked(Service(past, 1), since, since + 1)
    assert only.span == Span(since, since + 1, 0, gone=True)


def answering(*answers: bytes) -> Iterator[Request | Span | str]:
    """What the history of the last minute says to these answers, the last one for ever."""
    past = history("market", YES, NOW - 60 * SECOND_NS, NOW)
    assert past is not None
    left = list(answers)
    step = next(past)
    while True:
        yield step
        try:
            step = past.send((left.pop(0) if len(left) > 1 else left[0]) if isinstance(step, Request) else b"")  # fmt: skip
        except StopIteration:
            return
        except ValueError as error:
            yield str(error)
            return


def test_data_that_does_not_go_far_enough_claims_nothing_more() -> None:
    """Blocks and indexers lag: what they have not brought yet did happen."""
    late = status(NOW_S - 10)
    *requests, page_, span, wrong = answering(RESOLVED, *[late] * 30, page(told(NOW_S - 20)))
    assert [step.path for step in requests[1:] if isinstance(step, Request)] == [STATUS] * 30
    assert isinstance(page_, Request)
    assert span == Span(NOW - 60 * SECOND_NS, NOW - 10 * SECOND_NS, 1)
    assert isinstance(wrong, str)
    assert "ask again later" in wrong


@pytest.mark.parametrize(
    ("serving", "second"),
    [
        ({}, NOW_S - 4),
        ({"mechanisms": [{"name": "activity_feed", "age_seconds": 9}]}, NOW_S - 9),
        ({"mechanisms": [{"name": "pnl", "age_seconds": 900}]}, NOW_S - 4),
    ],
)
def test_what_counts_is_how_old_the_feed_of_trades_is(
    serving: dict[str, object], second: int
) -> None:
    """Another part that stands still says nothing about trades; none named, the worst counts."""
    answers = (RESOLVED, *[status(NOW_S, 4, **serving)] * 30, page())
    (span,) = (step for step in answering(*answers) if isinstance(step, Span))
    assert span.until == second * SECOND_NS


def test_a_second_that_is_not_over_is_not_counted() -> None:
    """Trades are told in whole seconds: more may come of this one."""
    running = status(NOW_S - 4).replace(b":56Z", b":56.9Z")
    assert b".9Z" in running
    (span,) = (s for s in answering(RESOLVED, *[running] * 30, page()) if isinstance(s, Span))
    assert span.until == NOW - 4 * SECOND_NS


def test_it_is_waited_for_data_that_comes() -> None:
    """The first answer is often a few seconds old."""
    steps = list(answering(RESOLVED, status(NOW_S - 3), status(NOW_S - 1), status(NOW_S), page()))
    assert steps[-1] == Span(NOW - 60 * SECOND_NS, NOW, 0)
    waits = [step for step in steps if isinstance(step, Request) and step.path == STATUS]
    service = VENUE.rest.services["data"]
    assert len(waits) == 3
    assert waits[0].cost / service.tokens_per_second == 1.0
    assert waits[0].cost <= service.burst


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ((b"",), "JSON"),
        ((b"[]",), "not an object"),
        ((b'{"condition_id":""}',), "`condition_id` is missing"),
        ((RESOLVED, b'{"data":[]}'), "not an object"),
        ((RESOLVED, status(NOW_S, None)), "lag_seconds"),
        ((RESOLVED, status(NOW_S, -1)), "lag_seconds"),
        ((RESOLVED, status(NOW_S), b"{}"), "`data` is missing"),
        ((RESOLVED, status(NOW_S), b'{"data":{},"pagination":{"has_more":false}}'), "not a list"),
        ((RESOLVED, status(NOW_S), b'{"data":[],"pagination":{}}'), "`has_more` is missing"),
        ((RESOLVED, status(NOW_S), page(5)), "data[0]: not an object"),
        ((RESOLVED, status(NOW_S), page({"condition_id": MARKET})), "data[0]: `token_id`"),
        ((RESOLVED, status(NOW_S), page(told(1, condition_id="0x1"))), "data[0] is of condition"),
        ((RESOLVED, status(NOW_S), page(told(1, timestamp="now"))), "`timestamp` is no time"),
        ((RESOLVED, status(NOW_S), page(told(1), told(2))), "data[1] is newer"),
        ((RESOLVED, status(NOW_S), page(cursor="a")), "nothing new comes"),
        ((RESOLVED, status(NOW_S), page(told(NOW_S), has_more=True)), "nothing new comes"),
        ((RESOLVED, status(NOW_S), page(told(NOW_S), cursor="a")), "nothing new comes"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_fails(answers: tuple[bytes, ...], wrong: str) -> None:
    """It says what is wrong, and settles nothing; nor does it go on for ever."""
    *steps, last = answering(*answers)
    assert isinstance(last, str)
    assert wrong in last
    assert not [step for step in steps if isinstance(step, Span)]


def test_a_second_without_end_ends() -> None:
    """Every page has a new cursor and the same second."""
    past = history("market", YES, NOW - 60 * SECOND_NS, NOW)
    assert past is not None
    next(past)
    past.send(RESOLVED)
    past.send(status(NOW_S))

    def read_on() -> None:
        for number in range(1000):
            past.send(page(told(NOW_S - 1), cursor=f"c{number}"))

    with pytest.raises(ValueError, match="nothing new comes"):
        read_on()


def test_only_the_one_channel_has_a_past() -> None:
    """Of all it tells, trades."""
    assert VENUE.rest.history("book", YES, 0, 1) is None


def test_a_row_of_the_data_service_is_the_row_of_the_stream() -> None:
    """But for the time, which is its block's; the fee; and what else is told of the taker."""
    heard = msgspec.structs.replace(
        envelope(YES, json.dumps(trade()).encode()), type="last_trade_price"
    )
    (one,) = VENUE.rows(heard).rows
    (two,) = rows(VENUE, YES, page(told(NOW_S)))
    assert isinstance(one, LastTradePrice)
    assert isinstance(two, LastTradePrice)
    assert (two.ts_event, two.fee_rate_bps, two.native_id) == (NOW, None, None)
    assert json.loads(two.extra or "") == {
        "proxy_wallet": "0x" + "ab" * 20, "outcome": "Yes", "outcome_index": 0,
    }  # fmt: skip
    same = msgspec.structs.replace(
        two, ts_event=one.ts_event, fee_rate_bps=one.fee_rate_bps, extra=None
    )
    assert same == one


def test_a_page_has_rows_of_the_token_that_was_asked_for() -> None:
    """The other one's are in the raw; what cannot be read hurts no other."""
    body = page(
        told(3, transaction="0x1"), told(3, NO), 7, told(2, price=None), told(2, side="HOLD"),
        told(1, transaction="0x2"),
    )  # fmt: skip
    decoded = VENUE.rows(envelope(YES, body))
    assert [getattr(row, "transaction_hash", None) for row in decoded.rows] == ["0x1", "0x2"]
    assert [each.where for each in decoded.rejects] == ["data[2]", "data[3]", "data[4]"]


@pytest.mark.parametrize(
    "body", [RESOLVED, status(NOW_S), b"<html>busy</html>", b'{"error":"invalid","code":"x"}']
)
def test_an_answer_on_the_way_has_no_rows(body: bytes) -> None:
    """It is kept with the pages, as evidence of what they are whole for."""
    decoded = VENUE.rows(envelope(YES, body))
    assert (decoded.rows, decoded.rejects) == ((), ())
