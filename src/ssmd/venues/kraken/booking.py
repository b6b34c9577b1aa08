"""Kraken spot's books, read from an archive and held against the checksum of each message.

The checksum speaks of the ten best levels of each side. So it proves a book of that depth by
itself, whatever was lost before; in a deeper one it proves the rest only as long as no message
was missed since the snapshot.
"""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

from ssmd.model.book import Book
from ssmd.model.booking import (
    BookChange,
    Books,
    BookSaved,
    Kept,
    apply,
    whole,
)
from ssmd.model.envelope import CONTROL, UNREAD, Envelope
from ssmd.model.event import Unread
from ssmd.model.frame import Opcode
from ssmd.model.row import Row
from ssmd.venues.kraken import messages
from ssmd.venues.kraken.books import DEPTHS, allowed
from ssmd.venues.kraken.checksum import LEVELS, digits
from ssmd.venues.kraken.tables import BookRow

_CHANNEL: Final = "book"


class _Checks(msgspec.Struct):
    """What the checks of one book need.

    Attributes:
        begun: Whether its snapshot came.
        confirmed: The depth that the venue confirmed, if it did.
        is_depth_sure: Whether the depth was confirmed, or a side of the snapshot was full.
        is_whole: Whether the levels that no checksum covers follow from the snapshot.
        newest: The latest time of its messages, ns.
        bids: What the best bids add to the checksum's text.
        asks: What the best asks add to it.
    """

    begun: bool = False
    confirmed: int | None = None
    is_depth_sure: bool = False
    is_whole: bool = False
    newest: int | None = None
    bids: str = ""
    asks: str = ""


class KrakenBooks:
    """The books of one connection; see `ssmd.model.booking.BookReader`."""

    def __init__(self) -> None:
        self._books = Books(_Checks)

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        changes: list[BookChange] = []
        if envelope.type == _CHANNEL:
            told = _by_symbol(rows)
            changes += [
                self._message(symbol, own, rejected=rejected) for symbol, own in told.items()
            ]
            if rejected:
                self._doubt([symbol for symbol in envelope.symbols if symbol not in told])
        elif envelope.type == CONTROL and envelope.opcode == Opcode.TEXT:
            self._talk(envelope.payload)
        elif envelope.type == UNREAD and _may_be_book(envelope.payload):
            self.missed()
        return self._books.news(changes)

    def missed(self) -> None:
        self._doubt(list(self._books.kept))

    def save(self) -> Sequence[BookSaved]:
        return self._books.save()

    def restore(self, saved: Sequence[BookSaved]) -> None:
        self._books.restore(saved)

    def _doubt(self, symbols: list[str]) -> None:
        """A message of these books is missing, or can be."""
        for symbol in symbols:
            kept = self._books.kept.get(symbol)
            if kept is not None:
                kept.more.is_whole = False
                self._books.judge(symbol, kept, ok=False)

    def _talk(self, payload: bytes) -> None:
        """A subscription is confirmed with its depth, or ends."""
        message = messages.read(payload)
        if isinstance(message, Unread) or not message.success or message.result is None:
            return
        told = message.result
        symbol = told.symbol or message.symbol
        if told.channel != _CHANNEL or not symbol:
            return
        if message.method == "unsubscribe":
            self._books.ended(symbol)
        elif message.method == "subscribe" and told.depth in DEPTHS:
            self._books.of(symbol).more.confirmed = told.depth

    def _message(self, symbol: str, rows: list[BookRow], *, rejected: bool) -> BookChange:
        """One book's part of a message."""
        last = rows[-1]
        kept = self._books.kept.get(symbol)
        if last.is_snapshot:
            kept = self._begin(symbol, rows)
        elif kept is None or not kept.more.begun:
            kept = Kept(Book(), _Checks())  # nothing came before it: what it says, and no more
        checks = kept.more
        levels, inexact = apply(kept.book, rows)
        if last.is_snapshot:
            levels = list(whole(kept.book))
        touched = {level.side for level in levels}
        if last.is_snapshot or "bid" in touched:
            checks.bids = digits(kept.book.bids.best(LEVELS))
        if last.is_snapshot or "ask" in touched:
            checks.asks = digits(kept.book.asks.best(LEVELS))
        right = last.checksum == crc32((checks.asks + checks.bids).encode())
        kept.ok = _is_proved(
            kept,
            right=right and _is_next(checks, last.ts_event),
            whole=not rejected and not inexact,
        )
        return BookChange(
            symbol=symbol,
            ts_event=last.ts_event,
            is_snapshot=last.is_snapshot,
            levels=tuple(levels),
            ok=kept.ok,
            inexact=inexact,
        )

    def _begin(self, symbol: str, rows: list[BookRow]) -> Kept[_Checks]:
        """A book before the levels of its snapshot, at the depth that they fit."""
        kept = self._books.of(symbol)
        checks = kept.more
        longest = max(sum(row.side == side for row in rows) for side in ("bid", "ask"))
        kept.book = Book(checks.confirmed or allowed(longest))
        checks.is_depth_sure = checks.confirmed is not None or longest in DEPTHS
        checks.begun = checks.is_whole = True
        return kept


def _is_proved(kept: Kept[_Checks], *, right: bool, whole: bool) -> bool:
    """Whether a book is proved after a message.

    Args:
        kept: The book.
        right: Whether its best levels are those that the venue had.
        whole: Whether all levels of the message were read.
    """
    checks, depth = kept.more, kept.book.depth
    if not (right and whole):
        checks.is_whole = False
    is_covered = checks.is_whole or (depth is not None and depth <= LEVELS)
    return checks.begun and right and is_covered and checks.is_depth_sure


def _is_next(checks: _Checks, ts_event: int | None) -> bool:
    """Whether a message is not older than one before: its checksum would prove an older book."""
    if ts_event is None:
        return True
    is_late = checks.newest is not None and ts_event < checks.newest
    if not is_late:
        checks.newest = ts_event
    return not is_late


def _by_symbol(rows: Sequence[Row]) -> dict[str, list[BookRow]]:
    """The levels of each book of a message; nearly always there is one."""
    found: dict[str, list[BookRow]] = {}
    for row in rows:
        if isinstance(row, BookRow) and row.symbol is not None:
            found.setdefault(row.symbol, []).append(row)
    return found


def _may_be_book(payload: bytes) -> bool:
    """Whether what nobody understood may have told of a book: torn, or of a shape that is new."""
    message = messages.read(payload)
    if isinstance(message, Unread):
        return message.reason != "unknown_channel"
    return message.channel == _CHANNEL
