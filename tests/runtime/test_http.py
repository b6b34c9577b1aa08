"""REST requests: paced, bounded, repeated when that helps, and on record whatever happens."""

import asyncio
import time
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Complaint, Request, Rest, Service
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.http import Answer, Asked, Http, HttpTuning, Refused, Unanswered, retry_after_s
from ssmd.runtime.secrets import Secrets
from ssmd.sim.manual_clock import ManualClock
from tests.runtime.web import Web, replies, serving
from tests.venues.made import no_rest

T = TypeVar("T")


class Notes:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.answers: list[tuple[int, Answer, str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def ready(self) -> None:
        await self.open.wait()

    def sent(self, url: str) -> Asked:
        self.urls.append(url)
        return Asked("c", len(self.urls) - 1)

    def answered(self, asked: Asked, answer: Answer, purpose: str) -> None:
        self.answers.append((asked.record, answer, purpose))


def complaint(body: bytes) -> Complaint | None:
    """A venue that says everything with status 200."""
    if body.startswith(b"busy"):
        return Complaint("too busy", retryable=True)
    return Complaint("no such thing", retryable=False) if body == b"never" else None


def a_rest(url: str, **values: object) -> Rest:
    fields = {"base": url, "tokens_per_second": 1000.0, "burst": 1000.0, **values}
    service = Service(**fields)  # type: ignore[arg-type]
    return msgspec.structs.replace(no_rest(), services={"main": service}, complaint=complaint)


def a_client(web_: Web, clock: ManualClock, notes: Notes | None = None, **values: object) -> Http:
    tuning = values.pop("tuning", None) or HttpTuning()
    assert isinstance(tuning, HttpTuning)
    return Http(
        a_rest(web_.url, **values), clock=clock, recorder=notes, tuning=tuning, chance=lambda: 1.0
    )


async def passing(
    clock: ManualClock, notes: Notes, work: Coroutine[Any, Any, T], step_s: float = 0.5
) -> T:
    """Let manual time pass until the work is done; not while a request is under way."""
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(20):
        while not task.done():
            await SystemClock().sleep(0.002)
            if not task.done() and len(notes.answers) == len(notes.urls):
                await clock.advance(step_s)
    return task.result()


PAGE = Request("/markets", (("cursor", "a b&c"), ("limit", "2")))


async def test_a_request_is_written_as_it_is_meant() -> None:
    """Values are escaped once, in order; we say who we are."""
    clock, notes = ManualClock(), Notes()
    async with serving(replies((200, b"{}"))) as web_, a_client(web_, clock, notes) as http:
        assert await http.fetch(PAGE, "discovery") == b"{}"
        await http.fetch(Request("/a/B-1%2F2/book"), "witness")
    assert web_.asked == ["/markets?cursor=a%20b%26c&limit=2", "/a/B-1%2F2/book"]
    assert notes.urls == [web_.url + path for path in web_.asked]
    assert web_.agents[0].startswith("ssmd/")
    (_, answer, purpose), _ = notes.answers
    assert (answer.status, answer.body, answer.error, purpose) == (200, b"{}", None, "discovery")


@pytest.mark.parametrize(
    "bad",
    [(500, b"oops"), (503, b""), (429, b""), (408, b""), (200, b"busy")],
    ids=["500", "503", "429", "408", "a complaint"],
)
async def test_what_may_pass_is_asked_again(bad: tuple[int, bytes]) -> None:
    """A 5xx in the middle once ended the sync; every attempt is on record."""
    clock, notes = ManualClock(), Notes()
    script = replies(bad, bad, (200, b"[]"))
    async with serving(script) as web_, a_client(web_, clock, notes) as http:
        assert await passing(clock, notes, http.fetch(PAGE, "discovery")) == b"[]"
    assert [answer.status for _, answer, _ in notes.answers] == [bad[0], bad[0], 200]
    assert [answer.body for _, answer, _ in notes.answers] == [bad[1], bad[1], b"[]"]
    assert [record for record, _, _ in notes.answers] == [0, 1, 2]


async def test_pauses_grow_and_end() -> None:
    """Exponential, capped, and not for ever: then whoever asked is told."""
    clock, notes = ManualClock(), Notes()
    tuning = HttpTuning(attempts=5, base_s=1.0, cap_s=4.0)
    came: list[float] = []

    def script(request: web.Request) -> web.Response:
        came.append(clock.mono())
        return web.Response(status=502, text="bad gateway")

    async with serving(script) as web_, a_client(web_, clock, notes, tuning=tuning) as http:
        with pytest.raises(Unanswered, match=r"in 5 attempts: status 502: bad gateway"):
            await passing(clock, notes, http.fetch(PAGE, "discovery"), 0.1)
    pauses = [round(after - before) for before, after in pairwise(came)]
    assert pauses == [1, 2, 4, 4]


async def test_a_retry_after_beyond_reason_is_capped() -> None:
    """A venue that says next year is asked again after our own bound."""
    clock, notes, tuning = ManualClock(), Notes(), HttpTuning(retry_after_s=30.0)
    script = replies((503, b"", {"Retry-After": "31536000"}), (200, b"{}"))
    async with serving(script) as web_, a_client(web_, clock, notes, tuning=tuning) as http:
        began = clock.mono()
        await passing(clock, notes, http.fetch(PAGE, "discovery"))
        assert 30 <= clock.mono() - began < 60


async def test_a_429_without_a_word_is_given_time() -> None:
    """Some venues never say when to come back."""
    clock, notes, came = ManualClock(), Notes(), list[float]()
    script = replies((429, b""), (200, b"{}"))

    def noted(request: web.Request) -> web.Response:
        came.append(clock.mono())
        return script(request)

    async with serving(noted) as web_, a_client(web_, clock, notes) as http:
        await passing(clock, notes, http.fetch(PAGE, "discovery"))
    assert came[1] - came[0] >= HttpTuning().throttled_s


DATE = "Fri, 15 Jan 2027 08:00:30 GMT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None), ("", None), ("soon", None), ("-5", None), ("7", 7.0), (" 7 ", 7.0),
        (DATE, 30.0), ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read(text: str | None, expected: float | None) -> None:
    """RFC 9110: seconds, or a date; what is neither says nothing."""
    assert retry_after_s(text, 1_800_000_000 * SECOND_NS) == expected


def test_where_this_machine_stands_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-0000` is UTC without a zone, and no reason to look at ours."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        said = retry_after_s("Fri, 15 Jan 2027 08:00:30 -0000", 1_800_000_000 * SECOND_NS)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert said == 30.0


@given(text=st.text(max_size=40))
def test_no_header_breaks_us(text: str) -> None:
    """Whatever a venue writes there."""
    said = retry_after_s(text, 1_800_000_000 * SECOND_NS)
    assert said is None or said >= 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_refusal_is_told_at_once_and_clearly(status: int) -> None:
    """With the address, the status and the venue's words; never with what is in the query."""
    Secrets({"key": "s3cr3t-token"})
    clock, notes = ManualClock(), Notes()
    body = b"sorry: s3cr3t-token is not allowed " + b"x" * 500
    request = Request("/markets", (("token", "s3cr3t-token"),))
    async with serving(replies((status, body))) as web_, a_client(web_, clock, notes) as http:
        with pytest.raises(Refused) as caught:
            await http.fetch(request, "discovery")
    said = str(caught.value)
    assert f"{web_.url}/markets" in said
    assert str(status) in said
    assert "sorry" in said
    assert "s3cr3t" not in said
    assert len(said) < 600
    assert len(web_.asked) == 1
    assert "s3cr3t" not in notes.urls[0]


async def test_what_the_venue_says_is_masked_before_it_is_cut_off() -> None:
    """Half a secret is half a secret too many."""
    Secrets({"key": "half-of-it-half-of-it"})
    clock, notes = ManualClock(), Notes()
    body = b"x" * 190 + b"half-of-it-half-of-it"
    async with serving(replies((404, body))) as web_, a_client(web_, clock, notes) as http:
        with pytest.raises(Refused) as caught:
            await http.fetch(PAGE, "discovery")
    assert "half" not in str(caught.value)


async def test_a_complaint_that_stays_is_a_refusal() -> None:
    """Status 200 is not yes."""
    clock, notes = ManualClock(), Notes()
    async with serving(replies((200, b"never"))) as web_, a_client(web_, clock, notes) as http:
        with pytest.raises(Refused, match="no such thing"):
            await http.fetch(PAGE, "discovery")
    assert len(web_.asked) == 1


async def test_redirects_are_not_followed() -> None:
    """Neither to another host, nor with what may be secret told about it."""
    clock, notes = ManualClock(), Notes()
    headers = {"Location": "http://elsewhere.net/x?token=abc"}
    async with serving(replies((302, b"", headers))) as web_, a_client(web_, clock, notes) as http:
        with pytest.raises(Refused, match=r"redirects to http://elsewhere.net/x,") as caught:
            await http.fetch(PAGE, "discovery")
    assert "abc" not in str(caught.value)
    assert len(web_.asked) == 1


async def test_a_body_beyond_the_bound_is_not_read_to_its_end() -> None:
    """Nobody fills our memory, compressed or not; and asking again would not help."""
    clock, notes, tuning = ManualClock(), Notes(), HttpTuning(max_body_bytes=100_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_compression(web.ContentCoding.gzip)
        await answer.prepare(request)
        for _ in range(1000):
            await answer.write(b"x" * 10_000)
        return answer

    async with serving(endless) as web_, a_client(web_, clock, notes, tuning=tuning) as http:
        with pytest.raises(Refused, match="larger than 100000 bytes"):
            await http.fetch(PAGE, "discovery")
    ((_, answer, _),) = notes.answers
    assert (answer.body, answer.status) == (None, 200)
    assert answer.error is not None


async def test_a_body_cut_short_is_no_answer() -> None:
    """Half a page is not a page."""
    clock, notes = ManualClock(), Notes()
    left = [b"half"]

    async def script(request: web.Request) -> web.StreamResponse:
        if not left:
            return web.Response(body=b"whole")
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(left.pop())
        assert request.transport is not None
        request.transport.close()
        return answer

    async with serving(script) as web_, a_client(web_, clock, notes) as http:
        assert await passing(clock, notes, http.fetch(PAGE, "discovery")) == b"whole"
    assert [answer.body for _, answer, _ in notes.answers] == [None, b"whole"]
    assert notes.answers[0][1].error


async def test_silence_ends_after_the_services_own_time() -> None:
    """On the clock that is given, not on the library's."""
    clock, notes = ManualClock(), Notes()
    quiet = asyncio.Event()

    async def script(request: web.Request) -> web.StreamResponse:
        await quiet.wait()
        return web.Response()

    tuning = HttpTuning(attempts=2)
    async with (
        serving(script) as web_,
        a_client(web_, clock, notes, tuning=tuning, timeout_s=7.0) as http,
    ):
        asking = asyncio.ensure_future(http.fetch(PAGE, "witness"))
        while not asking.done():
            await SystemClock().sleep(0.002)
            await clock.advance(0.5)
        with pytest.raises(Unanswered, match="no whole answer within 7 s"):
            await asking
        quiet.set()
    assert [round(answer.duration_s) for _, answer, _ in notes.answers] == [7, 7]


async def test_nobody_there_is_tried_again_and_told() -> None:
    """A refused connection is no reason to give up at once, nor to try for ever."""
    clock, notes = ManualClock(), Notes()
    async with serving(replies((200, b""))) as web_:
        pass
    async with a_client(web_, clock, notes, tuning=HttpTuning(attempts=3)) as http:
        with pytest.raises(Unanswered, match="in 3 attempts: ClientConnectorError"):
            await passing(clock, notes, http.fetch(PAGE, "discovery"))
    assert [answer.status for _, answer, _ in notes.answers] == [None] * 3


async def test_the_pace_is_shared_by_all_who_ask() -> None:
    """Two purposes, one bucket: the venue sees one client."""
    clock, notes, came = ManualClock(), Notes(), list[float]()

    def script(request: web.Request) -> web.Response:
        came.append(clock.mono())
        return web.Response(body=b"{}")

    async with (
        serving(script) as web_,
        a_client(web_, clock, notes, tokens_per_second=0.5, burst=1.0) as http,
    ):
        both = http.fetcher("discovery"), http.fetcher("witness")

        async def all_of_it() -> None:
            await asyncio.gather(*(fetch(PAGE) for fetch in both * 2))

        await passing(clock, notes, all_of_it(), 0.1)
    assert [round(at - came[0]) for at in sorted(came)] == [0, 2, 4, 6]


async def test_a_feed_may_name_another_address() -> None:
    """A simulated venue, say."""
    clock, notes = ManualClock(), Notes()
    async with serving(replies((200, b"{}"))) as web_:
        rest = a_rest("https://api.venue.net")
        addresses = {"main": f"{web_.url}/main/"}
        async with Http(rest, clock=clock, addresses=addresses, recorder=notes) as http:
            await http.fetch(Request("/x"), "discovery")
    assert web_.asked == ["/main/x"]


async def test_who_is_interrupted_is_on_record_too() -> None:
    """Every request that was sent has an end."""
    clock, notes = ManualClock(), Notes()

    async def script(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(script) as web_, a_client(web_, clock, notes) as http:
        fetch = http.fetcher("discovery")
        task = asyncio.ensure_future(fetch(PAGE))
        while not web_.asked:
            await SystemClock().sleep(0.002)
        task.cancel()
        await asyncio.wait({task})
    assert [(answer.error, answer.body) for _, answer, _ in notes.answers] == [
        ("interrupted", None)
    ]
    assert fetch.asked == [Asked("c", 0)]


async def test_nothing_is_asked_while_nothing_can_be_kept() -> None:
    """A full disk holds the asking back."""
    clock, notes = ManualClock(), Notes()
    notes.open.clear()
    async with serving(replies((200, b"{}"))) as web_, a_client(web_, clock, notes) as http:
        task = asyncio.ensure_future(http.fetch(PAGE, "discovery"))
        await SystemClock().sleep(0.05)
        assert not web_.asked
        notes.open.set()
        assert await task == b"{}"
