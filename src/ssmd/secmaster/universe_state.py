"""A snapshot and the changes after it, as one state of what is wanted. Pure."""

from collections.abc import Callable
from typing import Literal

from ssmd.secmaster.universe_changes import ACTIVITY, INSTRUMENT, SNAPSHOT, Change, Unreadable
from ssmd.secmaster.universe_roster import Roster

Outcome = Literal["applied", "known", "passed", "replaced"]
"""What became of a frame; `passed` is about something else."""


class OlderSnapshot(Exception):
    """The stream tells everything anew, as it was before what is known: read the database again."""


class State:
    """What is wanted, as of a place in the change stream.

    A snapshot of the database holds every change up to one of its change sets; changes of the
    stream up to that one are known already. A snapshot in the stream replaces everything when it is
    whole, and not before.

    Args:
        roster: Filled from the database.
        floor: The last change set that is in it.
        make: Makes an empty roster.

    Attributes:
        roster: What is wanted now.
    """

    def __init__(self, roster: Roster, floor: int, make: Callable[[], Roster]) -> None:
        self.roster = roster
        self._floor = floor
        self._make = make
        self._generation = 0
        self._order: tuple[int, int] | None = None
        self._next: Roster | None = None
        self._newest = 0

    def take(self, change: Change) -> Outcome:
        """Take one frame in.

        Raises:
            OlderSnapshot: It ends a snapshot that is older than what is known.
            Unreadable: Its row cannot be read, or its table was emptied at once.
        """
        if change.table == SNAPSHOT:
            return self._turn(change)
        if change.op == "snapshot":
            return self._collect(change)
        if change.table not in {INSTRUMENT, ACTIVITY}:
            return "passed"
        if change.op == "truncate":
            raise Unreadable(f"the table {change.table} was emptied at once")
        if change.row is None and change.old is None:
            return "passed"
        if self._is_known(change):
            return "known"
        _apply(self.roster, change)
        return "applied"

    def _is_known(self, change: Change) -> bool:
        """Whether the snapshot has it, or it was told before."""
        if change.generation != self._generation:
            if change.generation < self._generation:
                return True
            self._generation, self._order = change.generation, None
        if self._order is not None and change.order <= self._order:
            return True
        self._order = change.order
        # What is gone has the number of when it came; the roster sees whether it stands there.
        return change.row is not None and change.change_id <= self._floor

    def _turn(self, change: Change) -> Outcome:
        if change.op == "begin":
            self._next, self._newest = self._make(), 0
            return "passed"
        whole, self._next = self._next, None
        if whole is None:  # it began before our place: the database told us more
            return "passed"
        if self._newest < self._floor:
            raise OlderSnapshot
        self.roster = whole
        self._generation, self._order = change.generation, None
        return "replaced"

    def _collect(self, change: Change) -> Outcome:
        self._newest = max(self._newest, change.change_id)
        if self._next is None or change.row is None:
            return "passed"
        _apply(self._next, change)
        return "applied"


def _apply(roster: Roster, change: Change) -> None:
    put, drop = roster.put, roster.drop
    if change.table == ACTIVITY:
        put, drop = roster.move, roster.still
    try:
        if change.old is not None:
            drop(change.old)
        if change.row is not None:
            put(change.row)
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"a row of {change.table} that cannot be read: {error}"[:500]) from error
