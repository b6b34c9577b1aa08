"""What one connection heard without a fault while another one did not. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

from ssmd.archive.ledger.entries import Entry
from ssmd.archive.ledger.found import Found
from ssmd.archive.ledger.gaps import FROZEN, UNWITNESSED
from ssmd.archive.ledger.spans import Span, joined, without

VERDICTS = frozenset({FROZEN, UNWITNESSED})
"""Reasons of gaps that are about an instrument, whoever holds it: no other connection excuses them."""


def reach(entry: Entry, horizon: int) -> Span:
    """From when to when, as far as is known; a moment is not nothing.

    Args:
        entry: Which entry.
        horizon: Up to when anything is known, ns.
    """
    until = horizon if entry.until is None else min(entry.until, horizon)
    return entry.since, max(entry.since + 1, until)


class Sound:
    """Who held an instrument on a channel, and when nothing was wrong with what they heard."""

    def __init__(self, found: Found, channel: str, symbol: str | None, horizon: int) -> None:
        """Ask about it; it is looked up when somebody has a fault.

        Args:
            found: The entries of a ledger.
            channel: On which channel.
            symbol: Which instrument; None for subscriptions to all.
            horizon: Up to when anything is known, ns.
        """
        self._found = found
        self._of = (channel, symbol)
        self._horizon = horizon

    def left(self, span: Span, connection: str) -> list[Span]:
        """What is left of a fault of a connection when what others heard is taken out."""
        since, until = span
        first = bisect_right(self._reached, since)
        last = bisect_left(self._heard, (until, 0, ""))
        others = ((low, high) for low, high, who in self._heard[first:last] if who != connection)
        return without([span], joined(others))

    @cached_property
    def _heard(self) -> list[tuple[int, int, str]]:
        """When which connection heard all there was, in order."""
        held: dict[str, list[Span]] = {}
        covers = self._found.held(*self._of)
        for cover in covers:
            held.setdefault(cover.connection, []).append(reach(cover, self._horizon))
        faults: dict[str, list[Span]] = {}
        for fault in _faults(self._found, *self._of, covers):
            faults.setdefault(fault.connection, []).append(reach(fault, self._horizon))
        return sorted(
            (since, until, who)
            for who, spans in held.items()
            for since, until in without(joined(spans), joined(faults.get(who, ())))
        )

    @cached_property
    def _reached(self) -> list[int]:
        """Up to when all that was heard so far goes, in the same order."""
        return list(accumulate((until for _, until, _ in self._heard), max))


def _faults(found: Found, channel: str, symbol: str | None, covers: list[Entry]) -> Iterator[Entry]:
    """Whatever makes a connection unsound for an instrument."""
    yield from found.gaps_of(channel, symbol, covers)
    yield from found.unproved_of(channel, symbol)
    for connection in dict.fromkeys(cover.connection for cover in covers):
        yield from found.missing.get(connection, ())
        yield from found.unread.get(connection, ())
