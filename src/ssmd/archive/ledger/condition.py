"""What can be said of every minute of every instrument. Pure.

A minute is judged by the worst that overlaps it. An instrument is as good as the worst of its
channels; a channel that was not wanted then has no say.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from ssmd.archive.ledger.carry import Key
from ssmd.archive.ledger.entries import (
    Condition,
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
from ssmd.archive.ledger.facts import MINUTE_NS, UNREAD
from ssmd.archive.ledger.gaps import FROZEN
from ssmd.archive.ledger.minutes import CONDITIONS, Minutes, Stretch
from ssmd.archive.ledger.spans import Span, joined, shared, without
from ssmd.archive.ledger.words import PENDING, RECORDS, UNKNOWN, WANTS

__all__ = ["CONDITIONS", "Minutes", "Stretch", "conditions", "summary"]

_NOT_WANTED, _COMPLETE, _QUIET, _PAUSED, _REPAIRED, _DEGRADED, _UNKNOWN, _LOST = range(8)
_RENEWED: Final = "unsubscribed"
"""Why there was no coverage while a subscription was ended to be asked for anew."""


def conditions(
    ledger: Ledger,
    since: int,
    until: int,
    pause: Callable[[int], str | None],
    symbols: Iterable[str | None] | None = None,
) -> Iterator[Minutes]:
    """Every minute that overlaps a time, instrument by instrument.

    Args:
        ledger: Of that time or more, and of what follows: a repair comes later than its gap, and
            so does the news that a connection had died.
        since: From when on, ns: the minute that holds it is the first.
        until: Up to when, ns.
        pause: The name of the venue's scheduled pause at a time, ns; None when it trades.
        symbols: Which instruments; None for each that was ever wanted by name, and None among
            them for subscriptions to all. Each is judged by those too, whatever it was named on.
    """
    frame = _Frame(ledger, since, until, pause)
    found = _Found(ledger)
    for symbol in found.symbols if symbols is None else symbols:
        channels = found.channels(symbol)
        ranks = {
            channel: frame.worst(found, [frame.judge(found, key, symbol) for key in keys])
            for channel, keys in sorted(channels.items())
        }
        whole = frame.worst(found, list(ranks.values()))
        yield Minutes(symbol, frame.first * MINUTE_NS, whole, ranks)


def summary(minutes: Iterable[Minutes]) -> Iterator[tuple[str | None, dict[Condition, int]]]:
    """How many minutes of each condition each instrument has."""
    for one in minutes:
        yield one.symbol, one.counts()


class _Found:
    """The entries of a ledger by what they are about."""

    def __init__(self, ledger: Ledger) -> None:
        self.intents: dict[Key, list[Entry]] = {}
        self.covers: dict[Key, list[Entry]] = {}
        self.outages: dict[Key, list[Entry]] = {}
        self.gaps: dict[Key, list[Gap]] = {}
        self.whole_gaps: dict[str, list[Gap]] = {}
        self.missing: dict[str, list[Entry]] = {}
        self.unread: dict[str, list[Entry]] = {}
        self.backfills: dict[Key, list[Span]] = {}
        self.snapshots: dict[tuple[str, str, str | None], list[int]] = {}
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
        """Every instrument that was ever wanted."""
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
                self.covers.setdefault((entry.channel, entry.symbol), []).append(entry)
            case Outage():
                self.outages.setdefault((entry.channel, entry.symbol), []).append(entry)
            case Hole() | Loss():
                self._frames(entry)
            case Gap():
                for symbol in entry.symbols:
                    self.gaps.setdefault((entry.channel, symbol), []).append(entry)
                if not entry.symbols:
                    self.whole_gaps.setdefault(entry.connection, []).append(entry)
            case Repair():
                self._repair(entry)

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


class _Frame:
    """The minutes asked about, and what is the same in them for every instrument."""

    def __init__(
        self, ledger: Ledger, since: int, until: int, pause: Callable[[int], str | None]
    ) -> None:
        self.first = since // MINUTE_NS
        self._last = max(self.first, -(-until // MINUTE_NS))
        self._horizon = ledger.until
        self._known = (
            max(self.first, ledger.since // MINUTE_NS),
            max(self.first, min(self._last, ledger.until // MINUTE_NS)),
        )
        self._silent = bytes(
            _PAUSED if _is_paused(pause, minute) else _QUIET
            for minute in range(self.first, self._last)
        )

    def judge(self, found: _Found, key: Key, symbol: str | None) -> bytes:
        """One subscription's minutes."""
        covers = found.of(found.covers, key)
        full = bytearray(self._silent)
        self._speak(full, found, symbol)
        filled = found.filled(key, symbol)
        bad, repaired, doubtful, degraded = self._missing(found, key, symbol, covers)
        unread = self._unread(found, covers)
        for span in unread:
            _divide(span, filled, doubtful, repaired)
        for rank, spans in (
            (_REPAIRED, repaired),
            (_DEGRADED, degraded),
            (_UNKNOWN, doubtful),
            (_LOST, bad),
        ):
            for since, until in spans:
                self._paint(full, rank, since, until)
        wanted = [self._span(each) for each in found.of(found.intents, key)]
        return self._masked(full, wanted + unread, found.unsaid)

    def worst(self, found: _Found, channels: list[bytes]) -> bytes:
        """The worst of all channels."""
        if not channels:
            unread = self._unread(found, [])
            full = bytearray([_UNKNOWN]) * len(self._silent)
            return self._masked(full, unread, found.unsaid)
        whole = channels[0]
        for other in channels[1:]:
            if other != whole:
                whole = bytes(map(max, whole, other))
        return whole

    def _speak(self, full: bytearray, found: _Found, symbol: str | None) -> None:
        """Minutes in which messages came."""
        minutes = (
            found.activity.get(symbol, ())
            if symbol is not None
            else chain.from_iterable(found.activity.values())
        )
        for minute in minutes:
            if self.first <= minute < self._last:
                full[minute - self.first] = _COMPLETE

    def _missing(
        self, found: _Found, key: Key, symbol: str | None, covers: list[Entry]
    ) -> tuple[list[Span], list[Span], list[Span], list[Span]]:
        """What is lost, repaired, unknown and degraded."""
        bad: list[Span] = []
        repaired: list[Span] = []
        doubtful: list[Span] = []
        degraded: list[Span] = []
        filled = found.filled(key, symbol)
        healed: list[Span] = []
        for gap in found.gaps_of(key[0], symbol, covers):
            span = self._span(gap)
            end = found.repaired(gap, symbol)
            if end is not None:
                span = (span[0], max(span[0] + 1, end))
                healed.append(span)
                repaired.append(span)
            elif gap.reason == FROZEN:
                degraded.append(span)
            else:
                _divide(span, filled, degraded, repaired)
        healed = joined(healed)
        for outage in found.outages_of(key, covers):
            span = self._span(outage)
            if outage.reason == UNKNOWN:
                _divide(span, filled, doubtful, repaired)
            elif outage.reason == _RENEWED:
                _divide(span, joined(filled + healed), bad, repaired)
            else:
                _divide(span, filled, bad, repaired)
        unsaid = joined(self._span(entry) for entry in found.unsaid)
        doubtful += shared(bad, unsaid)
        bad = without(bad, unsaid)
        for span, reason in self._frames_missing(found, covers):
            if reason == RECORDS:
                doubtful.append(span)
            else:
                _divide(span, filled, doubtful if reason == PENDING else bad, repaired)
        return bad, repaired, doubtful, degraded

    def _frames_missing(self, found: _Found, covers: list[Entry]) -> Iterator[tuple[Span, str]]:
        """Holes and losses of the connections that held it, then, and their reasons."""
        held: dict[str, list[Span]] = {}
        for cover in covers:
            if cover.connection in found.missing:
                held.setdefault(cover.connection, []).append(self._span(cover))
        for connection, spans in held.items():
            for missing in found.missing[connection]:
                since, until = self._span(missing)
                if any(begin <= until and since <= end for begin, end in spans):
                    yield (since, until), missing.reason

    def _unread(self, found: _Found, covers: list[Entry]) -> list[Span]:
        """When nobody can read any more what came, unless a connection that can be read held it."""
        sound = [self._span(each) for each in covers if each.connection not in found.unread]
        spans = [self._span(each) for held in found.unread.values() for each in held]
        return without(joined(spans), joined(sound))

    def _span(self, entry: Entry) -> Span:
        """From when to when, as far as is known; a moment is not nothing."""
        until = self._horizon if entry.until is None else min(entry.until, self._horizon)
        return entry.since, max(entry.since + 1, until)

    def _paint(self, full: bytearray, rank: int, since: int, until: int) -> None:
        """Every minute that a time overlaps."""
        first, last = self._minutes(since, until)
        full[first:last] = bytes([rank]) * (last - first)

    def _masked(self, full: bytearray, wanted: list[Span], unsaid: Sequence[Entry]) -> bytes:
        """Not wanted is not missed; where records are missing, or nothing is, nobody knows."""
        size = self._last - self.first
        judged = bytearray(size)
        for since, until in wanted:
            first, last = self._minutes(since, until)
            judged[first:last] = full[first:last]
        for entry in unsaid:
            first, last = self._minutes(*self._span(entry))
            judged[first:last] = judged[first:last].replace(b"\0", bytes([_UNKNOWN]))
        low, high = (minute - self.first for minute in self._known)
        low = min(low, size)
        for at in chain(range(low), range(max(low, high), size)):
            if judged[at] != _LOST:
                judged[at] = _UNKNOWN
        return bytes(judged)

    def _minutes(self, since: int, until: int) -> tuple[int, int]:
        """Places of the first minute and of the one after the last."""
        size = self._last - self.first
        first, last = since // MINUTE_NS - self.first, -(-until // MINUTE_NS) - self.first
        return min(max(first, 0), size), min(max(last, 0), size)


def _is_paused(pause: Callable[[int], str | None], minute: int) -> bool:
    begins = minute * MINUTE_NS
    return pause(begins) is not None and pause(begins + MINUTE_NS - 1) is not None


def _divide(span: Span, good: Sequence[Span], bad: list[Span], repaired: list[Span]) -> None:
    """Put what is made good of a span on one list, and the rest on the other."""
    bad += without([span], good)
    repaired += shared([span], good)
