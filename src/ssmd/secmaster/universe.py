"""Where the wanted set comes from when the security master says what is listed, as it changes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final

from ssmd.bus.api import StreamState
from ssmd.bus.errors import ApiRefused, BusAway, StreamUnfit
from ssmd.bus.follow import Behind, Follower
from ssmd.bus.settings import BusSettings
from ssmd.feeds.universe import Master
from ssmd.model.errors import SsmdError
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock, turn
from ssmd.runtime.health import Health
from ssmd.secmaster import universe_snapshot
from ssmd.secmaster.address import Address
from ssmd.secmaster.errors import DatabaseAway
from ssmd.secmaster.universe_changes import Unreadable, read
from ssmd.secmaster.universe_roster import Roster
from ssmd.secmaster.universe_state import OlderSnapshot, State
from ssmd.secmaster.universe_telemetry import Telemetry

_GATHER_S: Final = 0.1
"""Changes that come together are taken together."""
_LOOK_S: Final = 2.0
"""Longest pause between two looks at the bus and at the wall clock, which may be stepped."""
_BASE_S: Final = 0.5
_CAP_S: Final = 5.0
_HEALTHY_S: Final = 60.0
"""A life longer than this makes the pauses begin anew."""
_TURN: Final = 64
"""After so many changes others may run: sockets are read by the same loop."""
_BUS_S: Final = 10.0
_AGAIN: Final[Mapping[type[Exception], str]] = {
    Behind: "stream_lost",
    StreamUnfit: "stream_lost",
    ApiRefused: "bus",
    BusAway: "bus",
    DatabaseAway: "database",
    OlderSnapshot: "older_snapshot",
    Unreadable: "unreadable",
}
"""What ends the following of changes for a while, and what that is called."""
_ERRORS: Final = tuple(_AGAIN)
_WORDS: Final[Mapping[type[Exception], str]] = {
    Behind: "the stream of changes is not the one that was followed, or lost its place",
    OlderSnapshot: "the stream told everything anew, as it was before",
}


class SecmasterUniverse:
    """What the security master lists and the filters keep, at once and as it changes.

    A `UniverseSource`. It notes where the change stream ends, reads the database as of one later
    moment, and follows the stream from the place it noted, leaving out what it read already. From
    then on the database is not needed, until the stream loses that place. Whatever goes away
    meanwhile: what was wanted is wanted still.

    Args:
        venue: Whose instruments.
        channels: The channels of each.
        master: Which of them are wanted.
        address: Where the database is.
        bus: Where the bus is.
        stream: The stream of the changes.
        clock: What time it is.
        health: Shows it as `universe`.
        telemetry: Told of every change.
    """

    def __init__(
        self,
        venue: Venue,
        channels: tuple[str, ...],
        master: Master,
        *,
        address: Address,
        bus: BusSettings,
        stream: str,
        clock: Clock,
        health: Health,
        telemetry: Telemetry,
    ) -> None:
        self._venue = venue
        self._channels = channels
        self._master = master
        self._address = address
        self._bus = bus
        self._stream = stream
        self._clock = clock
        self._health = health
        self._telemetry = telemetry
        self._listed = 0
        self._is_known = False
        self._changed = asyncio.Event()
        self._judging = asyncio.Lock()
        health.set("universe", ok=False, reason="the security master has not been asked yet")

    async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        """The whole wanted set as soon as it is known, and again whenever it changed."""
        told: frozenset[Subscription] | None = None
        attempt = 0
        while True:
            began = self._clock.mono()
            try:
                async with contextlib.aclosing(self._follow()) as sets:
                    async for wanted in sets:
                        if wanted != told:
                            told = wanted
                            yield wanted
            except _ERRORS as error:
                attempt = 0 if self._clock.mono() - began > _HEALTHY_S else attempt
                pause_s = backoff.delay(attempt, _BASE_S, _CAP_S, 1.0)
                attempt += 1
                self._begin_again(error, pause_s)
                await self._clock.sleep(pause_s)

    async def _follow(self) -> AsyncGenerator[frozenset[Subscription], None]:
        """One life: a place in the stream, a snapshot, the changes since."""
        async with Follower(self._bus, self._clock, self._stream, timeout_s=_BUS_S) as follower:
            place = await follower.look()
            roster = self._roster()
            floor, self._listed = await universe_snapshot.read(
                self._address, self._venue.id, roster
            )
            self._telemetry.snapshot("database", self._listed, floor)
            await asyncio.to_thread(roster.settle, self._clock.wall())
            state = State(roster, floor, self._roster)
            reader = asyncio.create_task(self._read(follower, place, state))
            told: tuple[str, ...] | None = None
            try:
                while True:
                    async with self._judging:
                        state.roster.settle(self._clock.wall())
                    self._show(state.roster, follower)
                    if state.roster.wanted is not told:
                        told = state.roster.wanted
                        yield self._venue.subscriptions(self._channels, told)
                    await self._news(reader, state.roster.due)
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, follower: Follower, place: StreamState, state: State) -> None:
        """Take in what the stream brings, from a place on, until it is lost."""
        found = follower.follow(place.last + 1, place.created)
        async with contextlib.aclosing(found) as envelopes:
            async for envelope in envelopes:
                if envelope.ordinal is None:
                    continue  # what the publisher says of itself
                if envelope.ordinal % _TURN == 0:
                    await turn()
                try:
                    change = read(envelope.payload, self._venue.id)
                    outcome = state.take(change)
                except Unreadable as error:
                    self._telemetry.unreadable(str(error))
                    raise
                if outcome == "replaced":
                    async with self._judging:  # a hundred thousand take seconds
                        await asyncio.to_thread(state.roster.settle, self._clock.wall())
                    self._telemetry.snapshot("stream", None, change.change_id)
                elif outcome != "passed":
                    self._telemetry.change(outcome, self._clock.wall() - change.ts)
                if outcome in {"replaced", "applied"}:
                    self._changed.set()

    async def _news(self, reader: asyncio.Task[None], due: int | None) -> None:
        """Wait until something changed, or something is due; raises what ended the reading."""
        wait_s = _LOOK_S
        if due is not None:
            wait_s = min(wait_s, max(0.0, (due - self._clock.wall()) / SECOND_NS))
        timer = asyncio.ensure_future(self._clock.sleep(wait_s))
        news = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((reader, timer, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            news.cancel()
            await asyncio.gather(timer, news, return_exceptions=True)
        if self._changed.is_set():
            await self._clock.sleep(_GATHER_S)
            self._changed.clear()
        if reader.done():
            reader.result()

    def _roster(self) -> Roster:
        master = self._master
        return Roster(master.filters, self._venue.clocked, master.max_instruments)

    def _show(self, roster: Roster, follower: Follower) -> None:
        given_up = roster.given_up
        self._telemetry.wanted(len(roster.wanted), given_up, roster.waiting)
        self._is_known = self._is_known or bool(self._listed or roster.wanted)
        self._health.set(
            "universe",
            ok=self._is_known,
            reason=f"the security master lists nothing of {self._venue.id} yet: it is filled by"
            f" `ssmd secmaster sync {self._venue.id}`",
        )
        warnings = []
        if given_up:
            warnings.append(
                f"{len(given_up)} instruments pass the filters and are not recorded, for"
                f" max_instruments is {self._master.max_instruments}: {', '.join(given_up[:3])}"
            )
        if follower.problem:
            warnings.append(f"changes do not come, what is known is recorded: {follower.problem}")
        self._health.warn("universe", "; ".join(warnings))

    def _begin_again(self, error: Exception, pause_s: float) -> None:
        words = _WORDS.get(type(error)) or str(error)
        kind = next(word for kind, word in _AGAIN.items() if isinstance(error, kind))
        self._telemetry.again(kind, words, pause_s)
        if self._is_known:
            told = f"changes are not followed, what is known is recorded: {words}"
            self._health.warn("universe", told)
        else:
            reason = error.message if isinstance(error, SsmdError) else words
            self._health.set("universe", ok=False, reason=f"waiting: {reason}")
