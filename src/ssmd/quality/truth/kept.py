"""What manifests prove of a day's connections, as `ssmd verify` does, without reading the bytes again.

A connection may begin on an earlier day and end on a later one: the manifests of those days are
looked at as far as it goes, and what is missing counts on the day whose frames it stands between.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files, identity, layout, manifest
from ssmd.archive.conservation import Connection, Problem
from ssmd.archive.contents import Contents
from ssmd.archive.layout import Place
from ssmd.archive.ledger.segments import Source, manifest_of, sources, told_by
from ssmd.archive.manifest import Head, Manifest
from ssmd.archive.presence import Held, Range
from ssmd.archive.scan import scan
from ssmd.archive.store.record import let_go
from ssmd.archive.union import Union
from ssmd.archive.verify import GRACE_S
from ssmd.model.envelope import CONNECTION, LEDGER
from ssmd.model.errors import Damaged
from ssmd.model.intervals import Intervals
from ssmd.model.records import Lost, Opened, decode_connection, decode_ledger
from ssmd.quality.checks.truth_facts import Conserved
from ssmd.quality.window import Window

_EVER: Final = 1 << 62
_UNREAD: Final = "_unread"
_COUNTED_APART: Final = frozenset({"hole", "parts"})
"""Problems that are frames missing; every other one is a fault by itself."""


def conserved(root: Path, feed: str, window: Window) -> Conserved | None:
    """What is proved of the connections of a day; None when no segment of it is there.

    Args:
        root: The archive.
        feed: The feed's name.
        window: Which day.

    Raises:
        TooNew: A newer program wrote some of it.
    """
    heads = list(_heads(root))  # before the manifests: what is sealed meanwhile is no riddle then
    dates = sources(root, feed)
    date = window.date.isoformat()
    if date not in dates:
        return None
    return _Day(root, feed, date, dates, heads).conserved()


class _Life:
    """What is there of one connection, around one day."""

    def __init__(self) -> None:
        self.before = Intervals()
        self.own = Intervals()
        self.records_before = Intervals()
        self.lost = Intervals()
        self.later = Intervals()
        self.opened = False
        self.closed = False

    def take(self, held: Held, order: int) -> None:
        """Put in what a segment of an earlier day (-1), this one (0) or a later one (1) holds."""
        if order < 0:
            _add(self.before, held.ordinals)
            _add(self.records_before, held.records)
        elif order == 0:
            _add(self.own, held.ordinals)
        else:
            _add(self.later, held.ordinals)
        _add(self.lost, held.lost)
        self.opened = self.opened or held.opened is not None
        self.closed = self.closed or held.closed is not None

    def share(self, last: int) -> Range:
        """The frames that are this day's: from what came before it up to its own last one.

        Args:
            last: The last frame the connection ever had, as far as is known.
        """
        first = self.before.last + 1 if self.before else 0
        if not self.later:
            return first, max(last, first - 1)
        return first, self.own.last if self.own else first - 1


class _Day:
    """Reads the manifests of a day, and of as many around it as its connections need."""

    def __init__(
        self,
        root: Path,
        feed: str,
        date: str,
        dates: Mapping[str, Sequence[Source]],
        heads: Sequence[tuple[str, Head]],
    ) -> None:
        self._root = root
        self._feed = feed
        self._date = date
        self._dates = dates
        self._heads = heads
        self._union = Union()
        self._lives: dict[str, _Life] = {}
        self._own: set[str] = set()
        self._previous: set[str] = set()
        self._faults: list[str] = []
        self._twice: list[Problem] = []
        self._types: Counter[str] = Counter()
        self._links: dict[str, str] = {}
        self._dropped = self._unsealed = 0

    def conserved(self) -> Conserved:
        """What is proved."""
        self._read(self._around())
        self._check_chain()
        began = identity.read(self._root)
        connections, problems = self._union.judge(
            began=began.created_at if began else None, grace_s=GRACE_S
        )
        reasons, clocks = self._said()
        counts = Counter[str]()
        for each in connections:
            if each.connection in self._own:
                counts.update(self._counts(each))
        missing = 0
        for problem in [*self._twice, *problems]:
            missing += self._missing(problem)
        messages = {
            name: count
            for name, count in sorted(self._types.items())
            if name == _UNREAD or not name.startswith("_")
        }
        return Conserved(
            connections=len(self._own),
            unclosed=counts["unclosed"],
            received=counts["received"],
            archived=counts["archived"],
            declared=counts["declared"],
            missing=missing,
            faults=tuple(self._faults),
            reasons=reasons,
            dropped=self._dropped,
            segments=len(self._dates[self._date]),
            unsealed=self._unsealed,
            messages=messages,
            clocks=clocks,
        )

    def _around(self) -> list[tuple[Source, Contents, bool]]:
        """What the segments hold that have anything to do with the connections of the day."""
        found = [self._own_contents(source) for source in self._dates[self._date]]
        for _, contents, _ in found:
            self._own |= contents.connections.keys()
        for contents in (contents for _, contents, _ in found):
            self._take(contents, 0)
            self._previous |= {
                held.opened.previous
                for held in contents.connections.values()
                if held.opened is not None and held.opened.previous is not None
            }
        earlier = [date for date in self._dates if date < self._date]
        later = [date for date in self._dates if date > self._date]
        for order, dates in ((-1, earlier[::-1]), (1, later)):
            for number, date in enumerate(dates):
                if number and not self._goes_on(order):
                    break
                more = [self._contents(source) for source in self._dates[date]]
                for _, contents, _ in more:
                    self._take(contents, order)
                found += more
        return sorted(found, key=lambda each: each[0].place)

    def _goes_on(self, order: int) -> bool:
        """Whether some connection of the day has its beginning, or its end, still further away."""
        lives = [self._lives[name] for name in self._own]
        if order > 0:
            return not all(life.closed for life in lives)
        return not all(life.opened for life in lives) or not self._previous <= self._lives.keys()

    def _take(self, contents: Contents, order: int) -> None:
        for name, held in contents.connections.items():
            self._lives.setdefault(name, _Life()).take(held, order)

    def _read(self, around: Sequence[tuple[Source, Contents, bool]]) -> None:
        """Put it all together, in the order of the segments' names."""
        for source, contents, is_open in around:
            self._twice += self._union.add(source.place, contents, is_open=is_open)

    def _own_contents(self, source: Source) -> tuple[Source, Contents, bool]:
        """What a segment of the day holds; what is wrong with its file is a fault."""
        found = self._contents(source)
        self._types.update(found[1].types)
        return found

    def _contents(self, source: Source) -> tuple[Source, Contents, bool]:
        """What a segment holds, by its manifest; without one, by reading it."""
        place, is_own = source.place, source.place.date == self._date
        known = manifest_of(self._root, source)
        if known is not None:
            if known.previous is not None:
                self._links[known.previous.name] = place.name("manifest")
            if is_own:
                self._dropped += known.duplicates
                self._check_file(place, known)
            return source, known.contents, False
        is_open = (self._root / place.name("open")).exists()
        if is_own:
            self._unsealed += 1
            if not is_open and self._is_unvouched(place):
                self._faults.append(f"{place.name()} has no manifest that can be read.")
        return source, self._scanned(place, is_open=is_open), is_open

    def _is_unvouched(self, place: Place) -> bool:
        """Whether a sealed segment has no manifest; one that was sealed while we look has."""
        return not (self._root / place.name("manifest")).exists() or (
            manifest_of(self._root, Source(place, "?")) is None
        )

    def _scanned(self, place: Place, *, is_open: bool) -> Contents:
        try:
            name = place.name("open" if is_open else "sealed")
            return scan(self._root / name, self._feed).tally.contents()
        except FileNotFoundError:
            return scan(self._root / place.name(), self._feed).tally.contents()

    def _check_file(self, place: Place, known: Manifest) -> None:
        """Whether a segment's file is there, and as long as its manifest says."""
        size = files.size(self._root, place.name()) or files.size(self._root, place.name("open"))
        if size == known.bytes:
            return
        if not size:
            if self._elsewhere.get(known.name) != known.sha256:
                self._faults.append(f"{place.name()} is gone.")
        else:
            self._faults.append(
                f"{place.name()} has {size} bytes; its manifest tells of {known.bytes}."
            )

    @cached_property
    def _elsewhere(self) -> dict[str, str]:
        return let_go(self._root)

    def _check_chain(self) -> None:
        """Whether a manifest of the day is gone that the next one, or its writer's head, names."""
        there = {source.place.name() for source in self._dates[self._date]}
        named = {head.last.name: file for file, head in self._heads if head.last is not None}
        named |= self._links
        for name, file in sorted(named.items()):
            parsed = layout.parse(name)
            if parsed is None or (parsed[0].feed, parsed[0].date) != (self._feed, self._date):
                continue
            if name not in there:
                self._faults.append(f"{name} and its manifest are gone; {file} names them.")

    def _counts(self, each: Connection) -> Counter[str]:
        """The frames of a connection that are this day's."""
        life = self._lives[each.connection]
        known = max(life.before.last, life.own.last, life.lost.last, -1)
        last = known if each.received is None else each.received - 1
        low, high = life.share(last)
        others = _within(life.before, low, high) + _within(life.later, low, high)
        archived = _within(life.own, low, high)
        declared = _within(life.lost, low, high) - _within(_common(life.lost, life.own), low, high)
        return Counter(
            unclosed=int(each.closed_by is None),
            received=high - low + 1 - others,
            archived=archived,
            declared=declared,
        )

    def _missing(self, problem: Problem) -> int:
        """How many frames of the day a problem is about; another kind of problem is a fault."""
        connection = problem.connection
        if connection is None:
            return 0
        if problem.kind == "predecessor":
            if connection in self._previous:
                self._faults.append(f"{problem}")
            return 0
        if connection not in self._own:
            return 0
        life = self._lives[connection]
        low, high = life.share(_EVER)
        frames = _within(Intervals(problem.ordinals), low, high)
        if problem.kind in _COUNTED_APART:
            return frames
        first = life.records_before.last + 1 if life.records_before else 0
        records = not life.later and _within(Intervals(problem.records), first, _EVER)
        if frames or records:
            self._faults.append(f"{problem}")
        return 0

    def _said(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Why frames were declared lost, and what our clock was set by, as records of the day say."""
        reasons: Counter[str] = Counter()
        clocks: dict[str, None] = {}
        for source in self._dates[self._date]:
            for note in told_by(self._root, source).facts.notes:
                record = _record(note.type, note.payload)
                if isinstance(record, Lost):
                    reasons[record.reason] += 1
                elif isinstance(record, Opened) and record.clock is not None:
                    clock = record.clock
                    offset = "" if clock.offset_s is None else f", {clock.offset_s:+.3f} s off"
                    clocks[f"{clock.source}{offset}"] = None
        return dict(sorted(reasons.items())), tuple(clocks)


def _heads(root: Path) -> Iterator[tuple[str, Head]]:
    """The head of every writer's chain that can be read; the others are `ssmd verify`'s to tell."""
    for name in files.names(root, layout.WRITERS):
        writer = layout.head_writer(name)
        if writer is None:
            continue
        try:
            head = manifest.read_head(root, writer)
        except Damaged:
            continue
        if head is not None:
            yield name, head


def _record(kind: str, payload: bytes) -> object:
    """A record; None when it cannot be read or says nothing here."""
    try:
        if kind == CONNECTION:
            return decode_connection(payload)
        return decode_ledger(payload) if kind == LEDGER else None
    except (msgspec.MsgspecError, ValueError):
        return None


def _add(target: Intervals, ranges: Sequence[Range]) -> None:
    for first, last in ranges:
        target.add_range(first, last)


def _within(intervals: Intervals, first: int, last: int) -> int:
    """How many members lie in a range, both ends included."""
    return sum(
        min(high, last) - max(low, first) + 1
        for low, high in intervals
        if max(low, first) <= min(high, last)
    )


def _common(some: Intervals, others: Intervals) -> Intervals:
    """What both hold."""
    shared = Intervals()
    for low, high in some:
        absent = Intervals(others.missing(low, high))
        _add(shared, absent.missing(low, high))
    return shared
