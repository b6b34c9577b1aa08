"""The rows of segments that no file holds yet, as the build would give them; nothing is written."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive import line as lines
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Slot
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.store.port import Store
from ssmd.archive.tables import build, earlier, files, keeping, progress, schema
from ssmd.archive.tables.built import Carry, Link
from ssmd.archive.tables.decoding import BOOK
from ssmd.archive.tables.files import Origin
from ssmd.archive.tables.order import head
from ssmd.archive.tables.progress import Changed, Kept, Progress, Segment, Source
from ssmd.archive.tables.repeats import Fact, Flags
from ssmd.feeds import registry
from ssmd.model.envelope import CONNECTION
from ssmd.model.errors import Damaged
from ssmd.model.records import Opened, decode_connection

Times = Literal["ts_event", "ts_recv"]
"""Which clock a range is of: the venue's, or ours."""
_USUAL_S: Final = ArchiveSettings().interval_s
_CONNECTION: Final = CONNECTION.encode()


class Wish(NamedTuple):
    """Which rows are asked for.

    Attributes:
        tables: Of which tables.
        symbols: Of which instruments, in the venue's own strings; None for all.
        since: From when on, ns; None for the beginning.
        until: Up to when, ns, not included; None for the end.
        by: Whose times these are.
    """

    tables: Collection[str]
    symbols: Collection[str] | None = None
    since: int | None = None
    until: int | None = None
    by: Times = "ts_event"


def tell(
    store: Store,
    segments: Sequence[Segment],
    wish: Wish,
    links: Callable[[Store, Collection[str]], Iterable[Link]],
    kept: Kept,
) -> dict[str, Any]:
    """The rows of segments, as Arrow tables by name; see `reading.tell`."""
    found: dict[str, list[Any]] = {name: [] for name in wish.tables}
    feeds: dict[str, dict[Slot, list[Segment]]] = {}
    for segment in sorted(segments):
        slot = layout.slot_of(segment.place)
        feeds.setdefault(slot.feed, {}).setdefault(slot, []).append(segment)
    for feed, slots in feeds.items():
        before = sorted(links(store, [feed]), key=lambda link: link.slot)
        teller = _Teller(store, wish, before, kept)
        if not teller.has_tables(next(iter(slots.values()))):
            continue
        for slot, each in slots.items():
            for name, rows in teller.tell(slot, each):
                found[name].append(rows)
    return {name: _joined(name, rows) for name, rows in found.items()}


class _Recent:
    """The facts of earlier slots, of which the last were told and not built."""

    def __init__(
        self, told: earlier.Told, recent: Sequence[Mapping[str, set[Fact]]], *, is_last: bool
    ) -> None:
        self._told = told
        self._recent = recent
        self._is_last = is_last

    def before(self, table: str) -> set[Fact]:
        """The facts of the slot just before."""
        if self._is_last:
            return self._recent[-1].get(table, set())
        return self._told.before(table)

    def told(self, table: str, wanted: Mapping[Fact, int | None]) -> set[Fact]:
        """Which of some facts any earlier slot tells."""
        found = self._told.told(table, wanted)
        for facts in self._recent:
            found |= wanted.keys() & facts.get(table, set())
        return found


class _Teller:
    """Tells the slots of one feed, one after the other."""

    def __init__(self, store: Store, wish: Wish, links: Sequence[Link], kept: Kept) -> None:
        self._store = store
        self._wish = wish
        self._links = links
        self._kept = kept
        self._last: Slot | None = None
        """The slot that was told last."""
        self._interval = 0
        self._carry = Carry()
        self._books: keeping.Saved = {}
        self._recent: list[Mapping[str, set[Fact]]] = []
        self._tables = frozenset(wish.tables)
        self._symbols = (
            None if wish.symbols is None or BOOK in wish.tables else frozenset(wish.symbols)
        )

    def has_tables(self, segments: Sequence[Segment]) -> bool:
        """Whether the feed is a venue's: what no venue said has no tables."""
        if self._links or segments[0].place.feed in registry.names():
            return True  # without a look into a file
        told = (self._opening(progress.source(self._store, each)) for each in segments)
        name = next(filter(None, told), "")
        return not name or name in venues.names()

    def tell(self, slot: Slot, segments: Sequence[Segment]) -> list[tuple[str, Any]]:
        """The rows of a slot, by table."""
        sources = [progress.source(self._store, segment) for segment in segments]
        before = [link for link in self._links if link.slot < slot]
        goes_on = self._last is not None and (not before or before[-1].slot <= self._last)
        if not goes_on:
            self._carry, self._books = build.carried(self._store, before)
        key = self._store.url, slot, self._tables, self._symbols
        read = self._read(slot, sources, before, self._kept.take(key))
        end = max(read.newest + 1, layout.slot_end(slot.start, self._interval_s(sources, before)))
        known = _Recent(earlier.Told(self._store, before), self._recent, is_last=goes_on)
        flags = read.flags((slot.start, end), known)
        found: list[tuple[str, Any]] = []
        for name, parts in read.decoding.tables.items():
            for each, part, repeats in zip(sources, parts, flags.of(name), strict=True):
                if part.rows:
                    origin = Origin(slot.feed, read.venue, each.name, each.sha256)
                    found += (
                        (name, self._chosen(files.plain(group, part.shape.columns)))
                        for group in files.groups(part, repeats, origin)
                    )
        self._go_on(slot, read, flags, end)
        self._kept.put(key, read)
        return found

    def _interval_s(self, sources: Sequence[Source], before: Sequence[Link]) -> int:
        """How long the slot is: it is only known of what is sealed, and is hardly ever changed."""
        known = max(each.interval_s for each in sources)
        self._interval = known or self._interval or (before[-1].interval_s if before else _USUAL_S)
        return self._interval

    def _read(
        self,
        slot: Slot,
        sources: Sequence[Source],
        before: Sequence[Link],
        kept: Progress | None,
    ) -> Progress:
        """Everything there is of a slot, from where it was read up to before."""
        begun = self._carry, self._books
        if kept is not None and kept.fits(begun, sources):
            try:
                kept.read(self._store, sources)
            except Changed:
                pass
            else:
                return kept
        venue = venues.load(self._venue(sources, before))
        made = Progress(slot.feed, venue, begun, sources, self._tables, self._symbols)
        made.read(self._store, sources)
        return made

    def _go_on(self, slot: Slot, read: Progress, flags: Flags, end: int) -> None:
        connections = read.decoding.connections
        self._last = slot
        self._carry = Carry(
            venue=read.venue,
            connections=connections.go_on(end),
            primary=flags.primary,
            broken=connections.still_broken(end),
        )
        self._books = keeping.save(read.decoding.readers, self._carry.connections)
        self._recent.append({table: set(facts) for table, facts in flags.facts.items()})

    def _venue(self, sources: Sequence[Source], before: Sequence[Link]) -> str:
        if before:
            return before[-1].venue
        told = self._carry.venue or next(filter(None, map(self._opening, sources)), "")
        return told or registry.load_feed(sources[0].place.feed).venue

    def _opening(self, source: Source) -> str:
        """The venue that the first opening record of a segment names; empty without one."""
        with progress.opened(self._store, source) as file:
            for text in chain.from_iterable(Frames(file).batches()):
                if _CONNECTION in text and (venue := _venue_in(text, source.place.feed)):
                    return venue
        return ""

    def _chosen(self, rows: Any) -> Any:  # noqa: ANN401 - see `schema.arrow`
        """The rows asked for."""
        pa = schema.arrow()
        wish, compute = self._wish, pa.compute
        masks = []
        if wish.symbols is not None:
            listed = pa.array(sorted(wish.symbols), pa.string())
            masks.append(compute.is_in(rows.column("symbol"), value_set=listed))
        times = rows.column(wish.by).cast(pa.int64())
        if wish.since is not None:
            masks.append(compute.greater_equal(times, wish.since))
        if wish.until is not None:
            masks.append(compute.less(times, wish.until))
        for mask in masks[1:]:
            masks[0] = compute.and_(masks[0], mask)
        return rows.filter(masks[0]) if masks else rows


def _venue_in(text: bytes, feed: str) -> str:
    """The venue that an opening record names; empty when it is none."""
    what = head(text)
    if what is None or what.record is None or what.type != _CONNECTION:
        return ""
    try:
        record = decode_connection(lines.decode(text, feed).payload)
    except (Damaged, msgspec.MsgspecError, ValueError):
        return ""
    return record.venue if isinstance(record, Opened) else ""


def _joined(name: str, rows: Sequence[Any]) -> Any:  # noqa: ANN401 - see `schema.arrow`
    """Rows of one table as one; without any, with the columns that all venues share."""
    pa = schema.arrow()
    if rows:
        return pa.concat_tables(rows, promote_options="default")
    shape = schema.commons().get(name)
    return schema.schema({} if shape is None else shape.columns).empty_table()
