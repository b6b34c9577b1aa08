"""What can be said of every minute of every instrument. Pure.

A minute is judged by the worst that overlaps it. An instrument is as good as the worst of its
channels; a channel that was not wanted then has no say.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from ssmd.archive.ledger.carry import Key
from ssmd.archive.ledger.entries import Condition, Entry, Gap, Ledger
from ssmd.archive.ledger.facts import MINUTE_NS
from ssmd.archive.ledger.found import Found
from ssmd.archive.ledger.gaps import FROZEN, UNWITNESSED
from ssmd.archive.ledger.minutes import CONDITIONS, Minutes, Stretch
from ssmd.archive.ledger.sound import Sound, reach
from ssmd.archive.ledger.spans import Span, joined, shared, without
from ssmd.archive.ledger.words import PENDING, RECORDS, UNKNOWN

__all__ = ["CONDITIONS", "Minutes", "Stretch", "conditions", "summary"]

_NOT_WANTED, _COMPLETE, _QUIET, _PAUSED, _REPAIRED, _DEGRADED, _UNKNOWN, _LOST = range(8)
_RENEWED: Final = "unsubscribed"
"""Why there was no coverage while a subscription was ended to be asked for anew."""
_UNWANTED_RUN: Final = re.compile(rb"\0+")


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
            Where no wish at all is on record, each that spoke.
    """
    frame = _Frame(ledger, since, until, pause)
    found = Found(ledger)
    for symbol in found.symbols if symbols is None else symbols:
        channels = found.channels(symbol)
        ranks = {
            channel: frame.worst(found, [frame.judge(found, key, symbol) for key in keys])
            for channel, keys in sorted(channels.items())
        }
        whole = frame.captured(found, frame.worst(found, list(ranks.values())), symbol)
        yield Minutes(symbol, frame.first * MINUTE_NS, whole, ranks)


def summary(minutes: Iterable[Minutes]) -> Iterator[tuple[str | None, dict[Condition, int]]]:
    """How many minutes of each condition each instrument has."""
    for one in minutes:
        yield one.symbol, one.counts()


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

    def judge(self, found: Found, key: Key, symbol: str | None) -> bytes:
        """One subscription's minutes."""
        covers = found.of(found.covers, key)
        full = bytearray(self._silent)
        self._speak(full, found, symbol)
        self._doubt(full, found, key, symbol, covers)
        faults = self._missing(found, key, symbol, covers)
        unread = self._unread(found, covers)
        for span in unread:
            faults.divide(span, faults.unknown)
        for rank, spans in (
            (_REPAIRED, faults.repaired),
            (_DEGRADED, faults.degraded),
            (_UNKNOWN, faults.unknown),
            (_LOST, faults.lost),
        ):
            for since, until in spans:
                self._paint(full, rank, since, until)
        wanted = [self._span(each) for each in found.of(found.intents, key)]
        return self._masked(full, wanted + unread, found.unsaid)

    def worst(self, found: Found, channels: list[bytes]) -> bytes:
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

    def _speak(self, full: bytearray, found: Found, symbol: str | None) -> None:
        """Minutes in which messages came."""
        minutes = (
            found.activity.get(symbol, ())
            if symbol is not None
            else chain.from_iterable(found.activity.values())
        )
        for minute in minutes:
            if self.first <= minute < self._last:
                full[minute - self.first] = _COMPLETE

    def captured(self, found: Found, whole: bytes, symbol: str | None) -> bytes:
        """Where no wish is on record, what came was captured; silence in between proves nothing."""
        minutes = found.activity.get(symbol or "", ()) if symbol is not None else ()
        if not minutes or 0 not in whole:
            return whole
        spoken = sorted(minute - self.first for minute in minutes)
        judged = bytearray(whole)
        for run in _UNWANTED_RUN.finditer(whole):
            here = spoken[bisect_left(spoken, run.start()) : bisect_left(spoken, run.end())]
            if here:
                judged[here[0] : here[-1] + 1] = bytes([_UNKNOWN]) * (here[-1] + 1 - here[0])
            for minute in here:
                judged[minute] = _COMPLETE
        return bytes(judged)

    def _doubt(
        self, full: bytearray, found: Found, key: Key, symbol: str | None, covers: list[Entry]
    ) -> None:
        """A silence of which no witness could say that it was quiet lasts until it speaks again.

        Unless the venue's history of it was fetched.
        """
        for gap in found.gaps_of(key[0], symbol, covers):
            if gap.reason != UNWITNESSED or gap.until == gap.since:
                continue
            since, until = self._span(gap)
            spoken = found.activity.get(symbol or "", ())
            begun = since // MINUTE_NS
            again = min((minute for minute in spoken if minute > begun), default=None)
            if again is not None:
                until = min(until, again * MINUTE_NS)
            for low, high in without([(since, until)], found.filled(key, symbol)):
                first, last = self._minutes(low, high)
                full[first:last] = full[first:last].replace(bytes([_QUIET]), bytes([_UNKNOWN]))

    def _missing(
        self, found: Found, key: Key, symbol: str | None, covers: list[Entry]
    ) -> "_Faults":
        """What is lost, repaired, unknown and degraded."""
        faults = _Faults(found.filled(key, symbol), Sound(found, key[0], symbol, self._horizon))
        healed: list[Span] = []
        for gap in found.gaps_of(key[0], symbol, covers):
            if gap.reason != UNWITNESSED:
                healed += faults.gap(gap, self._span(gap), found.repaired(gap, symbol))
        healed = joined(healed)
        for outage in found.outages_of(key, covers):
            faults.outage(outage, self._span(outage), healed)
        unsaid = joined(self._span(entry) for entry in found.unsaid)
        faults.unknown += shared(faults.lost, unsaid)
        faults.lost = without(faults.lost, unsaid)
        for entry in self._frames_missing(found, covers):
            faults.frames(entry, self._span(entry))
        for unproved in found.unproved_of(key[0], symbol):
            faults.degraded += faults.sound.left(self._span(unproved), unproved.connection)
        return faults

    def _frames_missing(self, found: Found, covers: list[Entry]) -> Iterator[Entry]:
        """Holes and losses of the connections that held it, then."""
        held: dict[str, list[Span]] = {}
        for cover in covers:
            if cover.connection in found.missing:
                held.setdefault(cover.connection, []).append(self._span(cover))
        for connection, spans in held.items():
            for missing in found.missing[connection]:
                since, until = self._span(missing)
                if any(begin <= until and since <= end for begin, end in spans):
                    yield missing

    def _unread(self, found: Found, covers: list[Entry]) -> list[Span]:
        """When nobody can read any more what came, unless a connection that can be read held it."""
        sound = [self._span(each) for each in covers if each.connection not in found.unread]
        spans = [self._span(each) for held in found.unread.values() for each in held]
        return without(joined(spans), joined(sound))

    def _span(self, entry: Entry) -> Span:
        """From when to when, as far as is known; a moment is not nothing."""
        return reach(entry, self._horizon)

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


class _Faults:
    """What is wrong with one subscription, by what it makes of its minutes."""

    def __init__(self, filled: list[Span], sound: Sound) -> None:
        self.filled = filled
        self.sound = sound
        self.lost: list[Span] = []
        self.unknown: list[Span] = []
        self.degraded: list[Span] = []
        self.repaired: list[Span] = []

    def gap(self, gap: Gap, span: Span, end: int | None) -> list[Span]:
        """A gap, and when a snapshot ended it, ns; gives what a snapshot made good."""
        if gap.reason == FROZEN:
            self.degraded.append(span)
        elif end is not None:
            span = (span[0], max(span[0] + 1, end))
            self.repaired += self.sound.left(span, gap.connection)
            return [span]
        else:
            for left in self.sound.left(span, gap.connection):
                self.divide(left, self.degraded)
        return []

    def outage(self, outage: Entry, span: Span, healed: list[Span]) -> None:
        """A time without coverage."""
        if outage.reason == UNKNOWN:
            self.divide(span, self.unknown)
        elif outage.reason == _RENEWED:
            _divide(span, joined(self.filled + healed), self.lost, self.repaired)
        else:
            self.divide(span, self.lost)

    def frames(self, entry: Entry, span: Span) -> None:
        """A hole or a loss."""
        for left in self.sound.left(span, entry.connection):
            if entry.reason == RECORDS:
                self.unknown.append(left)
            else:
                self.divide(left, self.unknown if entry.reason == PENDING else self.lost)

    def divide(self, span: Span, bad: list[Span]) -> None:
        """What the venue's history made good is repaired, the rest is bad."""
        _divide(span, self.filled, bad, self.repaired)


def _divide(span: Span, good: Sequence[Span], bad: list[Span], repaired: list[Span]) -> None:
    """Put what is made good of a span on one list, and the rest on the other."""
    bad += without([span], good)
    repaired += shared([span], good)
