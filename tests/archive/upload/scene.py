"""An archive to upload, a store that can be stopped, and what must hold of the store at any time."""

import asyncio
import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from ssmd.archive import durable, files, layout, manifest
from ssmd.archive.ledger import store as ledger
from ssmd.archive.store.local import LocalStore
from ssmd.archive.store.port import Depot, Scan, Store, Stored
from ssmd.archive.tables import built
from ssmd.archive.tables.built import Built, Carry, TableFile
from ssmd.archive.upload.service import Round, Uploads
from ssmd.archive.upload.uploader import Progress
from ssmd.feeds.upload import UploadSettings
from ssmd.runtime.clock import SystemClock
from tests.archive.made import START, Talk, record

FEED = "kraken"
TABLES = ("trades", "outcomes", f"{layout.NATIVE}trade")
HOUR_NS = 3600 * 10**9


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def flipped(content: bytes) -> bytes:
    """The same but for the last bit."""
    return content[:-1] + bytes([content[-1] ^ 1])


def grow(root: Path, hours: float = 1, frames: int = 60, *, after: int = 0) -> None:
    """Record some slots of a feed, sealed, with their ledger."""
    talk = Talk(ts=START + after * HOUR_NS, shard=after)
    record(root, talk.life(frames, step_ns=int(hours * HOUR_NS) // frames))
    ledger.update(root, FEED)


def build(root: Path, version: int = 1) -> None:
    """Make something that looks like the tables of every slot; each version has other bytes."""
    places = [place for place, kind in files.walk(root) if kind == "manifest"]
    for slot in sorted({layout.slot_of(place) for place in places}):
        of_slot = [place for place in places if layout.slot_of(place) == slot]
        made = []
        for place in of_slot:
            made += [_file(root, layout.rows(place, table), table, version) for table in TABLES]
        books = _file(root, layout.books(slot), "books", version)
        known = {
            place.name(): manifest.decode((root / place.name("manifest")).read_bytes(), "").sha256
            for place in of_slot
        }
        content = built.encode(
            Built(
                format=built.FORMAT,
                feed=slot.feed,
                venue="kraken",
                date=slot.date,
                time=slot.time,
                interval_s=900,
                key=str(version),
                segments=known,
                previous="",
                consulted={},
                asked={},
                files=tuple(made),
                accounting=(),
                books=books,
                carry=Carry(),
                ended="",
                ids="",
            )
        )
        put(root, layout.built(slot), content)


def put(root: Path, name: str, content: bytes) -> None:
    durable.make_folder((root / name).parent)
    durable.replace(root / name, content)


def _file(root: Path, name: str, table: str, version: int) -> TableFile:
    content = random.Random(f"{name} {version}").randbytes(300)
    put(root, name, content)
    return TableFile(
        name=name, table=table, segment="", rows=1, bytes=len(content), sha256=sha(content)
    )


class Killed(BaseException):
    """The process is dead from here on."""


class Mortal:
    """A store whose user dies before or after the n-th thing it asks for."""

    def __init__(self, store: Depot, steps: int = -1) -> None:
        self.store = store
        self.left = steps

    @property
    def url(self) -> str:
        return self.store.url

    @property
    def root(self) -> Path | None:
        return self.store.root

    def _step(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def folders(self, under: str) -> list[str]:
        return list(self.store.folders(under))

    def files(self, under: str) -> Iterator[Stored]:
        return self.store.files(under)

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        return self.store.scans(names)

    def stat(self, name: str) -> Stored | None:
        self._step()
        return self.store.stat(name)

    def read(self, name: str) -> bytes:
        return self.store.read(name)

    def open(self, name: str) -> BinaryIO:
        return self.store.open(name)

    def put(self, name: str, source: bytes | Path, *, sha256: str) -> Stored:
        self._step()
        held = self.store.put(name, source, sha256=sha256)
        self._step()
        return held

    def digest(self, name: str) -> str:
        self._step()
        return self.store.digest(name)

    def delete(self, name: str) -> None:
        self._step()
        self.store.delete(name)
        self._step()


def settings(url: str, **more: object) -> UploadSettings:
    return msgspec.convert(
        {"url": url, "base_s": 0.001, "cap_s": 0.01, "attempts": 3} | more, UploadSettings
    )


def upload(root: Path, store: Depot, **more: object) -> Round:
    """One round."""
    found = asyncio.run(uploads(root, store, None, **more).run_once())
    assert found is not None
    return found


class _NextDay(SystemClock):
    """What is recorded here is of the day before."""

    def wall(self) -> int:
        return START + 24 * HOUR_NS


def uploads(root: Path, store: Depot, progress: Progress | None = None, **more: object) -> Uploads:
    return Uploads(root, settings(store.url, **more), _NextDay(), store=store, progress=progress)


def wrongs(store: Store) -> list[str]:
    """What a reader of the store would take for whole and is not."""
    held = {each.name: sha(store.read(each.name)) for each in store.files("")}
    found = []
    for name in held:
        content = store.read(name)
        known = layout.parse(name)
        if known is not None and known[1] == "manifest":
            told = manifest.decode(content, name)
            if held.get(told.name) != told.sha256:
                found.append(f"{name} speaks of {told.name}")
        elif layout.parse_built(name) is not None:
            made = built.decode(content, name)
            files_told = (*made.files, *((made.books,) if made.books else ()))
            found += [
                f"{name} speaks of {file.name}"
                for file in files_told
                if held.get(file.name) != file.sha256
            ]
        elif (writer := layout.head_writer(name)) is not None and name.startswith(layout.WRITERS):
            head = manifest.read_head(store, writer)
            last = None if head is None else head.last
            if last is not None and last.name.replace(".jsonl.zst", ".manifest.json") not in held:
                found.append(f"{name} speaks of {last.name}")
    return found


def same(root: Path, store: Store) -> list[str]:
    """Files that differ between here and there, or are missing there."""
    near = LocalStore(root)
    there = {each.name for each in store.files("")}
    return [
        each.name
        for top in (layout.RAW, layout.LEDGER, layout.TABLES, layout.WRITERS)
        for each in near.files(top)
        if each.name not in there or store.read(each.name) != near.read(each.name)
    ]
