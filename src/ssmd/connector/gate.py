"""How often and how many at once we knock at a venue's door."""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Final

from ssmd.connector.seats import Seats
from ssmd.runtime.clock import Clock

_JITTER_RATIO: Final = 0.5


class Gate:
    """Spaces connection attempts of all shards, and caps how many are under way.

    Used as `async with gate:` around one attempt.

    Args:
        clock: What time it is.
        interval_s: Shortest pause between the beginnings of two attempts, in seconds.
        at_once: Most attempts under way.
        sockets: Most sockets open at once, over all shards; None knows no bound.
        chance: Gives a number in 0..1, for jitter: the pauses are up to half as long again, so
            that several feeds of one machine, or several machines, do not knock in step.

    Attributes:
        seats: Who may open a socket at all; to be asked before the gate.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        interval_s: float,
        at_once: int,
        sockets: int | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.seats = Seats(sockets)
        self._clock = clock
        self._chance = chance
        self._interval_s = interval_s
        self._places = asyncio.Semaphore(at_once)
        self._next = clock.mono()

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            wait_s = self._next - self._clock.mono()
            pause_s = self._interval_s * (1 + _JITTER_RATIO * self._chance())
            self._next = max(self._next, self._clock.mono()) + pause_s
            if wait_s > 0:
                await self._clock.sleep(wait_s)
        except BaseException:
            self._places.release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._places.release()
