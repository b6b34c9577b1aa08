"""Writing a segment file anew, beside itself, and putting the copy in its place."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from ssmd.archive import durable, layout
from ssmd.archive.frames import Frames
from ssmd.model.errors import Damaged

_COPY: Final = 1 << 20


class Sealed(msgspec.Struct, frozen=True):
    """A segment file that is finished and durable, but not yet named sealed.

    Attributes:
        bytes: Size of the file.
        sha256: Digest of the file.
    """

    bytes: int
    sha256: str


def draft(path: Path, *, whole: int, rest: int, frame_bytes: int, level: int) -> Sealed:
    """Write beside a file its first bytes as they are, and the lines after them compressed anew.

    The draft is durable when this returns, and gone when it raises; the file itself is untouched.

    Args:
        path: The file.
        whole: How many bytes to take over as they are; a frame ends there.
        rest: How many decoded bytes after them to keep; a line ends there.
        frame_bytes: Uncompressed size at which a new frame begins.
        level: zstd level.

    Raises:
        OSError: The disk refused.
        Damaged: There are fewer decoded bytes than `rest`.
    """
    temporary = layout.temporary(path)
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as source, durable.writing(temporary) as target:
            for block in _copied(source, whole):
                durable.put(target, block)
                digest.update(block)
                size += len(block)
            for block in _compressed(source, whole, rest, frame_bytes, level):
                durable.put(target, block)
                digest.update(block)
                size += len(block)
    except (OSError, Damaged):
        durable.unlink(temporary)
        raise
    return Sealed(size, digest.hexdigest())


def install(path: Path) -> None:
    """Let the draft take the file's place: a power cut leaves one of them, both hold the lines.

    Raises:
        OSError: The disk refused; which of them is there is not known.
    """
    durable.rename(layout.temporary(path), path)
    durable.sync_directory(path.parent)


def _copied(source: BinaryIO, left: int) -> Iterator[bytes]:
    """The first `left` bytes of a file."""
    while left:
        block = source.read(min(_COPY, left))
        left -= len(block)
        yield block


def _compressed(
    source: BinaryIO, start: int, rest: int, frame_bytes: int, level: int
) -> Iterator[bytes]:
    """The next `rest` decoded bytes, in frames that end where a line ends."""
    if not rest:
        return
    maker = zstandard.ZstdCompressor(level=level, write_checksum=True)
    frame = maker.compressobj()
    size = 0
    for text in Frames(source, start).lines():
        yield frame.compress(text)
        size += len(text)
        rest -= len(text)
        if size >= frame_bytes or not rest:
            yield frame.flush()
            frame, size = maker.compressobj(), 0
        if not rest:
            return
    message = f"{rest} bytes of lines that were written cannot be read back."
    raise Damaged(message, remedy="Check the disk: it does not give back what it was given.")
