"""What is told of the bus, and what a page is told as it changes."""

import asyncio
from pathlib import Path

import httpx2
import msgspec

from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.runtime.clock import SystemClock
from tests.api.world import Only, app_of, asked, serving


async def test_the_streams_of_a_bus_are_told_with_their_feed(tmp_path: Path) -> None:
    """Who may not see a feed is not told of its stream; a bus that is away is a reason."""
    clock = SystemClock()
    bus = EmbeddedServer(tmp_path / "nats", clock)
    try:
        settings = BusSettings(url=await bus.start())
        async with await Streams.connect(settings, clock) as streams:
            await streams.ensure("LOCAL_KRAKEN", "local.kraken", max_bytes=1 << 20)
        async with asked(app_of(tmp_path, bus=settings)) as client:
            (told,) = (await client.get("/v1/operations/streams")).json()["streams"]
            assert (told["feed"], told["messages"], told["consumers"]) == ("kraken", 0, [])
        only = Only(feeds=frozenset({"other"}))
        async with asked(app_of(tmp_path, bus=settings, doorkeeper=only)) as client:
            assert (await client.get("/v1/operations/streams")).json()["streams"] == []
    finally:
        await bus.stop()
    async with asked(app_of(tmp_path, bus=settings)) as client:
        away = (await client.get("/v1/operations/streams")).json()
        assert away["streams"] is None
        assert away["reason"]


async def test_a_page_is_told_again_and_again_and_of_the_end(root: Path) -> None:
    """It needs no question of its own, and knows an end from a broken line."""
    app = app_of(root)
    events: list[str] = []
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url) as client,
        client.stream("GET", "/v1/operations/watch") as answer,
        asyncio.timeout(20),
    ):
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                events.append(line.removeprefix("event: "))
            elif line.startswith("data: ") and events[-1] == "status":
                shown = msgspec.json.decode(line.removeprefix("data: "))
                assert [each["feed"] for each in shown["feeds"]] == ["kraken"]
                if events.count("status") == 2:
                    app.state.context.ending.set()
    assert events[-1] == "closed"
