"""Proving a backup: that everything is in it, and that what is not can be made from it.

Nothing is written. What is proved: the segments' bytes and chains, every ordinal (`verify`); that
the ledger is what the segments give; that every file of every slot's tables is there, with the
right bytes, and made from the segments that are there. Tables that are missing are no loss: they can
be made again from raw, which is said.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import files, layout, manifest, verify
from ssmd.archive.conservation import Problem
from ssmd.archive.layout import Slot
from ssmd.archive.ledger import days, segments
from ssmd.archive.ledger import store as ledger
from ssmd.archive.ledger.days import Folded
from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Store
from ssmd.archive.store.record import let_go, targets
from ssmd.archive.tables import merged, reading
from ssmd.archive.tables.built import TableFile
from ssmd.archive.verify import Progress, Report
from ssmd.model.errors import Damaged

_BLOCK_BYTES: Final = 1 << 20
_ALWAYS: Final = (0, 1 << 62)


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, and what not.

    Attributes:
        ok: Whether nothing is wrong: what is missing can be made again, or is in a store.
        report: What is proved of segments and chains.
        problems: What is wrong, `report`'s included.
        missing: Segments whose bytes are not in the backup.
        elsewhere: Of those, the ones that were let go after their upload: the backup is whole
            together with `stores` only.
        stores: The addresses of the stores they went to.
        days: Days of the ledger that are what the segments give.
        days_behind: Days whose ledger is not stored, or was made from fewer segments: it is made
            when it is asked for.
        slots: Slots whose tables are all there, with the right bytes.
        slots_unbuilt: Slots without tables, or with outdated ones: the compactor makes them.
        tables_missing: Files of tables that are not there: `ssmd redecode` makes them from raw.
        table_bytes: Size of the tables that were proved, in bytes.
    """

    ok: bool
    report: Report
    problems: list[Problem]
    missing: list[str]
    elsewhere: list[str]
    stores: list[str]
    days: int
    days_behind: list[str]
    slots: int
    slots_unbuilt: list[str]
    tables_missing: list[str]
    table_bytes: int


def restore(url: str | Path, progress: Progress | None = None) -> Restored:
    """Prove a backup, wherever it lies; nothing is written.

    Args:
        url: The backup: a path, or the address of an object store.
        progress: Told the bytes of segments done, and how many there are.

    Raises:
        ConfigError: There is no archive.
        TooNew: A newer program wrote it; the error names the version it needs.
        Damaged: The archive's own file is not what was written.
        Unavailable: The store does not answer.
    """
    store: Store = open_store(url)
    root = store.root
    report = verify.verify(store if root is None else root, progress)
    elsewhere = {} if root is None else let_go(root)
    stores = [] if root is None else [each.url for each in targets(root) if each.lets_go]
    return _Proof(store, report, elsewhere).run(stores)


class _Proof:
    """One run over a backup."""

    def __init__(self, store: Store, report: Report, elsewhere: dict[str, str]) -> None:
        self._store = store
        self._report = report
        self._elsewhere = elsewhere
        self._problems = list(report.problems)
        self._days = 0
        self._behind: list[str] = []
        self._bytes = 0

    def run(self, stores: list[str]) -> Restored:
        """Everything."""
        known = list(files.walk(self._store))
        sealed = {place for place, kind in known if kind == "sealed"}
        manifests = {place for place, kind in known if kind == "manifest"}
        missing = [place.name() for place in sorted(manifests - sealed)]
        for feed in ledger.feeds(self._store):
            self._ledger(feed)
        built, tables_missing = self._tables()
        slots = {layout.slot_of(place) for place in manifests}
        return Restored(
            ok=not self._problems,
            report=self._report,
            problems=self._problems,
            missing=missing,
            elsewhere=[name for name in missing if name in self._elsewhere],
            stores=stores,
            days=self._days,
            days_behind=self._behind,
            slots=len(built),
            slots_unbuilt=[layout.built(slot) for slot in sorted(slots - built)],
            tables_missing=tables_missing,
            table_bytes=self._bytes,
        )

    def _ledger(self, feed: str) -> None:
        """Fold every day of a feed from what its segments tell, and compare."""
        link = ledger.Link(self._store)
        for date, sources in segments.sources(self._store, feed).items():
            sealed = [source for source in sources if source.sha256]
            told = [segments.told_by(self._store, source) for source in sealed]
            folded = days.folded(feed, date, told, link.carry)
            made = days.make(date, folded, sources=sealed, began=link.digest)
            self._compare(layout.day(feed, date), made.day, folded)
            link.go_on(folded.carry)

    def _compare(self, name: str, made: days.Day, folded: Folded) -> None:
        """Whether a day's ledger is what its segments give."""
        kept = days.read(self._store, made.feed, made.date)
        if kept is None or kept.segments != made.segments or kept.began != made.began:
            self._behind.append(name)
            return
        found = days.read_ledger(self._store, kept)
        if found is None:
            self._complain(name, "its tables are gone or damaged")
        elif found != folded.whole(_ALWAYS):
            self._complain(name, "its tables are not what the segments give")
        else:
            self._days += 1

    def _tables(self) -> tuple[set[Slot], list[str]]:
        """The slots whose tables are whole, and the files of tables that are not there."""
        whole: set[Slot] = set()
        missing: list[str] = []
        made_from = self._made_from()
        for link in merged.applied(reading.links(self._store), merged.records(self._store)):
            told = [*link.files, *([] if link.books is None else [link.books])]
            gone = [file.name for file in told if not self._is_there(file)]
            missing += gone
            if not gone and made_from.get(link.slot) == link.segments:
                whole.add(link.slot)
        return whole, missing

    def _is_there(self, file: TableFile) -> bool:
        """Whether a file is there; one with other bytes is told as a problem."""
        if self._store.stat(file.name) is None:
            return self._elsewhere.get(file.name) == file.sha256
        if _digest(self._store, file.name) != file.sha256:
            self._complain(file.name, "its digest is not the one its slot tells of")
            return False
        self._bytes += file.bytes
        return True

    def _made_from(self) -> dict[Slot, dict[str, str]]:
        """The segments of every slot, and their digests; of those whose manifest can be read."""
        found: dict[Slot, dict[str, str]] = {}
        for place, kind in files.walk(self._store):
            if kind == "manifest":
                name = place.name(kind)
                try:
                    known = manifest.decode(self._store.read(name), name)
                except Damaged:
                    continue  # `verify` says so
                found.setdefault(layout.slot_of(place), {})[known.name] = known.sha256
        return found

    def _complain(self, name: str, message: str) -> None:
        self._problems.append(Problem(kind="backup", message=f"{message}.", file=name))


def _digest(store: Store, name: str) -> str:
    found = hashlib.sha256()
    with store.open(name) as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()
