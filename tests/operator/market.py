"""A simulated venue and a bus of our own: what pods record in tests, and the judge of it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import yaml

from ssmd import venues
from ssmd.archive.verify import verify
from ssmd.bus.embedded import EmbeddedServer
from ssmd.feeds import registry
from ssmd.feeds.feed import FeedConfig
from ssmd.runtime.children import Child
from ssmd.runtime.clock import SystemClock
from ssmd.sim import control, oracle

CLOCK = SystemClock()
FEED = "kraken"
ENVIRONMENT = "lab"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ADA/USD", "DOT/USD")


class Market:
    """What is recorded, and where it goes.

    Attributes:
        feed: The feed, at its simulated venue.
        url: The bus.
    """

    def __init__(self, root: Path, feed: FeedConfig, url: str) -> None:
        self.feed = feed
        self.url = url
        self._root = root

    @property
    def ledger(self) -> Path:
        """Where the venue writes down what it says."""
        return self._root / "ledger"

    def feed_yaml(self, feed: FeedConfig | None = None) -> str:
        """The feed as a file."""
        plain = msgspec.to_builtins(feed or self.feed, str_keys=True)
        return str(yaml.safe_dump(plain, sort_keys=False))

    def environment_yaml(self) -> str:
        """The environment as a file."""
        return f"name: {ENVIRONMENT}\ntransport: {{url: '{self.url}'}}\n"

    def quiet(self) -> None:
        """No more market data: what is under way may arrive."""
        control.send(self.ledger, "pause")

    def judge(self, archive: Path) -> oracle.Conservation:
        """Hold a sealed archive against what the venue wrote down; fails with every problem."""
        report = verify(archive)
        assert [str(problem) for problem in report.problems] == []
        assert report.open_segments == []
        verdict = oracle.compare(self.ledger, archive)
        assert verdict.problems == []
        assert (verdict.holes, verdict.declared_lost, verdict.mismatches) == (0, 0, 0)
        assert verdict.ok
        assert verdict.archived == verdict.received > 0
        return verdict


@asynccontextmanager
async def market(root: Path, *, rate: float = 400.0, seed: int = 1) -> AsyncIterator[Market]:
    """A bus, and a simulated venue that lists a few symbols."""
    nats = EmbeddedServer(root / "nats", CLOCK)
    url = await nats.start()
    shipped = registry.load_feed(FEED)
    argv = [sys.executable, "-m", "ssmd", "sim", "run", "--venue", shipped.venue]
    argv += ["--ledger", str(root / "ledger"), "--run-dir", str(root / "run")]
    argv += ["--rate", str(rate), "--seed", str(seed), "--listen", "127.0.0.1:0"]
    for symbol in SYMBOLS:
        argv += ["--symbol", symbol]
    name = f"sim-{shipped.venue}"
    sim = Child.spawn(name, argv, log=root / "sim.log")
    try:
        told = await sim.ready(root / "run" / f"{name}.json", clock=CLOCK)
        assert told is not None
        rest = told.details["rest"]
        services = venues.load(shipped.venue).rest.services
        addresses = {service: f"{rest}/{service}" for service in services}
        feed = shipped.with_symbols(SYMBOLS).with_endpoint(str(told.details["url"]), addresses)
        yield Market(root, feed, url)
    finally:
        await sim.end()
        await nats.stop()
