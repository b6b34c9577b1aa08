"""The arguments that most methods of an archive take."""

from typing import TypedDict

from ssmd.access.bars import By
from ssmd.access.names import Names
from ssmd.access.times import Moment


class When(TypedDict, total=False):
    """Of which feeds and instruments, and of what time.

    Attributes:
        feed: One name or several; all if left out.
        instrument: `venue:symbol`, or the venue's own symbol; one or several; all if left out.
        start: From when on.
        end: Up to when, not included.
    """

    feed: Names
    instrument: Names
    start: Moment | None
    end: Moment | None


class Where(When, total=False):
    """Which rows of a table.

    Attributes:
        by: By which clock `start` and `end` are meant.
        repeats: Whether rows are wanted too that tell again what others tell: what two twins
            recorded, and what a venue sends again after a reconnect.
    """

    by: By
    repeats: bool
