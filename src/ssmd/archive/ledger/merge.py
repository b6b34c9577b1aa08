"""Ledgers of one feed, of times that follow one another, as one. Pure."""

from collections.abc import Iterable, Mapping

from ssmd.archive.ledger.entries import (
    Activity,
    Coverage,
    Entry,
    Gap,
    Hole,
    Intent,
    Ledger,
    Loss,
    Outage,
    Unproved,
)
from ssmd.archive.ledger.words import WITHDRAWN

Identity = tuple[object, ...]
"""What tells an entry from all others of its feed, open or closed."""


def identity(entry: Entry) -> Identity:
    """What an entry is known by: it stays when more becomes known of it."""
    match entry:
        case Intent() | Coverage():
            return (entry.table, entry.connection, entry.record, entry.channel, entry.symbol)
        case Outage():
            return (entry.table, entry.since, entry.channel, entry.symbol)
        case Hole() | Loss():
            return (entry.table, entry.connection, entry.record, entry.ordinals)
        case Gap():
            return (entry.table, entry.connection, entry.record, entry.symbols)
        case Unproved():
            return (entry.table, entry.connection, entry.channel, entry.ordinals, entry.symbols)
    return (entry.table, entry.connection, entry.record)


def merge(ledgers: Iterable[Ledger]) -> Ledger:
    """All of them as one: what several tell of the same matter, the last one tells best.

    Args:
        ledgers: Of one feed, by time; at least one.

    Raises:
        ValueError: There is none, or they are of several feeds.
    """
    parts = list(ledgers)
    if len({part.feed for part in parts}) != 1:
        raise ValueError("ledgers of one feed are needed")
    found: dict[Identity, dict[Identity, Entry]] = {}
    for part in parts:
        told = {_matter(entry): dict[Identity, Entry]() for entry in part.entries}
        for entry in part.entries:
            told[_matter(entry)][identity(entry)] = entry
            if isinstance(entry, Loss):
                told.setdefault((Hole.table, entry.connection), {})
        found.update(told)
    counts: list[Mapping[tuple[str, int], int]] = [
        {(one.symbol, one.minute): one.messages for one in part.activity} for part in parts
    ]
    return Ledger(
        feed=parts[0].feed,
        venue=next((part.venue for part in reversed(parts) if part.venue), ""),
        since=min(part.since for part in parts),
        until=max(part.until for part in parts),
        entries=in_order(
            entry for told in found.values() for entry in told.values() if entry.reason != WITHDRAWN
        ),
        activity=summed(counts),
    )


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries by since, then table, then the rest."""
    return tuple(sorted(entries, key=_order))


def summed(counts: Iterable[Mapping[tuple[str, int], int]]) -> tuple[Activity, ...]:
    """Messages by symbol and minute, of several segments together."""
    total: dict[tuple[str, int], int] = {}
    for one in counts:
        for key, messages in one.items():
            total[key] = total.get(key, 0) + messages
    return tuple(Activity(*key, messages) for key, messages in sorted(total.items()))


def _matter(entry: Entry) -> Identity:
    """Whatever is told of one matter is told again in full, or not at all."""
    match entry:
        case Gap() | Loss():
            return (entry.table, entry.connection, entry.record)
        case Hole() | Unproved():
            return (Hole.table, entry.connection)
    return identity(entry)


def _order(entry: Entry) -> tuple[object, ...]:
    record = -1 if entry.record is None else entry.record
    place: tuple[object, ...]
    match entry:
        case Intent() | Coverage() | Outage():
            place = (entry.channel, entry.symbol or "", entry.symbol is None)
        case Hole() | Loss():
            place = entry.ordinals
        case Unproved():
            place = (*entry.ordinals, entry.channel, *entry.symbols)
        case Gap():
            place = (entry.channel, *entry.symbols)
        case _:
            place = ()
    return (entry.since, entry.table, entry.connection, record, place)
