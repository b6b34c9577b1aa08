"""What was made good, and how far. Pure."""

from collections import defaultdict
from typing import Literal

from ssmd.archive.ledger.carry import Key
from ssmd.archive.ledger.entries import Entry, Gap, Ledger, Outage, Repair
from ssmd.archive.ledger.found import Found
from ssmd.archive.ledger.sound import VERDICTS, Sound, reach
from ssmd.archive.ledger.spans import Span, joined, shared, without

Repaired = Literal["no", "partly", "snapshot", "backfill", "twin"]
"""Not at all; some of it; the state alone; the facts; another connection heard all of it."""


class Repairs:
    """Finds what was made good, by instrument."""

    def __init__(self, ledger: Ledger) -> None:
        self._found = Found(ledger)
        self._horizon = ledger.until
        self._sound: dict[Key, Sound] = {}
        self._by_symbol: dict[str | None, list[Repair]] = defaultdict(list)
        for entry in ledger.entries:
            if isinstance(entry, Repair):
                for symbol in entry.symbols or (None,):
                    self._by_symbol[symbol].append(entry)

    def of(self, entry: Entry, channels: tuple[str, ...], symbol: str | None) -> Repaired:
        """What made an entry good for one instrument.

        Args:
            entry: What is missing.
            channels: On which channels; none stands for all, which no history makes good.
            symbol: Which instrument.
        """
        if not isinstance(entry, Outage) and self._has_another(entry, channels, symbol):
            return "twin"
        if entry.until is None:
            return "no"
        whole = [(entry.since, entry.until)]
        facts: list[Span] = []
        some: list[Span] = []
        renewed = False
        for repair in (*self._by_symbol[symbol], *(self._by_symbol[None] if symbol else ())):
            if channels and repair.channel not in channels:
                continue
            end = entry.until if repair.until is None else repair.until
            if repair.reason == "snapshot":
                mine = isinstance(entry, Gap) and repair.connection == entry.connection
                renewed = renewed or (mine and entry.since <= end <= entry.until)
            elif repair.ordinal is not None:
                some.append((repair.since, end))
                if channels and repair.reason == "backfill":
                    facts.append((repair.since, end))
        if facts and not without(whole, joined(facts)):
            return "backfill"
        if renewed:
            return "snapshot"
        return "partly" if shared(whole, joined(some)) else "no"

    def _has_another(self, entry: Entry, channels: tuple[str, ...], symbol: str | None) -> bool:
        """Whether another connection heard all of what one missed of an instrument."""
        if entry.reason in VERDICTS:
            return False
        concerned = channels or self._found.channels_of(entry.connection, symbol)
        return bool(concerned) and all(
            not self._sound_of(channel, symbol).left(reach(entry, self._horizon), entry.connection)
            for channel in concerned
        )

    def _sound_of(self, channel: str, symbol: str | None) -> Sound:
        key = (channel, symbol)
        if key not in self._sound:
            self._sound[key] = Sound(self._found, channel, symbol, self._horizon)
        return self._sound[key]
