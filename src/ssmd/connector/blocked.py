"""A thread that notices when the event loop does not turn."""

import asyncio
import threading
from collections.abc import Callable

from ssmd.connector.telemetry import Telemetry
from ssmd.runtime.clock import Clock
from ssmd.runtime.health import Health


def tell(health: Health, telemetry: Telemetry) -> Callable[[float], None]:
    """What a watch calls: a blocked loop is not alive, and an incident."""

    def changed(blocked_s: float) -> None:
        health.alive = blocked_s <= 0
        if blocked_s > 0:
            telemetry.loop_blocked(blocked_s)

    return changed


class LoopWatch:
    """Asks the loop for a sign of life and says when none came.

    Args:
        clock: What time it is; asked from the thread too.
        blocked_s: Longest healthy silence of the loop, in seconds.
        changed: Called from the thread: for how long the loop was blocked so far, in seconds; 0
            when it turns again.
    """

    def __init__(self, clock: Clock, blocked_s: float, changed: Callable[[float], None]) -> None:
        self._clock = clock
        self._blocked_s = blocked_s
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._seen = clock.mono()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)

    def start(self) -> None:
        """Begin watching."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        self._seen = self._clock.mono()

    def _watch(self) -> None:
        blocked = False
        while not self._ended.wait(self._blocked_s / 4):
            silent_s = self._clock.mono() - self._seen
            if silent_s > self._blocked_s and not blocked:
                blocked = True
                self._changed(silent_s)
            elif silent_s <= self._blocked_s and blocked:
                blocked = False
                self._changed(0.0)
            try:
                self._loop.call_soon_threadsafe(self._beat)
            except RuntimeError:  # the loop is closed
                return
