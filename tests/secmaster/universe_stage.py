"""A database, a bus, who tells the changes of the one to the other, and a universe between them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from ssmd import venues
from ssmd.bus.settings import BusSettings
from ssmd.feeds.universe import Master
from ssmd.model.subscription import Subscription
from ssmd.runtime.health import Health
from ssmd.secmaster.address import Address
from ssmd.secmaster.universe import SecmasterUniverse
from ssmd.secmaster.universe_telemetry import Telemetry
from tests.integration.bus import CLOCK, STREAM, Sender, envelope, until
from tests.secmaster.server import connect
from tests.secmaster.stream import Tap

VENUE = "kraken"
CHANNEL = "trade"
FEED = "followed"
Session = psycopg.Connection[tuple[Any, ...]]

_LIST = """
INSERT INTO instrument (venue, symbol, kind, status, raw_status, status_source, restricted, title,
                        price_ranges, aliases, details, payload)
    VALUES (%s, %s, 'spot', %s, '', 'sql', false, '', '[]', '{}', '{}', '{}')
"""


def enlist(session: Session, *symbols: str, status: str = "active") -> None:
    """List instruments, a transaction each."""
    for symbol in symbols:
        session.execute(_LIST, (VENUE, symbol, status))


def trade(session: Session, symbol: str, volume: int) -> None:
    """State for the first time what was traded of an instrument."""
    query = "INSERT INTO activity (venue, symbol, volume) VALUES (%s, %s, %s)"
    session.execute(query, (VENUE, symbol, volume))


def turn(session: Session, symbol: str, status: str) -> None:
    """Give an instrument another state."""
    session.execute("UPDATE instrument SET status = %s WHERE symbol = %s", (status, symbol))


class Scene:
    """A writer, a tap on what it commits, and the bus that hears of it when it is told to.

    Attributes:
        address: Where the database is.
        bus: Where the bus is.
        writer: A plain session; it commits each statement.
    """

    def __init__(self, address: Address, bus: BusSettings) -> None:
        self.address = address
        self.bus = bus
        self.writer = connect(address)
        self.writer.execute("SET synchronous_commit = local")  # told as soon as it is committed
        self._taps = connect(address)
        self.tap = Tap(self._taps)
        self._ordinal = 0

    async def publish(self) -> int:
        """Let the bus have every change that was committed; how many frames that makes."""
        return await self.tell(await asyncio.to_thread(self.tap.read))

    async def tell(self, frames: list[bytes]) -> int:
        """Let the bus have frames."""
        first, self._ordinal = self._ordinal, self._ordinal + len(frames)
        async with Sender(self.bus) as sender:
            await sender.publish(
                envelope(first + index, payload) for index, payload in enumerate(frames)
            )
            await sender.drained()
        return len(frames)

    def close(self) -> None:
        """Give everything back."""
        self.writer.close()
        self.tap.close()
        self._taps.close()


class Followed:
    """A universe that is watched.

    Attributes:
        health: What it says of itself.
        sets: Every set it gave, as symbols.
    """

    def __init__(
        self, address: Address, bus: BusSettings, master: Master, stream: str = STREAM
    ) -> None:
        self.health = Health()
        self.sets: list[set[str]] = []
        self._universe = SecmasterUniverse(
            venues.load(VENUE),
            (CHANNEL,),
            master,
            address=address,
            bus=bus,
            stream=stream,
            clock=CLOCK,
            health=self.health,
            telemetry=Telemetry(FEED),
        )

    async def run(self) -> None:
        """Watch, for ever."""
        async for wanted in self._universe.watch():
            assert all(each.channel == CHANNEL for each in wanted)
            self.sets.append({_symbol(each) for each in wanted})

    async def wants(self, *symbols: str) -> None:
        """Wait until it wants these and no others."""
        await until(lambda: bool(self.sets) and self.sets[-1] == set(symbols))

    async def says(self, words: str) -> None:
        """Wait until it says something of itself."""
        await until(lambda: words in self.said)

    @property
    def said(self) -> str:
        """What it says of itself now."""
        return " ".join([*self.health.ready()[1], *self.health.warnings])


def _symbol(wanted: Subscription) -> str:
    assert wanted.symbol is not None
    return wanted.symbol


@asynccontextmanager
async def following(
    address: Address, bus: BusSettings, master: Master | None = None, stream: str = STREAM
) -> AsyncIterator[Followed]:
    """A universe that runs meanwhile; whatever it dies of is raised."""
    made = Followed(address, bus, master or Master(), stream)
    task = asyncio.create_task(made.run())
    try:
        yield made
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def waits(address: Address, what: Callable[[Session], bool]) -> None:
    """Wait until something is so in the database."""
    with connect(address) as session:
        await until(lambda: what(session))


def is_held_up(session: Session) -> bool:
    """Whether somebody waits for the lock of a venue's writers."""
    query = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"
    )
    return session.execute(query).fetchone() is not None
