"""Conversations about books, with what the venue's own simulation says the books are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from ssmd.archive.hearing import hear
from ssmd.model.booking import BookChange, BookReader, BookSaved
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Frame, Now, Opcode
from ssmd.model.row import Row
from ssmd.model.session import Session
from ssmd.model.simulated import KeepsBooks
from ssmd.model.subscription import Shard
from ssmd.model.venue import SessionOptions, Venue
from tests.venues.conversation import START, STEP_S, Exchange, everything

Levels = Mapping[Decimal, Decimal]
Sides = tuple[Levels, Levels]
"""Bids and asks: sizes by price."""

RATE: Final = 0.9 / STEP_S
"""At most one thing happens in a step, so that a step has one message about a book."""


class Piece(NamedTuple):
    """A frame or part, as a book reader is given it."""

    envelope: Envelope
    rows: Sequence[Row]
    rejected: bool


class Recorded(NamedTuple):
    """What was said, and what the books were.

    Attributes:
        pieces: Everything, in order.
        books: The venue's books after each piece that ends a step, by symbol.
        touched: Whose book each piece is about.
        snapshots: Which pieces tell a whole book.
        truth: By symbol the book after each piece that is about it; None where a step had more
            than one, so that it is known after the last of them only.
    """

    pieces: list[Piece]
    books: dict[int, dict[str, Sides]]
    touched: list[frozenset[str]]
    snapshots: list[int]
    truth: dict[str, dict[int, Sides | None]]


class Labels:
    """Frames as they rest in the archive.

    Attributes:
        connections: How many there were until now, by their first messages.
    """

    def __init__(self, venue: Venue) -> None:
        self.connections = 1
        self._venue = venue
        self._begin()

    def _begin(self) -> None:
        options = SessionOptions(limits=self._venue.limits, passive=True)
        self._session: Session = self._venue.session(Shard(self._venue.id, 0, frozenset()), options)
        self._session.open(Now(0, 0.0))
        self._ordinal = -1

    def pieces(self, frame: Frame) -> Iterator[Piece]:
        """The pieces of the next frame."""
        heard = hear(self._session, frame)
        if heard.begins_anew and self._ordinal >= 0:
            self.connections += 1
            self._begin()
            heard = hear(self._session, frame)
        self._ordinal += 1
        pieces = heard.pieces
        for part, told in enumerate(pieces):
            envelope = Envelope(
                "f", None, told.type, told.symbols, "f-0-x", self._ordinal, None, part, len(pieces),
                frame.opcode, told.sequence, told.ts_event, frame.ts_recv,
                frame.payload if told.payload is None else told.payload,
            )  # fmt: skip
            decoded = self._venue.rows(envelope)
            yield Piece(envelope, decoded.rows, bool(decoded.rejects))


class Asking(Exchange):
    """A connection of a feed with parameters."""

    def __init__(self, name: str, parameters: Mapping[str, object], **more: float) -> None:
        self.parameters = parameters
        super().__init__(name, rate=more.get("rate", RATE), seed=int(more.get("seed", 1)))

    def connect(self) -> None:
        options = SessionOptions(limits=self.venue.limits, parameters=self.parameters)
        self.session = self.venue.session(Shard(self.venue.id, 0, frozenset()), options)
        self.server = self.market.connect()
        self._hear(self.server.open(self.now))
        self._send(self.session.open(self.now))


def recorded(venue: Venue, steps: int, seed: int, **parameters: object) -> Recorded:
    """A conversation in which subscriptions are renewed, ended and added, and a listing ends."""
    exchange = Asking(venue.id, parameters, seed=seed)
    assert isinstance(exchange.server, KeepsBooks)
    assert venue.books is not None
    symbols = exchange.market.symbols
    labels, reader = Labels(venue), venue.books()
    result = Recorded([], {}, [], [], {})
    done = 0
    exchange.want(everything(venue, symbols[:3]))
    for step in range(steps):
        if step == steps // 3:
            exchange.renew(everything(venue, symbols[:1]))
        elif step == steps // 2:
            exchange.want(everything(venue, [symbols[0], *symbols[2:4]]))
        elif step == steps * 3 // 4:
            exchange.market.delist(symbols[2:3])
        exchange.live(STEP_S)
        began = len(result.pieces)
        for said in exchange.said[done:]:
            frame = Frame(said.payload, said.opcode, START, 0.0)
            for piece in labels.pieces(frame):
                changes = reader.read(piece.envelope, piece.rows, rejected=piece.rejected)
                told = {each.symbol for each in changes if each.levels or each.is_snapshot}
                if any(change.is_snapshot for change in changes):
                    result.snapshots.append(len(result.pieces))
                result.pieces.append(piece)
                result.touched.append(frozenset(told))
        done = len(exchange.said)
        if len(result.pieces) > began:
            _note(result, began, exchange.server)
    return result


def _note(result: Recorded, began: int, server: KeepsBooks) -> None:
    books = {state.symbol: (exactly(state.bids), exactly(state.asks)) for state in server.books()}
    result.books[len(result.pieces) - 1] = books
    for at in range(began, len(result.pieces)):
        for symbol in result.touched[at]:
            again = any(symbol in touched for touched in result.touched[at + 1 :])
            known = result.truth.setdefault(symbol, {})
            known[at] = None if again else books.get(symbol)


def exactly(levels: Iterable[tuple[str, str]]) -> Levels:
    """Levels as numbers; no price twice."""
    found = [(Decimal(price), Decimal(size)) for price, size in levels]
    assert len({price for price, _ in found}) == len(found)
    return dict(found)


def kept(reader: BookReader) -> dict[str, BookSaved]:
    """The books of a reader, by symbol."""
    return {saved.symbol: saved for saved in reader.save()}


def sides(saved: BookSaved) -> Sides:
    """The levels of a book, which are in order and not empty."""
    bids, asks = exactly(saved.bids), exactly(saved.asks)
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    assert all((*bids.values(), *asks.values()))
    return bids, asks


class Tables:
    """The books as whoever reads the table has them: from changes alone, without any depth.

    Attributes:
        books: By symbol.
        ok: What was last said about each.
    """

    def __init__(self) -> None:
        self.books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        self.ok: dict[str, bool] = {}

    def take(self, changes: Sequence[BookChange]) -> None:
        """Apply what one message did."""
        assert len({change.symbol for change in changes}) == len(changes)
        for change in changes:
            self.ok[change.symbol] = change.ok
            if change.is_snapshot:
                self.books[change.symbol] = ({}, {})
            bids, asks = self.books.setdefault(change.symbol, ({}, {}))
            for level in change.levels:
                side = bids if level.side == "bid" else asks
                if level.size:
                    side[level.price] = level.size
                else:
                    side.pop(level.price, None)


class Replay:
    """A recording as it is read from an archive: one reader for each connection.

    Attributes:
        tables: What is known by who reads the changes.
        reader: The present connection's.
        connections: How many there were until now.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._labels = Labels(venue)
        self._begin()

    def _begin(self) -> None:
        assert self._venue.books is not None
        self.reader = self._venue.books()
        self.tables = Tables()
        self.connections = self._labels.connections

    def hear(self, payload: bytes) -> list[BookChange]:
        """Everything that a frame changes."""
        changes: list[BookChange] = []
        for piece in self._labels.pieces(Frame(payload, Opcode.TEXT, START, 0.0)):
            if self._labels.connections != self.connections:
                self._begin()
            told = self.reader.read(piece.envelope, piece.rows, rejected=piece.rejected)
            self.tables.take(told)
            changes += told
        return changes
