"""Reading zstd files frame by frame, as far as they can be read."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard

_CHUNK: Final = 16 << 10
_CHECKSUM: Final = "checksum"


class Frames:
    """The decoded bytes of a file of zstd frames.

    Iterate once over `blocks`, `lines` or `batches`; afterwards the attributes tell how it ended.

    Attributes:
        whole: Compressed bytes up to the end of the last frame that is whole and right.
        whole_raw: Decoded bytes from the start up to there.
        damage: Why decoding stopped before the end; None when every frame was right, or the file
            merely ends in the middle of one.
        torn: Whether the file ends in the middle of a frame.
    """

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        """Begin at a frame's first byte, `start`."""
        self._file = file
        file.seek(start)
        self.whole = start
        self.whole_raw = 0
        self.damage: str | None = None
        self.torn = False

    def blocks(self) -> Iterator[bytes]:
        """Decoded bytes in order; those of a frame whose checksum fails are given, then damage."""
        decoder = zstandard.ZstdDecompressor().decompressobj()
        given = read = 0  # of the frame at hand
        left = b""
        while chunk := left or self._file.read(_CHUNK):
            try:
                block = decoder.decompress(chunk)
            except zstandard.ZstdError as error:
                self.damage = str(error)
                if _CHECKSUM not in self.damage:
                    yield from self._salvage(given, read)
                return
            if block:
                given += len(block)
                yield block
            left = decoder.unused_data if decoder.eof else b""
            read += len(chunk) - len(left)
            if decoder.eof:
                self.whole += read
                self.whole_raw += given
                given = read = 0
                decoder = zstandard.ZstdDecompressor().decompressobj()
        self.torn = read > 0

    def lines(self) -> Iterator[bytes]:
        """Whole lines in order, each with its newline; a last line without one is not given."""
        for batch in self.batches():
            for line in batch:
                yield line + b"\n"

    def batches(self) -> Iterator[list[bytes]]:
        """The same without their newlines, as many as come out at once."""
        pieces: list[bytes] = []
        for block in self.blocks():
            *ended, rest = block.split(b"\n")
            if ended:
                if pieces:
                    ended[0] = b"".join([*pieces, ended[0]])
                    pieces.clear()
                yield ended
            if rest:
                pieces.append(rest)

    def _salvage(self, given: int, read: int) -> Iterator[bytes]:
        """What the chunk that failed still holds: the decoder drops it, so go byte by byte."""
        self._file.seek(self.whole)
        decoder = zstandard.ZstdDecompressor().decompressobj()
        skip = len(decoder.decompress(self._file.read(read))) if read else 0
        assert skip == given  # noqa: S101 - the same bytes decode to the same
        while byte := self._file.read(1):
            try:
                block = decoder.decompress(byte)
            except zstandard.ZstdError:
                return
            if block:
                yield block
