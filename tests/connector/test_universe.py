"""The universe of a feed whose file names it."""

import asyncio

import structlog.testing

from ssmd.connector.telemetry import Telemetry
from ssmd.connector.universe import StaticUniverse
from tests.connector.parts import FEED
from tests.connector.shop import Shop, trades
from tests.feeds.made import feed


async def test_named_symbols_are_wanted_once_each() -> None:
    """A symbol that stands twice is asked for once, and somebody is told."""
    config = feed(universe={"symbols": ["B", "A", "B"], "channels": ["trade"]})
    with structlog.testing.capture_logs() as logs:
        universe = StaticUniverse(config, Shop().venue(), Telemetry(FEED))
    assert universe.wanted == trades("A", "B")
    assert [entry["symbols"] for entry in logs] == [("B",)]
    told = universe.watch()
    assert await anext(told) == trades("A", "B")
    waiting = asyncio.ensure_future(anext(told))
    await asyncio.wait({waiting}, timeout=0.01)
    assert not waiting.done()
    waiting.cancel()
