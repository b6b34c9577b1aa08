"""What is proved to be in a far store: kept beside the archive, so that nothing is proved twice.

One file per feed and day, a line per file that was proved. Whatever is lost of it costs reading the
store again, nothing else.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import durable, layout
from ssmd.archive.store.port import Stored
from ssmd.model.errors import Damaged

FORMAT: Final = 1
"""Version of these files."""
_ID_DIGITS: Final = 12


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Which store an archive is uploaded to.

    Attributes:
        format: Version of these files.
        url: Its address.
        options: How it is opened, without credentials.
        lets_go: Whether files that are there may be gone here: readers then look there, too.
    """

    format: int
    url: str
    options: dict[str, str]
    lets_go: bool


class Proved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of which the store gave back the right bytes.

    Attributes:
        name: Relative to the root.
        sha256: Digest of what the store gave; empty when it is not there any more.
        size: In bytes.
        far: The store's mark of that object.
        near: The mark of the file here; empty when it was let go here.
    """

    name: str
    sha256: str = ""
    size: int = 0
    far: str = ""
    near: str = ""


_line = msgspec.json.Decoder(Proved)
_target = msgspec.json.Decoder(Target)


def store_id(url: str) -> str:
    """The short id of a store: part of file names."""
    return hashlib.sha256(url.encode()).hexdigest()[:_ID_DIGITS]


def write_target(root: Path, target: Target) -> None:
    """Say which store files are uploaded to; twice is fine.

    Raises:
        OSError: The disk refused.
    """
    path = root / layout.uploaded_store(store_id(target.url))
    content = msgspec.json.encode(target, order="deterministic") + b"\n"
    if not path.exists() or path.read_bytes() != content:
        durable.make_folder(path.parent)
        durable.replace(path, content)


def targets(root: Path) -> list[Target]:
    """The stores an archive was uploaded to.

    Raises:
        Damaged: A file is not what was written, or is of a newer version.
    """
    found = []
    try:
        folders = sorted(os.scandir(root / layout.UPLOADED), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    for folder in folders:
        name = layout.uploaded_store(folder.name)
        try:
            target = _target.decode((root / name).read_bytes())
        except FileNotFoundError:
            continue
        except (msgspec.MsgspecError, ValueError) as error:
            message = f"{name} is not what was written: {error}."
            remedy = "Remove it: the next upload writes it again."
            raise Damaged(message, remedy=remedy) from error
        if target.format > FORMAT:
            message = f"{name} has format {target.format}; this program knows up to {FORMAT}."
            raise Damaged(message, remedy="Upgrade ssmd.")
        found.append(target)
    return found


class Record(Mapping[str, Proved]):
    """What is proved of one feed's day, by name."""

    def __init__(self, path: Path) -> None:
        """Read what was written; a line that a crash cut, or that rotted, is as if never written."""
        self._path = path
        self._entries: dict[str, Proved] = {}
        lines = 0
        for text in self._lines():
            lines += 1
            try:
                self._learn(_line.decode(text))
            except (msgspec.MsgspecError, ValueError):
                continue
        self._lines_read = lines

    def __getitem__(self, name: str) -> Proved:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, *proved: Proved) -> None:
        """Take in what was just proved, durably.

        Raises:
            OSError: The disk refused; it is proved again the next time.
        """
        block = b"".join(msgspec.json.encode(each) + b"\n" for each in proved)
        durable.make_folder(self._path.parent)
        is_new = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            durable.put(handle, b"\n" + block)  # the line before may have been cut
            durable.sync(handle)
        finally:
            os.close(handle)
        if is_new:
            durable.sync_directory(self._path.parent)
        for each in proved:
            self._learn(each)

    def compact(self) -> None:
        """Write it anew when more than half of it is outdated.

        Raises:
            OSError: The disk refused; the old one is there.
        """
        if self._lines_read > 2 * len(self._entries) + 1:
            block = b"".join(msgspec.json.encode(each) + b"\n" for each in self._entries.values())
            durable.replace(self._path, block)

    def forget(self, name: str) -> None:
        """It is not known any more what the store holds under a name."""
        if name in self._entries:
            self.add(Proved(name=name))

    def _learn(self, proved: Proved) -> None:
        if proved.sha256:
            self._entries[proved.name] = proved
        else:
            self._entries.pop(proved.name, None)

    def _lines(self) -> list[bytes]:
        try:
            whole, _, _ = self._path.read_bytes().rpartition(b"\n")
        except FileNotFoundError:
            return []
        return [line for line in whole.split(b"\n") if line]


def let_go(root: Path) -> dict[str, str]:
    """The digests of all files that were let go here, by name.

    Raises:
        Damaged: What is known of uploads is not what was written.
    """
    return {
        name: sha256
        for target in targets(root)
        if target.lets_go
        for name, sha256 in gone_to(root, target.url).items()
    }


def gone_to(root: Path, url: str) -> dict[str, str]:
    """The digests of the files that were let go here for they are in this store, by name."""
    return {
        each.name: each.sha256
        for path in (root / layout.uploaded_folder(store_id(url))).rglob("*.jsonl")
        for each in Record(path).values()
        if not each.near
    }


class LetGo:
    """What was let go here and is in a far store only."""

    def __init__(self, root: Path, target: Target) -> None:
        self._root = root
        self._folder = layout.uploaded_folder(store_id(target.url))
        self._read: dict[Path, tuple[int, list[Stored]]] = {}

    def __call__(self, under: str) -> list[Stored]:
        """Those files below a folder, relative to the root; every file when it is empty."""
        feed = layout.feed_in(under)
        folder = self._folder if feed is None else layout.uploaded_feed(self._folder, feed)
        return sorted(
            stored
            for path in (self._root / folder).rglob("*.jsonl")
            for stored in self._let_go(path)
            if not under or stored.name.startswith(f"{under}/")
        )

    def _let_go(self, path: Path) -> list[Stored]:
        try:
            changed = path.stat().st_size  # it only grows, but for being written anew
        except FileNotFoundError:
            return []
        if self._read.get(path, (-1,))[0] != changed:
            gone = [
                Stored(each.name, each.size, 0, each.far)
                for each in Record(path).values()
                if not each.near
            ]
            self._read[path] = (changed, gone)
        return self._read[path][1]
