"""When a subscription was wanted and nobody held it. Pure: intents minus the union of coverages."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ssmd.archive.ledger.carry import Cover, Line, Want
from ssmd.archive.ledger.entries import Outage
from ssmd.archive.ledger.words import UNKNOWN

_EVER: Final = 1 << 63
_UNSUBSCRIBED: Final = "unsubscribed"


class _Bare(msgspec.Struct, frozen=True):
    """A time that no coverage covers.

    Attributes:
        since: When it begins, ns.
        until: When it ends, ns; `_EVER` when it does not.
        before: The coverage that ended then.
        after: The coverage that begins next.
    """

    since: int
    until: int
    before: Cover | None
    after: Cover | None


def outages(feed: str, line: Line, silent: Mapping[str, int]) -> Iterator[Outage]:
    """The outages of a subscription that were not settled before.

    Args:
        feed: The feed's name.
        line: The subscription.
        silent: Up to when open connections that fell silent can count as live, ns.
    """
    covers = sorted(line.covers, key=lambda cover: cover.begun.ts)
    bare = list(_uncovered(covers, silent))
    declined = [at.ts for at in line.declined]
    at = 0
    for want in line.wants:
        begin = max(want.begun.ts, line.settled)
        end = _EVER if want.until is None else want.until
        while at < len(bare) and bare[at].until <= begin:
            at += 1
        look = at
        while look < len(bare) and bare[look].since < end:
            piece = bare[look]
            since, until = max(piece.since, begin), min(piece.until, end)
            if since < until:
                refused = bisect_left(declined, until) > bisect_left(declined, since)
                yield _outage(feed, line, want, piece, since, until, refused=refused)
            look += 1


def _uncovered(covers: list[Cover], silent: Mapping[str, int]) -> Iterator[_Bare]:
    """The gaps of a union, the time before and after it included."""
    edge, before = 0, None
    for cover in covers:
        if cover.begun.ts > edge:
            yield _Bare(edge, cover.begun.ts, before, cover)
        until = cover.until
        if until is None:
            until = max(silent.get(cover.begun.connection, _EVER), cover.begun.ts)
        if until >= edge:
            edge, before = until, cover
    if edge < _EVER:
        yield _Bare(edge, _EVER, before, None)


def _outage(
    feed: str, line: Line, want: Want, piece: _Bare, since: int, until: int, *, refused: bool
) -> Outage:
    before = piece.before
    if before is not None and max(piece.since - 1, before.begun.ts) < want.begun.ts:
        before = None  # it ended before anybody wanted this
    back = piece.after if until == piece.until else None
    if before is not None:
        connection, end = before.begun.connection, before.end
        reason = UNKNOWN if before.until is None else before.ended
        reason = "refused" if refused and reason == _UNSUBSCRIBED else reason
        record, file = (end.record, end.file) if end is not None else (None, "")
    else:
        connection, record, file = want.begun.connection, want.begun.record, want.begun.file
        reason = "refused" if refused else "start" if back is not None else "never"
    return Outage(
        feed=feed,
        since=since,
        until=None if until == _EVER else until,
        reason=reason,
        connection=connection,
        record=record,
        file=file,
        channel=line.channel,
        symbol=line.symbol,
        ended_by="" if back is None else back.begun.connection,
    )
