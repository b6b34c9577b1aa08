"""When faults are due."""

import heapq
from collections.abc import Iterable
from itertools import count

from ssmd.sim.faults import Fault


class Schedule:
    """Which faults are due. Pure: it is told the time."""

    def __init__(self, faults: Iterable[Fault] = (), mono: float = 0.0) -> None:
        self._order = count()
        self._heap: list[tuple[float, int, Fault]] = []
        for fault in faults:
            self.add(fault, mono)

    def add(self, fault: Fault, mono: float) -> None:
        """Plan a fault, its `at` counted from this monotonic time."""
        heapq.heappush(self._heap, (mono + fault.at_s, next(self._order), fault))

    def due(self, mono: float) -> list[Fault]:
        """Take out what is due, oldest first; what repeats is planned again."""
        ready = []
        while self._heap and self._heap[0][0] <= mono:
            when, _, fault = heapq.heappop(self._heap)
            ready.append(fault)
            if fault.every_s:
                heapq.heappush(self._heap, (when + fault.every_s, next(self._order), fault))
        return ready
