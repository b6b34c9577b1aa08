"""A history is asked for page by page, and what is settled stays so whatever happens next."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import History, Request, Span
from ssmd.runtime.bucket import Bucket
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.driver import relate
from ssmd.runtime.http import Unanswered
from tests.connector.past import SIZE, Past, history


def trades(since: int, until: int, symbol: str = "a") -> History:
    told = history("trade", symbol, since, until)
    assert told is not None
    return told


@given(times=st.lists(st.integers(0, 99), max_size=20, unique=True), most=st.integers(0, 9))
async def test_every_span_is_told_once_within_the_bound(times: list[int], most: int) -> None:
    """And whether that was all of it: what is left can be asked for later."""
    past = Past(a=sorted(times))
    spans: list[Span] = []
    whole = await relate(trades(0, 100), past.fetch, spans.append, most)
    assert len(past.asked) == len(spans) <= most
    edges = [0, *(span.until for span in spans)]
    assert [span.since for span in spans] == edges[:-1]
    assert whole == (edges[-1] == 100)
    assert sum(span.facts for span in spans) == sum(ts < edges[-1] for ts in times)
    rest: list[Span] = []
    assert await relate(trades(edges[-1], 100), past.fetch, rest.append, 99)
    assert sum(span.facts for span in (*spans, *rest)) == len(times)


async def test_a_failure_keeps_what_was_settled() -> None:
    """A request that fails takes nothing back; nor does a body that cannot be read."""
    past = Past(a=list(range(10)))
    for worst in (Unanswered("http://x", 6, "status 500"), None):

        async def fetch(request: Request, worst: Exception | None = worst) -> bytes:
            if len(past.asked) % 2:
                past.asked.append(("", 0))
                if worst is not None:
                    raise worst
                return b"no JSON"
            return await past.fetch(request)

        spans: list[Span] = []
        with pytest.raises((Unanswered, ValueError)):
            await relate(trades(0, 100), fetch, spans.append, 9)
        assert spans == [Span(0, SIZE, SIZE)]


async def test_the_page_a_cancellation_comes_upon_is_told() -> None:
    """It is read in a thread, which ends before the cancellation goes on: nothing is read twice."""
    reading, go_on = threading.Event(), threading.Event()

    def slow() -> History:
        yield Request("/past")
        reading.set()
        assert go_on.wait(10)
        yield Span(0, 7, 1)
        yield Request("/past")

    async def fetch(_: Request) -> bytes:
        return b"x" * (1 << 20)

    spans: list[Span] = []
    asking = asyncio.create_task(relate(slow(), fetch, spans.append, 9))
    while not reading.is_set():
        await SystemClock().sleep(0.001)
    asking.cancel()
    await SystemClock().sleep(0.01)
    assert not asking.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert spans == [Span(0, 7, 1)]


async def test_the_generator_is_closed_when_nobody_asks_any_more() -> None:
    """Also at the bound: it may hold something."""
    ends: list[str] = []

    def endless() -> History:
        try:
            while True:
                yield Request("/past")
        finally:
            ends.append("ended")

    async def fetch(_: Request) -> bytes:
        return b""

    assert not await relate(endless(), fetch, lambda _: None, 5)
    assert ends == ["ended"]


def test_the_patient_take_only_what_is_to_spare() -> None:
    """Whoever waits comes first; and a cost beyond the burst is had when the bucket is full."""
    bucket = Bucket(2.0, 4.0, 0.0)
    assert bucket.spare_s(1.0, 0.0) == 0.0
    for _ in range(6):
        bucket.take(1.0, 0.0)
    assert bucket.spare_s(1.0, 0.0) == pytest.approx(1.5)
    assert bucket.spare_s(9.0, 0.0) == pytest.approx(3.0)
    assert bucket.spare_s(1.0, 1.5) == 0.0
    bucket.take(1.0, 1.5)
    assert bucket.spare_s(1.0, 1.5) == pytest.approx(0.5)
    bucket.shut(10.0, 2.0)
    assert bucket.spare_s(1.0, 2.0) == pytest.approx(10.5)
