"""A clock that moves only when told, so that tests own the time."""

import asyncio
import heapq
from itertools import count

from ssmd.model.frame import Now
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import turn

_TURNS = 25
"""Loop turns given to whoever was woken: enough for a chain of awaits to come to rest."""


class ManualClock:
    """Both clocks, moved by hand. Sleepers wake in the order of their deadlines.

    Attributes:
        sleepers: How many are asleep.
    """

    def __init__(self, wall: int = 1_800_000_000 * SECOND_NS, mono: float = 1000.0) -> None:
        self._wall = wall
        self._mono = mono
        self._suspended = 0.0
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    def now(self) -> Now:
        """Both clocks at this moment."""
        return Now(self._wall, self._mono)

    def wall(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return self._wall

    def mono(self) -> float:
        """Monotonic seconds since an arbitrary start."""
        return self._mono

    def asleep(self) -> float:
        """Seconds the machine has been suspended."""
        return self._suspended

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return sum(not future.done() for _, _, future in self._asleep)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved this far."""
        if seconds <= 0:
            await turn()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self._mono + seconds, next(self._arrivals), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline on the way.

        Each sleeper finds the clock at its own deadline; what it does then, going back to sleep
        included, happens before time moves on. Those with one deadline wake in the order in which
        they went to sleep.
        """
        await self._settle()
        target = self._mono + seconds
        while (deadline := self._next()) is not None and deadline <= target:
            self._move(deadline)
            self._wake()
            await self._settle()
        self._move(target)
        await self._settle()

    def leap(self, seconds: float) -> None:
        """Let time pass in one piece, as after a suspended machine: all find the clock late."""
        self._move(self._mono + seconds)
        self._wake()

    def suspend(self, seconds: float) -> None:
        """Suspend the machine: wall time passes, monotonic time does not, nobody wakes."""
        self._suspended += seconds
        self.step_wall(seconds)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock, forwards or back, as NTP may; the monotonic clock is not touched."""
        self._wall += round(seconds * SECOND_NS)

    def _next(self) -> float | None:
        while self._asleep and self._asleep[0][2].done():  # cancelled in its sleep
            heapq.heappop(self._asleep)
        return self._asleep[0][0] if self._asleep else None

    def _move(self, mono: float) -> None:
        if mono > self._mono:
            self._wall += round((mono - self._mono) * SECOND_NS)
            self._mono = mono

    def _wake(self) -> None:
        while (deadline := self._next()) is not None and deadline <= self._mono:
            heapq.heappop(self._asleep)[2].set_result(None)

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await turn()
