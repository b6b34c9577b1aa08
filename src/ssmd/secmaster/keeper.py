"""Keeps a venue up: a round every so often, a look at the clock every second, what the bus tells at once."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from ssmd.bus.api import StreamState
from ssmd.bus.errors import BusAway, StreamUnfit
from ssmd.bus.follow import Behind, Follower
from ssmd.bus.settings import BusSettings
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.errors import SsmdError
from ssmd.model.venue import Venue
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock
from ssmd.runtime.http import Http
from ssmd.secmaster import telemetry
from ssmd.secmaster.database import Database
from ssmd.secmaster.lifecycle import LifecycleEvents, Position
from ssmd.secmaster.lookups import Lookups
from ssmd.secmaster.news import types_of, was_away
from ssmd.secmaster.rounds import Synchroniser
from ssmd.secmaster.settings import KeeperSettings, SyncSettings
from ssmd.secmaster.statement import Mode, Order, Statement
from ssmd.secmaster.sweep import sweep

_BATCH: Final = 200
"""Most messages of one transaction."""
_GATHER_S: Final = 0.1
"""How long messages are gathered for one transaction, in seconds."""
_AWAY_S: Final = 1.0
"""Pause before a bus or a stream that is not there is looked for again, in seconds."""

Heard = Callable[[Statement | SsmdError], None]
"""Told what became of a round."""


class Stream(msgspec.Struct, frozen=True):
    """A stream of the bus with messages of a venue.

    Attributes:
        name: The stream's.
        prefix: First tokens of its subjects.
    """

    name: str
    prefix: str


class Keeper:
    """Keeps one venue up, by tasks that are run beside each other.

    Attributes:
        venue: Whose listing.
    """

    def __init__(
        self,
        venue: Venue,
        database: Database,
        clock: Clock,
        *,
        addresses: Mapping[str, str] | None = None,
        settings: KeeperSettings | None = None,
        sync: SyncSettings | None = None,
        heard: Heard = lambda _: None,
    ) -> None:
        """Do nothing yet.

        Args:
            venue: Whose listing.
            database: Where it is kept.
            clock: What time it is.
            addresses: Of its REST services, by name, where they differ from the venue's own.
            settings: How often.
            sync: How rounds are done.
            heard: Told what became of every round.
        """
        self.venue = venue
        self._database = database
        self._clock = clock
        self._addresses = addresses
        self._settings = settings or KeeperSettings()
        self._synchroniser = Synchroniser(database, clock, sync)
        self._heard = heard
        self._early = asyncio.Event()
        self._http: Http | None = None
        self._lookups = Lookups(venue, database, clock, self._settings, self._early.set)
        telemetry.keeper_touched(venue.id)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have a client of the venue's REST for as long as this lasts."""
        http = Http(self.venue.rest, clock=self._clock, addresses=self._addresses)
        async with http:
            self._http = http
            yield

    async def rounds(self) -> None:
        """A round every interval, the first at once; one that failed is tried again soon."""
        settings = self._settings
        last_full: float | None = None
        attempt = 0
        while True:
            began = self._clock.mono()
            whole = last_full is None or began - last_full >= settings.full_s
            self._early.clear()
            done = await self.round("full" if whole else "incremental")
            if done:
                last_full = began if whole else last_full
                attempt = 0
                wait_s = max(0.0, settings.interval_s - (self._clock.mono() - began))
            else:
                wait_s = backoff.delay(
                    attempt,
                    settings.retry_s,
                    settings.interval_s,
                    random.random(),  # noqa: S311 - jitter keeps no secret
                )
                attempt += 1
            await self._wait(wait_s)

    async def round(self, mode: Mode) -> bool:
        """One round; gives whether it was good."""
        assert self._http is not None  # noqa: S101 - it is open
        order = Order(venue=self.venue, mode=mode)
        try:
            statement = await self._synchroniser.run(order, self._http.fetcher("secmaster"))
        except SsmdError as error:
            self._heard(error)
            return False
        self._heard(statement)
        return True

    async def sweeps(self) -> None:
        """Look at the clock again and again."""
        while True:
            await sweep(self._database, self.venue.id, self.venue.clocked, self._clock)
            await self._clock.sleep(self._settings.sweep_s)

    async def lookups(self) -> None:
        """Ask about what the bus told of, as soon as it did."""
        assert self._http is not None  # noqa: S101 - it is open
        await self._lookups.run(self._synchroniser, self._http.fetcher("lookup"))

    async def listen(self, bus: BusSettings, stream: Stream) -> None:
        """Apply what a stream tells, from where that ended the last time, for ever."""
        types = types_of(self.venue)
        if not types:
            await asyncio.Event().wait()
        events = LifecycleEvents(self._database, self.venue, self._clock)
        filters = [f"{stream.prefix}.json.{name}.>" for name in (*types, CONNECTION)]
        async with Follower(bus, self._clock, stream.name, filters=filters) as follower:
            while True:
                begin, created = await self._beginning(follower, events)
                try:
                    await self._follow(follower, events, begin, created)
                except Behind:
                    telemetry.stream_lost(self.venue.id, stream.name)
                    self._early.set()
                    await self._clock.sleep(_AWAY_S)

    async def _beginning(self, follower: Follower, events: LifecycleEvents) -> tuple[int, int]:
        """From where to read a stream, once it is there."""
        state = await _once_there(follower, self._clock)
        first = max(state.first, 1)  # of a stream that never held anything the server says 0
        known = await events.position(follower.stream)
        if known is None:
            return first, state.created
        if known.created != state.created or not first <= known.sequence <= state.last + 1:
            telemetry.stream_lost(self.venue.id, follower.stream)
            self._early.set()
            return first, state.created
        return known.sequence, state.created

    async def _follow(
        self, follower: Follower, events: LifecycleEvents, begin: int, created: int
    ) -> None:
        """Read a stream; messages that come together are applied together.

        Raises:
            Behind: What was to be read next is gone.
        """
        waiting: asyncio.Queue[tuple[Envelope, int]] = asyncio.Queue(_BATCH)

        async def read() -> None:
            async for envelope in follower.follow(begin, created):
                await waiting.put((envelope, follower.position))

        reading = asyncio.create_task(read(), name=f"read-{follower.stream}")
        try:
            while True:
                batch = await _gathered(waiting, reading, self._clock)
                position = Position(follower.stream, created, batch[-1][1])
                taken = await events.take([envelope for envelope, _ in batch], position)
                self._lookups.want(taken.wanted)
                if any(was_away(envelope) for envelope, _ in batch):
                    self._early.set()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        """Wait for the next round; what the bus calls for shortens it, but not to nothing."""
        soon = min(seconds, self._settings.early_s)
        await self._clock.sleep(soon)
        if seconds <= soon:
            return
        timer = asyncio.ensure_future(self._clock.sleep(seconds - soon))
        called = asyncio.ensure_future(self._early.wait())
        try:
            await asyncio.wait((timer, called), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (timer, called):
                each.cancel()
            await asyncio.gather(timer, called, return_exceptions=True)


async def _once_there(follower: Follower, clock: Clock) -> StreamState:
    """A stream as it is, as soon as bus and stream are there."""
    while True:
        try:
            return await follower.look()
        except (BusAway, StreamUnfit):
            await clock.sleep(_AWAY_S)


async def _gathered(
    waiting: "asyncio.Queue[tuple[Envelope, int]]", reading: "asyncio.Task[None]", clock: Clock
) -> Sequence[tuple[Envelope, int]]:
    """What has come, at least one; what comes a moment later is among it.

    Raises:
        Behind: The reader ended so, and nothing waits any more.
    """
    getting = asyncio.ensure_future(waiting.get())
    try:
        await asyncio.wait((getting, reading), return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            reading.result()
            raise Behind
        batch = [getting.result()]
    finally:
        getting.cancel()
    await clock.sleep(_GATHER_S)
    while len(batch) < _BATCH and not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch
