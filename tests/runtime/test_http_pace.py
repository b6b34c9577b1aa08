"""REST requests of many at once: a venue that asks for peace gets it from all of them."""

import asyncio
from itertools import pairwise

from aiohttp import web

from ssmd.model.rest import Request
from ssmd.runtime.clock import SystemClock
from ssmd.sim.manual_clock import ManualClock
from tests.runtime.test_http import PAGE, Notes, a_client, passing
from tests.runtime.web import replies, serving


async def test_retry_after_holds_everybody_back() -> None:
    """The venue asked us to wait: that means every request to it, and no less than it said."""
    clock, notes = ManualClock(), Notes()
    came: list[tuple[str, float]] = []
    script = replies((429, b"", {"Retry-After": "20"}), (200, b"{}"))

    def noted(request: web.Request) -> web.Response:
        came.append((request.path, clock.mono()))
        return script(request)

    async with serving(noted) as web_, a_client(web_, clock, notes) as http:
        first = asyncio.ensure_future(http.fetch(Request("/a"), "discovery"))
        while not notes.answers:
            await SystemClock().sleep(0.002)
        second = asyncio.ensure_future(http.fetch(Request("/b"), "witness"))

        async def both() -> None:
            await asyncio.gather(first, second)

        await passing(clock, notes, both())
    assert {path for path, _ in came} == {"/a", "/b"}
    assert all(at - came[0][1] >= 20 for _, at in came[1:])


async def test_retry_after_holds_those_back_who_had_their_turn_already() -> None:
    """They wait for it still when the venue says so; and afterwards they keep the pace."""
    clock, notes, came = ManualClock(), Notes(), list[float]()
    script = replies((429, b"", {"Retry-After": "20"}), (200, b"{}"))

    def noted(request: web.Request) -> web.Response:
        came.append(clock.mono())
        return script(request)

    async with (
        serving(noted) as web_,
        a_client(web_, clock, notes, tokens_per_second=0.5, burst=2.0) as http,
    ):
        asking = [asyncio.ensure_future(http.fetch(PAGE, "discovery")) for _ in range(5)]
        while not notes.answers:
            await SystemClock().sleep(0.002)

        async def all_of_it() -> None:
            await asyncio.gather(*asking)

        await passing(clock, notes, all_of_it(), 0.1)
    later = sorted(at for at in came if at - came[0] > 0)
    assert min(later) - came[0] >= 20
    assert [round(after - before) for before, after in pairwise(later)] == [2] * (len(later) - 1)
    assert len(later) >= 4
