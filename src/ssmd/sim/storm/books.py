"""Books rebuilt from an archive, held against those of the simulated venue at its checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.book import Book, Level, exact
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import GapFound, GapRepaired, decode_ledger
from ssmd.model.simulated import BookState
from ssmd.model.venue import Venue
from ssmd.sim.checkpoints import Checkpoint

TABLE: Final = "book"
"""The table of book levels: one row a level, its size absolute, 0 takes it out."""
_SHOWN: Final = 3


class Compared(msgspec.Struct):
    """What came of it.

    Attributes:
        compared: Books that were compared.
        excused: Of these, different ones inside a gap that is on record, or that nothing which
            came later could have shown.
        problems: What is wrong, a sentence each.
    """

    compared: int = 0
    excused: int = 0
    problems: list[str] = []


class Rebuilt:
    """The books of one connection, as a reader of the archive makes them from rows.

    Attributes:
        books: By symbol.
        changed: The ordinals of the messages of each book so far, ascending.
    """

    def __init__(self, venue: Venue, depths: Mapping[str, int | None]) -> None:
        self.books: dict[str, Book] = {}
        self.changed: dict[str, list[int]] = {}
        self._venue = venue
        self._depths = depths

    def apply(self, envelope: Envelope) -> None:
        """Take in one frame; what a level of it cannot tell, the book does not know."""
        told: set[str] = set()
        for row in self._venue.rows(envelope).rows:
            if row.table != TABLE or row.symbol is None:
                continue
            if row.symbol not in told:
                told.add(row.symbol)
                self.changed.setdefault(row.symbol, []).append(envelope.ordinal or 0)
                if row.is_snapshot:
                    self.books[row.symbol] = Book(self._depths.get(row.symbol))
            book = self.books.get(row.symbol)
            price, size = getattr(row, "price", None), getattr(row, "size", None)
            if book is not None and price is not None and size is not None:
                side = book.bids if getattr(row, "side", "") == "bid" else book.asks
                side.put(f"{price:f}", f"{size:f}")
        for symbol in told & self.books.keys():
            self.books[symbol].apply((), ())  # cuts it to its depth, once the whole message is in


class _Gap(msgspec.Struct):
    """A gap of one connection, by ordinals; `until` is None while it is not repaired."""

    symbols: tuple[str, ...]
    since: int
    until: int | None = None


def compare(
    venue: Venue,
    checkpoints: Mapping[int, Sequence[Checkpoint]],
    served: Mapping[int, str],
    envelopes: Iterable[Envelope],
) -> Compared:
    """Rebuild every book of an archive and hold it against the venue's, checkpoint by checkpoint.

    Only checkpoints whose messages are archived in full are looked at: the others lie in outages
    and losses, which are judged elsewhere.

    Args:
        venue: Reads the rows.
        checkpoints: What the venue wrote down, by socket.
        served: Which connection each socket is.
        envelopes: What the archive holds, in any order.
    """
    result = Compared(problems=[])
    frames: dict[str, dict[int, Envelope]] = {connection: {} for connection in served.values()}
    gaps: dict[str, list[tuple[int, Envelope]]] = {connection: [] for connection in frames}
    for envelope in envelopes:
        if envelope.connection not in frames:
            continue
        if envelope.ordinal is not None and envelope.parts == 1:
            frames[envelope.connection][envelope.ordinal] = envelope
        elif envelope.type == LEDGER:
            gaps[envelope.connection].append((envelope.record or 0, envelope))
    for socket, connection in served.items():
        of_socket = checkpoints.get(socket, ())
        if of_socket:
            known = _gaps(each for _, each in sorted(gaps[connection], key=lambda pair: pair[0]))
            _compare_one(venue, connection, of_socket, frames[connection], known, result)
    return result


def _compare_one(
    venue: Venue,
    connection: str,
    checkpoints: Sequence[Checkpoint],
    frames: Mapping[int, Envelope],
    gaps: Sequence[_Gap],
    result: Compared,
) -> None:
    depths = {book.symbol: book.depth for each in checkpoints for book in each.books}
    rebuilt = Rebuilt(venue, depths)
    differing: list[tuple[Checkpoint, BookState, str]] = []
    done = 0
    for checkpoint in checkpoints:
        while done < checkpoint.emitted and done in frames:
            rebuilt.apply(frames[done])
            done += 1
        if done < checkpoint.emitted:
            break  # not archived from here on
        for state in checkpoint.books:
            result.compared += 1
            difference = _difference(state, rebuilt.books.get(state.symbol))
            if difference:
                differing.append((checkpoint, state, difference))
    while done in frames:  # what came later tells whether a difference could be known
        rebuilt.apply(frames[done])
        done += 1
    for checkpoint, state, difference in differing:
        later = [n for n in rebuilt.changed.get(state.symbol, []) if n >= checkpoint.emitted]
        if _is_on_record(state.symbol, checkpoint.emitted, later, gaps):
            result.excused += 1
        else:
            result.problems.append(
                f"{connection}: the book of {state.symbol} after {checkpoint.emitted} messages"
                f" differs from the venue's, and no gap says so: {difference}."
            )


def _is_on_record(symbol: str, emitted: int, later: Sequence[int], gaps: Sequence[_Gap]) -> bool:
    """Whether a gap of this book was known then, or as soon as its next message came."""
    if not later:
        return True  # the connection ended before anything could show it
    return any(
        (not gap.symbols or symbol in gap.symbols)
        and gap.since <= later[0]
        and (gap.until is None or gap.until >= emitted)
        for gap in gaps
    )


def _gaps(envelopes: Iterable[Envelope]) -> list[_Gap]:
    """The gaps of one connection, from its records in order."""
    found: list[_Gap] = []
    for envelope in envelopes:
        record = decode_ledger(envelope.payload)
        if isinstance(record, GapFound) and record.ordinal is not None:
            found.append(_Gap(record.symbols, record.ordinal))
        elif isinstance(record, GapRepaired) and record.ordinal is not None:
            for gap in found:
                if gap.until is None and set(gap.symbols) <= set(record.symbols):
                    gap.until = record.ordinal
    return found


def _difference(state: BookState, book: Book | None) -> str:
    """Where two books differ first; empty when they do not."""
    if book is None:
        return "the archive has none"
    for name, wanted, side in (("bid", state.bids, book.bids), ("ask", state.asks, book.asks)):
        expected, found = _exact(wanted), _exact(side.best(len(side)))
        if expected != found:
            at = next(
                (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b),
                min(len(expected), len(found)),
            )
            shown = slice(at, at + _SHOWN)
            return f"{name} {at}: {expected[shown]} there, {found[shown]} here"
    return ""


def _exact(levels: Iterable[Level]) -> list[tuple[object, object]]:
    return [(exact(price), exact(size)) for price, size in levels]
