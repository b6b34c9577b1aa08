"""What time it is: the only place that asks the machine."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, date, datetime
from typing import Final, Protocol, TypeVar

from ssmd.model.frame import Now
from ssmd.model.timestamp import SECOND_NS

T = TypeVar("T")
_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
"""A clock that goes on while the machine is suspended."""


class Clock(Protocol):
    """Tells the time and waits; everything that needs either takes one."""

    def now(self) -> Now:
        """Both clocks at one moment."""
        ...

    def wall(self) -> int:
        """Nanoseconds since the Unix epoch, UTC. May be stepped."""
        ...

    def mono(self) -> float:
        """Monotonic seconds since an arbitrary start. Never goes back."""
        ...

    def asleep(self) -> float:
        """Seconds the machine has been suspended since it started; `mono` stood still meanwhile."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock; zero or less lets others run once."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> Now:
        """Both clocks at one moment."""
        return Now(time.time_ns(), time.monotonic())

    def wall(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()

    def mono(self) -> float:
        """Monotonic seconds since an arbitrary start."""
        return time.monotonic()

    def asleep(self) -> float:
        """Seconds the machine has been suspended; 0 where the system does not tell (not Linux)."""
        if _BOOTTIME is None:
            return 0.0
        slept_s = time.clock_gettime(_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        return max(0.0, slept_s)  # they are not read at the same moment

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock."""
        await asyncio.sleep(max(0.0, seconds))


async def turn() -> None:
    """Let everything else that is ready run once."""
    await asyncio.sleep(0)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Await something, but no longer than `seconds` on the given clock.

    When both end in the same turn the result wins. What was waited for has ended, cancelled if
    need be, when this returns or raises.

    Raises:
        TimeoutError: The time ran out first.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        for waiting in (task, timer):
            waiting.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)


def today(clock: Clock) -> date:
    """The date, UTC."""
    return datetime.fromtimestamp(clock.wall() / SECOND_NS, UTC).date()
