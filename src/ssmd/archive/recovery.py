"""An open segment whose writer died becomes one that can be sealed.

Every step leaves either the file as it was or the finished copy: a crash in the middle is met by
doing it again. The file is always copied, never mended in place: after a failed fsync the copy is
the only version whose bytes the kernel still promises to write.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import zstandard

from ssmd.archive import durable, layout
from ssmd.archive.contents import Tally
from ssmd.archive.frames import Frames
from ssmd.archive.layout import Place
from ssmd.archive.segment import Sealed
from ssmd.model.errors import Damaged

_COPY: Final = 1 << 20
_LEVEL: Final = 1


class Recovered(msgspec.Struct, frozen=True):
    """An open segment that is finished and durable now.

    Attributes:
        sealed: Size and digest of the file.
        tally: What it holds.
        damage: What was wrong beyond a torn tail; the file as found is kept beside it. None when
            nothing was.
        cut: Decoded bytes that were given up: an unfinished last line, or what was damaged.
    """

    sealed: Sealed
    tally: Tally
    damage: str | None
    cut: int


class _Survey(msgspec.Struct, frozen=True):
    """How far a file can be read: whole frames, and whole lines after them."""

    tally: Tally
    good_raw: int
    whole: int
    whole_raw: int
    damage: str | None
    decoded: int


def recover(root: Path, place: Place) -> Recovered | None:
    """Cut an open segment to what can be read, and finish it.

    Returns:
        None when it held no envelope; it is gone then.

    Raises:
        OSError: The disk refused; the segment is as it was.
    """
    path = root / place.name("open")
    survey = _survey(path, place.feed, None)
    if survey.good_raw > survey.whole_raw and survey.damage and "checksum" in survey.damage:
        survey = _survey(path, place.feed, survey.whole_raw)
    if survey.damage is not None:
        _keep(path, root / place.name("damaged"))
    if not survey.tally.lines:
        path.unlink()
        durable.sync_directory(path.parent)
        return None
    sealed = _rewrite(path, survey)
    return Recovered(sealed, survey.tally, survey.damage, survey.decoded - survey.good_raw)


def _survey(path: Path, feed: str, limit: int | None) -> _Survey:
    tally = Tally()
    good = decoded = 0
    fault: str | None = None
    with path.open("rb") as file:
        frames = Frames(file)
        for text in frames.lines():
            decoded += len(text)
            if fault is None and (limit is None or decoded <= limit):
                try:
                    tally.read(text, feed)
                    good = decoded
                except Damaged as error:
                    fault = error.message
        return _Survey(tally, good, frames.whole, frames.whole_raw, fault or frames.damage, decoded)


def _keep(path: Path, beside: Path) -> None:
    """Keep a broken file as it was found: what we cannot read, somebody else perhaps can."""
    if not beside.exists():
        os.link(path, beside)
        durable.sync_directory(path.parent)


def _rewrite(path: Path, survey: _Survey) -> Sealed:
    """Copy the whole frames, compress the lines after them anew, and take the file's place."""
    whole, raw = (survey.whole, survey.whole_raw) if survey.good_raw >= survey.whole_raw else (0, 0)
    temporary = layout.temporary(path)
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as source, temporary.open("wb") as target:
        for block in _finished(source, whole, survey.good_raw - raw):
            target.write(block)
            digest.update(block)
            size += len(block)
        target.flush()
        os.fsync(target.fileno())
    temporary.rename(path)
    durable.sync_directory(path.parent)
    return Sealed(size, digest.hexdigest())


def _finished(source: BinaryIO, whole: int, rest: int) -> Iterator[bytes]:
    """The bytes of the new file: `whole` bytes verbatim, then `rest` decoded bytes as a frame."""
    left = whole
    while left:
        block = source.read(min(_COPY, left))
        left -= len(block)
        yield block
    if not rest:
        return
    frame = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    for block in Frames(source, whole).blocks():
        yield frame.compress(block[:rest])
        rest -= min(rest, len(block))
        if not rest:
            break
    yield frame.flush()
