"""What is known of a subscription, in the words of the ledger. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ssmd.archive.ledger.carry import Cover, Line, Want
from ssmd.archive.ledger.entries import Coverage, Entry, Intent

IMPORT: Final = "import"
"""Why a connection was opened that reads a recording: nobody says there what was wanted."""


WITHDRAWN: Final = "withdrawn"
"""Reason of an entry of an earlier day that proved to be none."""
UNKNOWN: Final = "unknown"
"""Why a connection ended of which nothing says so: it fell silent, or has a successor."""
PENDING: Final = "pending"
"""Reason of a hole that may yet be filled: its connection is open."""
RECORDS: Final = "records"
"""Reason of a hole in our own records: what they said of the connection is not known."""
WANTS: Final = "wants"
"""Reason of the time after it, up to the connection's end: what it held is not known."""
NO_FRAMES: Final = (0, -1)
"""The ordinals of a hole in which no frame is missing."""
NO_WANTS: Final = (0, -2)
"""The same, of the time after it: the two are told apart by it."""


def withdrawn(entry: Entry) -> Entry:
    """An entry that takes back what an earlier day's ledger told."""
    return msgspec.structs.replace(entry, until=entry.since, reason=WITHDRAWN)


def intent(feed: str, line: Line, want: Want) -> Intent:
    """A subscription was wanted."""
    return Intent(
        feed=feed,
        since=want.begun.ts,
        until=want.until,
        reason=want.reason,
        connection=want.begun.connection,
        record=want.begun.record,
        file=want.begun.file,
        channel=line.channel,
        symbol=line.symbol,
        ended=want.ended,
    )


def coverage(feed: str, line: Line, cover: Cover, silent: Mapping[str, int]) -> Coverage:
    """A subscription was held; on an open connection up to where it fell `silent`, if it did."""
    end = silent.get(cover.begun.connection) if cover.until is None else None
    return Coverage(
        feed=feed,
        since=cover.begun.ts,
        until=cover.until if end is None else max(end, cover.begun.ts),
        reason=cover.reason,
        connection=cover.begun.connection,
        record=cover.begun.record,
        file=cover.begun.file,
        channel=line.channel,
        symbol=line.symbol,
        ordinal=cover.ordinal,
        ended=cover.ended if end is None else UNKNOWN,
    )


def recorded(feed: str, line: Line, cover: Cover) -> Intent:
    """What a recording holds was wanted by whoever made it."""
    return Intent(
        feed=feed,
        since=cover.begun.ts,
        until=cover.until,
        reason=IMPORT,
        connection=cover.begun.connection,
        record=cover.begun.record,
        file=cover.begun.file,
        channel=line.channel,
        symbol=line.symbol,
        ended=cover.ended,
    )
