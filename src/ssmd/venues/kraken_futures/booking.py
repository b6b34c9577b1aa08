"""Kraken Futures' books, read from an archive and held against the counter of each product."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ssmd.model.book import Book
from ssmd.model.booking import BookChange, Books, BookSaved, Kept, apply, whole
from ssmd.model.envelope import CONTROL, Envelope
from ssmd.model.event import Unread
from ssmd.model.frame import Opcode
from ssmd.model.row import Row
from ssmd.venues.kraken_futures import messages
from ssmd.venues.kraken_futures.tables import BookLevel

_CHANGE: Final = "book"
_SNAPSHOT: Final = "book_snapshot"


class _Counter(msgspec.Struct):
    """Where a product's counter stands.

    Attributes:
        last: The highest number seen; None before the first.
        is_doubted: Whether messages may be missing since, and the book was proved until then: the
            next number tells.
    """

    last: int | None = None
    is_doubted: bool = False


class KrakenFuturesBooks:
    """The books of one connection; see `ssmd.model.booking.BookReader`."""

    def __init__(self) -> None:
        self._books = Books(_Counter)

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        changes: list[BookChange] = []
        if envelope.type in {_CHANGE, _SNAPSHOT}:
            levels = [row for row in rows if isinstance(row, BookLevel)]
            number = envelope.sequence
            if levels and levels[0].symbol is not None:
                changes.append(self._message(levels[0].symbol, levels, number, rejected=rejected))
            else:
                self._unreadable(map(messages.canonical, envelope.symbols), number)
        elif envelope.type == CONTROL and envelope.opcode == Opcode.TEXT:
            self._talk(envelope.payload)
        return self._books.news(changes)

    def missed(self) -> None:
        for symbol, kept in self._books.kept.items():
            kept.more.is_doubted |= kept.ok
            self._books.judge(symbol, kept, ok=False)

    def save(self) -> Sequence[BookSaved]:
        return self._books.save()

    def restore(self, saved: Sequence[BookSaved]) -> None:
        self._books.restore(saved)

    def _talk(self, payload: bytes) -> None:
        """A subscription ends."""
        message = messages.read(payload)
        if isinstance(message, Unread) or message.feed != _CHANGE:
            return
        if message.event == "unsubscribed":
            for product_id in message.product_ids or ():
                self._books.ended(messages.canonical(product_id))

    def _unreadable(self, symbols: Iterable[str], number: int | None) -> None:
        """A message used up its number, and what it told is not known."""
        for symbol in symbols:
            kept = self._books.kept.get(symbol)
            if kept is not None:
                _follow(kept.more, number)
                kept.more.is_doubted = False
                self._books.judge(symbol, kept, ok=False)

    def _message(
        self, symbol: str, rows: list[BookLevel], number: int | None, *, rejected: bool
    ) -> BookChange:
        is_snapshot = rows[0].is_snapshot
        if is_snapshot:
            kept = self._books.of(symbol)
            kept.book = Book()
            # An older snapshot than what came already may be a repetition.
            is_next = number is not None and (kept.more.last is None or number >= kept.more.last)
        else:
            # Without a snapshot before it, it says what it says, and no more.
            kept = self._books.kept.get(symbol) or Kept(Book(), _Counter())
            is_next = number is not None and kept.more.last == number - 1
        levels, inexact = apply(kept.book, rows)
        _follow(kept.more, number)
        is_read = not rejected and not inexact
        kept.ok = is_next and is_read and (is_snapshot or kept.ok or kept.more.is_doubted)
        kept.more.is_doubted = False
        return BookChange(
            symbol=symbol,
            ts_event=rows[0].ts_event,
            is_snapshot=is_snapshot,
            levels=whole(kept.book) if is_snapshot else tuple(levels),
            ok=kept.ok,
            inexact=inexact,
        )


def _follow(counter: _Counter, number: int | None) -> None:
    if number is not None and (counter.last is None or number > counter.last):
        counter.last = number
