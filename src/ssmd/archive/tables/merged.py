"""Slots whose small files became larger ones: where their rows are now.

A record names the slots and what their tables were made from. While every one of them is still made
from that, the record's files hold their rows; as soon as one is not, none of them counts as built,
and readers take the rows from raw until the compactor has made the tables again.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable, layout
from ssmd.archive.layout import Slot
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Store, Stored
from ssmd.archive.tables.built import Link, TableFile
from ssmd.model.errors import Damaged

FORMAT: Final = 1
"""Version of these records."""
_KEPT: Final = 100_000


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Slots of a feed that became one.

    Attributes:
        format: Version.
        feed: The feed's name.
        date: `YYYY-MM-DD` of the first slot, UTC.
        time: `HHMM` at which it begins.
        interval_s: From its beginning to the end of the last one, in seconds.
        slots: The key of every slot, by `date/time`.
        files: The files that hold their rows.
    """

    format: int
    feed: str
    date: str
    time: str
    interval_s: int
    slots: dict[str, str]
    files: tuple[TableFile, ...]

    @property
    def name(self) -> str:
        """The record's file, relative to the root."""
        return layout.merged(Slot(self.feed, self.date, self.time), self.interval_s)

    @property
    def members(self) -> list[Slot]:
        """The slots, in order."""
        return sorted(Slot(self.feed, *name.split("/")) for name in self.slots)


_decoder = msgspec.json.Decoder(Merged)
_seen: dict[tuple[str, Stored], Merged] = {}


def key(slot: Slot) -> str:
    """How a slot is named within its feed."""
    return f"{slot.date}/{slot.time}"


def write(root: Path, merged: Merged) -> None:
    """Say that slots became one: from here on their rows are read from its files.

    Raises:
        OSError: The disk refused; the old files count.
    """
    path = root / merged.name
    durable.make_folder(path.parent)
    durable.replace(path, msgspec.json.encode(merged) + b"\n")


def records(store: Store, feeds: Collection[str] | None = None) -> Iterator[Merged]:
    """Every record, those of more slots first.

    Raises:
        Damaged: A record is not what was written, or is of a newer version.
    """
    under = (
        [f"{layout.TABLES}/merged"]
        if feeds is None
        else [layout.merged_folder(feed) for feed in sorted(feeds)]
    )
    found = [
        _record(store, stored)
        for folder in under
        for stored in store.files(folder)
        if layout.is_merged(stored.name)
    ]
    yield from sorted(
        (each for each in found if each is not None), key=lambda each: -each.interval_s
    )


def applied(links: Iterable[Link], merges: Iterable[Merged]) -> list[Link]:
    """The slots that count as built, with the files that hold their rows now, in order.

    Of slots that became one the first has all files, the others none; its length is that of all.

    Args:
        links: What slots were made from, of those that hold all of their segments.
        merges: What became of them, those of more slots first.
    """
    known = {link.slot: link for link in links}
    settled: set[Slot] = set()
    lost: set[Slot] = set()
    for each in merges:
        members = each.members
        if not settled.isdisjoint(members):
            continue  # a larger one has them
        if any(slot not in known or known[slot].key != each.slots[key(slot)] for slot in members):
            lost.update(members)
            continue
        settled.update(members)
        first = members[0]
        for slot in members:
            known[slot] = msgspec.structs.replace(known[slot], files=())
        known[first] = msgspec.structs.replace(
            known[first], files=each.files, interval_s=each.interval_s
        )
    lost -= settled
    return [link for slot, link in sorted(known.items()) if slot not in lost]


def covering(merges: Iterable[Merged], slots: Collection[Slot]) -> list[Merged]:
    """The records that speak of some slots, and of slots those speak of."""
    every = list(merges)
    wanted = set(slots)
    found: list[Merged] = []
    while True:
        more = [each for each in every if each not in found and wanted & set(each.members)]
        if not more:
            return found
        found += more
        wanted.update(slot for each in more for slot in each.members)


def holding(merges: Sequence[Merged], file: TableFile, slot: Slot) -> TableFile | None:
    """The file that holds the rows of another one of a slot now; None when none does."""
    for each in merges:
        if key(slot) in each.slots:
            return next((known for known in each.files if known.table == file.table), None)
    return None


def dissolve(root: Path, slots: Collection[Slot], here: Collection[Slot]) -> list[Slot] | None:
    """Take slots out of what they were merged into, because they have to be made again.

    Whoever calls this holds the lock of the feed's tables. What is taken out counts as not built:
    readers take its rows from raw until its tables are made.

    Args:
        root: The archive.
        slots: What is to be made again, of one feed.
        here: The slots of which everything raw is here.

    Returns:
        The slots whose tables have to be made; None when some of them could not be, and nothing was
        changed.

    Raises:
        OSError: The disk refused; what is left counts as not built.
    """
    store = LocalStore(root)
    of = sorted({slot.feed for slot in slots})
    found = covering(records(store, of), slots)
    members = sorted({slot for each in found for slot in each.members})
    if not set(members) <= set(here):
        return None
    for slot in members:
        remove(root, layout.built(slot))
    for each in found:
        remove(root, each.name)
    for each in found:
        for file in each.files:
            remove(root, file.name)
    return members


def remove(root: Path, name: str) -> None:
    """Take a file away, durably; twice is fine.

    Raises:
        OSError: The disk refused.
    """
    path = root / name
    if path.exists():
        durable.unlink(path)
        durable.sync_directory(path.parent)


def _record(store: Store, stored: Stored) -> Merged | None:
    seen = (store.url, stored)
    if seen not in _seen:
        if len(_seen) >= _KEPT:
            _seen.clear()
        try:
            _seen[seen] = _decoder.decode(store.read(stored.name))
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, ValueError) as error:
            message = f"{stored.name} is not what was written: {error}."
            raise Damaged(message, remedy="Remove it and run `ssmd redecode`.") from error
    found = _seen[seen]
    if found.format > FORMAT:
        message = f"{stored.name} has format {found.format}; this program knows up to {FORMAT}."
        raise Damaged(message, remedy="Upgrade ssmd.")
    return found
