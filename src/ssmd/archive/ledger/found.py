"""The entries of a ledger by what they are about, for whoever judges many instruments. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import chain

from ssmd.archive.ledger.carry import Key
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
    Unproved,
)
from ssmd.archive.ledger.facts import UNREAD
from ssmd.archive.ledger.gaps import FROZEN
from ssmd.archive.ledger.spans import Span, joined
from ssmd.archive.ledger.words import WANTS


class Found:
    """The entries of a ledger by what they are about."""

    def __init__(self, ledger: Ledger) -> None:
        """Sort them."""
        self.intents: dict[Key, list[Entry]] = {}
        self.covers: dict[Key, list[Entry]] = {}
        self.outages: dict[Key, list[Entry]] = {}
        self.gaps: dict[Key, list[Gap]] = {}
        self.whole_gaps: dict[str, list[Gap]] = {}
        self.missing: dict[str, list[Entry]] = {}
        self.unread: dict[str, list[Entry]] = {}
        self.backfills: dict[Key, list[Span]] = {}
        self.unproved: dict[Key, list[Unproved]] = {}
        self.snapshots: dict[tuple[str, str, str | None], list[int]] = {}
        self._held: dict[str, dict[str | None, dict[str, None]]] = {}
        self.unsaid: list[Entry] = []
        for entry in ledger.entries:
            self._place(entry)
        for ends in self.snapshots.values():
            ends.sort()
        self._wanted: dict[str | None, list[str]] = {}
        for channel, symbol in self.intents:
            self._wanted.setdefault(symbol, []).append(channel)
        self.activity: dict[str, list[int]] = {}
        for one in ledger.activity:
            self.activity.setdefault(one.symbol, []).append(one.minute)

    @property
    def symbols(self) -> list[str | None]:
        """Every instrument that was ever wanted; where no wish is on record, all that spoke."""
        if not self._wanted:
            return [symbol for symbol in self.activity if symbol]
        return sorted(self._wanted, key=lambda symbol: (symbol is not None, symbol or ""))

    def channels(self, symbol: str | None) -> dict[str, list[Key]]:
        """On which channels it was wanted, by which subscriptions: its own, and those to all."""
        found: dict[str, list[Key]] = {}
        for of in dict.fromkeys((symbol, None)):
            for channel in self._wanted.get(of, ()):
                is_told = any(each.reason != UNREAD for each in self.intents[channel, of])
                if is_told or channel not in found:
                    found.setdefault(channel, []).append((channel, of))
        return found

    def of(self, entries: dict[Key, list[Entry]], key: Key) -> list[Entry]:
        """The intents or coverages of a subscription, and those that may have been of it."""
        all_ = entries.get((key[0], None), ()) if key[1] is not None else ()
        return [*entries.get(key, ()), *(each for each in all_ if each.reason == UNREAD)]

    def outages_of(self, key: Key, covers: list[Entry]) -> Iterator[Entry]:
        """The outages of a subscription, and of what may have been it."""
        yield from self.outages.get(key, ())
        assumed = {each.connection for each in covers if each.reason == UNREAD}
        for outage in self.outages.get((key[0], None), ()) if key[1] is not None else ():
            if outage.connection in assumed:
                yield outage

    def gaps_of(self, channel: str, symbol: str | None, covers: list[Entry]) -> Iterator[Gap]:
        """The gaps of an instrument on a channel, those of a whole connection included."""
        if symbol is not None:
            yield from self.gaps.get((channel, symbol), ())
            yield from self.gaps.get(("", symbol), ())
        for connection in dict.fromkeys(cover.connection for cover in covers):
            for gap in self.whole_gaps.get(connection, ()):
                if gap.channel in {"", channel}:
                    yield gap

    def held(self, channel: str, symbol: str | None) -> list[Entry]:
        """Every coverage of an instrument on a channel: by its name, and with all others."""
        keys = ((channel, of) for of in dict.fromkeys((symbol, None)))
        return [each for key in keys for each in self.covers.get(key, ()) if each.reason != UNREAD]

    def channels_of(self, connection: str, symbol: str | None) -> tuple[str, ...]:
        """On which channels a connection ever held an instrument."""
        held = self._held.get(connection, {})
        return tuple(dict.fromkeys((*held.get(symbol, ()), *held.get(None, ()))))

    def unproved_of(self, channel: str, symbol: str | None) -> Iterator[Unproved]:
        """When what an instrument's changes build on a channel was not proved."""
        for of in dict.fromkeys((symbol, None)):
            yield from self.unproved.get((channel, of), ())

    def filled(self, key: Key, symbol: str | None) -> list[Span]:
        """What of an instrument on a channel was fetched from the venue's history."""
        every = (self.backfills.get((key[0], of), ()) for of in dict.fromkeys((symbol, key[1])))
        return joined(chain.from_iterable(every))

    def repaired(self, gap: Gap, symbol: str | None) -> int | None:
        """When a snapshot ended a gap for an instrument, ns; None when none did."""
        if gap.reason == FROZEN:
            return None
        until = gap.until
        if not gap.symbols and symbol is not None:
            ends = self.snapshots.get((gap.connection, gap.channel, symbol), [])
            after = ends[bisect_right(ends, gap.since) :][:1]
            if after:
                return after[0]
        if until is None:
            return None
        for of in dict.fromkeys((symbol, None)):
            ends = self.snapshots.get((gap.connection, gap.channel, of), [])
            at = bisect_left(ends, until)
            if ends[at : at + 1] == [until]:
                return until
        return None

    def _place(self, entry: Entry) -> None:
        match entry:
            case Intent():
                self.intents.setdefault((entry.channel, entry.symbol), []).append(entry)
            case Coverage():
                of = self._held.setdefault(entry.connection, {}).setdefault(entry.symbol, {})
                of[entry.channel] = None
                self.covers.setdefault((entry.channel, entry.symbol), []).append(entry)
            case Outage():
                self.outages.setdefault((entry.channel, entry.symbol), []).append(entry)
            case Hole() | Loss():
                self._frames(entry)
            case Gap() | Unproved():
                self._fault(entry)
            case Repair():
                self._repair(entry)

    def _fault(self, entry: Gap | Unproved) -> None:
        for symbol in entry.symbols or (None,):
            key = (entry.channel, symbol)
            if isinstance(entry, Unproved):
                self.unproved.setdefault(key, []).append(entry)
            elif symbol is not None:
                self.gaps.setdefault(key, []).append(entry)
            else:
                self.whole_gaps.setdefault(entry.connection, []).append(entry)

    def _frames(self, entry: Entry) -> None:
        if entry.reason == WANTS:
            self.unsaid.append(entry)
        else:
            kind = self.unread if entry.reason == UNREAD else self.missing
            kind.setdefault(entry.connection, []).append(entry)

    def _repair(self, entry: Repair) -> None:
        until = entry.since if entry.until is None else entry.until
        for symbol in entry.symbols or (None,):
            if entry.reason == "snapshot":
                ends = self.snapshots.setdefault((entry.connection, entry.channel, symbol), [])
                ends.append(until)
            elif entry.reason == "backfill" and entry.ordinal is not None:
                spans = self.backfills.setdefault((entry.channel, symbol), [])
                spans.append((entry.since, until))
