"""The last work on an archive before the machine that held it goes: seal, tables, upload, proof.

Nothing is done here that its own part does not do: a crash is met by beginning again. Nothing is let
go here either. What is not proved is named; whoever removes the archive's disk waits until nothing is.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from ssmd.archive import files, identity, layout, manifest, startup
from ssmd.archive.errors import StillAtWork, WriterBusy
from ssmd.archive.ledger import store as ledger
from ssmd.archive.ledger.keeping import bring
from ssmd.archive.lock import COMPACTOR, Lock, alone
from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.opening import open_store
from ssmd.archive.store.port import Depot
from ssmd.archive.store.record import gone_to
from ssmd.archive.tables.compactor import Compactor
from ssmd.archive.upload.uploader import Uploader
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.upload import UploadSettings
from ssmd.model.errors import Damaged, Unavailable
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock

Rung = Literal["sealing", "making tables", "uploading", "verifying"]
"""What is being done: one after the other."""
Told = Callable[[Rung, int, int], None]
"""Told what is being done, how much of it is, and how much there is."""

_TOPS: Final = (layout.RAW, layout.LEDGER, layout.TABLES, layout.WRITERS)
_STRANGERS: Final = frozenset({".run", "lost+found"})
"""What a new disk holds, and what services keep there: no archive, and nothing to save."""
_LOOKS: Final = 2
"""So often is looked for what another file's upload held up."""
_AT_ONCE: Final = 8
"""So many copies are read at a time."""


class Left(msgspec.Struct, frozen=True):
    """Something that is not done.

    Attributes:
        name: A file, relative to the root; or a slot.
        reason: Why.
    """

    name: str
    reason: str


class Drained(msgspec.Struct, kw_only=True):
    """What was reached.

    Attributes:
        store: Where the files went; empty when nothing leaves this machine.
        sealed: Segments that were open, and are sealed now.
        slots: Slots of which there are sealed segments.
        built: Those whose tables were made now.
        uploaded: Files the store was proved to hold as they were uploaded, now.
        verified: Files of which the store gave the right bytes, after all uploading.
        bytes: Their size.
        gone: Segments that are neither here nor there: only their manifests tell of them.
        left: What is not done or not proved.
    """

    store: str = ""
    sealed: int = 0
    slots: int = 0
    built: int = 0
    uploaded: int = 0
    verified: int = 0
    bytes: int = 0
    gone: list[str] = []
    left: list[Left] = []

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for is proved."""
        return not self.left


async def drain(
    root: Path,
    config: ArchiverConfig,
    clock: Clock,
    *,
    upload: UploadSettings | None = None,
    store: Depot | None = None,
    told: Told = lambda _rung, _done, _total: None,
) -> Drained:
    """Seal what is open, make the tables, upload everything, and prove every copy; twice is fine.

    Args:
        root: The archive; an empty folder is one that never archived anything.
        config: How it was archived.
        clock: Tells the time.
        upload: Where its files go; None leaves them here.
        store: The store, when it is open already.
        told: Told how far it is.

    Raises:
        StillAtWork: An archiver, a compactor or another upload works here.
        ConfigError: There is something else here, or the store does not let us in.
        Damaged: What the archive rests on is not what was written; nothing was changed there.
        OSError: This machine's disk refused.
    """
    if upload is not None and store is None:
        store = open_store(upload.url, upload.options, retry_s=2.0)
    drained = Drained(store="" if store is None else store.url)
    if _never_used(root):
        return drained
    files.check(root)
    with _alone(root, config):
        await asyncio.to_thread(_seal, root, config, clock, drained, told)
        await asyncio.to_thread(_tables, root, clock, drained, told)
        if upload is not None and store is not None:
            await _Sending(root, store, upload, clock, told).run(drained)
    return drained


def _never_used(root: Path) -> bool:
    return root.is_dir() and {each.name for each in root.iterdir()} <= _STRANGERS


@contextmanager
def _alone(root: Path, config: ArchiverConfig) -> Iterator[None]:
    """Be every writer there ever was, and keep compactors out."""
    writers = {place.writer for place, _ in files.walk(root)}
    known = identity.read(root)
    if known is not None:
        writers |= {layout.writer(source.stream, known.id) for source in config.sources}
    with ExitStack() as stack:
        for writer in sorted(writers):
            try:
                lock = Lock(root, writer)
            except WriterBusy as error:
                raise StillAtWork(root, f"{error.owner} (archiver)") from error
            stack.callback(lock.release)
        if not stack.enter_context(alone(layout.lock(root, COMPACTOR))):
            raise StillAtWork(root, "A compactor")
        yield


def _seal(root: Path, config: ArchiverConfig, clock: Clock, drained: Drained, told: Told) -> None:
    """Recover what a writer left open, and bring the ledger up to it."""
    rotation = config.rotation
    settings = ArchiveSettings(
        interval_s=rotation.interval_s,
        grace_s=rotation.grace_s,
        open_segments=rotation.max_open_slots,
        frame_bytes=config.frame_bytes,
    )
    places = [place for place, kind in files.walk(root) if kind == "open"]
    writers = {place.writer for place in places}
    for number, writer in enumerate(sorted(writers), 1):
        startup.start(root, writer, settings)
        told("sealing", number, len(writers))
    drained.sealed = sum((root / place.name()).exists() for place in places)
    for feed in ledger.feeds(root):
        bring(root, feed, clock)


def _tables(root: Path, clock: Clock, drained: Drained, told: Told) -> None:
    """Make the tables of what is sealed, once."""
    made = Compactor(root, clock, progress=lambda *far: told("making tables", *far)).run_once()
    if made.busy:
        raise StillAtWork(root, f"Somebody who makes the tables of {', '.join(made.busy)}")
    drained.slots, drained.built = made.slots, len(made.built)
    drained.left += [
        Left(f"tables of {each.slot.feed} {each.slot.date} {each.slot.time}", each.reason)
        for each in made.failed
    ]


class _Sending:
    """Brings every file to a store, and then asks the store for every one of them."""

    def __init__(
        self, root: Path, store: Depot, settings: UploadSettings, clock: Clock, told: Told
    ) -> None:
        self._root = root
        self._near = LocalStore(root)
        self._store = store
        self._settings = settings
        self._clock = clock
        self._told = told
        self._proved: dict[str, int] = {}
        self._wrong: dict[str, str] = {}

    async def run(self, drained: Drained) -> None:
        """Upload, verify; what the store holds wrongly is uploaded once more.

        Raises:
            StillAtWork: Another process uploads there.
            ConfigError: The store does not let us in.
        """
        uploader = self._uploader()
        with uploader.alone() as mine:
            if not mine:
                raise StillAtWork(self._root, "Another upload")
            gone_far = gone_to(self._root, self._store.url)
            waits: dict[str, str] = {}
            try:
                waits = await self._upload(drained)
                await self._verify(self._wanted(gone_far), gone_far)
                if again := self._forget(uploader):
                    waits = await self._upload(drained)
                    await self._verify(again, gone_far)
            except Unavailable as error:
                rest = set(self._wanted(gone_far)) - self._proved.keys()
                self._wrong |= dict.fromkeys(rest, error.message)
        drained.verified, drained.bytes = len(self._proved), sum(self._proved.values())
        drained.left += [Left(*each) for each in sorted((self._wrong | waits).items())]

    def _uploader(self) -> Uploader:
        """One that looks at everything anew."""
        settings = self._settings
        return Uploader(
            self._root,
            self._store,
            settings,
            self._clock,
            lambda done, total: self._told("uploading", done, total),
        )

    async def _upload(self, drained: Drained) -> dict[str, str]:
        """Upload what is new; gives what was not, and why."""
        held: dict[str, str] = {}
        for _ in range(_LOOKS):
            outcome = await self._uploader().run_once()
            drained.uploaded += outcome.files
            drained.gone = outcome.gone
            held = dict.fromkeys(outcome.waiting, "what it speaks of is not whole here.")
            held |= outcome.problems
            if not held:
                break
        return held

    def _wanted(self, gone_far: Mapping[str, str]) -> list[str]:
        """Every file of the archive: those that are here, and those that were let go."""
        near = [each.name for top in _TOPS for each in self._near.files(top)]
        near = [name for name in (layout.IDENTITY, *near) if not layout.is_temporary(name)]
        return [*near, *sorted(gone_far.keys() - set(near))]

    async def _verify(self, names: Sequence[str], gone_far: Mapping[str, str]) -> None:
        """Ask the store for the bytes of these files, whatever was noted of them.

        Raises:
            Unavailable: The store does not answer; what was proved before stays proved.
        """
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            looks = (self._ask(name, gone_far.get(name)) for name in some)
            found = await asyncio.gather(*looks, return_exceptions=True)
            for name, said in zip(some, found, strict=True):
                self._wrong.pop(name, None)
                if isinstance(said, int):
                    self._proved[name] = said
                elif isinstance(said, str):
                    self._wrong[name] = said
            for said in found:
                if isinstance(said, BaseException):
                    raise said
            self._told("verifying", begin + len(some), len(names))

    async def _ask(self, name: str, gone_sha256: str | None) -> int | str:
        """The size of a file that is proved, or what is wrong; asks until it was asked often enough.

        Raises:
            Unavailable: The store does not answer.
        """
        settings, attempt = self._settings, 0
        while True:
            try:
                return await asyncio.to_thread(self._look, name, gone_sha256)
            except Unavailable:
                attempt += 1
                if attempt >= settings.attempts:
                    raise
            await self._clock.sleep(
                backoff.delay(attempt - 1, settings.base_s, settings.cap_s, 1.0)
            )

    def _look(self, name: str, gone_sha256: str | None) -> int | str:
        """Compare what the store gives out now with what it should hold."""
        near = self._near.stat(name)
        try:
            wanted = gone_sha256 if near is None and gone_sha256 else self._digest(name)
        except OSError as error:
            return f"it cannot be read here: {error.strerror}."
        try:
            given = self._store.digest(name)
        except FileNotFoundError:
            return "the store does not hold it."
        if given != wanted:
            return f"the store gives other bytes: sha256 {given[:12]} instead of {wanted[:12]}."
        stored = near or self._store.stat(name)
        return 0 if stored is None else stored.size

    def _digest(self, name: str) -> str:
        """What the store should give out: what the manifest tells, or else what is here now."""
        known = layout.parse(name)
        if known is not None and known[1] == "sealed":
            told = known[0].name("manifest")
            try:
                return manifest.decode((self._root / told).read_bytes(), told).sha256
            except (FileNotFoundError, Damaged):
                pass  # the manifest itself is told of as damaged
        return self._near.digest(name)

    def _forget(self, uploader: Uploader) -> list[str]:
        """Forget that the store holds what it does not; gives what can be uploaded again."""
        again = []
        for name in self._wrong:
            record = uploader.record(layout.day_of(name.rpartition("/")[0]) or ("", ""))
            if name in record and self._near.stat(name) is not None:
                record.forget(name)
                again.append(name)
        return again
