"""What the bus's integration tests share: a real server, envelopes, and waiting on conditions."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from ssmd.bus.consumer import Consumer, ConsumerSettings, Delivery
from ssmd.bus.embedded import EmbeddedServer
from ssmd.bus.errors import BusAway, Rebuilt
from ssmd.bus.publisher import Publisher
from ssmd.bus.settings import BusSettings
from ssmd.bus.streams import Streams
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from ssmd.runtime.clock import SystemClock

CLOCK = SystemClock()
STREAM = "TEST_KRAKEN"
PREFIX = "test.kraken"
FILTER = "test.kraken.json.>"
CONNECTION = "kraken-0-019ac0de-0000-7000-8000-000000000000"
GENEROUS_S = 60.0
"""Far beyond what anything here takes; reached only when something hangs."""

FAST = ConsumerSettings(pin_ttl_s=2.0, chunk_wait_s=GENEROUS_S)


def envelope(ordinal: int, payload: bytes | None = None, symbol: str = "BTC/USD") -> Envelope:
    """A frame of one connection."""
    return Envelope(
        "kraken",
        None,
        "trade",
        (symbol,),
        CONNECTION,
        ordinal,
        None,
        0,
        1,
        Opcode.TEXT,
        None,
        1_700_000_000_000_000_000,
        1_700_000_000_000_000_001 + ordinal,
        b'{"n":%d}' % ordinal if payload is None else payload,
    )


async def until(condition: Callable[[], object], timeout_s: float = GENEROUS_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await CLOCK.sleep(0.005)


class Sender:
    """A publisher with what came back from it."""

    def __init__(self, settings: BusSettings, **options: object) -> None:
        self.acknowledged: dict[int, tuple[int, bool]] = {}
        self.refused: dict[int, str] = {}
        self.changes: list[int] = []
        self.most = 0
        self.publisher = Publisher(
            settings,
            stream=STREAM,
            prefix=PREFIX,
            acknowledged=self._acknowledged,
            refused=self._refused,
            clock=CLOCK,
            stream_changed=lambda state: self.changes.append(state.created),
            **options,  # type: ignore[arg-type]  # tests pass what they need
        )

    def _acknowledged(self, key: int, sequence: int, duplicate: bool) -> None:
        assert key not in self.acknowledged, "a key came back twice"
        self.acknowledged[key] = (sequence, duplicate)

    def _refused(self, key: int, reason: str) -> None:
        assert key not in self.refused, "a key came back twice"
        self.refused[key] = reason

    async def __aenter__(self) -> Self:
        self.publisher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.publisher.close()

    async def publish(self, envelopes: Iterable[Envelope], first_key: int = 0) -> None:
        """Publish with the window respected; keys count up."""
        for key, item in enumerate(envelopes, first_key):
            if self.publisher.room == 0:
                await self.publisher.wait_room()
            self.publisher.publish(key, item)
            self.most = max(self.most, self.publisher.outstanding)

    async def reached(self, count: int) -> None:
        """So many have been acknowledged."""
        await until(lambda: len(self.acknowledged) >= count)

    async def drained(self) -> None:
        """Everything has come back."""
        assert await self.publisher.drain(GENEROUS_S)


async def collect(consumer: Consumer, count: int) -> list[Delivery]:
    """So many deliveries."""
    found: list[Delivery] = []
    async with asyncio.timeout(GENEROUS_S):
        while len(found) < count:
            found += await consumer.fetch(0.2)
    return found


async def failing(consumer: Consumer) -> None:
    """Fetch until it raises."""
    async with asyncio.timeout(GENEROUS_S):
        while True:
            await consumer.fetch(0.2)


async def everything(settings: BusSettings, count: int, durable: str = "archive-test") -> set[int]:
    """The ordinals of a stream, read through a consumer that is opened as often as needed."""
    seen: set[int] = set()
    is_open = False
    async with Consumer(CLOCK, FAST) as consumer, asyncio.timeout(GENEROUS_S):
        while len(seen) < count:
            try:
                if not is_open:
                    await consumer.open(settings, STREAM, durable, FILTER, 0, timeout_s=GENEROUS_S)
                is_open = True
                found = await consumer.fetch(0.2)
            except (Rebuilt, BusAway):
                is_open = False
                continue
            seen |= {d.envelope.ordinal for d in found if d.envelope.ordinal is not None}
    return seen


async def stream(settings: BusSettings, max_bytes: int = 256 << 20) -> None:
    """Have the stream of the tests."""
    async with await Streams.connect(settings, CLOCK) as streams:
        await streams.ensure(STREAM, PREFIX, max_bytes=max_bytes)


def server(directory: Path, extra: str = "") -> EmbeddedServer:
    """A server that is not started yet."""
    return EmbeddedServer(directory / "nats", CLOCK, extra=extra)
