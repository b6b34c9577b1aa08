"""Polymarket's books, read from an archive.

Nothing is counted and nothing is summed. What can be checked: price changes state the touch that
they lead to, since September 2025, and times. A book is told whole after every trade, which ends
all doubt; what was different in ours until then tells of no loss, because no other message says
what the trade took.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.book import Book, Side, exact
from ssmd.model.booking import BookChange, Books, BookSaved, Kept, apply, whole
from ssmd.model.envelope import UNREAD, Envelope
from ssmd.model.event import Unread
from ssmd.model.row import Row
from ssmd.venues.polymarket import messages, tables
from ssmd.venues.polymarket.tables import PriceChange

_TYPES: Final = frozenset(
    {messages.BOOK, messages.PRICE_CHANGE, messages.PRICE_CHANGE_V1, messages.PRICE_CHANGE_V0}
)
_NO_BID: Final = frozenset({Decimal(0)})
_NO_ASK: Final = frozenset({Decimal(0), Decimal(1)})
"""What may stand for the best price of an empty side: no order has such a price."""


class _Times(msgspec.Struct):
    """What the checks of one book need.

    Attributes:
        newest: The latest time of its messages, ns.
    """

    newest: int | None = None


class PolymarketBooks:
    """The books of one connection; see `ssmd.model.booking.BookReader`."""

    def __init__(self) -> None:
        self._books = Books(_Times)

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        changes: list[BookChange] = []
        if envelope.type in _TYPES:
            told = _by_symbol(rows)
            changes += [
                self._message(symbol, own, rejected=rejected) for symbol, own in told.items()
            ]
            if rejected:
                self._doubt(symbol for symbol in envelope.symbols if symbol not in told)
        elif envelope.type == UNREAD and _may_be_book(envelope.payload):
            self.missed()
        return self._books.news(changes)

    def missed(self) -> None:
        self._doubt(self._books.kept)

    def save(self) -> Sequence[BookSaved]:
        return self._books.save()

    def restore(self, saved: Sequence[BookSaved]) -> None:
        self._books.restore(saved)

    def _doubt(self, symbols: Iterable[str]) -> None:
        """A message of these books is missing, or can be."""
        for symbol in symbols:
            kept = self._books.kept.get(symbol)
            if kept is not None:
                self._books.judge(symbol, kept, ok=False)

    def _message(
        self, symbol: str, rows: list[tables.Book | PriceChange], *, rejected: bool
    ) -> BookChange:
        last = rows[-1]
        if last.is_snapshot:
            kept = self._books.of(symbol)
            kept.book = Book()
        else:
            # Without a book before it, it says what it says, and no more.
            kept = self._books.kept.get(symbol) or Kept(Book(), _Times())
        levels, inexact = apply(kept.book, rows)
        is_read = not rejected and not inexact
        is_late = _is_late(kept.more, last.ts_event)
        if isinstance(last, PriceChange):
            kept.ok = kept.ok and is_read and _agrees(kept.book, last)
        else:
            kept.ok = is_read and not is_late
        return BookChange(
            symbol=symbol,
            ts_event=last.ts_event,
            is_snapshot=last.is_snapshot,
            levels=whole(kept.book) if last.is_snapshot else tuple(levels),
            ok=kept.ok,
            inexact=inexact,
        )


def _is_late(times: _Times, ts_event: int | None) -> bool:
    """Whether a message is older than one before."""
    if ts_event is None:
        return False
    if times.newest is not None and ts_event < times.newest:
        return True
    times.newest = ts_event
    return False


def _agrees(book: Book, change: PriceChange) -> bool:
    """Whether the touch is what the venue says it is."""
    return _is_best(book.bids, change, "best_bid", change.best_bid, _NO_BID) and _is_best(
        book.asks, change, "best_ask", change.best_ask, _NO_ASK
    )


def _is_best(
    side: Side, change: PriceChange, name: str, stated: Decimal | None, empty: frozenset[Decimal]
) -> bool:
    if stated is None:
        return not change.inexact.get(name)
    best = side.best(1)
    return exact(best[0][0]) == stated if best else stated in empty


def _by_symbol(rows: Sequence[Row]) -> dict[str, list[tables.Book | PriceChange]]:
    """The levels of each book of a message."""
    found: dict[str, list[tables.Book | PriceChange]] = {}
    for row in rows:
        if isinstance(row, tables.Book | PriceChange) and row.symbol is not None:
            found.setdefault(row.symbol, []).append(row)
    return found


def _may_be_book(payload: bytes) -> bool:
    """Whether what nobody understood may have told of a book: any but a type that is new."""
    label = messages.read(payload)
    return not isinstance(label, Unread) or label.reason != "unknown_channel"
