"""How far the segments of a slot were told, so that who asks again goes on from there.

What is kept is exactly what telling everything from the start would have given: a segment only grows
at its end, and where anything else is found all is told anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec

from ssmd.archive import manifest
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Kind, Place, Slot
from ssmd.archive.ledger.spans import Span
from ssmd.archive.presence import Presence
from ssmd.archive.store.port import Store
from ssmd.archive.tables import build, keeping
from ssmd.archive.tables.built import Accounting, Carry
from ssmd.archive.tables.decoding import BOOK, Decoding
from ssmd.archive.tables.order import COMMIT, Head, connection, head, ordered
from ssmd.archive.tables.repeats import Earlier, Flags
from ssmd.archive.tables.sweep import Sweep
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from ssmd.model.frame import Opcode
from ssmd.model.venue import Venue

MOST_BYTES: Final = 256 << 20
"""So many bytes of rows are kept by a process."""


class Segment(msgspec.Struct, frozen=True, order=True):
    """A raw segment, and under which of its names it lies.

    Attributes:
        place: Which segment.
        kind: `sealed` or `open`.
    """

    place: Place
    kind: Kind


class Source(msgspec.Struct, frozen=True):
    """A segment as it is to be read now.

    Attributes:
        place: Which segment.
        name: Its name.
        sha256: Its digest; empty while it is open.
        held: What its manifest tells of each connection; None while it is open.
        interval_s: Length of its slot in seconds; 0 while it is open.
    """

    place: Place
    name: str
    sha256: str = ""
    held: dict[str, Presence] | None = None
    interval_s: int = 0


class Changed(Exception):
    """A segment is not what was read, and more."""


class _Mark(msgspec.Struct, frozen=True):
    """How far a segment was read.

    Attributes:
        lines: So many lines.
        last: The last of them.
        whole: Where a compressed frame begins that holds later lines, or the last ones.
        before: How many lines come before it.
        sha256: The segment's digest when it is read to its end; empty while it may grow.
    """

    lines: int = 0
    last: bytes = b""
    whole: int = 0
    before: int = 0
    sha256: str = ""


class _Lines:
    """The lines of a segment that were not read yet.

    Attributes:
        mark: How far it is read when they were taken to their end.
    """

    def __init__(self, store: Store, source: Source, mark: _Mark) -> None:
        self.mark = mark
        self._store = store
        self._source = source

    def batches(self) -> Iterator[list[bytes]]:
        """The lines, without their newlines.

        Raises:
            Changed: Those that were read already are not there.
            Damaged: A sealed segment cannot be read to its end.
        """
        known, source = self.mark, self._source
        if known.sha256:
            if known.sha256 != source.sha256:
                raise Changed
            return
        whole, before = (0, 0) if source.sha256 else (known.whole, known.before)
        passed, last = before, known.last
        with opened(self._store, self._source) as file:
            frames = Frames(file, whole)
            for batch in frames.batches():
                if frames.whole > whole:
                    whole, before = frames.whole, passed
                again = min(max(0, known.lines - passed), len(batch))
                if again and passed + again == known.lines and batch[again - 1] != known.last:
                    raise Changed
                passed += len(batch)
                if again < len(batch):
                    last = batch[-1]
                    yield batch[again:] if again else batch
            if source.sha256:
                build.check(frames, source.name)
        if passed < known.lines:
            raise Changed
        self.mark = _Mark(passed, last, whole, before, source.sha256)


class Progress:
    """What is told of one slot so far, of some tables.

    Attributes:
        venue: The venue's name.
        decoding: The rows, and what is known of the connections.
        newest: The greatest `ts_recv` so far, ns; that of sealed segments need not be known.
    """

    def __init__(
        self,
        feed: str,
        venue: Venue,
        begun: tuple[Carry, keeping.Saved],
        sources: Sequence[Source],
        tables: frozenset[str],
        symbols: frozenset[str] | None,
    ) -> None:
        """Begin.

        Args:
            feed: The feed's name.
            venue: Whose messages they are.
            begun: What the slot begins with.
            sources: Its segments.
            tables: Which tables are asked for.
            symbols: Which instruments; None for all.
        """
        carry, books = begun
        accounts = [
            Accounting(segment=each.place.name(), sha256="", lines=0, rows={}) for each in sources
        ]
        self.venue = venue.id
        self.decoding = Decoding(feed, venue, carry, books, accounts, tables=tables)
        self.newest = 0
        self._begun = begun
        self._places = [each.place for each in sources]
        self._marks = [_Mark() for _ in sources]
        self._sweep = None if BOOK in tables else Sweep(venue, self.decoding, tables, symbols)
        self._is_split = False

    @property
    def is_lasting(self) -> bool:
        """Whether more may be told after it: not in the middle of a frame that books are made of."""
        return not self._is_split

    @property
    def size(self) -> int:
        """About how many bytes of rows it holds."""
        return sum(held.size for each in self.decoding.tables.values() for held in each)

    def fits(self, begun: tuple[Carry, keeping.Saved], sources: Sequence[Source]) -> bool:
        """Whether it is about these segments after that beginning."""
        return begun == self._begun and self._places == [each.place for each in sources]

    def read(self, store: Store, sources: Sequence[Source]) -> None:
        """Take all lines there are and that were not taken yet.

        Raises:
            Changed: That cannot be done; it has to be begun anew.
            Damaged: A sealed segment cannot be read to its end, or is not what its manifest tells.
            FileNotFoundError: A segment is sealed meanwhile.
            Unavailable: The store does not answer.
        """
        if self._sweep is None:
            self._read_in_order(store, sources)
            return
        lines = self._lines(store, sources)
        for number, each in enumerate(lines):
            for batch in each.batches():
                self._sweep.take(batch, number)
        self._sweep.settle()
        self.newest = max(self.newest, self._sweep.newest)
        if left := self._sweep.lacking(_union(each.held or {} for each in sources)):
            message = f"Manifests tell of frames that are not there, of {', '.join(left)}."
            raise Damaged(message, remedy="Run `ssmd verify` to see what is missing.")
        self._marks = [each.mark for each in lines]

    def flags(self, span: Span, earlier: Earlier) -> Flags:
        """Which rows repeat others.

        Args:
            span: The time of the slot so far.
            earlier: The facts that earlier slots tell.
        """
        flags = Flags(
            self.decoding.tables,
            self.decoding.connections,
            self._begun[0],
            span,
            self.decoding.pages,
            earlier,
        )
        flags.elect()
        return flags

    def _lines(self, store: Store, sources: Sequence[Source]) -> list[_Lines]:
        return [
            _Lines(store, source, mark) for source, mark in zip(sources, self._marks, strict=True)
        ]

    def _read_in_order(self, store: Store, sources: Sequence[Source]) -> None:
        """Take the lines of each connection in order; what there is is found out first."""
        connections = self.decoding.connections
        taken = {
            name: (-1 if life.ordinal is None else life.ordinal, life.part)
            for name, life in connections.lives.items()
        }
        goes_on = any(mark.lines for mark in self._marks)
        lines = self._lines(store, sources)
        held: list[Mapping[str, Presence]] = []
        texts: list[Iterable[bytes]] = []
        for source, each, again in zip(sources, lines, self._lines(store, sources), strict=True):
            if source.held is not None and not goes_on:
                held.append(source.held)
                texts.append(chain.from_iterable(each.batches()))
                continue
            found, count = self._present(each, taken if goes_on else {})
            held.append(found)
            texts.append(islice(chain.from_iterable(again.batches()), count))
        present = _union(held)
        ordinals = {name: ordinal for name, (ordinal, _) in taken.items()}
        for line in ordered(texts, present, ordinals):
            self.decoding.take(line)
        self._is_split = any(
            max(presence.parts, default=-1) > presence.frames.last for presence in present.values()
        )
        self._marks = [each.mark for each in lines]

    def _present(
        self, lines: _Lines, taken: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, Presence], int]:
        """Which frames are in lines, and how many lines there are.

        Raises:
            Changed: One of a connection comes before what was taken of it, or is that again.
        """
        found: dict[str, Presence] = {}
        count = 0
        for text in chain.from_iterable(lines.batches()):
            count += 1
            what = head(text)
            if what is None or what.type == COMMIT:
                continue
            self.newest = max(self.newest, what.ts_recv or 0)
            if what.ordinal is not None:
                whose = connection(what.connection)
                if whose in taken and (what.ordinal, what.part) <= taken[whose]:
                    raise Changed
                found.setdefault(whose, Presence()).add(_bare(whose, what))
        return found, count


Key = tuple[str, Slot, frozenset[str], frozenset[str] | None]
"""Where an archive is, a slot in it, the tables and the symbols asked for."""


class Kept:
    """What was told, for who asks again; what was asked for last stays."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        """Begin with nothing.

        Args:
            most: So many bytes of rows are kept; a slot that has more is told from the start.
        """
        self._most = most
        self._kept: dict[Key, Progress] = {}

    def take(self, key: Key) -> Progress | None:
        """What was kept; it is the caller's now, and nobody else's."""
        return self._kept.pop(key, None)

    def put(self, key: Key, progress: Progress) -> None:
        """Keep what was told."""
        if progress.is_lasting and progress.size <= self._most:
            self._kept[key] = progress
        while self.size > self._most:
            self._kept.pop(next(iter(self._kept)), None)

    @property
    def size(self) -> int:
        """About how many bytes of rows are kept."""
        return sum(each.size for each in [*self._kept.values()])


def source(store: Store, segment: Segment) -> Source:
    """A segment as it is now: sealed, if it has a manifest.

    Raises:
        Unavailable: The store does not answer.
    """
    place = segment.place
    name = place.name("manifest")
    try:
        content = store.read(name)
    except FileNotFoundError:
        return Source(place, place.name("open"))
    known = manifest.decode(content, name)
    return Source(place, place.name(), known.sha256, build.present([known]), known.interval_s)


def opened(store: Store, source: Source) -> BinaryIO:
    """The file of a segment.

    Raises:
        FileNotFoundError: It is gone.
        Unavailable: The store does not answer.
    """
    try:
        return store.open(source.name)
    except FileNotFoundError:
        if source.sha256:
            raise
        return store.open(source.place.name())  # sealed since; its manifest comes


def _bare(connection: str, what: Head) -> Envelope:
    """A frame as far as sets of frames are about it."""
    return Envelope(
        "", None, "", (), connection, what.ordinal, None, what.part, what.parts, Opcode.TEXT,
        None, None, what.ts_recv, b"",
    )  # fmt: skip


def _union(held: Iterable[Mapping[str, Presence]]) -> dict[str, Presence]:
    """What segments together hold of each connection."""
    found: dict[str, Presence] = {}
    for each in held:
        for name, presence in each.items():
            found.setdefault(name, Presence()).merge(presence.held())
    return found
