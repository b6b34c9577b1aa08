"""Keys that were looked up, believed for some seconds: also that there is none."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from ssmd.runtime.clock import Clock
from ssmd.secmaster.keyring.record import KeyRecord

_MOST: Final = 4_096
"""So many are remembered; the oldest goes first."""

Load = Callable[[str], Awaitable[KeyRecord | None]]


class Ring:
    """Keys by their id; one lookup at once for each.

    Args:
        life_s: How long a lookup is believed, from its beginning, in seconds.
        clock: What time it is.
        load: Looks a key up.
    """

    def __init__(self, life_s: float, clock: Clock, load: Load) -> None:
        self._life_s = life_s
        self._clock = clock
        self._load = load
        self._known: OrderedDict[str, tuple[float, KeyRecord | None]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[KeyRecord | None]] = {}

    async def get(self, key: str) -> KeyRecord | None:
        """A key as it was within the last seconds; None when there is none.

        Raises:
            Unavailable: It is not known, and nobody can be asked.
        """
        known = self._known.get(key)
        if known is not None and self._clock.mono() - known[0] < self._life_s:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._look_up(key))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    def forget(self, key: str) -> None:
        """A key was changed here: what is known of it, or being looked up, does not hold."""
        self._known.pop(key, None)
        self._asked.pop(key, None)

    async def _look_up(self, key: str) -> KeyRecord | None:
        began = self._clock.mono()
        found = await self._load(key)
        if self._asked.get(key) is asyncio.current_task():
            self._known[key] = (began, found)
            self._known.move_to_end(key)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found

    def _over(self, key: str, done: "asyncio.Task[KeyRecord | None]") -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # who waited was told; perhaps nobody did
