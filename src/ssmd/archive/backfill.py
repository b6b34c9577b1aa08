"""What an archive lacks that a venue's history may still tell, by its ledger. Pure but for the end."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ssmd.archive import files, manifest
from ssmd.archive.ledger.entries import (
    Coverage,
    Entry,
    Gap,
    Hole,
    Intent,
    Ledger,
    Loss,
    Outage,
    Repair,
)
from ssmd.archive.ledger.spans import Span, joined, shared, without
from ssmd.archive.presence import Presence
from ssmd.model.missing import MARGIN_NS, Missing

Key = tuple[str, str | None]
"""A channel and a symbol; None for all of them."""


def missing(
    ledger: Ledger,
    is_told: Callable[[str, str], bool],
    *,
    now: int,
    unended: bool = False,
    symbol: str | None = None,
    channel: str | None = None,
) -> list[Missing]:
    """What is missing of a feed, and was not asked for yet, by time.

    A span that was asked for and is gone is not asked for again. A little more than what is missing
    is asked for, since clocks differ; but only beside what is missing still.

    Args:
        ledger: Of the time in question; what is missing around it is cut off there.
        is_told: Whether the venue tells the past of a channel's symbol.
        now: Nothing from here on is asked for, ns.
        unended: Whether to ask, up to the ledger's end, for what is not over yet. Otherwise it is
            asked for when it is: its end moves on with everything that is archived.
        symbol: Only this instrument, in the venue's own string.
        channel: Only this channel.
    """
    lacking: dict[Key, list[tuple[Span, str]]] = defaultdict(list)
    held = _held(ledger)
    for entry in ledger.entries:
        if not isinstance(entry, Gap | Hole | Loss | Outage):
            continue
        if entry.until is None and not unended:
            continue
        end = ledger.until if entry.until is None else entry.until
        span = max(entry.since, ledger.since), min(end, ledger.until)
        for key in _concerned(entry, held) if span[0] < span[1] else ():
            for one in _by_symbol(key, held):
                lacking[one].append((span, _cause(entry)))
    told = _told(ledger)
    found: list[Missing] = []
    for (name, whose), spans in lacking.items():
        if channel not in {None, name} or symbol not in {None, whose}:
            continue
        if whose is None or is_told(name, whose):
            found += _unsettled(name, whose, spans, told[name, whose], now)
    return sorted(found, key=lambda each: (each.since, each.channel, each.symbol or ""))


def unclosed(root: Path, feed: str, writer: str) -> dict[str, Presence]:
    """Connections of a writer that have no closing record, by their sealed segments.

    Raises:
        Damaged: A manifest is not what was written.
    """
    found: dict[str, Presence] = {}
    for place, kind in files.walk(root, feed):
        if kind != "manifest" or place.writer != writer:
            continue
        name = place.name("manifest")
        contents = manifest.decode((root / name).read_bytes(), name).contents
        for connection, here in contents.connections.items():
            found.setdefault(connection, Presence()).merge(here)
    return {name: presence for name, presence in found.items() if presence.closed is None}


def _held(ledger: Ledger) -> dict[str, set[Key]]:
    """What was wanted or held, by connection; of all together under the empty name."""
    held: dict[str, set[Key]] = defaultdict(set)
    for entry in ledger.entries:
        if isinstance(entry, Coverage | Intent):
            held[entry.connection].add((entry.channel, entry.symbol))
            held[""].add((entry.channel, entry.symbol))
    for each in ledger.activity:
        if each.symbol:
            held[""].add(("", each.symbol))
    return held


def _concerned(entry: Entry, held: dict[str, set[Key]]) -> Iterable[Key]:
    """The subscriptions that lack what an entry says is missing."""
    match entry:
        case Outage():
            return [(entry.channel, entry.symbol)]
        case Gap() if entry.channel and entry.symbols:
            return [(entry.channel, symbol) for symbol in entry.symbols]
        case Gap():
            names = set(entry.symbols)
            channel = entry.channel
        case Hole() | Loss():
            names, channel = set(entry.symbols), ""
        case _:
            return ()
    return sorted(
        (
            (name, symbol)
            for name, symbol in held[entry.connection]
            if channel in {"", name} and (not names or symbol is None or symbol in names)
        ),
        key=str,
    )


def _by_symbol(key: Key, held: dict[str, set[Key]]) -> Iterator[Key]:
    """A subscription to all instruments is one of each that was ever heard of."""
    channel, symbol = key
    if symbol is not None:
        yield key
        return
    known = {name for _, name in held[""] if name is not None}
    yield from ((channel, name) for name in sorted(known))
    if not known:
        yield key


def _told(ledger: Ledger) -> dict[Key, list[Span]]:
    """What was asked for already, whatever came of it."""
    told: dict[Key, list[Span]] = defaultdict(list)
    for entry in ledger.entries:
        if isinstance(entry, Repair) and entry.reason != "snapshot" and entry.until is not None:
            for symbol in entry.symbols:
                told[entry.channel, symbol].append((entry.since, entry.until))
    return told


def _unsettled(
    channel: str, symbol: str | None, spans: list[tuple[Span, str]], told: list[Span], now: int
) -> Iterator[Missing]:
    """What of a subscription's spans was not asked for, with its margins."""
    told = joined(told)
    core = without(joined(span for span, _ in spans), told)
    wide = joined((since - MARGIN_NS, min(end + MARGIN_NS, now)) for (since, end), _ in spans)
    for since, end in without(wide, told):
        if not shared([(since, end)], core):
            continue
        causes = [cause for span, cause in spans if shared([span], [(since, end)])]
        yield Missing(channel=channel, symbol=symbol, since=since, until=end, cause=causes[0])


def _cause(entry: Entry) -> str:
    """As `Backfilled` says it."""
    record = "" if entry.record is None else f" r{entry.record}"
    return f"{type(entry).__name__.lower()} {entry.connection}{record}"
