"""From what is wanted to shards that run, and a watchdog that trusts none of them."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Protocol

from ssmd.connector.reconcile import Reconciler, Refusals
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Live
from ssmd.connector.telemetry import Telemetry
from ssmd.model import subscription
from ssmd.model.subscription import Limits, Subscription, plan
from ssmd.model.universe import UniverseSource
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

_LOOK_S = 1.0


class Runner(Protocol):
    """What the supervisor needs of a shard."""

    index: int
    wanted: frozenset[Subscription]
    current: Live | None
    latest: Live | None

    @property
    def is_connected(self) -> bool: ...  # noqa: D102 - see Shard
    @property
    def problem(self) -> str: ...  # noqa: D102 - see Shard
    def want(self, subscriptions: frozenset[Subscription]) -> None: ...  # noqa: D102 - see Shard
    def reconnect(self) -> None: ...  # noqa: D102 - see Shard
    async def run(self) -> None: ...  # noqa: D102 - see Shard


class Supervisor:
    """Runs the shards of a plan and keeps the plan in step with what is wanted.

    Attributes:
        shards: Every shard that runs, by index.
        overflow: Wanted subscriptions that no connection may carry.
    """

    def __init__(
        self,
        feed: str,
        limits: Limits,
        make: Callable[[int], Runner],
        *,
        clock: Clock,
        tuning: Tuning,
        telemetry: Telemetry,
    ) -> None:
        self.shards: dict[int, Runner] = {}
        self.overflow: frozenset[Subscription] = frozenset()
        self._feed = feed
        self._limits = limits
        self._make = make
        self._clock = clock
        self._tuning = tuning
        self._telemetry = telemetry
        self._plan: tuple[subscription.Shard, ...] = ()
        self._is_told = False
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._refusals = Refusals()
        self._reconciler = Reconciler(tuning, telemetry)

    async def follow(self, source: UniverseSource) -> None:
        """Keep in step with a universe, until cancelled."""
        async for wanted in source.watch():
            await self.apply(wanted)

    async def apply(self, wanted: Iterable[Subscription]) -> None:
        """Plan anew; only shards whose share changed are told."""
        whole = frozenset(wanted)
        self._is_told = True
        if not whole:
            self._telemetry.universe_empty()
        before = {shard.index: shard.subscriptions for shard in self._plan}
        planned = plan(self._feed, whole, self._limits, self._plan)
        self._plan = planned[: self._limits.connections]
        self.overflow = whole - self._held
        self._telemetry.planned(
            shards=len(self._plan),
            wanted=len(whole),
            overflow=len(self.overflow),
            capacity=self._limits.subscriptions_per_connection,
        )
        for shard in self._plan:
            if shard.index not in self.shards:
                self._start(shard.index)
            if before.get(shard.index) != shard.subscriptions:
                self.shards[shard.index].want(shard.subscriptions)
        # Last, for a polite end takes its time, and nobody else is to wait for it.
        for index in [index for index in self.shards if index >= len(self._plan)]:
            await self._drop(index)

    def look(self) -> None:
        """Take in what was answered; to be called every second."""
        shares = {shard.index: shard.subscriptions for shard in self._plan}
        latest: dict[int, Live] = {}
        for index, shard in self.shards.items():
            live = shard.current if shard.is_connected else shard.latest
            if live is not None:
                latest[index] = live
        self._refusals.look(shares, {index: live.connection for index, live in latest.items()})
        for index, share in shares.items():
            if index in self.shards and not self.shards[index].is_connected:
                self._telemetry.shard(index).refused(len(self._refusals.refused & share))

    @property
    def size(self) -> int:
        """How many shards the plan has."""
        return len(self._plan)

    @property
    def condition(self) -> tuple[bool, str]:
        """Whether every share is held by a connection, but for what is refused; else a sentence.

        Open is not enough: whoever ends because another connector is ready must know that it
        receives. What is refused, or never answered, is as answered as it will be.
        """
        if not self._is_told:
            return False, "what is wanted is not known yet"
        if wholly := self._refusals.judge(self._held)[0]:
            return False, wholly
        if away := self.disconnected:
            return False, f"not connected: {', '.join(away)}"
        if unsure := self._unanswered:
            return False, f"not everything asked for is answered yet on {', '.join(unsure)}"
        return True, ""

    @property
    def warning(self) -> str:
        """A sentence about what is wanted and not recorded though all is well otherwise."""
        sentences = []
        if self._is_told and not self._plan:
            sentences.append("nothing is wanted at the moment: no connection is made")
        if self.overflow:
            sentences.append(
                f"{len(self.overflow)} subscriptions found no room on"
                f" {self._limits.connections} connections"
            )
        if some := self._refusals.judge(self._held)[1]:
            sentences.append(some)
        return "; ".join(sentences)

    @property
    def disconnected(self) -> list[str]:
        """Shards with something to hold and no open connection: which, where to, and why."""
        return [
            runner.problem
            for shard in self._plan
            if shard.subscriptions
            and (runner := self.shards.get(shard.index)) is not None
            and not runner.is_connected
        ]

    @property
    def _unanswered(self) -> list[str]:
        """Connections that hold a share, as far as is known: not all of it was answered yet."""
        lives = [
            runner.current
            for shard in self._plan
            if shard.subscriptions and (runner := self.shards.get(shard.index)) is not None
        ]
        return [live.connection.id for live in lives if live is not None and not live.is_answered]

    async def reconcile(self) -> None:
        """Hold what is wanted against what was answered, again and again, until cancelled."""
        while True:
            await self._clock.sleep(self._tuning.reconcile_s)
            for index, shard in list(self.shards.items()):
                if shard.current is not None and shard.is_connected:
                    self._reconciler.look(index, shard.current.connection, self._clock.mono())

    async def watchdog(self) -> None:
        """Cut connections that receive nothing, from outside their own tasks, until cancelled."""
        while True:
            await self._clock.sleep(min(_LOOK_S, self._tuning.watchdog_s / 4))
            now = self._clock.mono()
            for shard in list(self.shards.values()):
                live = shard.current
                if live is None or live.is_over:
                    continue
                silent_s = now - live.connection.last_receive
                if silent_s > self._tuning.watchdog_s:
                    self._telemetry.shard(shard.index).watchdog(live.connection.id, silent_s)
                    live.socket.abort("watchdog")

    async def close(self) -> None:
        """End all shards, each with its connection closed."""
        for index in list(self.shards):
            self._tasks[index].cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self.shards.clear()
        self._tasks.clear()

    @property
    def _held(self) -> frozenset[Subscription]:
        """Everything the plan has a place for."""
        return frozenset[Subscription]().union(*(shard.subscriptions for shard in self._plan))

    def _start(self, index: int) -> None:
        shard = self.shards[index] = self._make(index)
        self._tasks[index] = asyncio.create_task(self._tend(shard), name=f"{self._feed}-{index}")

    async def _drop(self, index: int) -> None:
        self.shards.pop(index).want(frozenset())  # on record, so that nobody waits for it to return
        task = self._tasks.pop(index)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _tend(self, shard: Runner) -> None:
        """A shard's task that dies is an incident, and is started again."""
        deaths = 0
        while True:
            died = "it returned"
            try:
                await shard.run()
            except Exception as error:  # noqa: BLE001 - one shard's trouble is its own
                died = f"{type(error).__name__}: {error}"
            pause_s = backoff.delay(
                deaths,
                self._tuning.backoff_base_s,
                self._tuning.backoff_cap_s,
                random.random(),  # noqa: S311 - jitter keeps no secret
            )
            deaths += 1
            self._telemetry.shard(shard.index).task_died(died, pause_s)
            await self._clock.sleep(pause_s)
