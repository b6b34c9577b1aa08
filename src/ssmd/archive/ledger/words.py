"""What is known of a subscription, in the words of the ledger. Pure."""

from typing import Final

from ssmd.archive.ledger.carry import Cover, Line, Want
from ssmd.archive.ledger.entries import Coverage, Intent

IMPORT: Final = "import"
"""Why a connection was opened that reads a recording: nobody says there what was wanted."""


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


def coverage(feed: str, line: Line, cover: Cover) -> Coverage:
    """A subscription was held."""
    return Coverage(
        feed=feed,
        since=cover.begun.ts,
        until=cover.until,
        reason=cover.reason,
        connection=cover.begun.connection,
        record=cover.begun.record,
        file=cover.begun.file,
        channel=line.channel,
        symbol=line.symbol,
        ordinal=cover.ordinal,
        ended=cover.ended,
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
