"""The books of one connection: every book message applied and checked."""

from typing import Final
from zlib import crc32

import msgspec

from ssmd.model.book import Book
from ssmd.model.event import Gap, Repaired
from ssmd.venues.kraken.checksum import LEVELS, checksum, digits
from ssmd.venues.kraken.messages import Item, levels

DEPTHS: Final = (10, 25, 100, 500, 1000)
"""The depths the venue accepts; any other is refused."""


class _Kept(msgspec.Struct, gc=False):
    """What is known of one symbol's book.

    Attributes:
        book: The book; None before the first snapshot.
        depth: The depth the venue confirmed, if it did.
        bids: What the best bids add to the checksum's text; most messages change one side only.
        asks: What the best asks add to it.
        promised: Whether a snapshot was confirmed, so that an update cannot come before it.
        broken: Whether the last thing said about it was a gap.
    """

    book: Book | None = None
    bids: str = ""
    asks: str = ""
    depth: int | None = None
    promised: bool = False
    broken: bool = False


class Books:
    """Book state by symbol, and the gaps that show in it."""

    def __init__(self, depth: int | None, *, passive: bool) -> None:
        """Begin without books.

        Args:
            depth: The depth asked for; None learns it from the answers and the snapshots.
            passive: Whether nobody will ask for a fresh snapshot after a gap. A broken book is
                then carried on, because it may become right again as its levels are rewritten,
                and only then is a second loss visible.
        """
        self._depth = depth
        self._passive = passive
        self._kept: dict[str, _Kept] = {}

    def subscribed(self, symbol: str, depth: int | None, *, snapshot: bool) -> None:
        """The venue confirmed a subscription."""
        kept = self._of(symbol)
        kept.promised = snapshot
        if depth in DEPTHS:
            kept.depth = depth

    def ended(self, symbol: str) -> None:
        """The venue confirmed the end of a subscription; stragglers prove nothing."""
        kept = self._of(symbol)
        kept.book = None
        kept.promised = False

    def is_broken(self, symbol: str) -> bool:
        """Whether a gap of this symbol still waits for its repair."""
        kept = self._kept.get(symbol)
        return kept is not None and kept.broken

    def read(self, item: Item, symbol: str, *, snapshot: bool) -> Gap | Repaired | None:
        """Take in one symbol's part of a book message.

        Returns:
            What the checksum newly shows; None when nothing changed.

        Raises:
            ValueError: A level is not made of numbers.
        """
        kept = self._of(symbol)
        bids, asks = levels(item.bids), levels(item.asks)
        if snapshot:
            depth = kept.depth or self._depth or allowed(max(len(bids), len(asks)))
            book = kept.book = Book.snapshot(bids, asks, depth)
        elif kept.book is None:
            return self._unfounded(kept, item, symbol)
        elif kept.broken and not self._passive:
            return None  # nothing but a snapshot repairs it, and that is on its way
        else:
            book = kept.book
            book.apply(bids, asks)
        found = item.checksum
        if bids or snapshot:
            kept.bids = digits(book.bids.best(LEVELS))
        if asks or snapshot:
            kept.asks = digits(book.asks.best(LEVELS))
        held = crc32((kept.asks + kept.bids).encode())
        if found is not None and found != held:
            return _break(kept, symbol, held, found)
        if kept.broken and (snapshot or found is not None):
            kept.broken = False
            return Repaired("book", (symbol,), "snapshot" if snapshot else "checksum")
        return None

    def unreadable(self, item: Item, symbol: str, *, snapshot: bool) -> Gap | None:
        """Pass over a part of a book message that cannot be applied: the book is proved no more.

        It is as lost as a message that never came. A snapshot that cannot be read leaves no book.
        """
        kept = self._of(symbol)
        if kept.book is None and not snapshot:
            return self._unfounded(kept, item, symbol)
        held = crc32((kept.asks + kept.bids).encode()) if kept.book is not None else 0
        if snapshot:
            kept.book = None
        return _break(kept, symbol, held, item.checksum or 0)

    def _unfounded(self, kept: _Kept, item: Item, symbol: str) -> Gap | None:
        """An update without a snapshot: a loss only where the snapshot was confirmed."""
        if not kept.promised:
            return None
        return _break(kept, symbol, checksum((), ()), item.checksum or 0)

    def _of(self, symbol: str) -> _Kept:
        kept = self._kept.get(symbol)
        if kept is None:
            kept = self._kept[symbol] = _Kept()
        return kept


def _break(kept: _Kept, symbol: str, held: int, found: int) -> Gap | None:
    """One gap for the first failure of a run; the rest of the run is the same loss."""
    if kept.broken:
        return None
    kept.broken = True
    return Gap("book", (symbol,), "checksum", held, found)


def allowed(length: int) -> int:
    """The smallest depth that can have given a snapshot this long."""
    return next((depth for depth in DEPTHS if depth >= length), DEPTHS[-1])
