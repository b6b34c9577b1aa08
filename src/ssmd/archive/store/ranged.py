"""A file that is fetched piece by piece, as the standard library's readers want one."""

import io
from collections.abc import Callable
from typing import Any, Final

BUFFER_BYTES: Final = 1 << 20
"""What a small read fetches, in bytes: a request costs as much time as a megabyte."""

Fetch = Callable[[int, int], bytes]
"""Gives the bytes from one offset up to another."""


class Ranged(io.RawIOBase):
    """Bytes elsewhere, whose number is known."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on from elsewhere; this fetches nothing."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Fetch as much as the buffer holds, or is left."""
        target = memoryview(buffer).cast("B")
        end = min(self._size, self._at + len(target))
        if end <= self._at:
            return 0
        block = self._fetch(self._at, end)
        target[: len(block)] = block
        self._at += len(block)
        return len(block)


def reader(fetch: Fetch, size: int) -> io.BufferedReader:
    """A seekable file over something that gives ranges of bytes.

    Args:
        fetch: Gives the bytes from one offset up to another.
        size: How many there are.
    """
    return io.BufferedReader(Ranged(fetch, size), BUFFER_BYTES)
