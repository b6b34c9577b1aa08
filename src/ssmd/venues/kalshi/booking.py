"""Kalshi's books, read from an archive: bids for YES are bids, bids for NO at 0.30 asks at 0.70.

Messages tell how much more or less there is, so that each one counts; a subscription's counter
runs over all its markets and over answers about it, and proves all of its books or none.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

import msgspec

from ssmd.model.book import Book
from ssmd.model.booking import BookChange, BookLevelChange, Books, BookSaved, put, verbatim, whole
from ssmd.model.envelope import CONTROL, UNREAD, Envelope
from ssmd.model.fields import NUMBER_SCALE, fits
from ssmd.model.frame import Opcode
from ssmd.model.row import Row
from ssmd.venues.kalshi import messages
from ssmd.venues.kalshi.facts import DOLLAR
from ssmd.venues.kalshi.messages import Ok, Unsubscribed
from ssmd.venues.kalshi.rows_book import OrderbookDelta, OrderbookSnapshot

_wide: Final = Context(prec=100)


class _Checks(msgspec.Struct):
    """What the checks of one book need.

    Attributes:
        sid: The venue's number of its subscription.
        last: The highest number counted in that: the same for all books of a subscription.
        is_doubted: Whether messages may be missing since, and it was proved until then: the
            subscription's next number tells.
    """

    sid: int | None = None
    last: int = -1
    is_doubted: bool = False


class _Subscription(msgspec.Struct):
    """A subscription that books belong to.

    Attributes:
        last: The highest number counted.
        symbols: Whose books.
    """

    last: int
    symbols: dict[str, None]


class KalshiBooks:
    """The books of one connection; see `ssmd.model.booking.BookReader`."""

    def __init__(self) -> None:
        self._books = Books(_Checks)
        self._subscriptions: dict[int, _Subscription] = {}
        self._is_doubted = False

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        changes: list[BookChange] = []
        first = rows[0] if rows else None
        if isinstance(first, OrderbookDelta):
            changes = self._change(first, envelope.sequence)
        elif isinstance(first, OrderbookSnapshot):
            levels = [row for row in rows if isinstance(row, OrderbookSnapshot)]
            changes = self._snapshot(first, levels, envelope.sequence, rejected=rejected)
        elif envelope.type in _BOOKS:
            self._unreadable(envelope)
        elif envelope.type in {CONTROL, UNREAD} and envelope.opcode == Opcode.TEXT:
            self._talk(envelope.payload)
        return self._books.news(changes)

    def missed(self) -> None:
        self._is_doubted = True
        for symbol, kept in self._books.kept.items():
            kept.more.is_doubted |= kept.ok
            self._books.judge(symbol, kept, ok=False)

    def save(self) -> Sequence[BookSaved]:
        for subscription in self._subscriptions.values():
            for symbol in subscription.symbols:
                self._books.kept[symbol].more.last = subscription.last
        return self._books.save()

    def restore(self, saved: Sequence[BookSaved]) -> None:
        self._books.restore(saved)
        for symbol, kept in self._books.kept.items():
            if kept.more.is_doubted:
                self._is_doubted = True
            if kept.more.sid is not None:
                self._belongs(symbol, kept.more.sid, kept.more.last)

    def _talk(self, payload: bytes) -> None:
        """What is not about a book may use up a number all the same, or end books."""
        message = messages.read(payload)
        if message.sid is None:
            return
        self._follow(message.sid, message.seq)
        subscription = self._subscriptions.get(message.sid)
        if subscription is None:
            return
        if isinstance(message, Unsubscribed):
            self._end(message.sid, list(subscription.symbols))
        elif isinstance(message, Ok) and (held := message.holding) is not None:
            self._end(message.sid, [name for name in subscription.symbols if name not in held])

    def _end(self, sid: int, symbols: list[str]) -> None:
        for symbol in symbols:
            self._leaves(symbol, sid)
            self._books.ended(symbol)

    def _unreadable(self, envelope: Envelope) -> None:
        """A message used up its number, and what it told of its book is not known."""
        self._talk(envelope.payload)
        for symbol in envelope.symbols:
            kept = self._books.kept.get(symbol)
            if kept is not None:
                self._books.judge(symbol, kept, ok=False)

    def _snapshot(
        self,
        first: OrderbookSnapshot,
        rows: list[OrderbookSnapshot],
        number: int | None,
        *,
        rejected: bool,
    ) -> list[BookChange]:
        symbol, sid = first.symbol, first.sid
        if symbol is None:
            return []
        counted = self._subscriptions.get(-1 if sid is None else sid)
        # A snapshot that is older than what came already may be a repetition.
        is_new = number is not None and (counted is None or number > counted.last)
        if sid is not None:
            self._follow(sid, number)
        kept = self._books.of(symbol)
        self._belongs(symbol, sid, -1 if number is None else number)
        kept.more.sid, kept.more.is_doubted, kept.book = sid, False, Book()
        inexact: dict[str, str] = {}
        for row in rows:
            level = _level(row.side, row.price, row.size)
            if level is not None:
                put(kept.book, level)
            elif row.side is not None:
                inexact.update(_inexact(row))
        kept.ok = is_new and sid is not None and not rejected and not inexact
        return [
            BookChange(
                symbol=symbol,
                ts_event=first.ts_event,
                is_snapshot=True,
                levels=whole(kept.book),
                ok=kept.ok,
                inexact=inexact,
            )
        ]

    def _change(self, row: OrderbookDelta, number: int | None) -> list[BookChange]:
        """A delta; without a book before it, it does not tell what there is."""
        symbol, sid = row.symbol, row.sid
        if sid is not None:
            self._follow(sid, number)
        kept = None if symbol is None else self._books.kept.get(symbol)
        if symbol is None or kept is None:
            return []
        kept.ok = kept.ok and sid is not None and sid == kept.more.sid and number is not None
        change = _level(row.side, row.price, row.delta)
        levels: tuple[BookLevelChange, ...] = ()
        if change is None:
            kept.ok = False
        else:
            side = kept.book.bids if change.side == "bid" else kept.book.asks
            held = side.held(verbatim(change.price))
            size = _wide.add(Decimal(held or 0), change.size)
            if size < 0 or not fits(size, NUMBER_SCALE):
                kept.ok, size = False, _NOTHING
            change = BookLevelChange(change.side, change.price, size)
            put(kept.book, change)
            levels = (change,)
        return [
            BookChange(
                symbol=symbol,
                ts_event=row.ts_event,
                levels=levels,
                ok=kept.ok,
                inexact={} if levels else _inexact(row),
            )
        ]

    def _follow(self, sid: int, number: int | None) -> None:
        """Take in the next number of a subscription: it proves its books, or none of them."""
        subscription = self._subscriptions.get(sid)
        if subscription is None or number is None:
            return
        is_next = number == subscription.last + 1
        subscription.last = max(subscription.last, number)
        if is_next and not self._is_doubted:
            return  # as nearly always
        for symbol in subscription.symbols:
            kept = self._books.kept[symbol]
            if kept.ok or kept.more.is_doubted:
                self._books.judge(symbol, kept, ok=is_next)
                kept.more.is_doubted = False
        self._is_doubted = any(kept.more.is_doubted for kept in self._books.kept.values())

    def _belongs(self, symbol: str, sid: int | None, number: int) -> None:
        """A book is of this subscription from now on."""
        kept = self._books.of(symbol)
        if kept.more.sid is not None and kept.more.sid != sid:
            self._leaves(symbol, kept.more.sid)
        if sid is not None:
            subscription = self._subscriptions.setdefault(sid, _Subscription(number, {}))
            subscription.symbols[symbol] = None

    def _leaves(self, symbol: str, sid: int) -> None:
        subscription = self._subscriptions.get(sid)
        if subscription is not None:
            subscription.symbols.pop(symbol, None)
            if not subscription.symbols:
                del self._subscriptions[sid]


def _level(side: str | None, price: Decimal | None, size: Decimal | None) -> BookLevelChange | None:
    """A level or its change in terms of YES; None when one of them cannot be told."""
    if price is None or size is None:
        return None
    if side == "yes":
        return BookLevelChange("bid", price, size)
    return BookLevelChange("ask", DOLLAR - price, size)


def _inexact(row: OrderbookSnapshot | OrderbookDelta) -> dict[str, str]:
    """What no column of a level can hold."""
    return {_COLUMNS[name]: text for name, text in row.inexact.items() if name in _COLUMNS}


_BOOKS: Final = frozenset({"orderbook_snapshot", messages.BOOKS})
_COLUMNS: Final = {"price": "price", "size": "size", "delta": "size"}
_NOTHING: Final = Decimal(0)
