"""Several recorded feeds on one schedule, served until the recording ends or somebody says stop."""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

import msgspec

from ssmd.model.timestamp import format_rfc3339
from ssmd.runtime.clock import Clock
from ssmd.runtime.tasks import Stop
from ssmd.sim.replay import telemetry
from ssmd.sim.replay.pace import Pace, Speed
from ssmd.sim.replay.socket import GOODBYE_S, Client
from ssmd.sim.replay.station import Station, Visit
from ssmd.sim.replay.taped import Taped

_TICK_S: Final = 0.05
_LOOK_S: Final = 0.01
_BUSY_S: Final = 0.001
_BATCH: Final = 500
_FLUSH_S: Final = 30.0
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """For whom the recording waits before it begins.

    Attributes:
        clients: So many must be subscribed.
        settle_s: And have asked for nothing more for so long, in seconds: most clients
            subscribe in several messages.
    """

    clients: int = 1
    settle_s: float = 1.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one feed.

    Attributes:
        feed: The feed's name.
        venue: Whose messages they are.
        url: Where it was served.
        frames: How many messages the range holds.
        served: How many of them had their turn.
        incomplete: Frames of these of which a piece is not archived.
        unread: Pieces in the range that nobody understood, so that nobody could subscribe to them.
        untimed: Frames of imports without a time of receipt: never served.
        connections: On how many connections they were recorded.
        clients: What every client was sent.
    """

    feed: str
    venue: str
    url: str
    frames: int
    served: int
    incomplete: int
    unread: int
    untimed: int
    connections: int
    clients: list[Visit]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did.

    Attributes:
        ended: Whether the recording ended, or somebody ended it.
        since: Receipt of the first message of the range, RFC 3339.
        until: Receipt of the last.
        speed: How fast.
        took_s: From the first message to the last, in seconds.
        late_s: The most that a message came after its time, in seconds; 0 where no time is kept.
        feeds: Feed by feed.
    """

    ended: Literal["complete", "interrupted"]
    since: str
    until: str
    speed: Speed
    took_s: float
    late_s: float
    feeds: list[Told]


class Replay:
    """Serves feeds together, merged by receipt.

    Args:
        stations: One for each feed; started.
        pace: How fast.
        clock: Tells the time.
        audience: For whom to wait.
        progress: Told the messages served, and how many there are.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        pace: Pace,
        clock: Clock,
        *,
        audience: Audience,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self._stations = stations
        self._pace = pace
        self._clock = clock
        self._audience = audience
        self._progress = progress
        self._total = sum(station.known.frames for station in stations)
        self._took_s = 0.0

    @property
    def served(self) -> int:
        """How many messages had their turn."""
        return sum(station.served for station in self._stations)

    @property
    def total(self) -> int:
        """How many there are."""
        return self._total

    async def run(self, stop: Stop) -> Outcome:
        """Serve until the recording ends or somebody says stop; then say goodbye to everybody.

        Raises:
            Damaged: A segment cannot be read.
        """
        ticking = asyncio.ensure_future(self._tick())
        playing = asyncio.ensure_future(self._play())
        asked = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((playing, asked), return_when=asyncio.FIRST_COMPLETED)
            complete = playing.done()
            if complete:
                playing.result()
            else:
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing
            await self._goodbye(_NORMAL if complete else _GOING_AWAY)
        finally:
            for task in (playing, asked, ticking):
                task.cancel()
            await asyncio.gather(playing, asked, ticking, return_exceptions=True)
        telemetry.ended("complete" if complete else "interrupted", self.served)
        return self._outcome(complete=complete)

    async def _play(self) -> None:
        await self._gather()
        began = self._clock.mono()
        merged = heapq.merge(
            *(station.tape() for station in self._stations), key=lambda entry: entry[0].key
        )
        batch = asyncio.ensure_future(_read(merged))
        try:
            while entries := await batch:
                batch = asyncio.ensure_future(_read(merged))
                for frame, station in entries:
                    await self._pace.wait(frame.at)
                    station.serve(frame)
                    self._took_s = self._clock.mono() - began
                await self._let_read()
                self._progress(self.served, self._total)
        finally:
            batch.cancel()
            await asyncio.gather(batch, return_exceptions=True)
        self._progress(self.served, self._total)
        await self._flush()

    async def _gather(self) -> None:
        """Wait until enough clients are subscribed and ask for nothing more."""
        audience, clock = self._audience, self._clock
        while True:
            ready = [client for client in self._clients() if client.is_subscribed]
            asked = max((client.asked_mono for client in ready), default=clock.mono())
            if len(ready) >= audience.clients and clock.mono() - asked >= audience.settle_s:
                telemetry.begun([station.feed for station in self._stations], len(ready))
                return
            await clock.sleep(_LOOK_S)

    async def _let_read(self) -> None:
        """Where no time is to be kept, go no faster than the slowest client reads."""
        while self._pace.speed == "max" and any(client.is_busy for client in self._clients()):
            await self._clock.sleep(_BUSY_S)

    async def _flush(self) -> None:
        """Wait until everything is on its way to whoever still reads."""
        deadline = self._clock.mono() + _FLUSH_S
        while self._clock.mono() < deadline and not all(c.is_done for c in self._clients()):
            await self._clock.sleep(_LOOK_S)

    async def _goodbye(self, code: int) -> None:
        for station in self._stations:
            await station.stop()
        reason = "end of the recording" if code == _NORMAL else "going away"
        for client in self._clients():
            client.close(code, reason)
        deadline = self._clock.mono() + 2 * GOODBYE_S
        while self._clients() and self._clock.mono() < deadline:
            await self._clock.sleep(_LOOK_S)
        for client in self._clients():
            client.abort()

    async def _tick(self) -> None:
        while True:
            for station in self._stations:
                station.tick()
            await self._clock.sleep(_TICK_S)

    def _clients(self) -> list[Client]:
        return [client for station in self._stations for client in station.clients]

    def _outcome(self, *, complete: bool) -> Outcome:
        known = [station.known for station in self._stations]
        return Outcome(
            ended="complete" if complete else "interrupted",
            since=format_rfc3339(min(each.first for each in known)),
            until=format_rfc3339(max(each.last for each in known)),
            speed=self._pace.speed,
            took_s=round(self._took_s, 3),
            late_s=round(self._pace.late_s, 4),
            feeds=[_told(station) for station in self._stations],
        )


async def _read(
    merged: Iterator[tuple[Taped, Station]],
) -> list[tuple[Taped, Station]]:
    return await asyncio.to_thread(lambda: list(islice(merged, _BATCH)))


def _told(station: Station) -> Told:
    known = station.known
    return Told(
        feed=known.feed,
        venue=known.venue,
        url=station.url,
        frames=known.frames,
        served=station.served,
        incomplete=station.incomplete,
        unread=known.unread,
        untimed=known.untimed,
        connections=len(known.connections),
        clients=station.visits,
    )
