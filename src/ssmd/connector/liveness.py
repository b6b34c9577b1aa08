"""Finds instruments that stand still while the market moves, asks a witness, and redrives them.

The venue's own REST answers are the witness: an instrument whose state changes there while its
stream says nothing is frozen; one whose state stays the same is quiet.
"""

import asyncio
import math
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Final, Protocol

from ssmd.connector.inquiry import Heard, Inquiry, Statement
from ssmd.connector.rhythm import Flow, Rhythm, RhythmLimits, Suspect, Voice
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Live
from ssmd.connector.telemetry import Telemetry
from ssmd.model.records import Judged
from ssmd.model.rest import Witness
from ssmd.model.subscription import Subscription
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock

_CASES: Final = 8
"""Most instruments that are looked into at once: the venue's REST limits are shared."""
_REMEMBERED_S: Final = 900.0
"""Frozen again within this time after it was redriven, an instrument gets the next remedy."""
_SAMPLE: Final = 3
"""So many of a shard's busiest symbols are asked about when it says nothing at all."""


class Silent(Protocol):
    """What is needed of a shard."""

    index: int
    wanted: frozenset[Subscription]
    current: Live | None

    @property
    def is_connected(self) -> bool: ...  # noqa: D102 - see Shard
    def reconnect(self) -> None: ...  # noqa: D102 - see Shard


class Liveness:
    """Watches the rhythm of every instrument of a feed, and the flow of every shard.

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
        self._channels = venue.channels
        self._venue = venue
        self._shards = shards
        self._inquiry = Inquiry(venue, ask, clock, tuning)
        self._clock = clock
        self._telemetry = telemetry
        self._limits = RhythmLimits(missed=tuning.frozen_messages, silent_s=tuning.frozen_s)
        self._rhythm = Rhythm(self._limits)
        self._flows: dict[int, Flow] = {}
        self._look_s = self._inquiry.look_s
        self._settle_s = tuning.witness_s / 2
        self._cases: dict[Voice | int, asyncio.Task[None]] = {}
        self._redriven: dict[Voice | int, tuple[float, str]] = {}
        self._frozen: dict[Voice, Heard] = {}
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
        shards = {shard.index: shard for shard in self._shards()}
        counts = voices(shards.values(), self._channels)
        self._rhythm.look(counts, now.mono, away=away(shards.values(), counts), paused=self._paused)
        suspects = [] if self._paused else self._rhythm.suspects(now.mono)
        for suspect in suspects:
            self._open(suspect.voice, self._case(suspect))
        self._look_at_flows(shards, now.mono)
        self._frozen = {
            voice: heard for voice, heard in self._frozen.items() if self._heard(voice) == heard
        }
        silent = {suspect.voice for suspect in suspects} | self._frozen.keys()
        self._telemetry.suspects(len(silent))

    def _look_at_flows(self, shards: Mapping[int, Silent], mono: float) -> None:
        """A shard without any data has no peers to be measured by, only its own past."""
        for index in self._flows.keys() - shards.keys():
            del self._flows[index]
        for index, shard in shards.items():
            live = shard.current
            if live is None or not shard.is_connected:
                continue
            flow = self._flows.setdefault(index, Flow(self._limits))
            connection = live.connection
            silent_s = flow.look(connection.id, connection.data, mono, paused=self._paused)
            if silent_s:
                self._open(index, self._flow_case(shard, flow, silent_s))

    def _open(self, key: Voice | int, case: Coroutine[None, None, None]) -> None:
        if len(self._cases) >= _CASES or key in self._cases:
            case.close()
            return
        task = asyncio.create_task(case, name=f"witness-{key}")
        self._cases[key] = task
        task.add_done_callback(lambda done: self._closed(key, done))

    def _closed(self, key: Voice | int, done: asyncio.Task[None]) -> None:
        self._cases.pop(key, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._telemetry.witness_failed(type(error).__name__)

    async def _case(self, suspect: Suspect) -> None:
        """From suspicion to a verdict, and from `frozen` to a connection that speaks again."""
        voice = suspect.voice
        for action in self._remedies(voice, ("resubscribe", "reconnect")):
            holders = self._holders(voice)
            channels = frozenset(item.channel for _, item in holders)
            verdict, evidence = await self._inquiry.hear(
                {voice[1]: channels} if voice[1] else {}, lambda: self._heard(voice)
            )
            if verdict is None:
                return
            mono = self._clock.mono()
            judged = Judged(
                symbol=voice[1],
                verdict=verdict,
                silent_s=round(suspect.silent_s, 3),
                missed=round(max(suspect.missed, self._rhythm.missed(voice)), 1),
                evidence=evidence,
                action=action if verdict == "frozen" else "none",
            )
            self._tell([shard for shard, _ in holders], judged)
            if verdict == "frozen":
                self._frozen[voice] = self._heard(voice)
            if judged.action == "none":
                self._rhythm.excuse(voice, mono)
                return
            self._rhythm.blame(voice, mono)
            self._redriven[voice] = (mono, action)
            self._redrive(voice, action)
            await self._clock.sleep(self._settle_s)  # the snapshot is on its way

    async def _flow_case(self, shard: Silent, flow: Flow, silent_s: float) -> None:
        """Nothing at all comes on a connection that is kept alive: asked for a few of its own."""
        busiest = busy(shard, _SAMPLE)
        verdict, evidence = await self._inquiry.hear(busiest, lambda: _flown(shard))
        if verdict is None:
            return
        (action,) = self._remedies(shard.index, ("reconnect",))
        judged = Judged(
            symbol=",".join(busiest),
            verdict=verdict,
            silent_s=round(silent_s, 3),
            missed=0.0,
            evidence=f"no data on the whole connection: {evidence}",
            action=action if verdict == "frozen" else "none",
        )
        self._tell([shard], judged)
        if judged.action == "none":
            flow.excuse(self._clock.mono())
        else:
            self._redriven[shard.index] = (self._clock.mono(), action)
            shard.reconnect()

    def _remedies(self, key: Voice | int, all_of_them: tuple[str, ...]) -> tuple[str, ...]:
        """What is still to be tried; when a new connection did not help, nothing for a while."""
        at, last = self._redriven.get(key, (-math.inf, ""))
        if self._clock.mono() - at > _REMEMBERED_S:
            return all_of_them
        return ("reconnect",) if last == "resubscribe" else ("none",)

    def _holders(self, voice: Voice) -> list[tuple[Silent, Subscription]]:
        """The subscriptions of a voice, and who holds them."""
        channel, symbol = voice
        return [
            (shard, item)
            for shard in self._shards()
            if shard.current is not None
            for item in shard.current.connection.session.acknowledged
            if (item.symbol or "") == symbol and channel in {"", item.channel}
        ]

    def _heard(self, voice: Voice) -> Heard:
        """Who holds a voice and how much it said: differs as soon as anything comes."""
        holders = {shard.index: shard for shard, _ in self._holders(voice)}
        channel, symbol = voice
        kinds = {channel} if channel else self._venue.types - self._channels
        return tuple(
            (
                shard.current.connection.id,
                sum(shard.current.connection.counts.get((kind, symbol), 0) for kind in kinds),
            )
            for shard in holders.values()
            if shard.current is not None
        )

    def _tell(self, holders: Sequence[Silent], judged: Judged) -> None:
        self._telemetry.judged(judged)
        for shard in holders[:1]:
            if shard.current is not None:
                shard.current.connection.judge(judged)

    def _redrive(self, voice: Voice, action: str) -> None:
        held: dict[int, list[Subscription]] = {}
        for shard, item in self._holders(voice):
            held.setdefault(shard.index, []).append(item)
        for shard in self._shards():
            if shard.index not in held or shard.current is None:
                continue
            if action == "reconnect":
                shard.reconnect()
            else:
                shard.current.connection.renew(frozenset(held[shard.index]))


def voices(shards: Iterable[Silent], channels: Collection[str]) -> dict[Voice, int]:
    """Messages so far by voice, of everything wanted.

    A message type that is no channel cannot be told apart by subscription: all such types of a
    symbol are one voice.
    """
    found: dict[Voice, int] = {}
    heard: dict[Voice, int] = {}
    for shard in shards:
        for item in shard.wanted:
            found.setdefault((item.channel, item.symbol or ""), 0)
            found.setdefault(("", item.symbol or ""), 0)
        if shard.current is not None:
            for (kind, symbol), count in shard.current.connection.counts.items():
                voice = (kind if kind in channels else "", symbol)
                heard[voice] = heard.get(voice, 0) + count
    return {voice: heard.get(voice, 0) for voice in found}


def away(shards: Iterable[Silent], known: Collection[Voice]) -> set[Voice]:
    """Voices that no open connection holds."""
    gone = {
        item.symbol or "" for shard in shards if not shard.is_connected for item in shard.wanted
    }
    return {voice for voice in known if voice[1] in gone} if gone else set()


def busy(shard: Silent, most: int) -> dict[str, frozenset[str]]:
    """The symbols of a shard that said most, with the channels that are held of each."""
    if shard.current is None:
        return {}
    connection = shard.current.connection
    held: dict[str, set[str]] = {}
    for item in connection.session.acknowledged:
        if item.symbol:
            held.setdefault(item.symbol, set()).add(item.channel)
    said: dict[str, int] = {}
    for (_, symbol), count in connection.counts.items():
        said[symbol] = said.get(symbol, 0) + count
    chosen = sorted(held, key=lambda symbol: -said.get(symbol, 0))[:most]
    return {symbol: frozenset(held[symbol]) for symbol in chosen}


def _flown(shard: Silent) -> Heard:
    live = shard.current
    return () if live is None else ((live.connection.id, live.connection.data),)
