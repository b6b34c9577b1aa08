"""Which files hold what is asked for, and what no file holds yet: for whoever reads the tables.

A slot counts as built only if its file lists exactly its sealed segments, and none of it is open.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from ssmd import venues
from ssmd.archive import layout
from ssmd.archive.layout import Kind, Place, Slot
from ssmd.archive.store.port import Store, Stored
from ssmd.archive.tables import merged, schema, telling
from ssmd.archive.tables.built import FORMAT, Link, TableFile
from ssmd.archive.tables.progress import Kept, Segment
from ssmd.archive.tables.telling import Times, Wish
from ssmd.model.errors import Damaged

_KEPT: Final = 100_000


class Contents(msgspec.Struct, frozen=True):
    """What there is of some feeds.

    Attributes:
        built: The slots whose tables hold all of their segments, in order.
        unbuilt: The segments of all the others, in order.
    """

    built: tuple[Link, ...]
    unbuilt: tuple[Segment, ...]

    def files(
        self,
        table: str,
        since: int | None = None,
        until: int | None = None,
        *,
        by: Times = "ts_event",
    ) -> list[TableFile]:
        """The files of a table that can hold rows of a time, in order.

        Args:
            table: Which table: `trades`, `native/ticker`.
            since: From when on, ns; None for the beginning.
            until: Up to when, ns, not included; None for the end.
            by: Whose times they are. Rows without the time asked for are in no range.
        """
        return [
            file
            for link in self.built
            for file in link.files
            if file.table == table and _overlaps(file, since, until, by)
        ]


def contents(store: Store, feeds: Collection[str] | None = None) -> Contents:
    """What there is of some feeds, all of them if None: one listing of what lies in the store.

    Raises:
        Damaged: A slot's file is of a newer version.
        Unavailable: The store does not answer.
    """
    # What is raw is looked for first: a slot built meanwhile is then told twice by nobody.
    raw = _segments(store, feeds)
    built = [link for link in links(store, feeds) if _is_whole(link, raw.get(link.slot, {}))]
    whole = merged.applied(built, merged.records(store, feeds))
    left = raw.keys() - {link.slot for link in whole}
    unbuilt = (
        found
        for slot in sorted(left)
        for place in sorted(raw[slot])
        for found in _readable(place, raw[slot])
    )
    return Contents(tuple(whole), tuple(unbuilt))


def links(store: Store, feeds: Collection[str] | None = None) -> Iterator[Link]:
    """The file of every slot that has one, by feed and time; those nobody can read are left out."""
    folder = f"{layout.TABLES}/built"
    under = [folder] if feeds is None else [layout.built_folder(feed) for feed in sorted(feeds)]
    for each in under:
        for stored in store.files(each):
            if layout.parse_built(stored.name) is None:
                continue
            link = _link(store, stored)
            if link is not None:
                yield link


def schemas(venue_id: str | None = None) -> dict[str, Any]:
    """The Arrow schema of every table: those all venues share, or those of one venue.

    Raises:
        ConfigError: There is no such venue.
    """
    shapes = schema.commons() if venue_id is None else schema.natives(venues.load(venue_id))
    return {name: schema.schema(shape.columns) for name, shape in shapes.items()}


def tell(
    store: Store,
    segments: Sequence[Segment],
    tables: Collection[str],
    symbols: Collection[str] | None = None,
    since: int | None = None,
    until: int | None = None,
    *,
    by: Times = "ts_event",
    kept: Kept | None = None,
) -> dict[str, Any]:
    """The rows that the build would give for segments, as Arrow tables by name.

    Args:
        store: The archive.
        segments: What `Contents.unbuilt` gave, of one feed or several.
        tables: Which tables; an empty one is given for what nothing is told of.
        symbols: Only these, in the venue's own strings; None for all.
        since: From when on, ns.
        until: Up to when, ns, not included.
        by: Whose times they are.
        kept: What was told before: who asks again with it goes on from there, and is told the same.

    Raises:
        Damaged: A sealed segment cannot be read to its end.
        Unavailable: The store does not answer.
    """
    wish = Wish(tables, symbols, since, until, by)
    return telling.tell(store, segments, wish, links, kept or Kept())


def _segments(store: Store, feeds: Collection[str] | None) -> dict[Slot, dict[Place, set[Kind]]]:
    """Every segment that has bytes or a manifest, by slot."""
    found: dict[Slot, dict[Place, set[Kind]]] = {}
    under = [layout.RAW] if feeds is None else [layout.feed_folder(feed) for feed in sorted(feeds)]
    for each in under:
        for stored in store.files(each):
            known = layout.parse(stored.name)
            if known is not None and known[1] != "damaged":
                place, kind = known
                found.setdefault(layout.slot_of(place), {}).setdefault(place, set()).add(kind)
    return found


def _is_whole(link: Link, segments: Mapping[Place, set[Kind]]) -> bool:
    """Whether a slot's tables hold all of its segments."""
    sealed = {place.name() for place, kinds in segments.items() if "manifest" in kinds}
    is_open = any("manifest" not in kinds for kinds in segments.values())
    return link.segments.keys() == sealed and not is_open


def _readable(place: Place, segments: dict[Place, set[Kind]]) -> Iterator[Segment]:
    kinds = segments[place]
    if "sealed" in kinds:
        yield Segment(place, "sealed")
    elif "open" in kinds:
        yield Segment(place, "open")


def _overlaps(file: TableFile, since: int | None, until: int | None, by: Times) -> bool:
    first, last = (
        (file.first_event, file.last_event) if by == "ts_event" else (file.first_ts, file.last_ts)
    )
    if since is None and until is None:
        return True
    if first is None or last is None:
        return False
    return (until is None or first < until) and (since is None or last >= since)


_decoder = msgspec.json.Decoder(Link)
_seen: dict[tuple[str, Stored], Link] = {}


def _link(store: Store, stored: Stored) -> Link | None:
    """The file of a slot; None when it is gone, broken, or of an older version: it is made again.

    Raises:
        Damaged: It is of a newer version.
    """
    key = (store.url, stored)
    if key not in _seen:
        if len(_seen) >= _KEPT:
            _seen.clear()
        try:
            link = _decoder.decode(store.read(stored.name))
        except (FileNotFoundError, msgspec.MsgspecError, ValueError):
            return None
        _seen[key] = link
    found = _seen[key]
    if found.format > FORMAT:
        message = f"{stored.name} has format {found.format}; this program knows up to {FORMAT}."
        raise Damaged(message, remedy="Upgrade ssmd.")
    return found if found.format == FORMAT else None
