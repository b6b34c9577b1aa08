"""Finds instruments that stand still while the market moves, asks a witness, and redrives them.

The venue's own REST answers are the witness: an instrument whose state changes there while its
stream says nothing is frozen; one whose state stays the same is quiet.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Final, Protocol

import msgspec

from ssmd.connector.rhythm import Rhythm, RhythmLimits, Suspect, merged
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Live
from ssmd.connector.telemetry import Telemetry
from ssmd.model.errors import SsmdError
from ssmd.model.records import Judged, Verdict
from ssmd.model.rest import Witness
from ssmd.model.subscription import Subscription
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock

_LOOK_S: Final = 5.0
"""Pause between two looks at the counters, in seconds, or an eighth of the silence in question."""
_CASES: Final = 8
"""Most instruments that are looked into at once: the venue's REST limits are shared."""
_REMEMBERED_S: Final = 900.0
"""Frozen again within this time after it was redriven, an instrument gets the next remedy."""
_DOUBLINGS: Final = 5
"""A witness is asked again after its first pause, twice that, and so on: ten minutes in all."""


class Statement(msgspec.Struct, frozen=True):
    """What the witness said.

    Attributes:
        digest: Of the instrument's state: equal digests, nothing happened.
        evidence: Where the answers are kept.
    """

    digest: bytes
    evidence: str


class Silent(Protocol):
    """What is needed of a shard."""

    wanted: frozenset[Subscription]
    current: Live | None

    @property
    def is_connected(self) -> bool: ...  # noqa: D102 - see Shard
    def reconnect(self) -> None: ...  # noqa: D102 - see Shard


class Liveness:
    """Watches the rhythm of every instrument of a feed.

    Args:
        venue: The exchange: its witness and its calendar.
        shards: The shards that run.
        ask: Asks a witness; raises `SsmdError` when REST does not answer.
        clock: The time.
        telemetry: Told every verdict.
        tuning: When silence is worth a question, and how patiently it is asked.
    """

    def __init__(
        self,
        venue: Venue,
        shards: Callable[[], Iterable[Silent]],
        ask: Callable[[Witness], Awaitable[Statement]],
        *,
        clock: Clock,
        telemetry: Telemetry,
        tuning: Tuning,
    ) -> None:
        self._venue = venue
        self._shards = shards
        self._ask = ask
        self._clock = clock
        self._telemetry = telemetry
        self._rhythm = Rhythm(RhythmLimits(missed=tuning.frozen_messages, silent_s=tuning.frozen_s))
        self._look_s = min(_LOOK_S, tuning.frozen_s / 8)
        self._witness_s = tuning.witness_s
        self._cases: dict[str, asyncio.Task[None]] = {}
        self._redriven: dict[str, tuple[float, str]] = {}
        self._paused = False

    async def run(self) -> None:
        """Watch, until cancelled."""
        try:
            while True:
                await self._clock.sleep(self._look_s)
                self.look()
        finally:
            for task in self._cases.values():
                task.cancel()
            await asyncio.gather(*self._cases.values(), return_exceptions=True)

    def look(self) -> None:
        """One look at all counters; opens a case for whoever should have spoken."""
        now = self._clock.now()
        pause = self._venue.pause(now.wall)
        if (pause is not None) != self._paused:
            self._paused = pause is not None
            self._telemetry.venue_paused(pause)
        shards = list(self._shards())
        self._rhythm.look(_counts(shards), now.mono, away=_away(shards), paused=self._paused)
        suspects = [] if self._paused else self._rhythm.suspects(now.mono)
        for suspect in suspects:
            if len(self._cases) < _CASES and suspect.symbol not in self._cases:
                self._open(suspect)
        self._telemetry.suspects(len(suspects))

    def _open(self, suspect: Suspect) -> None:
        task = asyncio.create_task(self._case(suspect), name=f"witness-{suspect.symbol}")
        self._cases[suspect.symbol] = task
        task.add_done_callback(lambda done: self._closed(suspect.symbol, done))

    def _closed(self, symbol: str, done: asyncio.Task[None]) -> None:
        self._cases.pop(symbol, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._telemetry.witness_failed(type(error).__name__)

    async def _case(self, suspect: Suspect) -> None:
        """From suspicion to a verdict, and from `frozen` to a connection that speaks again."""
        symbol = suspect.symbol
        for action in self._remedies(symbol):
            verdict, evidence = await self._inquire(symbol)
            if verdict is None:
                return
            mono = self._clock.mono()
            judged = Judged(
                symbol=symbol,
                verdict=verdict,
                silent_s=round(suspect.silent_s, 3),
                missed=round(max(suspect.missed, self._rhythm.missed(symbol)), 1),
                evidence=evidence,
                action=action if verdict == "frozen" else "none",
            )
            self._tell(symbol, judged)
            if judged.action == "none":
                self._rhythm.excuse(symbol, mono)
                return
            self._rhythm.blame(symbol, mono)
            self._redriven[symbol] = (mono, action)
            self._redrive(symbol, action)
            await self._clock.sleep(self._witness_s / 2)  # the snapshot is on its way

    def _remedies(self, symbol: str) -> tuple[str, ...]:
        """What is still to be tried; when a new connection did not help, nothing for a while."""
        at, last = self._redriven.get(symbol, (-math.inf, ""))
        if self._clock.mono() - at > _REMEMBERED_S:
            return ("resubscribe", "reconnect")
        return ("reconnect",) if last == "resubscribe" else ("none",)

    async def _inquire(self, symbol: str) -> tuple[Verdict | None, str]:
        """What the witness makes of a silence; no verdict when it ended meanwhile."""
        channels = frozenset(item.channel for _, item in self._held(symbol))
        heard = self._heard(symbol)
        try:
            first = await self._testify(symbol, channels)
            if first is None:
                return "unknown", "the venue's REST cannot tell"
            for turn in range(_DOUBLINGS):
                await self._clock.sleep(self._witness_s * 2.0**turn)
                if self._heard(symbol) != heard:
                    return None, ""
                again = await self._testify(symbol, channels)
                if again is not None and again.digest != first.digest:
                    # What is on its way may arrive before the answer is believed.
                    await self._clock.sleep(self._look_s)
                    if self._heard(symbol) != heard:
                        return None, ""
                    return "frozen", f"{first.evidence} and {again.evidence} differ"
        except SsmdError as error:
            return "unknown", error.message
        return "quiet", f"{first.evidence} and later ones agree"

    async def _testify(self, symbol: str, channels: frozenset[str]) -> Statement | None:
        witness = self._venue.rest.witness(symbol, channels, secrets.token_hex(4))
        return None if witness is None else await self._ask(witness)

    def _held(self, symbol: str) -> list[tuple[Silent, Subscription]]:
        """The subscriptions of a symbol, and who holds them."""
        return [
            (shard, item)
            for shard in self._shards()
            if shard.current is not None
            for item in shard.current.connection.session.acknowledged
            if item.symbol == symbol
        ]

    def _heard(self, symbol: str) -> tuple[object, ...]:
        """Who holds a symbol and how much it said: differs as soon as anything comes."""
        holders = {id(shard): shard.current for shard, _ in self._held(symbol)}
        return tuple(
            (live.connection.id, live.connection.counts.get(symbol, 0))
            for live in holders.values()
            if live is not None
        )

    def _tell(self, symbol: str, judged: Judged) -> None:
        self._telemetry.judged(judged)
        for shard, _ in self._held(symbol)[:1]:
            if shard.current is not None:
                shard.current.connection.judge(judged)

    def _redrive(self, symbol: str, action: str) -> None:
        for shard in {id(shard): shard for shard, _ in self._held(symbol)}.values():
            if action == "reconnect":
                shard.reconnect()
            elif shard.current is not None:
                items = frozenset(
                    item
                    for item in shard.current.connection.session.acknowledged
                    if item.symbol == symbol
                )
                shard.current.connection.renew(items)


def _counts(shards: Collection[Silent]) -> dict[str, int]:
    """Messages by symbol, of everything that is wanted of a single instrument."""
    counts = merged(
        shard.current.connection.counts for shard in shards if shard.current is not None
    )
    return {
        item.symbol: counts.get(item.symbol, 0)
        for shard in shards
        for item in shard.wanted
        if item.symbol is not None
    }


def _away(shards: Collection[Silent]) -> set[str]:
    """Symbols that no open connection holds."""
    return {
        item.symbol
        for shard in shards
        if not shard.is_connected
        for item in shard.wanted
        if item.symbol is not None
    }
