"""How right our clock is, and who says so: the kernel, else the venue, else nobody."""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from ssmd.model.records import ClockState
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import adjtimex
from ssmd.runtime.clock import Clock
from ssmd.runtime.recorder import Answer

_BELIEVED_S: Final = 3600.0
"""What the venue said longer ago than this is not believed any more: clocks drift."""
_UNKNOWN: Final = ClockState(source="unknown")


class Timekeeper:
    """Tells how right the clock is whenever it is asked; each answer takes microseconds.

    Args:
        clock: Ours.
        kernel: What the kernel says of it; None when it says nothing.
    """

    def __init__(
        self, clock: Clock, kernel: Callable[[], ClockState | None] = adjtimex.read
    ) -> None:
        self._clock = clock
        self._kernel = kernel
        self._told: tuple[ClockState, float] | None = None

    def heard(self, answer: Answer) -> None:
        """Take note of the time a venue's REST service states in an answer."""
        state = told(answer)
        if state is not None:
            self._told = state, answer.received.mono

    def state(self) -> ClockState:
        """How right the clock is now."""
        known = self._kernel()
        if known is not None:
            return known
        if self._told is not None and self._clock.mono() - self._told[1] <= _BELIEVED_S:
            return self._told[0]
        return _UNKNOWN


def told(answer: Answer) -> ClockState | None:
    """What an answer's `Date` says of our clock; None when it says nothing. Pure.

    The header has whole seconds (RFC 9110 section 6.6.1) and was written between our question and
    the answer: the truth lies in an interval, of which this is the middle and half the width.
    """
    if answer.date is None:
        return None
    try:
        at = parsedate_to_datetime(answer.date)
    except ValueError:
        return None
    stated_s = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    received_s = answer.received.wall / SECOND_NS
    least, most = stated_s - received_s, stated_s + 1 - (received_s - answer.duration_s)
    return ClockState(
        source="venue",
        offset_s=round((least + most) / 2, 6),
        error_s=round((most - least) / 2, 6),
    )
