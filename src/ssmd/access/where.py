"""The arguments that most methods of an archive take."""

from typing import TypedDict, get_args

from ssmd.access.bars import By
from ssmd.access.names import Names
from ssmd.access.times import Moment
from ssmd.model.errors import ConfigError


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
        ordered: Whether rows of all instruments come in the order of their receipt too, as those of
            chosen ones do.
    """

    by: By
    repeats: bool
    ordered: bool


class Which(When, total=False):
    """Which instruments are listed; with one of these the security master is asked.

    Attributes:
        as_of: What was so at this time; if left out, at `known_at`, or now.
        known_at: As it was known at this time; if left out, with all that is archived.
        venue: Of which venues; all if left out.
        unlisted: Whether those are wanted too that were not listed any more.
    """

    as_of: Moment | None
    known_at: Moment | None
    venue: Names
    unlisted: bool


def clock(where: Where) -> By:
    """By which clock rows are chosen.

    Raises:
        ConfigError: There is no such clock.
    """
    by = where.get("by", "ts_recv")
    if by not in get_args(By):
        raise ConfigError(f"`by` is {by!r}.", remedy=f"Use {' or '.join(get_args(By))}.")
    return by


def of_book(at: Moment | None, depth: int | None, where: Where) -> Moment:
    """The time of a whole book.

    Raises:
        ConfigError: These arguments do not go together.
    """
    if at is None or where.keys() - {"feed", "instrument"} or (depth or 1) < 1:
        message = "A book is at a time: `at`, `instrument` and perhaps a `depth` of 1 or more."
        raise ConfigError(message, remedy="Leave `at` and `depth` out for changes of a range.")
    if where.get("instrument") is None:
        raise ConfigError("Whose book?", remedy="Give `instrument` with `at`.")
    return at
