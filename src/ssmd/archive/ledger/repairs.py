"""What was made good, and how far. Pure."""

from collections import defaultdict
from typing import Literal

from ssmd.archive.ledger.entries import Entry, Gap, Ledger, Repair
from ssmd.archive.ledger.spans import Span, joined, shared, without

Repaired = Literal["no", "partly", "snapshot", "backfill"]
"""Not at all; some of it; the state alone; the facts."""


class Repairs:
    """Finds what was made good, by instrument."""

    def __init__(self, ledger: Ledger) -> None:
        self._by_symbol: dict[str | None, list[Repair]] = defaultdict(list)
        for entry in ledger.entries:
            if isinstance(entry, Repair):
                for symbol in entry.symbols or (None,):
                    self._by_symbol[symbol].append(entry)

    def of(self, entry: Entry, channels: tuple[str, ...], symbol: str | None) -> Repaired:
        """What made an entry good for one instrument on some channels; on all, when none is named."""
        if entry.until is None:
            return "no"
        whole = [(entry.since, entry.until)]
        filled: list[Span] = []
        renewed = False
        for repair in (*self._by_symbol[symbol], *(self._by_symbol[None] if symbol else ())):
            if channels and repair.channel not in channels:
                continue
            end = entry.until if repair.until is None else repair.until
            if repair.reason == "backfill":
                filled.append((repair.since, end))
            elif isinstance(entry, Gap) and repair.connection == entry.connection:
                renewed = renewed or entry.since <= end <= entry.until
        filled = joined(filled)
        if filled and not without(whole, filled):
            return "backfill"
        if renewed:
            return "snapshot"
        return "partly" if shared(whole, filled) else "no"
