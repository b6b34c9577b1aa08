"""One store before another: what retention took from here is read there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ssmd.archive.store.port import Scan, Store, Stored, T

Moved = Callable[[str], Iterable[Stored]]
"""Tells which files below a folder, relative to the root, are in the far store only."""


class LayeredStore:
    """Files of the near store, and of the far one those that were let go here.

    Listing asks the far store nothing: what was let go is known here.
    """

    def __init__(self, near: Store, far: Store, moved: Moved) -> None:
        """One before the other.

        Args:
            near: What is read first.
            far: What is read when it is not there.
            moved: Tells which files below a folder are in the far store only.
        """
        self._near = near
        self._far = far
        self._moved = moved

    @property
    def url(self) -> str:
        """The near one's address."""
        return self._near.url

    @property
    def root(self) -> Path | None:
        """No one folder holds every file."""
        return None

    def folders(self, under: str) -> Sequence[str]:
        """Folders of either."""
        found = set(self._near.folders(under))
        depth = under.count("/") + 1 if under else 0
        for each in self._moved(under):
            parts = each.name.split("/")
            if len(parts) > depth + 1:
                found.add("/".join(parts[: depth + 1]))
        return sorted(found)

    def files(self, under: str) -> Iterator[Stored]:
        """Files of either; of two with one name the near one."""
        # What is near is listed first: what moves meanwhile is found twice rather than not at all.
        near = {each.name: each for each in self._near.files(under)}
        far = {each.name: each for each in self._moved(under)}
        yield from sorted((far | near).values())

    def stat(self, name: str) -> Stored | None:
        """The near file, or else the far one."""
        return self._near.stat(name) or self._far.stat(name)

    def read(self, name: str) -> bytes:
        """A whole file."""
        return self._first(lambda store: store.read(name))

    def open(self, name: str) -> BinaryIO:
        """A file to read from and to seek in."""
        return self._first(lambda store: store.open(name))

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        """Those that are near, then the others."""
        near = [name for name in names if self._near.stat(name) is not None]
        far = [name for name in names if name not in set(near)]
        parts = ((self._near, near), (self._far, far))
        return [scan for store, some in parts if some for scan in store.scans(some)]

    def _first(self, ask: Callable[[Store], T]) -> T:
        try:
            return ask(self._near)
        except FileNotFoundError:
            return ask(self._far)
