"""What the archive asks of a place that keeps its files.

Names are relative to the archive's root and use `/`, as everywhere in the archive.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import msgspec

T = TypeVar("T")


class Stored(msgspec.Struct, frozen=True, order=True):
    """A file as its store lists it.

    Attributes:
        name: Relative to the archive's root.
        size: In bytes.
        modified_ns: When it was written, ns since the Unix epoch, as the store tells.
        mark: What changes whenever the file is written again: an object's e_tag; for a file on a
            disk its inode, size and time.
    """

    name: str
    size: int
    modified_ns: int
    mark: str


class Scan(msgspec.Struct, frozen=True):
    """How others read some files themselves: what Polars' `scan_parquet` is given.

    Attributes:
        uris: Paths or addresses, in the order of the names asked for.
        options: The `storage_options` to read them with; None for files on this machine. What
            stands in the environment is not repeated here.
    """

    uris: tuple[str, ...]
    options: Mapping[str, str] | None


class Store(Protocol):
    """A place that files are read from."""

    @property
    def url(self) -> str:
        """Where it is, without credentials: fit to be shown."""
        ...

    @property
    def root(self) -> Path | None:
        """The folder that holds every file; None when some may be elsewhere."""
        ...

    def folders(self, under: str) -> Sequence[str]:
        """Names of the folders directly in a folder, relative to the root, sorted.

        Raises:
            Unavailable: The store does not answer.
        """
        ...

    def files(self, under: str) -> Iterator[Stored]:
        """Every file below a folder, the folders in it included, sorted by name.

        Args:
            under: The folder, relative to the root; empty for all there is.

        Raises:
            Unavailable: The store does not answer.
        """
        ...

    def stat(self, name: str) -> Stored | None:
        """A file as the store lists it; None when there is none.

        Raises:
            Unavailable: The store does not answer.
        """
        ...

    def read(self, name: str) -> bytes:
        """A whole file.

        Raises:
            FileNotFoundError: There is none of that name.
            Unavailable: The store does not answer.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """A file to read from and to seek in; what is fetched is little more than what is read.

        Reading one that was written again meanwhile raises `Unavailable`: old and new never mix.

        Raises:
            FileNotFoundError: There is none of that name.
            Unavailable: The store does not answer.
        """
        ...

    def scans(self, names: Sequence[str]) -> Sequence[Scan]:
        """How Polars reads these files; several, when they do not all lie in one place."""
        ...


class Depot(Store, Protocol):
    """A place that files are written to, too."""

    def put(self, name: str, source: bytes | Path, *, sha256: str) -> Stored:
        """Keep a file, whole or not at all, in place of whatever has its name; twice is fine.

        It is read back: when this returns, the store gave out bytes of just this digest.

        Args:
            name: The file's name.
            source: What it holds, or the file to copy.
            sha256: Digest of what it should hold.

        Raises:
            NotProved: What the store gives back are other bytes.
            Unavailable: The store does not answer; the old file is there or the new one.
            OSError: The source, or this machine's disk, failed.
        """
        ...

    def digest(self, name: str) -> str:
        """The sha256 of what the store gives out now, read whole.

        Raises:
            FileNotFoundError: There is none of that name.
            Unavailable: The store does not answer.
        """
        ...

    def delete(self, name: str) -> None:
        """Let go of a file; twice is fine.

        Raises:
            Unavailable: The store does not answer.
        """
        ...
