"""The book checksum, the only sign by which a lost book message can be noticed.

https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zlib import crc32

from ssmd.model.book import Level

LEVELS: Final = 10
"""How many levels of each side count, at any subscribed depth."""


def checksum(asks: Iterable[Level], bids: Iterable[Level]) -> int:
    """CRC32 of the best ten asks and the best ten bids, the best first on both sides."""
    return crc32((digits(asks) + digits(bids)).encode())


def digits(levels: Iterable[Level]) -> str:
    """What one side adds to the text that is summed."""
    return "".join(map(_digits, levels))


# Almost every level stands in many consecutive checksums: it is spelled out once.
@lru_cache(maxsize=1 << 14)
def _digits(level: Level) -> str:
    """What a level adds: price and quantity without the point and the zeros in front."""
    price, qty = level
    return _bare(price) + _bare(qty)


def _bare(text: str) -> str:
    if "e" in text or "E" in text:
        # The checksum is defined over fixed notation; exponents were never seen on this venue.
        text = format(Decimal(text), "f")
    return text.replace(".", "").lstrip("0")
