"""An event loop whose time is made up: when nothing is left to do, the next timer is due.

Whatever is given to a thread runs at once and on the spot, unless a test lets it take its time; so
one seed is one order of events, and a minute of simulated time costs what happens in it.
"""

import asyncio
import asyncio.base_events
from collections.abc import Callable
from typing import Any

from ssmd.model.frame import Now
from ssmd.model.timestamp import SECOND_NS

_LEAST_S = 1e-6
"""Whoever sleeps wakes later: time that stands still would let a loop of ours turn for ever."""
_MOST_TURNS = 200_000
START = 1_800_000_000 * SECOND_NS
"""What the wall clock of every schedule says at first, ns."""


class _NoSelector:
    """Nothing ever arrives from outside: waiting is moving the clock."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        self._loop.mono += timeout
        self._loop.turns += 1
        if self._loop.turns > _MOST_TURNS:
            raise RuntimeError("something turns for ever")
        return []

    def close(self) -> None:
        """There is nothing to close."""


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    """A loop in made-up time.

    Attributes:
        mono: Its time, in seconds.
        turns: How often it looked for something to do.
        delay: Given a function for a thread, says how long that takes, in seconds.
        failed: Told what a callback raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mono = 1000.0
        self.turns = 0
        self.delay: Callable[[Callable[..., object]], float] = lambda _: 0.0
        self.failed: Callable[[BaseException | None], None] = lambda _: None
        self._selector = _NoSelector(self)
        self._clock_resolution = 1e-9
        self.set_exception_handler(lambda _, context: self.failed(context.get("exception")))

    def time(self) -> float:
        return self.mono

    def run_in_executor(
        self, executor: object, func: Callable[..., Any], *args: object
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        seconds = self.delay(func)
        if seconds:
            self.call_later(seconds, _finish, future, func, args)
        else:
            _finish(future, func, args)
        return future

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""


def _finish(
    future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[object, ...]
) -> None:
    """Do a thread's work now; whoever waited for it may be gone."""
    if future.cancelled():
        return
    try:
        future.set_result(func(*args))
    except BaseException as error:  # noqa: BLE001 - it is the waiting one's to handle
        future.set_exception(error)


class LoopClock:
    """The clocks of one simulated machine."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._base = START - round(loop.mono * SECOND_NS)

    def now(self) -> Now:
        """Both clocks at this moment."""
        return Now(self.wall(), self._loop.mono)

    def wall(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return self._base + round(self._loop.mono * SECOND_NS)

    def mono(self) -> float:
        """Monotonic seconds."""
        return self._loop.mono

    def asleep(self) -> float:
        """This machine is never suspended."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Wait until the loop's time came this far."""
        future = self._loop.create_future()
        handle = self._loop.call_later(max(_LEAST_S, seconds), _wake, future)
        try:
            await future
        finally:
            handle.cancel()

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock, forwards or back; the monotonic clock is not touched."""
        self._base += round(seconds * SECOND_NS)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
