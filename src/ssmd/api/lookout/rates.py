"""How fast messages come in, from counters that begin again with their process. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

STEP_S: Final = 5
"""Between two points of the past, in seconds."""
LASTS_S: Final = 1800
"""How long the past is remembered, in seconds."""
WINDOW_S: Final = 10.0
"""What the rate of now is over, in seconds."""
_KEPT_S: Final = 15.0


class Point(msgspec.Struct, frozen=True):
    """A rate at some time.

    Attributes:
        at: When, ns since the Unix epoch.
        rate: Messages a second over the step before; None when nobody knows.
    """

    at: int
    rate: float | None


class Counter:
    """What one service counted lately."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def take(self, mono: float, count: float) -> None:
        """It stood at so much; less than before is a process that began again."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((mono, count))
        while self._seen[0][0] < mono - _KEPT_S:
            self._seen.popleft()

    def stop(self) -> None:
        """Nobody tells any more: what it counted before says nothing about now."""
        self._seen.clear()

    def rate(self, window_s: float) -> float | None:
        """Counts a second over the last so many seconds; None when it was not seen twice."""
        if not self._seen:
            return None
        last, count = self._seen[-1]
        within = [each for each in self._seen if each[0] >= last - window_s]
        first, before = within[0]
        return None if last <= first else (count - before) / (last - first)


class Past:
    """The rates of one feed over the last half hour, a point a step."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=LASTS_S // STEP_S)
        self._next = float("-inf")

    def take(self, mono: float, at: int, rate: float | None) -> None:
        """What the rate is now: it is kept once a step."""
        if mono >= self._next:
            self._points.append(Point(at, rate))
            late = mono - self._next > STEP_S
            self._next = mono + STEP_S if late else self._next + STEP_S

    @property
    def points(self) -> list[Point]:
        """The oldest first."""
        return list(self._points)


def together(rates: Iterable[float | None]) -> float | None:
    """The rate of several services; None when one of them is not known."""
    total = 0.0
    known = False
    for rate in rates:
        if rate is None:
            return None
        total, known = total + rate, True
    return total if known else None
