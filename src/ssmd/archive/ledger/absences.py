"""What is missing, as people and programs ask for it: one entry per instrument. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from ssmd.archive.ledger.entries import Entry, Gap, Hole, Ledger, Loss, Outage
from ssmd.archive.ledger.gaps import UNWITNESSED
from ssmd.archive.ledger.repairs import Repaired, Repairs
from ssmd.model.timestamp import SECOND_NS, format_rfc3339

_STOPPED: Final = "shutdown"
_WISHES: Final = "wants"
"""Reason of a hole in what a connection may have been asked for: it makes minutes unknown, and says
itself of nothing that it is missing."""
_ENDING_NS: Final = 30 * SECOND_NS
"""A connector that is told to stop needs so long at most from its last frame to its last word."""

Kind = Literal["gap", "hole", "outage", "loss"]
"""Whose loss it is: the venue's; ours; nobody was there; ours, and declared."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What shows it.

    Attributes:
        connection: The connection it is about; empty when there was none.
        record: The record that shows it; None when it follows from what is not there.
        ordinals: The frames concerned, both included; None when none is known.
        file: The segment that holds the record, relative to the root.
        channels: Of which channels; empty for all of the connection.
        repaired: What made it good: `snapshot` the state alone, `backfill` the facts, `twin` another
            connection that heard all of it.
    """

    connection: str
    record: int | None
    ordinals: tuple[int, int] | None
    file: str
    channels: tuple[str, ...]
    repaired: Repaired


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not in the archive, or was not for a time.

    Attributes:
        feed: The feed's name.
        instrument: `venue:symbol`; None when it concerns everything of a connection.
        kind: Whose loss it is.
        since: When it began, ns.
        until: When it was over, ns; None while it is not.
        reason: Why.
        evidence: What shows it.
        symbols: The instruments concerned when it is everything of a connection.
    """

    feed: str
    instrument: str | None
    kind: Kind
    since: int
    until: int | None
    reason: str
    evidence: Evidence
    symbols: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, object]:
        """The same for a program: `from` and `to` as RFC 3339."""
        return {
            "feed": self.feed,
            "instrument": self.instrument,
            "kind": self.kind,
            "from": format_rfc3339(self.since),
            "to": None if self.until is None else format_rfc3339(self.until),
            "reason": self.reason,
            "evidence": self.evidence,
        }


def absences(
    ledger: Ledger, symbol: str | None = None, wider: Ledger | None = None
) -> list[Absence]:
    """Everything missing in a ledger, by time.

    An outage of several channels of an instrument is one entry, as long as they overlap.

    Args:
        ledger: Of one feed.
        symbol: Only what concerns this instrument, in the venue's own string.
        wider: The ledger of a longer time, when what made things good may lie outside of this one.
    """
    repairs = Repairs(wider or ledger)
    found = [*_outages(ledger, repairs)]
    for entry in ledger.entries:
        if isinstance(entry, Gap):
            if entry.reason != UNWITNESSED:
                found += _gaps(ledger, entry, repairs)
        elif isinstance(entry, Hole | Loss) and entry.reason != _WISHES:
            found.append(_frames(ledger, entry, repairs))
    if symbol is not None:
        found = [each for each in found if concerns(each, ledger.venue, symbol)]
    return sorted(found, key=lambda each: (each.since, each.kind, each.instrument or ""))


def stopped(ledger: Ledger) -> int | None:
    """When a feed's recording was told to stop, ns, if that is the last that is known of it."""
    outages = (entry for entry in ledger.entries if isinstance(entry, Outage))
    return max((each.since for each in outages if is_stop(each, ledger)), default=None)


def is_stop(each: Absence | Outage, ledger: Ledger) -> bool:
    """Whether something is missing only since recording was told to stop, at the very end."""
    at_the_end = each.since >= ledger.until - _ENDING_NS
    return each.until is None and each.reason == _STOPPED and at_the_end


def concerns(each: Absence, venue: str, symbol: str) -> bool:
    """Whether something missing is about an instrument."""
    if each.instrument is not None:
        return each.instrument == f"{venue}:{symbol}"
    return not each.symbols or symbol in each.symbols


def _outages(ledger: Ledger, repairs: Repairs) -> Iterator[Absence]:
    """Outages of one instrument that overlap and have one cause, over its channels."""
    groups: dict[tuple[str | None, str, str], list[Outage]] = defaultdict(list)
    for entry in ledger.entries:
        if isinstance(entry, Outage):
            groups[entry.symbol, entry.connection, entry.reason].append(entry)
    for (symbol, _, _), entries in groups.items():
        for together in _overlapping(entries):
            first = together[0]
            ends = [each.until for each in together if each.until is not None]
            channels = tuple(sorted({each.channel for each in together}))
            how = _how([repairs.of(each, (each.channel,), symbol) for each in together])
            yield Absence(
                feed=ledger.feed,
                instrument=_instrument(ledger, symbol),
                kind="outage",
                since=first.since,
                until=max(ends) if len(ends) == len(together) else None,
                reason=first.reason,
                evidence=_evidence(first, channels, None, how),
            )


def _overlapping(entries: list[Outage]) -> Iterator[list[Outage]]:
    together: list[Outage] = []
    reach: int | None = 0
    for entry in sorted(entries, key=lambda each: (each.since, each.channel)):
        if together and reach is not None and entry.since >= reach:
            yield together
            together = []
        if not together:
            reach = entry.until
        elif reach is not None:
            reach = None if entry.until is None else max(reach, entry.until)
        together.append(entry)
    if together:
        yield together


def _gaps(ledger: Ledger, entry: Gap, repairs: Repairs) -> Iterator[Absence]:
    for symbol in entry.symbols or (None,):
        how = repairs.of(entry, (entry.channel,), symbol)
        frame = None if entry.ordinal is None else (entry.ordinal, entry.ordinal)
        yield Absence(
            feed=ledger.feed,
            instrument=_instrument(ledger, symbol),
            kind="gap",
            since=entry.since,
            until=entry.until,
            reason=entry.reason,
            evidence=_evidence(entry, (entry.channel,), frame, how),
        )


def _frames(ledger: Ledger, entry: Hole | Loss, repairs: Repairs) -> Absence:
    only = entry.symbols[0] if len(entry.symbols) == 1 else None
    how = _how([repairs.of(entry, (), symbol) for symbol in entry.symbols or (None,)])
    is_empty = entry.ordinals[1] < entry.ordinals[0]
    return Absence(
        feed=ledger.feed,
        instrument=_instrument(ledger, only),
        kind="hole" if isinstance(entry, Hole) else "loss",
        since=entry.since,
        until=entry.until,
        reason=entry.reason,
        evidence=_evidence(entry, (), None if is_empty else entry.ordinals, how),
        symbols=entry.symbols,
    )


def _how(each: list[Repaired]) -> Repaired:
    """One word for several."""
    return each[0] if len(set(each)) == 1 else "partly"


def _instrument(ledger: Ledger, symbol: str | None) -> str | None:
    return None if symbol is None else f"{ledger.venue}:{symbol}"


def _evidence(
    entry: Entry, channels: tuple[str, ...], ordinals: tuple[int, int] | None, how: Repaired
) -> Evidence:
    return Evidence(
        connection=entry.connection,
        record=entry.record,
        ordinals=ordinals,
        file=entry.file,
        channels=channels,
        repaired=how,
    )
