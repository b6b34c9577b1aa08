"""Recorded frames in files of others: one JSON object `{"ts_recv", "raw"}` a line, gzip or not."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ssmd.model.errors import ConfigError

_GZIP: Final = b"\x1f\x8b"


class Recorded(msgspec.Struct, frozen=True):
    """One recorded frame.

    Attributes:
        ts_recv: When it was received, ns since the Unix epoch; None when nobody noted it.
        raw: The text of the frame.
    """

    ts_recv: int | None
    raw: str


class Survey(msgspec.Struct, frozen=True):
    """A capture file that was read to its end and is sound.

    Attributes:
        sha256: Digest of the file as it lies on disk.
        frames: How many frames it holds.
    """

    sha256: str
    frames: int


_recorded = msgspec.json.Decoder(Recorded)


def survey(path: Path) -> Survey:
    """Read a capture to its end, so that nothing is imported of one that is broken.

    Raises:
        ConfigError: It cannot be read, or a line is not as it should be; names the line.
    """
    count = sum(1 for _ in frames(path))
    with path.open("rb") as file:
        return Survey(hashlib.file_digest(file, "sha256").hexdigest(), count)


def frames(path: Path) -> Iterator[Recorded]:
    """The frames of a capture in order; empty lines are passed over.

    Raises:
        ConfigError: It cannot be read, or a line is not as it should be; names the line.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, text in enumerate(file, 1):  # noqa: B007 - told when reading fails
                if text.strip():
                    yield _recorded.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f'{path}, line {number}: not {{"ts_recv": ns or null, "raw": "..."}} ({error}).'
        raise ConfigError(message, remedy="Nothing was imported; correct or remove it.") from error
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path} cannot be read after line {number}: {error}."
        raise ConfigError(message, remedy="Name a JSONL file, plain or gzip.") from error


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]
