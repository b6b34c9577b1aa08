"""Questions to the security master: of which venues, of what time, and to which database."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query

from ssmd.access.names import Register
from ssmd.api.callers import Caller, ForSecmaster
from ssmd.api.context import Context, Reached
from ssmd.api.problems import Refused
from ssmd.api.reading import archive, database, instant_of
from ssmd.archive.store.opening import as_store
from ssmd.secmaster.ask import When
from ssmd.secmaster.database import Session
from ssmd.secmaster.times import moment

T = TypeVar("T")


class Asked:
    """Who asks the security master, of which venues, and of what time.

    Args:
        context: Of the application.
        caller: Who.
        when: Of what time.
        words: The words of the question, for cursors.
    """

    def __init__(self, context: Context, caller: Caller, when: When, words: dict[str, Any]) -> None:
        self.context = context
        self.when = when
        self.words = words
        self.now = _moment(context.clock.wall())
        self.venues = _venues(context, caller)

    async def of(self, question: Callable[[Session], Awaitable[T]]) -> T:
        """Put a question to the database.

        Raises:
            Unavailable: It is away: 503.
        """
        opened = await database(self.context)
        async with opened.session() as session:
            return await question(session)

    def check_venue(self, venue: str | None) -> None:
        """Refuse a venue that the caller's feeds are not of.

        Raises:
            Refused: 403.
        """
        if venue is not None and self.venues is not None and venue not in self.venues:
            raise Refused(
                403,
                "venue",
                f"This key may not see the venue {venue[:100]!r}.",
                f"Its feeds are of: {', '.join(sorted(self.venues)) or 'none'}.",
            )


async def _asked(
    context: Reached,
    caller: ForSecmaster,
    as_of: Annotated[
        str | None,
        Query(
            description="What was so at this time (UTC); default: `known_at`, or now.",
            max_length=64,
        ),
    ] = None,
    known_at: Annotated[
        str | None, Query(description="As it was known at this time (UTC).", max_length=64)
    ] = None,
) -> Asked:
    times = [instant_of(as_of, context, "as_of"), instant_of(known_at, context, "known_at")]
    for ts in times:
        if ts is not None:
            caller.within(ts, ts)
    when = When(*(None if ts is None else _moment(ts) for ts in times))
    words = {"as_of": as_of, "known_at": known_at}
    return Asked(context, caller, when, words)


OfTime = Annotated[Asked, Depends(_asked)]
"""A question of a time, as a parameter of a route."""


def _moment(ts: int) -> datetime:
    at = moment(ts)
    assert at is not None  # noqa: S101 - a number gives a time
    return at


def _venues(context: Context, caller: Caller) -> frozenset[str] | None:
    """The venues of the feeds that a caller may see; None for all."""
    if caller.feeds is None:
        return None
    register = Register(as_store(context.root), context.root)
    known = [feed for feed in archive(context).feeds() if feed in caller.feeds]
    return frozenset(register.venue(feed) for feed in known)
