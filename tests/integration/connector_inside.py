"""A connector inside the test's own process, between a simulated venue and a real bus."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from ssmd.bus.consumer import Consumer
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.settings import BusSettings
from ssmd.connector.service import Connector
from ssmd.feeds.environment import ConnectorSettings, EnvironmentConfig, SpoolSettings, Transport
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.registry import load_feed
from ssmd.feeds.version import LimitOverrides
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import Closed, Opened, decode_connection
from ssmd.model.simulated import SimulationOptions
from ssmd.runtime.tasks import Stop
from ssmd.sim import ledger, oracle
from ssmd.sim.faults import parse
from ssmd.sim.simulation import Simulation
from ssmd.venues import load
from tests.integration.bus import CLOCK, FAST, GENEROUS_S, STREAM, until

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")


class Inside:
    """What a test sees of the pipeline.

    Attributes:
        connector: The one that records.
        venue: What it records.
        nats: Where it publishes to.
    """

    def __init__(self, directory: Path, nats: EmbeddedServer, venue: Simulation) -> None:
        self.directory = directory
        self.nats = nats
        self.venue = venue
        self.stop = Stop()
        self.connector: Connector
        self.recording: asyncio.Task[None]

    @property
    def ready(self) -> bool:
        """Whether everything is as it should be."""
        return self.connector.health.ready()[0]

    @property
    def emitted(self) -> int:
        """Messages in the simulator's ledger so far."""
        files = (self.directory / "ledger").glob("socket-*.jsonl")
        return sum(file.read_bytes().count(b"\n") for file in files)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, or the connector broke."""
        await until(lambda: condition() or self.recording.done())
        assert not self.recording.done(), self.recording.exception()

    async def emit(self, count: int) -> None:
        """Wait until the venue sent so many more."""
        target = self.emitted + count
        await self.until(lambda: self.emitted >= target)

    def happen(self, fault: str) -> None:
        """Something goes wrong at the venue, now."""
        self.venue.inject(parse(fault))

    async def end(self) -> list[Envelope]:
        """Let the connector drain; gives everything on the bus, each message id once."""
        self.stop.request("the test is done")
        await asyncio.wait_for(self.recording, GENEROUS_S)
        found: dict[str, Envelope] = {}
        async with Consumer(CLOCK, FAST) as consumer, asyncio.timeout(GENEROUS_S):
            await consumer.open(
                BusSettings(self.nats.url), STREAM, "archive-test", "test.kraken.json.>", 0
            )
            while deliveries := await consumer.fetch(0.5):
                found |= {d.envelope.message_id: d.envelope for d in deliveries}
        return list(found.values())

    def judge(self, envelopes: list[Envelope]) -> oracle.Conservation:
        """Hold what arrived against what the venue's own ledger says it sent."""
        return oracle.judge(ledger.read(self.directory / "ledger"), envelopes)


@asynccontextmanager
async def inside(
    directory: Path,
    *,
    serving: ssl.SSLContext | None = None,
    ca_file: str | None = None,
    per_shard: int = 200,
    rate: float = 800,
    low_disk_bytes: int = 0,
    planned_reconnect_s: float | None = None,
) -> AsyncIterator[Inside]:
    """Record a simulated venue until the test is done."""
    nats = EmbeddedServer(directory / "nats", CLOCK)
    await nats.start()
    simulated = load("kraken").simulated
    assert simulated is not None
    market = simulated(SimulationOptions(seed=5, rate=rate, symbols=SYMBOLS))
    venue = Simulation(market, clock=CLOCK, directory=directory / "ledger", tls=serving)
    feed = a_feed(await venue.start(), per_shard)
    selling = asyncio.create_task(venue.run())
    made = Inside(directory, nats, venue)
    made.connector = Connector(
        feed,
        EnvironmentConfig(
            name="test",
            transport=Transport(max_bytes=256 << 20),
            connector=ConnectorSettings(
                backoff_base_s=0.1,
                backoff_cap_s=0.5,
                stagger_s=0.05,
                tick_s=0.05,
                planned_reconnect_s=planned_reconnect_s,
            ),
            spool=SpoolSettings(
                low_disk_bytes=low_disk_bytes, min_free_bytes=0, file_bytes=256 << 10
            ),
        ),
        directory=directory / "spool",
        bus=BusSettings(nats.url),
        clock=CLOCK,
        ca_file=ca_file,
    )
    made.recording = asyncio.create_task(made.connector.main(made.stop))
    try:
        yield made
    finally:
        made.stop.request("the test is over")
        await asyncio.wait({made.recording}, timeout=GENEROUS_S)
        selling.cancel()
        await venue.stop()
        await nats.stop()


def a_feed(endpoint: str, per_shard: int) -> FeedConfig:
    """Kraken, at the simulator, with shards of so many subscriptions."""
    feed = load_feed("kraken").with_endpoint(endpoint).with_symbols(SYMBOLS)
    limits = LimitOverrides(subscriptions_per_connection=per_shard, connect_interval_s=0.05)
    versions = tuple(msgspec.structs.replace(one, limits=limits) for one in feed.versions)
    return msgspec.structs.replace(feed, versions=versions)


def lives(envelopes: list[Envelope]) -> tuple[list[Opened], list[Closed]]:
    """What the connections say of their beginnings and ends, in order."""
    said = [
        decode_connection(envelope.payload)
        for envelope in sorted(envelopes, key=lambda e: (e.connection, e.record or 0))
        if envelope.type == CONNECTION
    ]
    return (
        [record for record in said if isinstance(record, Opened)],
        [record for record in said if isinstance(record, Closed)],
    )
