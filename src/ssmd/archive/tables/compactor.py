"""Makes the tables of every slot that has sealed segments, and again where something changed."""

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from ssmd import venues
from ssmd.archive import files, layout, manifest
from ssmd.archive.layout import Place, Slot
from ssmd.archive.ledger import segments as ledger_segments
from ssmd.archive.ledger.store import feeds
from ssmd.archive.lock import alone
from ssmd.archive.store.opening import as_store
from ssmd.archive.store.port import Store
from ssmd.archive.tables import build, built, merged, telemetry
from ssmd.archive.tables.build import Source, Task
from ssmd.archive.tables.built import Built, Link
from ssmd.archive.tables.decoding import SPILL_BYTES
from ssmd.feeds import registry
from ssmd.model.envelope import CONNECTION
from ssmd.model.errors import ConfigError, Damaged, SsmdError
from ssmd.model.records import Opened, decode_connection
from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock
from ssmd.runtime.tasks import Stop

POLL_S: Final = 1.0
"""Pause between two looks at what was sealed, in seconds."""
_MANIFESTS: Final = 50_000


class Failed(msgspec.Struct, frozen=True):
    """A slot whose tables could not be made.

    Attributes:
        slot: Which slot.
        reason: Why.
    """

    slot: Slot
    reason: str


class Outcome(msgspec.Struct, kw_only=True):
    """What a round did.

    Attributes:
        slots: Slots that have sealed segments.
        built: Those whose tables were made.
        rows: Rows written.
        rejects: Pieces of messages that gave no row.
        repeats: Rows that say what another row says.
        failed: Slots whose tables could not be made.
        busy: Feeds whose tables somebody else makes at this moment.
        gone: Slots without tables, or with old ones, of which nothing raw is here.
    """

    slots: int = 0
    built: list[Slot] = []
    rows: int = 0
    rejects: int = 0
    repeats: int = 0
    failed: list[Failed] = []
    busy: list[str] = []
    gone: list[Slot] = []


class Sealed(msgspec.Struct, frozen=True):
    """The sealed segments of a slot.

    Attributes:
        slot: Which slot.
        places: The segments, in order.
        is_here: Whether all of their bytes are.
    """

    slot: Slot
    places: tuple[Place, ...]
    is_here: bool


class _TakenApart(Exception):
    """Slots that were merged do not count as built any more."""


class Compactor:
    """Brings tables up to what is sealed.

    Args:
        root: The archive.
        clock: Tells the time.
        store: Where files of earlier slots are read from; the archive itself when None.
        progress: Told the slots looked at, and the slots there are.
        bound: So many bytes of columns are held in memory at a time.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        store: Store | None = None,
        progress: Callable[[int, int], None] | None = None,
        bound: int = SPILL_BYTES,
    ) -> None:
        self._root = root
        self._clock = clock
        self._store = store
        self._progress = progress
        self._bound = bound
        self._manifests: dict[tuple[Place, int], manifest.Manifest] = {}
        self._links: dict[tuple[str, int, int], Link] = {}
        self._marks: dict[str, object] = {}
        self._gone: set[Slot] = set()
        self._tabled: dict[str, bool] = {}
        self._stop = Stop()

    def run_once(self, feed: str | None = None) -> Outcome:
        """Make the tables of every slot that are not as they should be.

        A slot that fails is told of and left as it is; the others go on.

        Args:
            feed: Only this feed; None for all.

        Raises:
            ConfigError: There is no archive.
        """
        names = feeds(self._root)
        if feed is not None and feed not in names:
            raise ConfigError(
                f"Nothing of a feed {feed!r} is archived in {self._root}.",
                remedy=f"Use one of: {', '.join(names) or 'none yet'}.",
            )
        outcome = Outcome()
        for name in names if feed is None else [feed]:
            with locked(self._root, name) as mine:
                if mine:
                    self._feed(name, outcome)
                else:
                    telemetry.busy(name)
                    outcome.busy.append(name)
        return outcome

    async def serve(self, stop: Stop) -> None:
        """Make tables whenever something was sealed, until asked to stop; a failed slot waits.

        What failed is tried again when something else of its feed is sealed.

        Args:
            stop: Asks to end; the slot at hand is finished first.
        """
        self._stop = stop
        for name in feeds(self._root):
            telemetry.touch(name)
        while not stop.requested.is_set():
            for name in feeds(self._root):
                mark = await asyncio.to_thread(_mark, self._root, name)
                if self._marks.get(name) == mark or stop.requested.is_set():
                    continue
                outcome = await asyncio.to_thread(self.run_once, name)
                if not outcome.busy and not stop.requested.is_set():
                    self._marks[name] = mark
            await self._clock.sleep(POLL_S)

    def task(self, each: Sealed, link: Link | None, before: Sequence[Link]) -> Task:
        """What is to be made of a slot.

        Args:
            each: The slot.
            link: What its tables were made from; None when there are none.
            before: The slots before, in order.

        Raises:
            ConfigError: Nothing tells which venue it is.
            Damaged: A manifest is not what was written.
        """
        sources = tuple(Source(place, self.manifest(place)) for place in each.places)
        venue = before[-1].venue if before else "" if link is None else link.venue
        return Task(each.slot, sources, venue or venue_of(self._root, each), tuple(before))

    def links(self, feed: str) -> Iterator[Link]:
        """What is built of a feed, as far as it can be read, in order."""
        for name in files.names(self._root, layout.built_folder(feed)):
            if layout.parse_built(name) is None:
                continue
            path = self._root / name
            found = path.stat()
            key = name, found.st_mtime_ns, found.st_ino
            try:
                if key not in self._links:
                    self._links[key] = built.decode_link(path.read_bytes(), name)
                yield self._links[key]
            except Damaged as error:
                telemetry.link_damaged(name, error.message)

    def _feed(self, feed: str, outcome: Outcome) -> None:
        slots = sealed(self._root, feed)
        if not self.has_tables(feed, slots):
            return
        outcome.slots += len(slots)
        while not self._pass(feed, slots, outcome):
            continue

    def has_tables(self, feed: str, slots: Sequence[Sealed]) -> bool:
        """Whether a feed is a venue's: what no venue said has no tables, which is told once."""
        if feed not in self._tabled and slots:
            try:
                venue = venue_of(self._root, slots[0])
            except ConfigError:
                return True  # each slot says so itself
            self._tabled[feed] = venue in venues.names()
            if not self._tabled[feed]:
                telemetry.no_tables(feed, venue)
        return self._tabled.get(feed, True)

    def _pass(self, feed: str, slots: Sequence[Sealed], outcome: Outcome) -> bool:
        """Look at every slot once; False when slots that were merged had to be taken apart."""
        known = {link.slot: link for link in self.links(feed)}
        here = {each.slot for each in slots if each.is_here}
        before: list[Link] = []
        oldest: int | None = None
        for number, each in enumerate(slots):
            if self._stop.requested.is_set():
                break
            link = known.get(each.slot)
            try:
                link = self._slot(each, link, before, outcome, here)
            except _TakenApart:
                return False
            except Exception as error:  # noqa: BLE001 - the other slots must not wait for this one
                reason = str(error) if isinstance(error, SsmdError) else repr(error)
                telemetry.failed(each.slot, reason)
                outcome.failed.append(Failed(each.slot, reason))
                oldest = oldest or each.slot.start
            if link is not None:
                before.append(link)
            if self._progress is not None:
                self._progress(number + 1, len(slots))
        age = 0.0 if oldest is None else (self._clock.wall() - oldest) / SECOND_NS
        telemetry.lag(feed, max(0.0, age))
        return True

    def _slot(
        self,
        each: Sealed,
        link: Link | None,
        before: Sequence[Link],
        outcome: Outcome,
        here: Collection[Slot],
    ) -> Link | None:
        """What a slot's tables are made from, made anew if need be; None if they cannot be.

        Raises:
            _TakenApart: It was merged with others, which have to be made again too.
        """
        task = self.task(each, link, before)
        if link is not None and build.is_fresh(link, task):
            return link
        apart = merged.dissolve(self._root, [each.slot], here)
        if apart:
            telemetry.dissolved(each.slot.feed, len(apart))
            raise _TakenApart
        if not each.is_here or apart is None:
            if each.slot not in self._gone:
                telemetry.raw_gone(each.slot)
                self._gone.add(each.slot)
            outcome.gone.append(each.slot)
            return link
        begun = self._clock.mono()
        store = self._store or as_store(self._root)  # what was let go is read where it went
        made, repeats = build.build(self._root, store, task, bound=self._bound)
        telemetry.built(made, repeats=repeats, seconds=self._clock.mono() - begun)
        outcome.built.append(each.slot)
        outcome.rows += sum(file.rows for file in made.files)
        outcome.rejects += sum(account.rejects for account in made.accounting)
        outcome.repeats += repeats
        return _link(made)

    def manifest(self, place: Place) -> manifest.Manifest:
        """What a segment holds.

        Raises:
            Damaged: Its manifest is not what was written.
        """
        name = place.name("manifest")
        path = self._root / name
        key = place, path.stat().st_mtime_ns
        known = self._manifests.get(key)
        if known is None:
            if len(self._manifests) >= _MANIFESTS:
                self._manifests.clear()
            known = self._manifests[key] = manifest.decode(path.read_bytes(), name)
        return known


def sealed(root: Path, feed: str) -> list[Sealed]:
    """The sealed segments of a feed by slot, in order; those without bytes too, if they ever were."""
    manifests: dict[Slot, set[Place]] = {}
    here: set[Place] = set()
    for place, kind in files.walk(root, feed):
        if kind == "manifest":
            manifests.setdefault(layout.slot_of(place), set()).add(place)
        elif kind == "sealed":
            here.add(place)
    return [
        Sealed(slot, tuple(sorted(places)), places <= here)
        for slot, places in sorted(manifests.items())
    ]


def venue_of(root: Path, each: Sealed) -> str:
    """The venue of a slot that follows none: its connections' opening records tell.

    Where those are not in it, any other of the feed does, or else the feed's own file.

    Raises:
        ConfigError: Nothing tells.
    """
    feed = each.slot.feed
    found = [source for day in ledger_segments.sources(root, feed).values() for source in day]
    for source in sorted(found, key=lambda source: (source.place not in each.places, source)):
        for note in ledger_segments.told_by(root, source).facts.notes:
            if note.type == CONNECTION and note.record == 0:
                try:
                    record = decode_connection(note.payload)
                except (msgspec.MsgspecError, ValueError):
                    continue
                if isinstance(record, Opened):
                    return record.venue
    return registry.load_feed(feed).venue


def locked(root: Path, feed: str, *, wait: bool = False) -> AbstractContextManager[bool]:
    """Be the only one that makes a feed's tables; False when somebody else is, unless we wait."""
    return alone(layout.tables_lock(root, feed), wait=wait)


def _link(made: Built) -> Link:
    """A slot as later ones ask of it."""
    return msgspec.convert(msgspec.to_builtins(made), Link)


def _mark(root: Path, feed: str) -> object:
    """What changes whenever something of a feed is sealed."""
    folder = root / layout.feed_folder(feed)
    try:
        return sorted((entry.name, entry.stat().st_mtime_ns) for entry in os.scandir(folder))
    except FileNotFoundError:
        return []
