"""Whether the messages of a day are made as those of the days before: what `ssmd drift` shows."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files
from ssmd.archive.ledger.store import feeds
from ssmd.archive.store.opening import as_store
from ssmd.archive.store.port import Store
from ssmd.model.envelope import UNREAD
from ssmd.model.errors import ConfigError
from ssmd.quality import window
from ssmd.quality.drift import days
from ssmd.quality.drift.compare import Change, Difference, Policy, Severity, Side, compare, side
from ssmd.quality.drift.days import Day, Progress
from ssmd.quality.drift.fingerprint import BLANK, Fingerprint, Node, Ref, merge, paths
from ssmd.quality.drift.samples import Sample, Wanted, samples
from ssmd.runtime.clock import Clock
from ssmd.runtime.unknown import did_you_mean

BASELINE: Final = 7
"""With so many days before it a day is compared."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that became different in how messages are made.

    Attributes:
        change: What: `new_field`, `missing_field`, `retyped_field`, `null_rate`, `new_type`,
            `unread_frames`.
        severity: `error` when what is known of a message is endangered, else `warning`.
        type: Message type.
        path: The field, as `data[].price`; empty for the message itself.
        kind: The kind of value that is new in a retyped field; empty for other changes.
        before: How the field was made in the days before.
        after: How it is made on this day.
        sample: The first message of this day that shows it; None when no segment holds it any more.
    """

    change: Change
    severity: Severity
    type: str
    path: str
    kind: str
    before: Side
    after: Side
    sample: Sample | None


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a day's messages of a feed are made, held against the days before.

    Attributes:
        feed: The feed's name.
        date: The UTC day, `YYYY-MM-DD`.
        running: Whether the day is not over.
        baseline: The days it was compared with; empty when there are none: then nothing can have
            changed, and nothing is known either.
        messages: Messages of the day by type; `_unread` are frames nobody understood.
        findings: What became different, errors first.
    """

    feed: str
    date: str
    running: bool
    baseline: tuple[str, ...]
    messages: dict[str, int]
    findings: tuple[Drift, ...]

    @property
    def unread(self) -> int:
        """Frames of the day that no session understood."""
        return self.messages.get(UNREAD, 0)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a field.

    Attributes:
        type: Message type.
        path: The field.
        before: How it was made in the days before; None when it was not there.
        after: How it is made on this day; None when it is not there.
        sample: The first message of this day that has it.
    """

    type: str
    path: str
    before: Side | None
    after: Side | None
    sample: Sample | None


def look(
    archive: Path | Store,
    feed: str,
    date: str,
    *,
    clock: Clock,
    baseline: int = BASELINE,
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> DriftReport:
    """Compare how a day's messages are made with the days before it that have data.

    Fingerprints of closed days are kept in the archive, so that each segment is read once.

    Args:
        archive: The archive, on this machine or in a store.
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC; a running day is read as far as it came, and not kept.
        clock: Tells which day is running.
        baseline: With how many days to compare.
        policy: When a difference is worth a word.
        progress: Told the bytes read, and the bytes there are to read.

    Raises:
        ConfigError: There is no archive, no such feed, no such day, or nothing archived on it.
        Damaged: A sealed segment cannot be read to its end.
        Unavailable: The store does not answer.
    """
    return _Look(archive, feed, date, clock, baseline, progress).report(policy or Policy())


def show(
    archive: Path | Store,
    feed: str,
    date: str,
    path: str,
    *,
    clock: Clock,
    baseline: int = BASELINE,
    progress: Progress | None = None,
) -> list[Shown]:
    """What is known of a field, in every message type that has it; arguments and errors as `look`.

    Args:
        archive: The archive.
        feed: The feed's name.
        date: `YYYY-MM-DD`, UTC.
        path: The field, as it stands in a report: `data[].price`; what lies below it comes too.
        clock: Tells which day is running.
        baseline: With how many days to compare.
        progress: Told the bytes read, and the bytes there are to read.
    """
    return _Look(archive, feed, date, clock, baseline, progress).shown(path)


class _Look:
    """A day and those before it, with their fingerprints."""

    def __init__(
        self,
        archive: Path | Store,
        feed: str,
        date: str,
        clock: Clock,
        baseline: int,
        progress: Progress | None,
    ) -> None:
        self._store = as_store(archive)
        self._root = archive if isinstance(archive, Path) else None
        files.check(archive)
        day = window.day(date, clock.wall())
        self._feed, self._date, self._running = feed, day.date.isoformat(), day.running
        known = days.dates(self._store, feed)
        if self._date not in known:
            raise _nothing(self._store, feed, self._date, known)
        earlier = [each for each in known if each < self._date][-baseline:] if baseline else []
        self._baseline = tuple(earlier)
        self._read(days.days(self._store, feed, [*earlier, self._date]), progress)

    def _read(self, found: Sequence[Day], progress: Progress | None) -> None:
        """Fingerprints of all days, the kept ones recalled."""
        kept = {day.date: days.recall(self._store, day) for day in found if day.sealed is not None}
        missing = [day for day in found if kept.get(day.date) is None]
        add = days.told(progress, sum(day.size for day in missing))
        made = {day.date: self._made(day, add) for day in missing}
        prints = {date: each for date, each in kept.items() if each is not None} | made
        self.day = next(day for day in found if day.date == self._date)
        self.after = prints[self._date]
        self.before = reduce(merge, (prints[date] for date in self._baseline), Fingerprint())

    def _made(self, day: Day, add: Callable[[int], None]) -> Fingerprint:
        made = days.make(self._store, day, add)
        is_over = day.date != self._date or not self._running
        if is_over and self._root is not None:
            days.keep(self._root, day, made)
        return made

    def report(self, policy: Policy) -> DriftReport:
        """What became different."""
        found = compare(self.before, self.after, policy)
        shown = samples(self._store, self.day, [_wanted(each, self.after) for each in found])
        drifts = [
            Drift(
                change=each.change,
                severity=each.severity,
                type=each.type,
                path=each.path,
                kind=each.kind,
                before=each.before,
                after=each.after,
                sample=sample,
            )
            for each, sample in zip(found, shown, strict=True)
        ]
        return DriftReport(
            feed=self._feed,
            date=self._date,
            running=self._running,
            baseline=self._baseline,
            messages={name: node.count for name, node in sorted(self.after.types.items())},
            findings=tuple(sorted(drifts, key=_order)),
        )

    def shown(self, path: str) -> list[Shown]:
        """A field, and what lies below it, in every type."""
        found: list[tuple[str, str, Side | None, Side | None, Ref | None]] = []
        for name in sorted(self.before.types.keys() | self.after.types.keys()):
            was, now = (_places(each.types.get(name), path) for each in (self.before, self.after))
            for each in sorted(was.keys() | now.keys()):
                place = now.get(each)
                ref = None if place is None else _first(place[0])
                found.append((name, each, _side(was.get(each)), _side(place), ref))
        refs = [None if ref is None else Wanted(name, ref) for name, *_, ref in found]
        return [
            Shown(type=name, path=each, before=before, after=after, sample=sample)
            for (name, each, before, after, _), sample in zip(
                found, samples(self._store, self.day, refs), strict=True
            )
        ]


def _wanted(each: Difference, after: Fingerprint) -> Wanted:
    """Which message shows a difference: the first with the new, or the first without the old."""
    node = after.types[each.type]
    places = dict(paths(node))
    above, _, key = each.path.rpartition(".")
    # Of objects that are a map only in one of the times, the other time has no such path.
    place = places.get(above if each.change == "missing_field" else each.path, node)
    if each.change == "missing_field":
        return Wanted(each.type, _first(place, frozenset({"object"})), above, key)
    if each.change == "null_rate":
        return Wanted(each.type, _first(place, BLANK))
    return Wanted(each.type, _first(place, frozenset({each.kind} if each.kind else ())))


def _first(node: Node, kinds: frozenset[str] = frozenset()) -> Ref:
    """The first message that has a place, if there is one with a value of these kinds."""
    firsts = {kind: seen.first for kind, seen in node.kinds.items()}
    return min(firsts[kind] for kind in (kinds & firsts.keys() or firsts))


def _places(node: Node | None, path: str) -> dict[str, tuple[Node, int]]:
    """The places of a type that a path means, and how many objects could have each."""
    if node is None:
        return {}
    found = dict(paths(node))
    return {
        each: (place, _could(found, each, place))
        for each, place in found.items()
        if _is_below(each, path)
    }


def _is_below(path: str, asked: str) -> bool:
    return path == asked or (path.startswith(asked) and path[len(asked) :][:1] in {".", "["})


def _could(places: dict[str, Node], path: str, place: Node) -> int:
    """How many objects could have a field; an element of an array is only where it is."""
    if not path or path.endswith("[]"):
        return place.count
    return places[path.rpartition(".")[0]].of("object")


def _side(place: tuple[Node, int] | None) -> Side | None:
    return None if place is None else side(*place)


def _order(each: Drift) -> tuple[bool, str, str, str]:
    return each.severity != "error", each.type, each.path, each.change


def _nothing(store: Store, feed: str, date: str, known: Iterable[str]) -> ConfigError:
    """There is nothing to look at: is it the feed's name, or the day?"""
    dates = list(known)
    if dates:
        message = f"Nothing of {feed} is archived on {date}."
        return ConfigError(message, remedy=f"There is something from {dates[0]} to {dates[-1]}.")
    recorded = feeds(store)
    message = f"There is no feed {feed!r} in {store.url}.{did_you_mean(feed, recorded)}"
    return ConfigError(message, remedy=f"Recorded are: {', '.join(recorded) or 'none'}.")
