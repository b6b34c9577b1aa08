"""How much of what was wanted was covered: one figure for a list. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from ssmd.archive.ledger.entries import Coverage, Intent, Ledger
from ssmd.archive.ledger.spans import Span, joined, shared

_Key = tuple[str, str | None]


def covered(ledger: Ledger) -> float | None:
    """Covered time over wanted time, summed over all subscriptions, from 0 to 1.

    Every subscription counts alike, so that an hour of one instrument in a thousand weighs a
    thousandth. It says nothing about gaps, holes and losses within what was covered.

    Returns:
        None when nothing was wanted.
    """
    wanted = _spans(ledger, Intent)
    held = _spans(ledger, Coverage)
    whole = sum(_length(spans) for spans in wanted.values())
    if not whole:
        return None
    return sum(_length(shared(spans, held.get(key, []))) for key, spans in wanted.items()) / whole


def _spans(ledger: Ledger, kind: type[Intent] | type[Coverage]) -> dict[_Key, list[Span]]:
    """When each subscription was so, within the ledger's time."""
    found: dict[_Key, list[Span]] = defaultdict(list)
    for entry in ledger.entries:
        if isinstance(entry, kind):
            end = ledger.until if entry.until is None else min(entry.until, ledger.until)
            begin = max(entry.since, ledger.since)
            if begin < end:
                found[entry.channel, entry.symbol].append((begin, end))
    return {key: joined(spans) for key, spans in found.items()}


def _length(spans: Iterable[Span]) -> int:
    return sum(until - since for since, until in spans)
