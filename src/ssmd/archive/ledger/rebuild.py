"""The ledger made again from the raw segments alone, and compared with the one that was kept."""

import errno
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files, layout
from ssmd.archive.conservation import Problem
from ssmd.archive.ledger import days, parquet, segments, store
from ssmd.archive.ledger.days import Made
from ssmd.archive.ledger.entries import TABLES, Entry
from ssmd.archive.ledger.facts import VERSION
from ssmd.archive.ledger.parquet import Counts
from ssmd.archive.ledger.recheck import Recheck, Rechecked, summed
from ssmd.archive.ledger.segments import Source, Told
from ssmd.archive.ledger.store import Link
from ssmd.archive.presence import Presence
from ssmd.archive.verify import Progress, Report
from ssmd.model.errors import Damaged

KIND: Final = "ledger"
"""Kind of the problems found here."""
_READ_ONLY: Final = {errno.EROFS, errno.EACCES, errno.EPERM}
_SHOWN: Final = 2
"""So many rows of each side are quoted of a table that differs."""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What making the ledger again gave.

    Attributes:
        segments: Sealed segments that were read for it.
        days: Days that were folded, over all feeds.
        equal: Files of the kept ledger that are byte for byte what raw gives.
        behind: Files that were not there yet, or were made from fewer segments: no problem.
        written: Files that were made or replaced.
        problems: Files that are not what raw gives.
        unread: Segments that cannot be read, and of which nothing was gathered in time: what came
            in their time is unknown.
        refused: Why nothing could be written; empty when it could. Then `written` tells what would
            have been.
    """

    segments: int
    days: int
    equal: int
    behind: list[str]
    written: list[str]
    problems: list[Problem]
    unread: list[str] = []
    refused: str = ""


class Proof(Report, frozen=True, kw_only=True):
    """What an archive proves, its ledger included.

    Attributes:
        ledger: What making the ledger again gave.
        recheck: What hearing every frame again gave.
    """

    ledger: Rebuilt
    recheck: Rechecked


def rebuild(root: Path, report: Report, progress: Progress | None = None) -> Proof:
    """Make the ledger again from raw, compare it with the kept one, and put the right one there.

    Every connection is heard again on the way. No other writes the ledger meanwhile. On a disk that
    cannot be written to it is only compared.

    Args:
        root: The archive.
        report: What `verify` proves of it.
        progress: Told the bytes done, and the bytes there are.

    Raises:
        ConfigError: There is no archive at `root`.
        OSError: The disk refused.
    """
    run = _Rebuilding(root, progress or (lambda _done, _total: None))
    heard = [run.feed(feed) for feed in store.feeds(root)]
    ledger, recheck = run.result(), summed(heard)
    problems = [*report.problems, *ledger.problems, *recheck.problems]
    known = msgspec.structs.asdict(report) | {"ok": not problems, "problems": problems}
    return Proof(**known, ledger=ledger, recheck=recheck)


class _Rebuilding:
    """One run over an archive."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._root = root
        self._progress = progress
        self._done = 0
        self._total = sum(
            files.size(root, place.name(kind))
            for place, kind in files.walk(root)
            if kind == "sealed"
        )
        self._segments = self._days = self._equal = 0
        self._behind: list[str] = []
        self._written: list[str] = []
        self._problems: list[Problem] = []
        self._unread: list[str] = []
        self._refused = ""

    def result(self) -> Rebuilt:
        """What was found so far."""
        return Rebuilt(
            segments=self._segments,
            days=self._days,
            equal=self._equal,
            behind=self._behind,
            written=self._written,
            problems=self._problems,
            unread=self._unread,
            refused=self._refused,
        )

    def feed(self, feed: str) -> Rechecked:
        """One feed, day by day."""
        with self._alone(feed):
            found = segments.sources(self._root, feed)
            recheck = Recheck(self._whole(found))
            link = Link(self._root)
            sound = True
            for date, sources in found.items():
                sealed = [source for source in sources if source.sha256]
                if sealed:
                    sound = self._day(feed, date, sealed, link, recheck, sound=sound)
        return recheck.result()

    @contextmanager
    def _alone(self, feed: str) -> Iterator[None]:
        """Be the only one that writes; where nobody can, compare all the same."""
        with ExitStack() as stack:
            try:
                stack.enter_context(store.locked(self._root, feed, wait=True))
            except OSError as error:
                if error.errno not in _READ_ONLY:
                    raise
                self._refused = f"{error.strerror}: {error.filename}"
            yield

    def _day(
        self,
        feed: str,
        date: str,
        sealed: list[Source],
        link: Link,
        recheck: Recheck,
        *,
        sound: bool,
    ) -> bool:
        """One day; gives whether what the kept one carries on is right, as far as is known."""
        self._days += 1
        told = [self._told(source, recheck) for source in sealed]
        folded = days.folded(feed, date, told, link.carry)
        made = days.make(date, folded, sources=sealed, began=link.digest)
        kept = days.read(self._root, feed, date)
        link.go_on(folded.carry)
        if kept is None:
            name = layout.day(feed, date)
            damaged = days.is_damaged(self._root, feed, date)
            if damaged:
                self._complain(name, "it is damaged.")
            self._put(made, is_problem=False)
            return not damaged
        same = kept.segments == made.day.segments
        # A day that began with what an earlier one wrongly carried is wrong for that reason only.
        is_problem = same and (sound or kept.began == made.day.began)
        self._put(made, is_problem=is_problem)
        return same and kept.ended == made.day.ended

    def _put(self, made: Made, *, is_problem: bool) -> None:
        """Compare a day with the kept one, and write what is not as it should be."""
        complained, own = len(self._problems), layout.day(made.day.feed, made.day.date)
        for name, content in made.content.items():
            kept = self._kept(name)
            if kept == content:
                self._equal += 1
                continue
            self._written.append(name)
            told = len(self._problems) > complained and name == own
            difference = _difference(made, name, kept, content) if is_problem else None
            if difference is None:
                self._behind.append(name)
            elif not told:  # a day's own file names the tables that were complained of
                self._complain(name, difference)
        if not self._refused:
            days.write(self._root, made)

    def _told(self, source: Source, recheck: Recheck) -> Told:
        """What a segment tells, read from its bytes, and put beside it if that is not there."""
        place = source.place
        known = segments.manifest_of(self._root, source)
        facts, sound = segments.read(self._root, source, known, recheck.watch)
        made = segments.divided(facts)
        self._segments += 1
        self._done += files.size(self._root, place.name())
        self._progress(min(self._done, self._total), self._total)
        kept = None if known is None else segments.stored(self._root, place, known)
        if not sound:  # `verify` says so; what was gathered when it was whole is the better word
            if kept is None and facts.unread:
                self._unread.append(place.name())
            return kept or made
        name, content = layout.facts(place), parquet.encode_facts(facts)
        kept_bytes = self._kept(name)
        if kept_bytes == content:
            self._equal += 1
            return made
        self._written.append(name)
        if kept_bytes is None or (kept is not None and kept.facts.version < VERSION):
            self._behind.append(name)
        elif kept is None or (kept.facts, kept.counts.rows()) != (made.facts, made.counts.rows()):
            self._complain(name, "it is not what its segment tells.")
        if not self._refused:
            segments.write(self._root, place, facts)
        return made

    def _whole(self, found: Mapping[str, list[Source]]) -> dict[str, int]:
        """The connections that can be heard again in full, and how many frames they have."""
        presences: dict[str, Presence] = {}
        for sources in found.values():
            for source in sources:
                known = segments.manifest_of(self._root, source)
                for connection, held in known.contents.connections.items() if known else ():
                    presences.setdefault(connection, Presence()).merge(held)
        return {
            connection: presence.closed.last_ordinal + 1
            for connection, presence in presences.items()
            if presence.closed is not None and presence.is_complete and not presence.lost
        }

    def _complain(self, name: str, message: str) -> None:
        self._problems.append(Problem(kind=KIND, message=message, file=name))

    def _kept(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None


def _difference(made: Made, name: str, kept: bytes | None, content: bytes) -> str | None:
    """What is wrong with a kept file; None when only another version of the library wrote it."""
    if kept is None:
        return "it is gone."
    day = made.day
    tables: dict[str, type[Entry] | None] = {
        layout.table(day.feed, day.date, kind.table): kind for kind in TABLES
    }
    tables[layout.table(day.feed, day.date, parquet.ACTIVITY)] = None
    if name not in tables:
        return "what it carries out of the day is not what raw gives."
    try:
        mine, other = _rows(tables[name], kept, name), _rows(tables[name], content, name)
    except Damaged:
        return "it is damaged."
    if mine == other:
        return None
    extra, lacking = Counter(mine) - Counter(other), Counter(other) - Counter(mine)
    quoted = [f"only kept: {row}" for row in list(extra)[:_SHOWN]]
    quoted += [f"only from raw: {row}" for row in list(lacking)[:_SHOWN]]
    return (
        f"{extra.total()} rows are not what raw gives, {lacking.total()} are missing:"
        f" {'; '.join(quoted) or 'the order is another'}."
    )


def _rows(kind: type[Entry] | None, content: bytes, name: str) -> list[str]:
    """The rows of a table as text.

    Raises:
        Damaged: The bytes are no such table.
    """
    if kind is None:
        rows: Sequence[object] = Counts.decode(content, name).rows()
    else:
        rows = parquet.decode_entries(kind, content, name)
    return [msgspec.json.encode(row).decode() for row in rows]
