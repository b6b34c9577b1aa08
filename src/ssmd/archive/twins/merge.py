"""Which rows to take when several captures tell the same."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from ssmd.archive.twins.election import Primary
from ssmd.archive.twins.told import Told

_SOURCES = ("live", "rest")
"""A captured row is taken before a fetched one: it has a time of receipt that means something."""


Identity = tuple[str, str, str]
"""Table, instrument, the venue's own id."""


class Flagged(msgspec.Struct, frozen=True, kw_only=True):
    """A row, and whether it is the one to take.

    Attributes:
        told: The row.
        is_primary: Whether it is to be taken. All rows that are make the feed, each fact once.
        repeats: Where the fact is told by the row that is taken instead: connection, ordinal,
            part, index. None for a row that is taken, and for one without an identity of its own
            that came on a connection that was not primary.
    """

    told: Told
    is_primary: bool
    repeats: tuple[str, int | None, int, int] | None = None


def flag(rows: Iterable[Told], primaries: Iterable[Primary]) -> Iterator[Flagged]:
    """Every row in the order of receipt, flagged; none is left out.

    A row with the venue's own id is taken where it was told first: live before fetched, and on the
    primary connection before others. A row without one is taken when its connection is primary for
    its instrument then; when nobody was elected for it, always.

    Args:
        rows: In any order; those of one fact must all be there.
        primaries: See `election.elect`; of all instruments.
    """
    elected = Elected(primaries)
    held = sorted(rows, key=lambda told: told.place)
    first: dict[Identity, Told] = {}
    for told in held:
        fact = identity(told)
        if fact is not None:
            known = first.get(fact)
            if known is None or _rank(told, elected) < _rank(known, elected):
                first[fact] = told
    for told in held:
        fact = identity(told)
        if fact is None:
            yield Flagged(told=told, is_primary=elected.takes(told))
        elif (taken := first[fact]) is told:
            yield Flagged(told=told, is_primary=True)
        else:
            place = (taken.connection, taken.ordinal, taken.part, taken.index)
            yield Flagged(told=told, is_primary=False, repeats=place)


def identity(told: Told) -> Identity | None:
    """What makes a fact the same wherever it is told; None when nothing does."""
    row = told.row
    if row.native_id is None:
        return None
    return (row.table, row.symbol or "", row.native_id)


class Elected:
    """Looks up who is primary for an instrument at a time."""

    def __init__(self, primaries: Iterable[Primary]) -> None:
        self._by_symbol: dict[str, list[Primary]] = defaultdict(list)
        for primary in sorted(primaries):
            self._by_symbol[primary.symbol].append(primary)

    def takes(self, told: Told) -> bool:
        """Whether a row without identity is to be taken.

        Where nobody was elected (before the first state, while a book is broken) it belongs to the
        primary that is nearest in time.
        """
        symbol, ts = told.row.symbol, told.ts_recv
        elected = self._by_symbol.get(symbol or "")
        if not elected or ts is None:
            return True
        after = bisect_right(elected, ts, key=lambda primary: primary.since)
        around = elected[max(0, after - 1) : after + 1]
        nearest = min(around, key=lambda primary: (_distance(primary, ts), primary.since))
        return told.connection == nearest.connection


def _distance(primary: Primary, ts: int) -> int:
    """How far a time is from a primary's own; 0 within it."""
    return max(primary.since - ts, ts - primary.until + 1, 0)


def _rank(told: Told, elected: Elected) -> tuple[int, bool, tuple[int, str, int, int, int]]:
    """The least is taken."""
    return (_SOURCES.index(told.source), not elected.takes(told), told.place)
