"""The venue's counters: one for each subscription, shared by all its markets."""

from typing import Literal

import msgspec

from ssmd.venues.kalshi.messages import BOOKS


class Jump(msgspec.Struct, frozen=True, gc=False):
    """A counter did not go on where it stood.

    Attributes:
        kind: Whether it went on or back.
        expected: What should have come.
        found: What came.
    """

    kind: Literal["sequence", "sequence_reset"]
    expected: int
    found: int


class Sequences:
    """Where each subscription's counter stands."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        """The last number seen of each sid, for the session's own quick look."""

    def open(self, sid: int, channel: str) -> None:
        """A subscription was confirmed: its counter begins, unless it has begun already.

        Data may overtake the confirmation: what was counted of it stands.
        """
        if channel == BOOKS:
            # Three recordings begin with 1 right after the confirmation, an `ok` among them; of
            # the other channels there is none at hand, so that their first number is believed.
            self.last.setdefault(sid, 0)

    def close(self, sid: int) -> None:
        """A subscription ended; its number may be used again."""
        self.last.pop(sid, None)

    def follow(self, sid: int, seq: int) -> Jump | None:
        """Go on to a number; tell when it is not the next one."""
        last = self.last.get(sid)
        self.last[sid] = seq
        if last is None or seq == last + 1:
            return None
        return Jump("sequence" if seq > last else "sequence_reset", last + 1, seq)
