"""Atlantis' books, held against the number that each message about a market has, deals included."""

from collections.abc import Sequence

import msgspec

from ssmd.model.book import Book
from ssmd.model.booking import BookChange, Books, BookSaved, Kept, apply, whole
from ssmd.model.envelope import CONTROL, Envelope
from ssmd.model.event import Unread
from ssmd.model.frame import Opcode
from ssmd.model.row import Row
from ssmd.venues.atlantis import messages
from ssmd.venues.atlantis.rows import Level


class _Counter(msgspec.Struct):
    """Where a market's counter stands.

    Attributes:
        last: The highest number seen.
        is_doubted: Whether messages may be missing since, and the book was proved until then.
    """

    last: int = -1
    is_doubted: bool = False


class AtlantisBooks:
    """The books of one connection; see `ssmd.model.booking.BookReader`."""

    def __init__(self) -> None:
        self._books = Books(_Counter)

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        changes: list[BookChange] = []
        levels = [row for row in rows if isinstance(row, Level)]
        if envelope.type == CONTROL and envelope.opcode == Opcode.TEXT:
            self._talk(envelope.payload)
        elif levels and levels[0].symbol is not None:
            changes.append(self._message(levels[0].symbol, levels, envelope.sequence, rejected))
        elif envelope.type in messages.KINDS.values():
            for symbol in envelope.symbols:
                kept = self._books.kept.get(symbol)
                if kept is not None:
                    proved = _follow(kept, envelope.sequence) and not rejected
                    self._books.judge(symbol, kept, ok=proved)
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
        message = messages.read(payload)
        if isinstance(message, Unread) or message.y is None:
            return
        for symbol in list(self._books.kept):
            if f"{messages.DEPTH}:{symbol}" not in message.y:
                self._books.ended(symbol)

    def _message(
        self, symbol: str, rows: list[Level], number: int | None, rejected: bool
    ) -> BookChange:
        first = rows[0]
        known = self._books.kept.get(symbol)
        kept = self._books.of(symbol) if first.is_snapshot else known or Kept(Book(), _Counter())
        is_new = number is not None and number > kept.more.last
        proved = _follow(kept, number)
        if first.is_snapshot:
            kept.book, proved = Book(), is_new
        levels, inexact = apply(kept.book, rows)
        kept.ok = proved and not rejected and not inexact
        return BookChange(
            symbol=symbol,
            ts_event=first.ts_event,
            is_snapshot=first.is_snapshot,
            levels=whole(kept.book) if first.is_snapshot else tuple(levels),
            ok=kept.ok,
            inexact=inexact,
        )


def _follow(kept: Kept[_Counter], number: int | None) -> bool:
    """Whether a book that was proved before the message with this number still is."""
    is_next = number == kept.more.last + 1
    proved = is_next and (kept.ok or kept.more.is_doubted)
    kept.more.last = max(kept.more.last, -1 if number is None else number)
    kept.more.is_doubted = False
    return proved
