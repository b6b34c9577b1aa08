"""What was missed is fetched, on record page by page, and in nobody's way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import structlog.testing
from aiohttp import web

from ssmd.connector.asking import before
from ssmd.connector.backfill import Backfill
from ssmd.connector.rest import RestConnection, Rotation
from ssmd.connector.settings import Tuning
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.missing import Missing
from ssmd.model.records import Backfilled, Closed, Fetched, LedgerRecord, Opened, decode_ledger
from ssmd.model.records import encode as encode_record
from ssmd.model.rest import Request, Span
from ssmd.runtime import metrics
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.http import Answer, Http
from ssmd.sim.manual_clock import ManualClock
from tests.connector.parts import FEED, a_frame, an_id, everything, make_spool, until
from tests.connector.past import GONE, Past
from tests.runtime.web import serving


def missing(symbol: str | None, since: int, until: int, cause: str = "outage c r1") -> Missing:
    return Missing(channel="trade", symbol=symbol, since=since, until=until, cause=cause)


class Scene:
    """A venue with a past, and what asks it."""

    def __init__(self, past: Past, spool: Spool, clock: ManualClock) -> None:
        self.past = past
        self.spool = spool
        self.clock = clock
        self.http: Http
        self.rest: RestConnection
        self.backfill: Backfill
        self.asking: asyncio.Task[None]
        self._kept: list[Envelope] = []

    def kept(self) -> list[Envelope]:
        """Everything that is on record so far."""
        self.spool.flush()
        self._kept += [envelope for _, envelope in everything(self.spool)]
        return self._kept

    def said(self) -> list[tuple[str, LedgerRecord]]:
        """What the ledger is told, with the connection it is about."""
        return [(e.connection, decode_ledger(e.payload)) for e in self.kept() if e.type == LEDGER]

    def settled(self) -> list[Backfilled]:
        return [record for _, record in self.said() if isinstance(record, Backfilled)]

    async def until(self, condition: Callable[[], bool], step_s: float = 0.1) -> None:
        """Let time pass until something is so; not while a request is under way."""
        async with asyncio.timeout(20):
            while not condition():
                await SystemClock().sleep(0.002)
                if self.is_quiet():
                    await self.clock.advance(step_s)

    async def until_idle(self) -> None:
        """Wait until nothing waits, and what was asked is answered."""
        await self.until(lambda: not self.backfill.pending and self.is_quiet())

    def is_quiet(self) -> bool:
        sent = sum(e.type == SENT for e in self.kept())
        return sent == sum(isinstance(record, Fetched) for _, record in self.said())


@asynccontextmanager
async def scene(
    tmp_path: Path,
    past: Past,
    *,
    rotation: Rotation | None = None,
    per_second: float = 1000.0,
    burst: float = 1000.0,
    **tuning: object,
) -> AsyncIterator[Scene]:
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    telemetry = Telemetry(FEED)
    made = Scene(past, spool, clock)
    async with serving(past.serve) as web_:
        offered = past.rest(web_.url, tokens_per_second=per_second, burst=burst)
        made.rest = RestConnection(
            FEED, None, "v", {"main": web_.url},
            spool=spool, clock=clock, telemetry=telemetry, rotation=rotation,
        )  # fmt: skip
        async with Http(offered, clock=clock, recorder=made.rest, chance=lambda: 1.0) as http:
            made.http = http
            made.backfill = Backfill(
                offered, http, made.rest, clock=clock, telemetry=telemetry,
                tuning=Tuning(**tuning),  # type: ignore[arg-type]
            )  # fmt: skip
            made.asking = asyncio.create_task(made.backfill.run())
            try:
                yield made
            finally:
                made.asking.cancel()
                await asyncio.wait({made.asking})
    spool.close()


async def test_every_page_is_a_frame_and_says_what_it_is_whole_for(tmp_path: Path) -> None:
    """Request, body as it came under its symbol, answer, span: all on one REST connection."""
    before_it = metrics.BACKFILL_FACTS.labels(FEED, "")._value.get()
    async with scene(tmp_path, Past(a=[1, 5, 9, 12, 40])) as s:
        s.backfill.add(missing("a", 0, 30))
        assert s.backfill.pending == 1
        await s.until_idle()
        said = s.kept()
    assert [e.type for e in said] == [CONNECTION, *(SENT, BACKFILL, LEDGER, LEDGER) * 2]
    frames = [e for e in said if e.ordinal is not None]
    assert [(e.ordinal, e.symbols, e.payload) for e in frames] == [
        (0, ("a",), b"[1,5,9]"),
        (1, ("a",), b"[12]"),
    ]
    assert len({e.connection for e in said}) == 1
    assert said[0].connection.startswith(f"{FEED}-rest-")
    pages = [e for e in said if e.type == LEDGER and e.symbols]
    assert [decode_ledger(e.payload) for e in pages] == [
        Backfilled(
            channel="trade", symbol="a", since=0, until=10, facts=3, ordinal=0, cause="outage c r1"
        ),
        Backfilled(
            channel="trade", symbol="a", since=10, until=30, facts=1, ordinal=1, cause="outage c r1"
        ),
    ]
    assert {e.symbols for e in pages} == {("a",)}
    fetched = [record for _, record in s.said() if isinstance(record, Fetched)]
    assert [each.purpose for each in fetched] == ["backfill", "backfill"]
    assert metrics.BACKFILL_FACTS.labels(FEED, "")._value.get() - before_it == 4


async def test_it_is_asked_for_when_the_venue_may_know_it(tmp_path: Path) -> None:
    """History lags behind the stream: too early, the newest facts would be taken for none."""
    async with scene(tmp_path, Past(a=[1]), backfill_delay_s=5.0) as s:
        s.backfill.add(missing("a", 0, 30))
        await s.clock.advance(4.9)
        assert s.past.asked == []
        await s.until_idle()
        assert s.past.asked == [("a", 0)]


async def test_what_overlaps_is_asked_for_once(tmp_path: Path) -> None:
    """A connection that flaps is one outage to the venue; another symbol, or time, is another."""
    async with scene(tmp_path, Past()) as s:
        s.backfill.add(missing("a", 0, 10, "first"))
        s.backfill.add(missing("a", 8, 20, "second"))
        s.backfill.add(missing("b", 8, 20))
        s.backfill.add(missing("a", 50, 60, "third"))
        assert s.backfill.pending == 3
        s.backfill.add(missing("a", 15, 55, "fourth"))
        assert s.backfill.pending == 2
        await s.until_idle()
        assert {(r.symbol, r.since, r.until) for r in s.settled()} == {("a", 0, 60), ("b", 8, 20)}


async def test_a_page_is_said_where_it_lies_when_connections_rotate(tmp_path: Path) -> None:
    """A record tells of a frame by its ordinal alone: it must be on the same connection."""
    past = Past(a=list(range(20)))
    async with scene(tmp_path, past, rotation=Rotation(frames=2)) as s:
        s.backfill.add(missing("a", 0, 30))
        await s.until_idle()
        s.rest.close()
        bodies = {(e.connection, e.ordinal): e.payload for e in s.kept() if e.ordinal is not None}
        told = [(c, record) for c, record in s.said() if isinstance(record, Backfilled)]
        lives = [e for e in s.kept() if e.type == CONNECTION]
    assert len({connection for connection, _ in told}) == 4
    assert len(lives) == 8
    assert len(told) == len(bodies) == 7
    for connection, record in told:
        times = msgspec.json.decode(bodies[connection, record.ordinal or 0])
        assert all(record.since <= ts < record.until for ts in times)


async def test_a_connection_that_is_to_end_waits_for_its_pages(tmp_path: Path) -> None:
    """Somebody else's request began another: what the page settles is said before it closes."""
    async with scene(tmp_path, Past(), rotation=Rotation(age_s=60.0)) as s:
        asked = s.rest.sent("http://a/1")
        s.rest.brings(asked, "a")
        await s.clock.advance(61.0)
        other = s.rest.sent("http://a/2")
        assert other.connection != asked.connection
        answer = Answer(status=200, body=b"[]", received=s.clock.now(), duration_s=0.1)
        s.rest.answered(asked, answer, "backfill")
        assert s.rest.settled(asked, "trade", Span(0, 9, 0), "asked")
        s.rest.read(asked)
        assert not s.rest.settled(asked, "trade", Span(9, 10, 0), "asked")
        told = [e for e in s.kept() if e.connection == asked.connection]
    assert [e.type for e in told] == [CONNECTION, SENT, BACKFILL, LEDGER, LEDGER, CONNECTION]
    assert [(r.since, r.until, r.ordinal) for r in s.settled()] == [(0, 9, 0)]


async def test_an_answer_that_is_none_is_no_page(tmp_path: Path) -> None:
    """What a venue says to be left alone is kept, as what it is, and asked again."""
    past = Past(a=[1])
    refusals = [web.Response(status=429, body=b"slow down"), web.Response(status=500, body=b"")]
    past.before = lambda _: refusals.pop(0) if refusals else None
    async with scene(tmp_path, past) as s:
        s.backfill.add(missing("a", 0, 30))
        await s.until_idle()
        frames = [(e.type, e.symbols) for e in s.kept() if e.ordinal is not None]
        assert frames == [(REST, ()), (REST, ()), (BACKFILL, ("a",))]
        assert [record.ordinal for record in s.settled()] == [2]
        assert s.rest.trouble == ""  # of discovery and witnesses, that is


async def test_what_the_venue_no_longer_keeps_is_said(tmp_path: Path) -> None:
    """The span stays lost, and nobody asks again."""
    past = Past()
    past.before = lambda _: web.Response(body=GONE)
    async with scene(tmp_path, past) as s:
        s.backfill.add(missing("a", 0, 30))
        await s.until_idle()
        (record,) = s.settled()
        assert (record.since, record.until, record.facts, record.ordinal) == (0, 30, 0, None)


async def test_a_silent_venue_is_asked_again_for_the_rest_alone(tmp_path: Path) -> None:
    """After a pause that grows; what is settled stays so; in the end it is given up, and said."""
    past = Past(a=list(range(10)))
    down = web.Response

    def before_it(_: str) -> web.Response | None:
        return down(status=503) if len(past.asked) > 1 else None

    past.before = before_it
    async with scene(tmp_path, past) as s:
        with structlog.testing.capture_logs() as logs:
            s.backfill.add(missing("a", 0, 30))
            await s.until(
                lambda: any(e["event"] == "connector.backfill_given_up" for e in logs), 5.0
            )
        (given_up,) = [e for e in logs if e["event"] == "connector.backfill_given_up"]
        assert (given_up["reason"], given_up["since"], given_up["until"]) == ("unanswered", 3, 30)
        assert "503" in given_up["error"]
        assert {since for _, since in past.asked[1:]} == {3}
        assert len(past.asked) == 1 + 6 * 6
        assert [(r.since, r.until) for r in s.settled()] == [(0, 3)]
        past.before = lambda _: None
        s.backfill.add(missing("a", 3, 30))  # and it goes on asking for others
        await s.until_idle()
        assert sum(r.facts for r in s.settled()) == 10


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(web.Response(status=404), "refused"), (web.Response(body=b"no JSON"), "unreadable")],
)
async def test_what_cannot_be_had_costs_nobody_else_anything(
    tmp_path: Path, answer: web.Response, reason: str
) -> None:
    """It is given up at once, with the reason, and counted."""
    past = Past(a=[1], b=[2])
    past.before = lambda symbol: answer if symbol == "a" else None
    counted = metrics.BACKFILL_GIVEN_UP.labels(FEED, "", reason)
    before_it = counted._value.get()
    async with scene(tmp_path, past) as s:
        for symbol in "ab":
            s.backfill.add(missing(symbol, 0, 30))
        await s.until_idle()
        assert [record.symbol for record in s.settled()] == ["b"]
        assert counted._value.get() - before_it == 1


async def test_it_keeps_to_its_bounds_and_says_what_it_leaves(tmp_path: Path) -> None:
    """The newest of a long time, so many requests, so many spans, and no `all instruments`."""
    second = 1_000_000_000
    past = Past(a=list(range(100 * second, 100 * second + 50)))
    async with scene(tmp_path, past, backfill_span_s=60.0, backfill_requests=4) as s:
        with structlog.testing.capture_logs() as logs:
            s.backfill.add(missing("a", 0, 120 * second))
            s.backfill.add(missing(None, 0, 30))
            await s.until_idle()
        told = [
            (e["reason"], e["since"], e["until"])
            for e in logs
            if e["event"] == "connector.backfill_given_up"
        ]
        assert told == [
            ("too_long", 0, 60 * second),
            ("all_symbols", 0, 30),
            ("too_many_requests", 100 * second + 12, 120 * second),
        ]
        assert s.settled()[0].since == 60 * second
        with structlog.testing.capture_logs() as logs:
            for number in range(20_001):
                s.backfill.add(missing(f"s{number}", 0, 30))
        assert s.backfill.pending == 20_000
        assert [e["reason"] for e in logs] == ["queue_full"]


async def test_thousands_of_spans_keep_nobody_waiting(tmp_path: Path) -> None:
    """A witness asks the same service, paced to one request a second: its turn is the next."""
    past = Past()
    came: list[tuple[str, float]] = []
    async with scene(tmp_path, past, per_second=1.0, burst=1.0, backfill_delay_s=0.0) as s:

        def noted(symbol: str) -> None:
            came.append((symbol, s.clock.mono()))

        past.before = noted
        for number in range(10_000):
            s.backfill.add(missing(f"s{number}", 0, 30))
        await until(lambda: len(came) == 5, s.clock)

        async def look() -> None:
            query = (("symbol", "witness"), ("since", "0"), ("until", "1"))
            for _ in range(5):
                await s.http.fetch(Request("/past", query), "witness")

        looking = [asyncio.create_task(look()) for _ in range(3)]
        at = len(came)
        await until(lambda: all(task.done() for task in looking), s.clock)
        others = [symbol for symbol, _ in came[at:] if symbol != "witness"]
        assert sum(symbol == "witness" for symbol, _ in came) == 15
        assert len(others) <= 2  # the one that was on its way, and one at the seam
        assert all(later - sooner >= 0.9 for (_, sooner), (_, later) in pairwise(came))
        await until(lambda: len(came) > at + 18, s.clock)
        assert came[-1][0].startswith("s")


async def test_ended_in_the_middle_it_loses_nothing_it_has(tmp_path: Path) -> None:
    """What is settled is on record, what is not is said, and the connection can be closed."""
    past = Past(a=list(range(9)))
    async with scene(tmp_path, past) as s:
        waiting = asyncio.Event()

        def before_it(_: str) -> None:
            if len(past.asked) == 3:
                waiting.set()
                raise web.HTTPServiceUnavailable

        past.before = before_it
        for symbol in "ab":
            s.backfill.add(missing(symbol, 0, 30))
        await until(waiting.is_set, s.clock)
        await until(s.is_quiet)
        with structlog.testing.capture_logs() as logs:
            s.asking.cancel()
            await asyncio.wait({s.asking})
        assert [e["spans"] for e in logs if e["event"] == "connector.backfill_left"] == [2]
        assert [(r.symbol, r.since, r.until) for r in s.settled()] == [("a", 0, 3), ("a", 3, 6)]
        s.rest.close()
        closed = msgspec.json.decode(s.kept()[-1].payload, type=Closed | Opened)
        assert isinstance(closed, Closed)
        assert closed.last_ordinal == max(e.ordinal or 0 for e in s.kept())


async def test_the_spool_knows_when_the_process_before_last_heard_anything(tmp_path: Path) -> None:
    """Not when it last wrote: REST answers and records come without any socket."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    assert before(spool) is None
    connection, asked = an_id(1), an_id(2).replace("-0-", "-rest-")
    opened = Opened(
        feed=FEED, venue="v", shard=0, endpoint="", local="", peer="", previous=None,
        reason="start", version="", host="",
    )  # fmt: skip
    for name in (connection, asked):
        life = spool.lives.begin(name, FEED, None)
        spool.write(life.say(CONNECTION, encode_record(opened), clock.wall()))
    for ordinal in range(3):
        spool.write(a_frame(connection, ordinal))
    last = a_frame(connection, 2).ts_recv
    late = msgspec.structs.replace(a_frame(asked, 0), type=REST, ts_recv=1 << 62)
    spool.write(late)
    spool.flush()
    spool.close()
    spool = make_spool(tmp_path, clock)
    known = before(spool)
    assert known is not None
    assert known.heard_until == last
    assert known.connections == {connection}
    spool.close()
