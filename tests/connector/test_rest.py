"""What is asked over REST is kept like what comes over a socket: numbered, closed, recovered."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ssmd.connector.graves import close_dead
from ssmd.connector.rest import RestConnection, Rotation
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.model.envelope import CONNECTION, LEDGER, REST, SENT, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.records import Closed, Fetched, Opened, decode_connection, decode_ledger
from ssmd.model.rest import Request
from ssmd.model.timestamp import shard_of
from ssmd.runtime.http import Answer, Http
from ssmd.sim.manual_clock import ManualClock
from tests.connector.accounts import abandon, assert_accounted, nothing_on_the_bus
from tests.connector.parts import FEED, everything, make_spool
from tests.runtime.test_http import a_rest
from tests.runtime.web import replies, serving


def a_connection(spool: Spool, clock: ManualClock, **rotation: float) -> RestConnection:
    return RestConnection(
        FEED,
        "a-category",
        "a-venue",
        {"main": "https://a.net", "other": "https://b.net", "same": "https://a.net"},
        spool=spool,
        clock=clock,
        telemetry=Telemetry(FEED, "a-category"),
        rotation=msgspec.convert(rotation, Rotation),
    )


def an_answer(clock: ManualClock, body: bytes | None = b"{}", **changes: object) -> Answer:
    values = {
        "status": 200, "body": body, "received": clock.now(), "duration_s": 0.5, **changes,
    }  # fmt: skip
    return Answer(**values)  # type: ignore[arg-type]


def ask(rest: RestConnection, clock: ManualClock, body: bytes = b"{}") -> str:
    asked = rest.sent("https://a.net/x")
    rest.answered(asked, an_answer(clock, body), "discovery")
    return asked.connection


def kept(spool: Spool) -> list[Envelope]:
    spool.flush()
    return [envelope for _, envelope in everything(spool)]


def lives(envelopes: list[Envelope]) -> list[Opened | Closed]:
    return [decode_connection(e.payload) for e in envelopes if e.type == CONNECTION]


async def test_a_request_and_its_answer_are_on_record(tmp_path: Path) -> None:
    """Through a real client: request before it is sent, body as it came, then what it was for."""
    clock, body = ManualClock(), b'{"result": [1.10]}'
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    async with (
        serving(replies((200, body))) as web_,
        Http(a_rest(web_.url), clock=clock, recorder=rest) as http,
    ):
        assert kept(spool) == []  # nothing is opened before something is asked
        fetch = http.fetcher("discovery")
        assert await fetch(Request("/list", (("n", "2"),))) == body
    rest.close()
    opening, sent, frame, ledger, closing = said = kept(spool)
    assert [e.type for e in said] == [CONNECTION, SENT, REST, LEDGER, CONNECTION]
    assert shard_of(opening.connection) == f"{FEED}-rest"
    assert {e.connection for e in said} == {fetch.asked[0].connection}
    opened, closed = lives(said)
    assert isinstance(opened, Opened)
    assert (opened.shard, opened.reason, opened.venue) == ("rest", "start", "a-venue")
    assert (opened.endpoint, opened.previous) == ("https://a.net,https://b.net", None)
    assert msgspec.json.decode(sent.payload) == {"method": "GET", "url": f"{web_.url}/list?n=2"}
    assert (frame.ordinal, frame.payload, frame.opcode) == (0, body, Opcode.TEXT)
    assert (frame.ts_recv, frame.category) == (clock.wall(), "a-category")
    assert decode_ledger(ledger.payload) == Fetched(
        request=1, ordinal=0, status=200, duration_s=0.0, purpose="discovery"
    )
    assert isinstance(closed, Closed)
    assert (closed.last_ordinal, closed.last_record, closed.reason) == (0, 3, "shutdown")
    assert (closed.by, closing.record) == ("connector", 3)
    spool.close()


@pytest.mark.parametrize(
    ("body", "opcode"),
    [(b"", Opcode.TEXT), (b"\xff\x00", Opcode.BINARY), ("€".encode(), Opcode.TEXT)],
)
async def test_any_body_is_kept_byte_for_byte(tmp_path: Path, body: bytes, opcode: Opcode) -> None:
    """Also what is no text."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    ask(rest, clock, body)
    (frame,) = [e for e in kept(spool) if e.type == REST]
    assert (frame.payload, frame.opcode) == (body, opcode)
    spool.close()


async def test_a_request_is_written_before_it_is_sent(tmp_path: Path) -> None:
    """And nothing is asked while the disk is full."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    rest.sent("https://a.net/x")
    assert [e.type for _, e in everything(spool)] == [CONNECTION, SENT]
    await rest.ready()
    spool.writable.clear()
    waiting = asyncio.ensure_future(rest.ready())
    await clock.advance(10)
    assert not waiting.done()
    spool.writable.set()
    await waiting
    spool.close()


async def test_an_answer_that_never_came_is_on_record_too(tmp_path: Path) -> None:
    """With the reason, and without a frame."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    asked = rest.sent("https://a.net/x")
    rest.answered(asked, an_answer(clock, None, status=None, error="no answer"), "witness")
    said = kept(spool)
    assert [e.type for e in said] == [CONNECTION, SENT, LEDGER]
    assert decode_ledger(said[-1].payload) == Fetched(
        request=1, ordinal=None, status=None, duration_s=0.5, purpose="witness", error="no answer"
    )
    assert rest.trouble == "no answer"
    spool.close()


@pytest.mark.parametrize("rotation", [{"age_s": 60.0}, {"frames": 3}], ids=["old", "full"])
async def test_a_connection_that_is_old_or_full_has_a_successor(
    tmp_path: Path, rotation: dict[str, float]
) -> None:
    """So that a connection's life is bounded, and the chain has no missing link."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock, **rotation)
    for _ in range(6):
        ask(rest, clock)
        await clock.advance(20)
    rest.close()
    said = kept(spool)
    first, second = dict.fromkeys(e.connection for e in said)
    assert_accounted([(0, e) for e in said], {first: (3, True), second: (3, True)})
    opened = [record for record in lives(said) if isinstance(record, Opened)]
    assert [(each.previous, each.reason) for each in opened] == [
        (None, "start"),
        (first, "planned"),
    ]
    spool.close()


async def test_what_is_under_way_is_answered_where_it_was_asked(tmp_path: Path) -> None:
    """A successor does not cut off a request of its predecessor."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock, age_s=60.0)
    slow = rest.sent("https://a.net/slow")
    await clock.advance(60)
    second = ask(rest, clock)
    assert second != slow.connection
    assert rest.id == second
    rest.answered(slow, an_answer(clock), "discovery")
    early = kept(spool)
    closed = lives(early)[-1]
    assert isinstance(closed, Closed)  # with its last answer, not when everything ends
    assert (early[-1].connection, closed.reason) == (slow.connection, "planned")
    rest.close()
    rest.answered(slow, an_answer(clock), "discovery")  # too late: its record has ended
    said = [(0, e) for e in [*early, *kept(spool)]]
    assert_accounted(said, {slow.connection: (1, True), second: (1, True)})
    spool.close()


async def test_a_crash_is_closed_by_recovery_like_any_other(tmp_path: Path) -> None:
    """And whoever comes after names the dead one as its predecessor."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    dead = ask(rest, clock)
    rest.sent("https://a.net/never")
    spool.flush()
    abandon(spool)
    await clock.advance(1)
    again = make_spool(tmp_path, clock)
    assert set(again.dead) == {dead}
    assert await close_dead(again, nothing_on_the_bus) == 1
    successor = a_connection(again, clock)
    ask(successor, clock)
    said = kept(again)
    assert_accounted([(0, e) for e in said], {dead: (1, True)})
    _, closed, opened = lives(said)
    assert isinstance(closed, Closed)
    assert closed.by == "recovery"
    assert isinstance(opened, Opened)
    assert (opened.previous, opened.reason) == (dead, "start")
    again.close()


async def test_the_bus_may_know_more_than_the_spool(tmp_path: Path) -> None:
    """A frame that only the bus has is counted, not lost."""
    clock = ManualClock()
    spool = make_spool(tmp_path, clock)
    rest = a_connection(spool, clock)
    dead = ask(rest, clock)
    frame = next(e for e in kept(spool) if e.type == REST)
    abandon(spool)

    async def bus(_: int) -> AsyncIterator[tuple[int, Envelope]]:
        yield 1, msgspec.structs.replace(frame, ordinal=1)

    again = make_spool(tmp_path, clock)
    await close_dead(again, bus)
    closed = lives(kept(again))[-1]
    assert isinstance(closed, Closed)
    assert (closed.last_ordinal, again.dead) == (1, {})
    assert dead == frame.connection
    again.close()
