"""Back-pressure: while the bus takes nothing, one message at a time is tried."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from ssmd.bus import telemetry
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

_BASE_S: Final = 0.1
_CAP_S: Final = 5.0
_ENTROPY: Final = secrets.SystemRandom()


class Pressure:
    """Says when to try again, and for how long the bus has taken nothing.

    Args:
        stream: Named in the log.
        clock: What time it is.
        probe: Sends the next message alone and returns its number; None when there is none.

    Attributes:
        is_on: Whether the bus takes nothing for the moment.
        reason: What it said; empty when it takes messages.
        tasks: The timer that runs, for whoever closes.
    """

    def __init__(self, stream: str, clock: Clock, probe: Callable[[], int | None]) -> None:
        self.is_on = False
        self.reason = ""
        self.tasks: set[asyncio.Task[None]] = set()
        self._stream = stream
        self._clock = clock
        self._send = probe
        self._attempt = 0
        self._began = 0.0
        self._probe: int | None = None

    def began(self, number: int, reason: str) -> None:
        """A message was not taken; if it was the probe, the next one waits longer."""
        if not self.is_on:
            self.is_on = True
            self._began = self._clock.mono()
            self._attempt = 0
            telemetry.pressure_began(self._stream, reason)
            self._schedule()
        elif number == self._probe:
            self._probe = None
            self._attempt += 1
            self._schedule()
        self.reason = reason

    def relieved_by(self, number: int) -> bool:
        """Whether this answered message was the probe: the bus takes messages again."""
        if not self.is_on or number != self._probe:
            return False
        self.is_on = False
        self.reason = ""
        self._probe = None
        telemetry.pressure_ended(self._stream, self._clock.mono() - self._began)
        return True

    def paused(self) -> None:
        """The connection is lost: the probe, if any, will not be answered."""
        self._probe = None
        for task in self.tasks:
            task.cancel()

    def resumed(self) -> None:
        """There is a connection again."""
        self._attempt = 0
        self._schedule()

    def _schedule(self) -> None:
        task = asyncio.get_running_loop().create_task(self._later())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _later(self) -> None:
        await self._clock.sleep(backoff.delay(self._attempt, _BASE_S, _CAP_S, _ENTROPY.random()))
        if self.is_on and self._probe is None:
            self._probe = self._send()
            if self._probe is None:
                self.is_on = False  # nothing left to try: the next message will show
                self.reason = ""
