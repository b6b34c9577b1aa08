"""What is to be looked at: each resource once, one look at a time, later when it failed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from ssmd.model.errors import SsmdError
from ssmd.operator import telemetry
from ssmd.operator.errors import Refused
from ssmd.operator.index import Index, Key
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

BASE_S: Final = 0.5
CAP_S: Final = 60.0
_ALIKE: Final = 0.2
"""Resyncs come up to this part earlier, each another: not all at once."""


class Queue:
    """Resources to look at, and the workers that do."""

    def __init__(
        self,
        look: Callable[[Key], Awaitable[float | None]],
        index: Index,
        clock: Clock,
        *,
        resync_s: float,
        random01: Callable[[], float] = random.random,
    ) -> None:
        """Make an empty queue.

        Args:
            look: One look; returns when to look again at the latest, in seconds.
            index: Every resource that is known.
            clock: Times everything.
            resync_s: Every resource is looked at at least so often, in seconds.
            random01: Spreads what would come at once: numbers in 0..1.
        """
        self._look = look
        self._index = index
        self._clock = clock
        self._resync_s = resync_s
        self._random01 = random01
        self._due: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._failed: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Look at a resource, soon or after a while; an earlier time stays."""
        if key in self._busy and after_s <= 0:
            self._again.add(key)  # what is being done may have missed the reason
            return
        due = self._clock.mono() + after_s
        if key not in self._due or due < self._due[key]:
            self._due[key] = due
            self._changed.set()
        self._tell()

    @property
    def idle(self) -> bool:
        """Whether nothing is being looked at, and nothing is due now."""
        now = self._clock.mono()
        return not self._busy and not any(due <= now for due in self._due.values())

    def failures(self, key: Key) -> int:
        """How many looks in a row have failed."""
        return self._failed.get(key, 0)

    async def work(self) -> None:
        """One worker; several may run."""
        while True:
            key = await self._next()
            try:
                after_s = await self._once(key)
            finally:
                self._busy.discard(key)
            self._plan(key, after_s)

    async def _next(self) -> Key:
        while True:
            now = self._clock.mono()
            ready = [(due, key) for key, due in self._due.items() if key not in self._busy]
            due, key = min(ready, default=(None, None))
            if key is not None and due is not None and due <= now:
                del self._due[key]
                self._busy.add(key)
                self._tell()
                return key
            self._changed.clear()
            await self._sleep(None if due is None else due - now)

    async def _sleep(self, seconds: float | None) -> None:
        """Until something is added, or the time has come."""
        waits: list[asyncio.Task[object]] = [asyncio.create_task(self._changed.wait())]
        if seconds is not None:
            waits.append(asyncio.create_task(self._clock_sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _clock_sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _once(self, key: Key) -> float | None:
        began = self._clock.mono()
        result = "done"
        try:
            after_s = await self._look(key)
        except SsmdError as error:
            result = "refused" if isinstance(error, Refused) else "again"
            return self._retry(key, error)
        except Exception as error:  # noqa: BLE001 - one resource must not end the work on all others
            result = "failed"
            return self._retry(key, error)
        else:
            self._failed.pop(key, None)
            return after_s
        finally:
            seconds = self._clock.mono() - began
            telemetry.looked(key.kind, str(key), result=result, seconds=seconds)

    def _retry(self, key: Key, error: Exception) -> float:
        attempt = self._failed.get(key, 0)
        self._failed[key] = attempt + 1
        pause = backoff.delay(attempt, BASE_S, CAP_S, self._random01())
        telemetry.failed(key.kind, str(key), error=error, again_s=pause)
        return max(pause, BASE_S * self._random01())

    def _plan(self, key: Key, after_s: float | None) -> None:
        known = key in self._index
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        elif known or after_s is not None:
            resync = self._resync_s * (1 - _ALIKE * self._random01())
            self.add(key, resync if after_s is None else min(after_s, resync))
        self._changed.set()

    def _tell(self) -> None:
        now = self._clock.mono()
        telemetry.depth(sum(due <= now for due in self._due.values()))
