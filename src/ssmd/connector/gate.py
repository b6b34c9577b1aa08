"""How often and how many at once we knock at a venue's door."""

import asyncio
from types import TracebackType

from ssmd.runtime.clock import Clock


class Gate:
    """Spaces connection attempts of all shards, and caps how many are under way.

    Used as `async with gate:` around one attempt.

    Args:
        clock: What time it is.
        interval_s: Shortest pause between the beginnings of two attempts, in seconds.
        at_once: Most attempts under way.
    """

    def __init__(self, clock: Clock, *, interval_s: float, at_once: int) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._places = asyncio.Semaphore(at_once)
        self._next = clock.mono()

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            wait_s = self._next - self._clock.mono()
            self._next = max(self._next, self._clock.mono()) + self._interval_s
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
