"""Sealed files into a store: each proved there, whatever speaks of them last.

A reader of the store sees at any moment what is whole: a segment before its manifest, tables before
what says that they are made, a chain's head after its chain. A crash between any two steps costs
doing the last one again.
"""

import asyncio
import fcntl
import hashlib
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ssmd.archive import files, layout
from ssmd.archive.store import record
from ssmd.archive.store.errors import NotProved
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import without_secrets
from ssmd.archive.store.port import Depot, Stored
from ssmd.archive.store.record import Proved, Record, Target
from ssmd.archive.upload import telemetry, tree
from ssmd.archive.upload.groups import Group, groups
from ssmd.archive.upload.tree import Day
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import Unavailable
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told the bytes done, and the bytes there are."""

_NOWHERE: Final = ("", "")
"""The day of files that belong to none."""
_WHOLE_BYTES: Final = 8 << 20
"""Smaller files are read once and sent as they were read; larger ones from the disk."""


class Outcome(msgspec.Struct, kw_only=True):
    """What a look at the archive gave.

    Attributes:
        files: Files the store was proved to hold, just now.
        bytes: Their size.
        waiting: Files that are not there yet, because others are not here or are being replaced.
        problems: Files that are not what they should be, and why.
        gone: Segments that are neither here nor there; their manifests tell of them.
    """

    files: int = 0
    bytes: int = 0
    waiting: list[str] = []
    problems: dict[str, str] = {}
    gone: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether everything is there that should be."""
        return not self.waiting and not self.problems


class _Late(Exception):
    """A file is not as another one says, or not here: it is being replaced."""


class Uploader:
    """Uploads an archive to a store."""

    def __init__(
        self,
        root: Path,
        store: Depot,
        settings: UploadSettings,
        clock: Clock,
        progress: Progress | None = None,
    ) -> None:
        """Begin with nothing known; nothing is asked of the store yet.

        Args:
            root: The archive.
            store: Where its files go.
            settings: How.
            clock: Tells the time.
            progress: Told how far it is.
        """
        self.store_id = record.store_id(store.url)
        self._root = root
        self._near = LocalStore(root)
        self._store = store
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._done = self._total = 0
        self._settled: dict[Day, dict[str, int]] = {}
        self._complained: set[str] = set()
        self._outcome = Outcome()
        self._record = Record(root / layout.uploaded_day(self.store_id, *_NOWHERE))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Be the only one that uploads this archive to this store; False when somebody else is."""
        path = layout.upload_lock(self._root, self.store_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                telemetry.busy(self._store.url)
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    async def run_once(self) -> Outcome:
        """Upload what is new. Nobody else may at the same time: see `alone`.

        Raises:
            ConfigError: There is no archive here, or the store does not let us in.
            Unavailable: The store does not answer; what was proved stays proved.
            OSError: This machine's disk refused.
        """
        files.check(self._root)
        self._outcome = Outcome()
        retention = self._settings.retention
        target = Target(
            format=record.FORMAT,
            url=self._store.url,
            options=without_secrets(self._settings.options),
            lets_go=retention is not None,
        )
        record.write_target(self._root, target)
        heads = self._heads()  # before the manifests: the newest one they name is uploaded then
        days = tree.days(self._root)
        if self._progress is not None:
            self._total = self._done + sum(self._todo(day, days[day]) for day in days)
        self._use(_NOWHERE)
        await self._proved(layout.IDENTITY, self._root / layout.IDENTITY)
        for feed in {feed for feed, _ in days}:
            telemetry.touch(feed)
        feeds: dict[str, list[tuple[str, int]]] = {}
        for day, folders in days.items():
            waiting = 0 if self._settled.get(day) == folders else await self._day(day, folders)
            feeds.setdefault(day[0], []).append((day[1], waiting))
        await self._upload_heads(heads)
        self._report(feeds)
        return self._outcome

    def record(self, day: Day) -> Record:
        """What is proved of a day."""
        return Record(self._root / layout.uploaded_day(self.store_id, *day))

    async def _day(self, day: Day, folders: Mapping[str, int]) -> int:
        """Upload a day; gives how many of its groups wait."""
        self._use(day)
        self._record.compact()
        before = len(self._outcome.waiting) + len(self._outcome.problems)
        known = dict(folders)
        now = self._clock.wall()
        found = tree.files(self._root, known)
        for group in groups(self._root, *day, found, self._complain):
            await self._group(group, found.get(group.name))
        waiting = len(self._outcome.waiting) + len(self._outcome.problems) - before
        if not waiting:
            await self._take_away(found)
        if not waiting and tree.is_settled(known, now):
            self._settled[day] = known
        return waiting

    async def _take_away(self, found: Mapping[str, Stored]) -> None:
        """Take files of tables out of the store that nothing here or there speaks of any more.

        What was let go here stays there, and everything does while a file is missing here that
        speaks of others: somebody removed more than tables that became others.
        """
        known = self._record
        if any(layout.parse_built(name) is not None and name not in found for name in known):
            return
        gone = [
            each.name
            for each in known.values()
            if each.near and each.name not in found and each.name.startswith(f"{layout.TABLES}/")
        ]
        for name in sorted(gone, key=lambda name: (not layout.is_merged(name), name)):
            known.forget(name)
            await self._persist(name, partial(self._store.delete, name))

    async def _group(self, group: Group, listed: Stored | None) -> None:
        """Upload some files, and then the one that speaks of them."""
        try:
            if group.is_replaceable and any(
                part.sha256 != self._sha(part.name) for part in group.parts
            ):
                await self._withdraw(group)
            for part in group.parts:
                await self._part(group, part.name, part.sha256)
            source = self._root / group.name if group.content is None else group.content
            await self._proved(group.name, source, listed=listed)
        except (_Late, FileNotFoundError):
            self._outcome.waiting.append(group.name)
        except NotProved as error:
            self._complain(group.name, error.message)

    async def _part(self, group: Group, name: str, sha256: str) -> None:
        """Upload a file that another speaks of."""
        if self._near.stat(name) is None:
            if self._sha(name) == sha256:
                return  # it was let go here
            known = layout.parse(name)
            if known is None or self._near.stat(known[0].name("open")) is not None:
                raise _Late
            self._outcome.gone.append(name)
            return
        found = await self._proved(name, self._root / name, expected=sha256)
        if found == sha256:
            return
        if layout.parse(name) is None:
            raise _Late  # it is being replaced, or is about to be
        self._complain(name, "its digest is not the one in its manifest: its bytes were changed.")
        raise _Late

    async def _proved(
        self,
        name: str,
        source: bytes | Path,
        *,
        listed: Stored | None = None,
        expected: str | None = None,
    ) -> str:
        """Make the store hold a file; gives the digest of the file here.

        Args:
            name: Its name.
            source: Its content, or where it is.
            listed: The file as it was listed before its content was read.
            expected: Its digest; a file with another one is not uploaded.

        Raises:
            FileNotFoundError: It is gone.
        """
        stored = listed or self._near.stat(name)
        if stored is None:
            raise FileNotFoundError(name)
        known = self._record.get(name)
        if known is not None and known.near == stored.mark:
            return known.sha256
        if not isinstance(source, bytes) and stored.size <= _WHOLE_BYTES:
            source = await asyncio.to_thread(source.read_bytes)
        sha256 = await asyncio.to_thread(_digest, source)
        if expected is not None and sha256 != expected:
            return sha256
        if known is not None and known.sha256 == sha256:
            self._record.add(msgspec.structs.replace(known, near=stored.mark))
            return sha256
        began = self._clock.mono()
        held, is_new = await self._persist(name, lambda: self._hold(name, source, sha256))
        self._record.add(
            Proved(name=name, sha256=sha256, size=held.size, far=held.mark, near=stored.mark)
        )
        self._outcome.files += 1
        self._outcome.bytes += held.size
        if is_new:
            telemetry.uploaded(self._feed, name, size=held.size, seconds=self._clock.mono() - began)
        else:
            telemetry.found_there(self._feed, name)
        self._advance(stored.size)
        return sha256

    def _hold(self, name: str, source: bytes | Path, sha256: str) -> tuple[Stored, bool]:
        """Put a file into the store, unless a crash came just after that."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        there = self._store.stat(name)
        if there is not None and there.size == size and self._store.digest(name) == sha256:
            again = self._store.stat(name)
            if again == there:
                return there, False
        return self._store.put(name, source, sha256=sha256), True

    async def _withdraw(self, group: Group) -> None:
        """Take a file out of the store before what it speaks of is replaced.

        One that is there already as it is here speaks of the right files, whatever was noted.
        """
        name, content = group.name, group.content
        self._record.forget(name)

        def withdraw() -> None:
            if self._store.stat(name) is not None and (
                content is None or self._store.digest(name) != _digest(content)
            ):
                self._store.delete(name)

        await self._persist(name, withdraw)

    async def _persist(self, name: str, call: Callable[[], T]) -> T:
        """Try until it succeeds, or was tried often enough."""
        attempt = 0
        settings = self._settings
        while True:
            try:
                return await asyncio.to_thread(call)
            except Unavailable as error:
                attempt += 1
                telemetry.tried_in_vain(self._feed, name, reason=error.message, attempt=attempt)
                if attempt >= settings.attempts:
                    raise
            chance = random.random()  # noqa: S311 - jitter keeps no secret
            pause_s = backoff.delay(attempt - 1, settings.base_s, settings.cap_s, chance)
            await self._clock.sleep(pause_s)

    def _heads(self) -> dict[str, tuple[Stored, bytes]]:
        """Where every chain ends."""
        return {
            each.name: (each, self._near.read(each.name))
            for each in self._near.files(layout.WRITERS)
            if layout.head_writer(each.name) is not None
        }

    async def _upload_heads(self, heads: Mapping[str, tuple[Stored, bytes]]) -> None:
        """Upload the ends of those chains that are whole there."""
        self._use(_NOWHERE)
        late = {
            known[0].writer
            for name in (*self._outcome.waiting, *self._outcome.problems)
            if (known := layout.parse(name)) is not None
        }
        for name, (listed, content) in heads.items():
            if layout.head_writer(name) in late:
                self._outcome.waiting.append(name)
            else:
                await self._group(Group(name=name, content=content), listed)

    def _use(self, day: Day) -> None:
        self._feed = day[0]
        self._record = self.record(day)

    def _sha(self, name: str) -> str:
        known = self._record.get(name)
        return "" if known is None else known.sha256

    def _complain(self, name: str, reason: str) -> None:
        self._outcome.problems[name] = reason
        if name not in self._complained:
            self._complained.add(name)
            telemetry.damaged(self._feed, name, reason)

    def _todo(self, day: Day, folders: Mapping[str, int]) -> int:
        """About how many bytes of a day are not proved yet."""
        if self._settled.get(day) == folders:
            return 0
        known = self.record(day)
        return sum(
            each.size
            for each in tree.files(self._root, dict(folders)).values()
            if (entry := known.get(each.name)) is None or entry.near != each.mark
        )

    def _advance(self, size: int) -> None:
        self._done += size
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)

    def _report(self, feeds: Mapping[str, list[tuple[str, int]]]) -> None:
        now = self._clock.wall()
        for feed, found in feeds.items():
            late = [layout.day_start(date) for date, waiting in found if waiting]
            waiting = sum(waiting for _, waiting in found)
            telemetry.looked(feed, waiting=waiting, oldest=min(late, default=None), now=now)
        telemetry.looked_around(
            self._store.url,
            files=self._outcome.files,
            size=self._outcome.bytes,
            waiting=len(self._outcome.waiting),
            problems=len(self._outcome.problems),
        )


def _digest(source: bytes | Path) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
