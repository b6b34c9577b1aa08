"""When a recorded moment comes again."""

import asyncio
from typing import Final, Literal

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock, turn

Speed = float | Literal["max", "step"]
"""Recorded seconds per second; as fast as the clients read; or one frame at a time, when told."""

_TURN: Final = 64
"""So many frames are served before others get their turn."""


class Pace:
    """Waits for the turn of each frame, on the monotonic clock: its errors do not add up.

    Args:
        speed: How fast.
        clock: Tells the time.

    Attributes:
        speed: How fast.
        late_s: The most that a frame came after its time, in seconds.
    """

    def __init__(self, speed: Speed, clock: Clock) -> None:
        self.speed = speed
        self.late_s = 0.0
        self._clock = clock
        self._first = 0
        self._mono: float | None = None
        self._steps = asyncio.Semaphore(0)
        self._served = 0

    def step(self, count: int = 1) -> None:
        """Let so many frames pass, in steps."""
        for _ in range(count):
            self._steps.release()

    async def wait(self, at: int) -> None:
        """Return when the frame received at this time (ns) is to come again."""
        self._served += 1
        if self.speed == "step":
            await self._steps.acquire()
            return
        if self._served % _TURN == 0:
            await turn()
        if not isinstance(self.speed, float):
            return
        if self._mono is None:
            self._mono, self._first = self._clock.mono(), at
        due = self._mono + (at - self._first) / SECOND_NS / self.speed
        while (left := due - self._clock.mono()) > 0:
            await self._clock.sleep(left)
        self.late_s = max(self.late_s, -left)
