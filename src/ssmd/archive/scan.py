"""One pass over a segment file: its digest, and what its lines amount to."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

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


class _Hashed:
    """A file that is hashed as it is read from front to back."""

    def __init__(self, file: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self.seek = file.seek
        self._file = file
        self._hashed = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read on; bytes read a second time are not hashed again."""
        at = self._file.tell()
        block = self._file.read(size)
        if at <= self._hashed < at + len(block):
            self.sha256.update(block[self._hashed - at :])
            self._hashed = at + len(block)
        return block


def scan(
    source: Path | BinaryIO, feed: str, watch: Callable[[Envelope], object] | None = None
) -> Scanned:
    """Read a segment file once.

    Args:
        source: The file, sealed or open: where it is, or as it was opened; it is closed then.
        feed: The feed's name, from the path.
        watch: Told every envelope in turn.
    """
    tally = Tally()
    fault: str | None = None
    with source.open("rb") if isinstance(source, Path) else source as opened:
        file = _Hashed(opened)
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
        size = opened.tell()
        if fault is None and (frames.damage or frames.torn):
            fault = frames.damage or "it is cut off"
        return Scanned(size, file.sha256.hexdigest(), tally, fault)


def _binary(file: _Hashed) -> Any:  # noqa: ANN401 - it has what `Frames` asks of a BinaryIO
    return file
