"""What a crash leaves at the end of a file that was being written."""

import os
from pathlib import Path
from random import Random
from typing import Final

from ssmd.archive.frames import Frames

_MOST_BYTES: Final = 4096
_FRAME: Final = bytes.fromhex("28b52ffd0458")
"""How a zstd frame begins that has a checksum, and a window of 2 MiB."""
_RAW_BLOCK: Final = 0
_TYPE_BITS: Final = 3
_HEADER_BYTES: Final = 3


def newest(folder: Path, pattern: str) -> Path | None:
    """The file below a folder that was written last; None when there is none."""
    found = [path for path in folder.rglob(pattern) if path.is_file()]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name), default=None)


def tear(path: Path, chance: Random, *, synced: int | None = None) -> str:
    """Give a file the end that a crash in the middle of a write may leave.

    A part of what was never made durable goes, or half a write comes: zeros, noise, or the
    beginning of what stands before.

    Args:
        path: The file, which nobody writes any more.
        chance: What decides.
        synced: Bytes that were made durable for sure; None for all of them, so that nothing may go.

    Returns:
        What was done, for people.
    """
    size = path.stat().st_size
    least = size if synced is None else min(synced, size)
    kept = chance.randint(least, size)
    torn = b"" if kept < size and chance.random() < 0.5 else _half(path, kept, chance)  # noqa: PLR2004 - a fair coin
    with path.open("r+b") as file:
        file.truncate(kept)
        file.seek(kept)
        file.write(torn)
        file.flush()
        os.fsync(file.fileno())
    return f"{path.name}: {size - kept} bytes gone, {len(torn)} torn ones come"


def tear_segment(path: Path, chance: Random) -> str:
    """Give an open segment the end of a commit of which only some sectors came.

    A whole zstd block of it came, so that it decodes: a line in which sectors are zeros, and the
    beginning of the next. Behind it, perhaps, half a write of any kind. What was committed stays.

    Args:
        path: The segment, which nobody writes any more.
        chance: What decides.

    Returns:
        What was done, for people.
    """
    with path.open("rb") as file:
        frames = Frames(file)
        last = b""
        for text in frames.lines():
            last = text
    text = _begun(last, chance) + bytes(chance.randint(1, _MOST_BYTES)) + b"\n"
    text += _begun(last, chance)
    block = (len(text) << _TYPE_BITS | _RAW_BLOCK).to_bytes(_HEADER_BYTES, "little") + text
    with path.open("ab") as file:
        file.write(block if frames.torn else _FRAME + block)
        file.flush()
        os.fsync(file.fileno())
    told = f"{path.name}: a block of {len(text)} bytes comes"
    return f"{told}; {tear(path, chance)}" if chance.random() < 0.5 else told  # noqa: PLR2004 - a fair coin


def _begun(line: bytes, chance: Random) -> bytes:
    """The first part of a line."""
    return line[: chance.randint(0, min(_MOST_BYTES, max(0, len(line) - 1)))]


def _half(path: Path, end: int, chance: Random) -> bytes:
    """The first part of a write."""
    length = chance.randint(1, _MOST_BYTES)
    kind = chance.choice(("zeros", "noise", "again"))
    if kind == "zeros":
        return bytes(length)
    if kind == "noise":
        return chance.randbytes(length)
    start = chance.randint(0, end)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(min(length, end - start)) or b"\0"
