"""Letting go here of what the store is proved to hold.

Never manifests, the ledger, or what says how tables were made; never a segment whose tables are not
made, nor what the next slot's tables begin with. Readers find in the store what is gone here: see
`store.opening.as_store`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ssmd.archive import durable, layout, manifest
from ssmd.archive.ledger import segments
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Depot, Stored
from ssmd.archive.store.record import Proved, Record
from ssmd.archive.tables import merged, reading
from ssmd.archive.tables.built import Link
from ssmd.archive.upload import telemetry, tree
from ssmd.archive.upload.plan import NEVER, Candidate, plan
from ssmd.archive.upload.tree import Day
from ssmd.archive.upload.uploader import Uploader
from ssmd.feeds.upload import Retention
from ssmd.model.errors import Damaged


class LetGo(msgspec.Struct, kw_only=True):
    """What was let go here.

    Attributes:
        files: How many files.
        bytes: Their size.
        lost: Files that were proved to be in the store and are not there any more; they stay here,
            and are uploaded again.
    """

    files: int = 0
    bytes: int = 0
    lost: list[str] = []


class Letting:
    """Lets go of an archive's files."""

    def __init__(self, root: Path, store: Depot, retention: Retention, uploader: Uploader) -> None:
        """Begin with nothing known.

        Args:
            root: The archive.
            store: The store that is proved to hold what goes.
            retention: What the user wants.
            uploader: Who uploads, and knows what is proved.
        """
        self._root = root
        self._near = LocalStore(root)
        self._store = store
        self._retention = retention
        self._uploader = uploader
        self._stays: dict[str, str] = {}

    async def run_once(self, now: int) -> LetGo:
        """Let go of what may go and should. Nobody may upload meanwhile: see `Uploader.alone`.

        Args:
            now: The time, ns.

        Raises:
            Unavailable: The store does not answer; what it holds now is not known, and stays.
            OSError: This machine's disk refused.
        """
        found = LetGo()
        candidates = await asyncio.to_thread(self._candidates)
        by_name = {each.name: day for day, some in candidates.items() for each in some}
        every = (each for some in candidates.values() for each in some)
        for each in plan(every, self._retention, now):
            day = by_name[each.name]
            record = self._uploader.record(day)
            went = await asyncio.to_thread(self._let_go, record, each.name)
            if went:
                telemetry.let_go(day[0], each.name, each.size)
                found.files += 1
                found.bytes += each.size
            elif went is not None:
                telemetry.lost_there(day[0], each.name)
                found.lost.append(each.name)
        return found

    def _candidates(self) -> dict[Day, list[Candidate]]:
        slots: dict[Day, list[Link]] = {}
        one = merged.records(self._near)
        for listed in merged.applied(reading.links(self._near), one):
            slots.setdefault((listed.feed, listed.date), []).append(listed)
        newest = {feed: max(date for name, date in slots if name == feed) for feed, _ in slots}
        found = {}
        for day, folders in tree.days(self._root).items():
            files = tree.files(self._root, folders)
            of_day = slots.get(day, [])
            last = of_day[-1] if newest.get(day[0]) == day[1] else None
            found[day] = [
                *self._raw(day, files, of_day),
                *self._tables(day, files, of_day, last),
            ]
        return found

    def _raw(self, day: Day, files: Mapping[str, Stored], slots: list[Link]) -> Iterator[Candidate]:
        """The segments of a day."""
        record = self._uploader.record(day)
        made = {
            name: (sha256, listed.end)
            for listed in slots
            for name, sha256 in listed.segments.items()
        }
        for name, stored in files.items():
            known = layout.parse(name)
            if known is None or known[1] != "sealed":
                continue
            place = known[0]
            slot = layout.slot_of(place)
            sha256, ended = made.get(name, ("", slot.start))
            if not self._retention.needs_tables and name in record:
                sha256 = record[name].sha256
            may_go = (
                self._stays.get(name) != stored.mark
                and _is_proved(record, stored, sha256)
                and place.name("manifest") in record
            )
            yield Candidate(name=name, size=stored.size, ended=ended, is_raw=True, may_go=may_go)

    def _tables(
        self, day: Day, files: Mapping[str, Stored], slots: list[Link], last: Link | None
    ) -> Iterator[Candidate]:
        """The tables of a day, and the books at the ends of its slots."""
        record = self._uploader.record(day)
        for listed in slots:
            vouched = layout.built(listed.slot) in record
            for file in (*listed.files, *(() if listed.books is None else (listed.books,))):
                stored = files.get(file.name)
                if stored is None:
                    continue
                may_go = (
                    vouched
                    and listed is not last
                    and file.table not in NEVER
                    and _is_proved(record, stored, file.sha256)
                )
                yield Candidate(
                    name=file.name, size=file.bytes, ended=listed.end, is_raw=False, may_go=may_go
                )

    def _is_told(self, name: str, sha256: str) -> bool:
        """Whether everything that must outlive a segment here does."""
        known = layout.parse(name)
        if known is None:
            return True
        place, told = known[0], None
        file = place.name("manifest")
        try:
            told = manifest.decode((self._root / file).read_bytes(), file)
        except (OSError, Damaged):
            return False
        return told.sha256 == sha256 and segments.stored(self._root, place, told) is not None

    def _let_go(self, record: Record, name: str) -> bool | None:
        """Remove a file; False when the store holds it no more, None when it is needed after all."""
        known, stored = record[name], self._near.stat(name)
        if stored is None or stored.mark != known.near:
            return None
        if not self._is_told(name, known.sha256):
            self._stays[name] = stored.mark
            return None
        there = self._store.stat(name)
        if there is None or (there.mark != known.far and self._store.digest(name) != known.sha256):
            record.forget(name)
            return False
        record.add(_let_go(known, there))
        durable.unlink(self._root / name)
        durable.sync_directory((self._root / name).parent)
        return True


def _let_go(known: Proved, there: Stored) -> Proved:
    return msgspec.structs.replace(known, far=there.mark, near="")


def _is_proved(record: Record, stored: Stored, sha256: str) -> bool:
    """Whether the store is proved to hold the file that is here, and that is the right one."""
    known = record.get(stored.name)
    return known is not None and known.sha256 == sha256 and known.near == stored.mark
