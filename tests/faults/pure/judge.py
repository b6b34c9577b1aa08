"""What an archive must hold after a schedule: nothing acked is lost, and what is lost is said."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from ssmd.archive import reader, verify
from ssmd.model.book import Book
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim import oracle
from ssmd.venues import load
from tests.faults.pure.configured import FEED
from tests.faults.pure.venue import Tape
from tests.faults.pure.world import World

DEPTH = 10
SKEW_NS = 100 * SECOND_NS
"""More than a stepped clock is off: sockets are told apart by their addresses."""


def judge(world: World) -> tuple[list[str], int]:
    """Everything that is wrong, one sentence each, and how many books were compared."""
    envelopes = [line.envelope for line in reader.read(world.root)]
    tapes: list[Any] = [*world.venue.tapes]
    conserved = oracle.judge(tapes, envelopes, skew_ns=SKEW_NS)
    proved = verify.verify(world.root)
    problems = [*world.broken, *conserved.problems]
    problems += [f"verify, {each.kind}: {each}" for each in proved.problems]
    problems += [
        f"{each.connection} is {each.state}" for each in proved.connections if each.state != "ok"
    ]
    compared = 0
    held: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        if envelope.type == "book":
            held.setdefault(envelope.connection, []).append(envelope)
    present = {number: _contiguous(envelopes, id_) for number, id_ in conserved.served.items()}
    for tape in world.venue.tapes:
        connection = conserved.served.get(tape.number)
        if connection is not None and not tape.tampered:
            wrong, number = _books(tape, held.get(connection, []), present[tape.number])
            problems += [f"{connection}: {each}" for each in wrong]
            compared += number
    return problems, compared


def _contiguous(envelopes: Iterable[Envelope], connection: str) -> int:
    """How many frames from the first on are archived without a hole."""
    ordinals = {e.ordinal for e in envelopes if e.connection == connection}
    return next(number for number in range(len(ordinals) + 1) if number not in ordinals)


def _books(tape: Tape, envelopes: list[Envelope], whole: int) -> tuple[list[str], int]:
    """Rebuild every book from its rows, and hold it against the venue's at each checkpoint."""
    wrong: list[str] = []
    compared = 0
    messages = iter(sorted(envelopes, key=lambda envelope: envelope.ordinal or 0))
    books: dict[str, Book] = {}
    pending = next(messages, None)
    for emitted, states in tape.books:
        if emitted > whole:
            break
        while pending is not None and (pending.ordinal or 0) < emitted:
            _apply(books, pending)
            pending = next(messages, None)
        for state in states:
            book = books.get(state.symbol)
            if book is None:
                continue
            compared += 1
            for side, theirs in ((book.bids, state.bids), (book.asks, state.asks)):
                ours = [(Decimal(p), Decimal(q)) for p, q in side.best(DEPTH)]
                if ours != [(Decimal(p), Decimal(q)) for p, q in theirs[:DEPTH]]:
                    wrong.append(f"the book of {state.symbol} differs after message {emitted}")
    return wrong, compared


def _apply(books: dict[str, Book], envelope: Envelope) -> None:
    """Take the rows of one message into the books."""
    levels: dict[str, list[tuple[str, str]]] = {"bid": [], "ask": []}
    rows = list(_levels(envelope))
    for _, _, side, price, size in rows:
        levels[side].append((price, size))
    for symbol, is_snapshot, *_ in rows[:1]:
        if is_snapshot or symbol not in books:
            books[symbol] = Book(DEPTH)
        books[symbol].apply(levels["bid"], levels["ask"])


def _levels(envelope: Envelope) -> Iterator[tuple[str, bool, str, str, str]]:
    for row in load(FEED).rows(envelope).rows:
        side: str | None = getattr(row, "side", None)
        if side is not None:
            price, size = getattr(row, "price", None), getattr(row, "size", None)
            yield row.symbol or "", row.is_snapshot, side, f"{price:f}", f"{size:f}"
