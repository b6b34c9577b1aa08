"""The minutes of an instrument, as they are told. Pure."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from ssmd.archive.ledger.entries import Condition
from ssmd.archive.ledger.facts import MINUTE_NS

CONDITIONS: Final[tuple[Condition, ...]] = (
    "not_wanted",
    "complete",
    "quiet",
    "venue_paused",
    "repaired",
    "degraded",
    "unknown",
    "lost",
)
"""Every condition; the worst comes last."""

_RUN: Final = re.compile(rb"(.)\1*", re.DOTALL)


class Stretch(msgspec.Struct, frozen=True):
    """Minutes of one condition.

    Attributes:
        since: When the first begins, ns.
        until: When the last is over, ns.
        condition: Of each of them.
    """

    since: int
    until: int
    condition: Condition


class Minutes(msgspec.Struct, frozen=True):
    """The minutes of one instrument.

    Attributes:
        symbol: The venue's own string; None stands for subscriptions to all of them.
        since: When the first minute begins, ns.
        whole: One byte for each minute: the place of its condition in `CONDITIONS`.
        channels: The same by channel, of every channel that was ever wanted.
    """

    symbol: str | None
    since: int
    whole: bytes
    channels: dict[str, bytes]

    def at(self, ts: int, channel: str | None = None) -> Condition:
        """The condition of the minute that holds a time.

        Raises:
            IndexError: It is none of these minutes.
        """
        minute = (ts - self.since) // MINUTE_NS
        if minute < 0:
            raise IndexError("before the first minute")
        return CONDITIONS[(self.whole if channel is None else self.channels[channel])[minute]]

    def stretches(self, channel: str | None = None) -> Iterator[Stretch]:
        """Runs of minutes alike: of the instrument, or of one of its channels."""
        minutes = self.whole if channel is None else self.channels[channel]
        for run in _RUN.finditer(minutes):
            since, until = (self.since + at * MINUTE_NS for at in run.span())
            yield Stretch(since, until, CONDITIONS[minutes[run.start()]])

    def counts(self) -> dict[Condition, int]:
        """How many minutes there are of each condition that occurs."""
        found = {name: self.whole.count(rank) for rank, name in enumerate(CONDITIONS)}
        return {name: count for name, count in found.items() if count}
