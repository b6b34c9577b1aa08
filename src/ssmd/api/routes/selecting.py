"""What most questions about data have in common: which feeds, which instruments, which time."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query, Request
from fastapi import Path as PathWord

from ssmd.access.where import When
from ssmd.api.callers import Caller, ForDatasets, said
from ssmd.api.context import Context, Reached
from ssmd.api.reading import archive, span_of

Feeds = Annotated[
    list[str] | None,
    Query(description="Of this feed; several times for several; all if left out."),
]
FeedPath = Annotated[str, PathWord(description="The feed's name.", max_length=40)]
Instruments = Annotated[
    list[str] | None,
    Query(
        description="`venue:symbol`, or the venue's own symbol; several times for several.",
        max_length=200,
    ),
]
Start = Annotated[
    str | None,
    Query(
        description="From when on (UTC): `2026-11-23T12:00Z`, a date, `-1h` for an hour ago, or ns since 1970.",
        max_length=64,
    ),
]
End = Annotated[
    str | None, Query(description="Up to when, not included; as `start`.", max_length=64)
]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which feeds, instruments and time are meant, within what the caller may see.

    Attributes:
        feeds: Names; None for all there are.
        instruments: Names; None for all.
        since: From when on, ns.
        until: Up to when, ns.
        asked: The question as it was put, for cursors.
    """

    feeds: list[str] | None
    instruments: list[str] | None
    since: int | None
    until: int | None
    asked: dict[str, Any]

    @property
    def when(self) -> When:
        """The same for an archive."""
        return When(feed=self.feeds, instrument=self.instruments, start=self.since, end=self.until)


def selected(
    caller: Caller,
    context: Context,
    request: Request,
    feeds: list[str] | None,
    instruments: list[str] | None,
    start: str | None,
    end: str | None,
) -> Selection:
    """What is meant; what is not the caller's is refused, and left out where nothing was named.

    Raises:
        Refused: 400 or 403.
        ConfigError: A feed is not there.
    """
    since, until = caller.within(*span_of(start, end, context))
    for feed in feeds or ():
        caller.check_feed(feed)
    chosen = feeds
    if chosen is None and caller.feeds is not None:
        chosen = caller.only(archive(context).feeds())
    said(request).feeds = list(chosen or ())
    asked = {"feeds": feeds, "instruments": instruments, "start": start, "end": end}
    return Selection(feeds=chosen, instruments=instruments, since=since, until=until, asked=asked)


async def _selection(
    caller: ForDatasets,
    context: Reached,
    request: Request,
    feed: Feeds = None,
    instrument: Instruments = None,
    start: Start = None,
    end: End = None,
) -> Selection:
    return selected(caller, context, request, feed, instrument, start, end)


Selected = Annotated[Selection, Depends(_selection)]
"""The common words, as a parameter of a route whose scope is `datasets:read`."""
