"""The stored ledger: brought up to the sealed segments, and read at any moment.

Facts are kept per segment, the fold per day with what it carries into the next. So a seal costs one
day's fold, and a late segment the days from its own on, as far as anything changes in them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ssmd.archive import files, layout
from ssmd.archive.ledger import days, parquet, telemetry
from ssmd.archive.ledger.carry import Carry
from ssmd.archive.ledger.days import CarryLost, Day
from ssmd.archive.ledger.entries import Coverage, Intent, Ledger
from ssmd.archive.ledger.merge import merge
from ssmd.archive.ledger.segments import Source, kept_by, sources, told_by
from ssmd.archive.ledger.spans import Span
from ssmd.archive.lock import alone
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Store

_ROUNDS: Final = 8
_FOREVER: Final = 1 << 62
T = TypeVar("T")


class Updated(msgspec.Struct, frozen=True):
    """What an update wrote.

    Attributes:
        dates: The days that were folded again.
        entries: Entries of the newest of them, by table; nothing when none was.
    """

    dates: list[str]
    entries: dict[str, int]


class Link:
    """Where a fold stands between two days.

    Attributes:
        digest: Digest of what is carried; empty before the first day.
        began: The first archived time of the feed so far, ns; None when nothing has one.
        newest: The last one, ns.
    """

    def __init__(self, root: Path | Store) -> None:
        self.digest = ""
        self.began: int | None = None
        self.newest: int | None = None
        self._root = root
        self._day: Day | None = None
        self._carry: Carry | None = None

    @property
    def carry(self) -> Carry | None:
        """What is carried; None before the first day.

        Raises:
            CarryLost: The day it comes from has to be folded again.
        """
        if self._carry is None and self._day is not None:
            self._carry = days.read_carry(self._root, self._day)
        return self._carry

    def follow(self, day: Day) -> None:
        """Go on to the end of a stored day that is as it should be."""
        self._day, self._carry = day, None
        self.digest, self.began, self.newest = day.ended, day.first, day.newest

    def go_on(self, carry: Carry) -> None:
        """Go on to the end of a day that was folded in memory."""
        self._day, self._carry = None, carry
        self.digest = days.digest(days.encode_carry(carry))
        self.began, self.newest = carry.began, carry.newest

    def is_before(self, day: Day | None, segments: Sequence[Source]) -> bool:
        """Whether a stored day was made from just these segments, beginning here."""
        return day is not None and day.began == self.digest and day.segments == days.named(segments)


def feeds(root: Path | Store) -> list[str]:
    """Every feed of which something is archived, sorted.

    Raises:
        ConfigError: There is no archive at `root`.
        Unavailable: The store does not answer.
    """
    files.check(root)
    store = LocalStore(root) if isinstance(root, Path) else root
    found = (layout.feed_of(folder) for folder in store.folders(layout.RAW))
    return sorted(feed for feed in found if feed is not None)


def locked(root: Path, feed: str, *, wait: bool = False) -> AbstractContextManager[bool]:
    """Be the only one that writes a feed's ledger; False when somebody else is, unless we wait."""
    return alone(layout.ledger_lock(root, feed), wait=wait)


def update(root: Path, feed: str) -> Updated | None:
    """Fold what was sealed since the last time; None when somebody else does at this moment.

    Whoever does it looks again when done, so that nothing sealed meanwhile waits for the next seal.

    Raises:
        OSError: The disk refused; readers fold for themselves until the next time.
    """
    written: dict[str, dict[str, int]] = {}
    with locked(root, feed) as mine:
        if not mine:
            telemetry.busy(feed)
            return None
        for _ in range(_ROUNDS):
            changed = _sure(lambda lost: _update_once(root, feed, lost))
            written.update(changed)
            if not changed:
                break
    newest = max(written, default=None)
    return Updated(sorted(written), written[newest] if newest else {})


def load(
    root: Path | Store, feed: str, since: int | None = None, until: int | None = None
) -> Ledger:
    """The ledger of a time, as everything committed so far tells it; writes nothing.

    Args:
        root: The archive, on this machine or in a store.
        feed: The feed's name.
        since: From when on, ns; None for the beginning.
        until: Up to when, ns; None for the end.

    Raises:
        ConfigError: There is no archive at `root`.
        Unavailable: The store does not answer.
    """
    files.check(root)
    span = (since or 0, _FOREVER if until is None else until)
    found = sources(root, feed)
    near = _near(list(found), span)

    def ledger(lost: set[str]) -> Ledger:
        link = Link(root)
        ledgers: list[Ledger] = []
        for date, segments in found.items():
            day = None if date in lost else days.read(root, feed, date)
            told = _load_day(root, feed, date, segments, link, span, day, is_near=date in near)
            if told is not None:
                ledgers.append(told)
        return _cut(feed, ledgers, link, span)

    return _sure(ledger)


def _sure(work: Callable[[set[str]], T]) -> T:
    """Do something with stored days; again, without those whose carry turns out to be lost."""
    lost: set[str] = set()
    while True:
        try:
            return work(lost)
        except CarryLost as error:
            lost.add(error.date)


def _update_once(root: Path, feed: str, lost: set[str]) -> dict[str, dict[str, int]]:
    """Write the days that are not as they should be; gives their entries by table."""
    link = Link(root)
    written: dict[str, dict[str, int]] = {}
    for date, segments in sources(root, feed).items():
        if not any(source.sha256 for source in segments):
            continue
        day = None if date in lost else days.read(root, feed, date)
        if day is None or not link.is_before(day, segments):
            sealed = [source for source in segments if source.sha256]
            told = [kept_by(root, source) for source in sealed]
            folded = days.folded(feed, date, told, link.carry)
            made = days.make(date, folded, sources=sealed, began=link.digest)
            days.write(root, made)
            day = made.day
            written[date] = made.counts
        link.follow(day)
    return written


def _load_day(
    root: Path | Store,
    feed: str,
    date: str,
    segments: Sequence[Source],
    link: Link,
    span: Span,
    day: Day | None,
    *,
    is_near: bool,
) -> Ledger | None:
    """What a day tells of a time, None when that is nothing; the link goes on either way."""
    if day is not None and link.is_before(day, segments) and all(s.sha256 for s in segments):
        tables = _tables(day, span, is_near=is_near)
        ledger = days.read_ledger(root, day, tables, span) if tables else None
        if ledger is not None or not tables:
            link.follow(day)
            return ledger
    # The last first: what one commit wrote to several segments stands in the earlier ones first.
    told = [told_by(root, source) for source in reversed(segments)]
    folded = days.folded(feed, date, told, link.carry)
    link.go_on(folded.carry)
    return folded.whole(span)


def _near(dates: Sequence[str], span: Span) -> set[str]:
    """The days of a time and their neighbours: between them nothing may be archived at all."""
    before = [date for date in dates if layout.day_start(date) + layout.DAY_NS <= span[0]]
    after = [date for date in dates if layout.day_start(date) >= span[1]]
    return set(dates) - set(before[:-1]) - set(after[1:])


def _tables(day: Day, span: Span, *, is_near: bool) -> set[str]:
    """The tables of a stored day that may tell of a time.

    Intents and coverages stand in every day they touch. Everything else may be told late: a loss
    when the spool is read again, a repair when the venue's history is.
    """
    since, until = span
    start = layout.day_start(day.date)
    told = {table for table, earliest in day.earliest.items() if earliest < until}
    if is_near:
        return told | (
            {parquet.ACTIVITY} if since < start + layout.DAY_NS and start < until else set()
        )
    return told - {Intent.table, Coverage.table} if start >= until else set()


def _cut(feed: str, ledgers: Sequence[Ledger], link: Link, span: Span) -> Ledger:
    """What several days tell of a time."""
    since, until = span
    began = since if link.began is None else link.began
    newest = since if link.newest is None else link.newest
    nothing = Ledger(feed=feed, venue="", since=since, until=since, entries=(), activity=())
    whole = merge(ledgers or [nothing])
    return Ledger(
        feed=feed,
        venue=whole.venue,
        since=max(since, began),
        until=max(since, min(until, newest)),
        entries=tuple(
            entry
            for entry in whole.entries
            if entry.since < until and (entry.until is None or entry.until > since)
        ),
        activity=whole.activity,
    )
