"""One pass over a segment file: its digest, and what its lines amount to."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ssmd.archive.contents import Tally
from ssmd.archive.frames import Frames
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged


class Scanned(msgspec.Struct, frozen=True):
    """A segment file as it was found.

    Attributes:
        bytes: Its size.
        sha256: Its digest.
        tally: What its lines amount to, up to the first that cannot be read.
        fault: Why it cannot be read to its end; None when it can.
    """

    bytes: int
    sha256: str
    tally: Tally
    fault: str | None


class _Hashed(io.FileIO):
    """A file that is hashed as it is read from front to back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.sha256 = hashlib.sha256()
        self._hashed = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; bytes read a second time are not hashed again."""
        at = self.tell()
        block = super().read(-1 if size is None else size) or b""
        if at <= self._hashed < at + len(block):
            self.sha256.update(block[self._hashed - at :])
            self._hashed = at + len(block)
        return block


def scan(path: Path, feed: str, watch: Callable[[Envelope], object] | None = None) -> Scanned:
    """Read a segment file once.

    Args:
        path: The file, sealed or open.
        feed: The feed's name, from the path.
        watch: Told every envelope in turn.
    """
    tally = Tally()
    fault: str | None = None
    with _Hashed(path) as file:
        frames = Frames(_binary(file))
        for text in frames.lines():
            try:
                envelope = tally.read(text, feed)
            except Damaged as error:
                fault = error.message
                break
            if envelope is not None and watch is not None:
                watch(envelope)
        while file.read(1 << 20):
            pass
        size = file.tell()
        if fault is None and (frames.damage or frames.torn):
            fault = frames.damage or "it is cut off"
        return Scanned(size, file.sha256.hexdigest(), tally, fault)


def _binary(file: io.FileIO) -> Any:  # noqa: ANN401 - FileIO is a BinaryIO in all but its stub
    return file
