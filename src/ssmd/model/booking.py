"""Books read from an archive: what a venue's reader owes, and the state it keeps between two runs.

Facts come from one row alone; a book needs every message before. So each venue that publishes
books gives a reader (`Venue.books`), one for each connection, which can be put away and taken up
again anywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Generic, Literal, Protocol, TypeVar

import msgspec

from ssmd.model.book import Book, Level, exact
from ssmd.model.envelope import Envelope
from ssmd.model.row import Row

BookSide = Literal["bid", "ask"]
"""Which side of a book."""


class BookLevelChange(msgspec.Struct, frozen=True, gc=False):
    """A level as it stands from now on.

    Attributes:
        side: On which side.
        price: In quote currency; of an outcome, dollars for one share of it.
        size: All that rests there; 0 when the level is gone.
    """

    side: BookSide
    price: Decimal
    size: Decimal


class BookChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one message did to one book.

    Attributes:
        symbol: Whose book.
        ts_event: The venue's time of it, ns; None when unstated, or when it is about others.
        is_snapshot: Whether `levels` are the whole book and replace what was known.
        levels: The levels that changed, to be applied in this order. A level that only fell out
            of the subscribed depth is among them with a size of 0: a reader who knows no depth
            has the same book. Empty when the whole book is, and when nothing but `ok` changed.
        ok: Whether the book is proved after the message: begun with a snapshot, and since then
            every check that the venue allows holds.
        inexact: Exact text of values that no column can hold, by column; such levels are not
            among `levels`, and the book is not `ok`.
    """

    symbol: str
    ts_event: int | None = None
    is_snapshot: bool = False
    levels: tuple[BookLevelChange, ...] = ()
    ok: bool
    inexact: Mapping[str, str] = {}


class BookSaved(msgspec.Struct, frozen=True, kw_only=True):
    """A book as it was put away.

    Attributes:
        symbol: Whose book.
        depth: How many levels a side has at most; None for all.
        ok: Whether it was proved; never so before its first snapshot.
        aux: What else the venue's reader keeps, as JSON text of its own.
        bids: The levels, the best first, as the venue spells them.
        asks: The same.
    """

    symbol: str
    depth: int | None
    ok: bool
    aux: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookReader(Protocol):
    """The books of one connection, message by message, in order of their ordinals and parts.

    None of its methods raises, whatever the bytes.
    """

    def read(
        self, envelope: Envelope, rows: Sequence[Row], *, rejected: bool = False
    ) -> Sequence[BookChange]:
        """Take in one frame or part: what it changes, at most one change for each symbol.

        Every frame of the connection is to be given, talk and what nobody understood included:
        they end books, tell depths and use up numbers. So a change can be about a book that the
        message does not name.

        Args:
            envelope: The frame or part.
            rows: `Venue.rows(envelope).rows`, so that nothing is parsed twice.
            rejected: Whether a piece of it gave no row: a level may be missing among the others.
        """
        ...

    def missed(self) -> None:
        """Frames between the one before and the next are missing: no book is proved by itself.

        The next `read` says so of every book, but for those that it proves again at once.
        """
        ...

    def save(self) -> Sequence[BookSaved]:
        """All that is known, to go on from later."""
        ...

    def restore(self, saved: Sequence[BookSaved]) -> None:
        """Go on from what `save` gave, as if nothing had happened; for a new reader."""
        ...


More = TypeVar("More", bound=msgspec.Struct)


class Kept(msgspec.Struct, Generic[More]):
    """One book of a reader.

    Attributes:
        book: Its levels.
        more: What the venue's own checks need.
        ok: Whether it is proved.
        told: What was last said about that.
    """

    book: Book
    more: More
    ok: bool = False
    told: bool = False


class Books(Generic[More]):
    """The books that a reader keeps, and what is still to be said of them.

    Args:
        more: What the venue's own checks need for each book; can be made without arguments.
    """

    def __init__(self, more: type[More]) -> None:
        self.kept: dict[str, Kept[More]] = {}
        """By symbol."""
        self._more = more
        self._aux = msgspec.json.Decoder(tuple[bool, more])  # type: ignore[valid-type]  # a type at run time
        self._unsaid: dict[str, None] = {}

    def of(self, symbol: str) -> Kept[More]:
        """A book, which begins empty and unproved."""
        kept = self.kept.get(symbol)
        if kept is None:
            kept = self.kept[symbol] = Kept(Book(), self._more())
        return kept

    def judge(self, symbol: str, kept: Kept[More], *, ok: bool) -> None:
        """A message about others tells whether this book is proved."""
        kept.ok = ok
        self._unsaid[symbol] = None

    def ended(self, symbol: str) -> None:
        """No more is told of a book: nothing is known of it from now on."""
        kept = self.kept.pop(symbol, None)
        if kept is None:
            return
        if kept.told:
            self._unsaid[symbol] = None
        else:
            self._unsaid.pop(symbol, None)

    def news(self, changes: Sequence[BookChange]) -> Sequence[BookChange]:
        """What a message gives: its own changes, after what it says about other books."""
        for change in changes:
            kept = self.kept.get(change.symbol)
            if kept is not None:
                kept.told = change.ok
        if not self._unsaid:
            return changes
        unsaid, self._unsaid = self._unsaid, {}
        own = {change.symbol for change in changes}
        others: list[BookChange] = []
        for symbol in unsaid.keys() - own if own else unsaid:
            kept = self.kept.get(symbol)
            ok = kept is not None and kept.ok
            if kept is None or kept.told != ok:
                others.append(BookChange(symbol=symbol, ok=ok))
            if kept is not None:
                kept.told = ok
        return [*sorted(others, key=lambda change: change.symbol), *changes]

    def save(self) -> Sequence[BookSaved]:
        """Every book; see `BookReader.save`."""
        return [
            BookSaved(
                symbol=symbol,
                depth=kept.book.depth,
                ok=kept.ok,
                aux=msgspec.json.encode((kept.told, kept.more)).decode(),
                bids=tuple(kept.book.bids.best(len(kept.book.bids))),
                asks=tuple(kept.book.asks.best(len(kept.book.asks))),
            )
            for symbol, kept in self.kept.items()
        ]

    def restore(self, saved: Sequence[BookSaved]) -> None:
        """Every book as it was; see `BookReader.restore`."""
        for each in saved:
            told, more = self._aux.decode(each.aux)
            book = Book.snapshot(each.bids, each.asks, each.depth)
            self.kept[each.symbol] = Kept(book, more, each.ok, told)
            if told != each.ok:
                self._unsaid[each.symbol] = None


def verbatim(number: Decimal) -> str:
    """A number without an exponent, all its digits kept."""
    text = str(number)
    return f"{number:f}" if "E" in text else text


def put(book: Book, change: BookLevelChange) -> None:
    """Let a level stand in a book as a change says."""
    side = book.bids if change.side == "bid" else book.asks
    side.put(verbatim(change.price), verbatim(change.size))


class LevelRow(Protocol):
    """A row that states how a level stands: absolute, without side in that of an empty book."""

    @property
    def side(self) -> str | None:
        """`bid` or `ask`."""
        ...

    @property
    def price(self) -> Decimal | None:
        """Where it stands; None when no column can hold it."""
        ...

    @property
    def size(self) -> Decimal | None:
        """What rests there; None when no column can hold it."""
        ...

    @property
    def inexact(self) -> Mapping[str, str]:
        """What no column can hold, by column."""
        ...


def apply(book: Book, rows: Iterable[LevelRow]) -> tuple[list[BookLevelChange], dict[str, str]]:
    """Take in the levels of one message; gives the changes, and what of them cannot be."""
    changes: list[BookLevelChange] = []
    inexact: dict[str, str] = {}
    for row in rows:
        side, price, size = row.side, row.price, row.size
        if side is None:
            continue
        if price is None or size is None or size < 0:
            inexact.update({name: row.inexact[name] for name in _LEVEL if name in row.inexact})
            if size is not None and size < 0:
                inexact["size"] = verbatim(size)
            continue
        change = BookLevelChange("bid" if side == "bid" else "ask", price, size)
        put(book, change)
        changes.append(change)
    cut(book, changes)
    return changes, inexact


def cut(book: Book, changes: list[BookLevelChange]) -> None:
    """Let go of what lies beyond the depth of a book, and add it to its changes."""
    if book.depth is None:
        return
    for price, _ in book.bids.truncate(book.depth):
        changes.append(BookLevelChange("bid", exact(price), _GONE))
    for price, _ in book.asks.truncate(book.depth):
        changes.append(BookLevelChange("ask", exact(price), _GONE))


def whole(book: Book) -> tuple[BookLevelChange, ...]:
    """Every level of a book, the best first, bids before asks."""
    bids, asks = book.bids.best(len(book.bids)), book.asks.best(len(book.asks))
    return (
        *(BookLevelChange("bid", exact(price), exact(size)) for price, size in bids),
        *(BookLevelChange("ask", exact(price), exact(size)) for price, size in asks),
    )


_LEVEL: Final = ("price", "size")
_GONE: Final = Decimal(0)
