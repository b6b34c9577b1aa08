"""Books rebuilt from an archive, held against those of the simulated venue at its checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.book import Level, exact
from ssmd.model.booking import BookReader, BookSaved
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.records import GapFound, GapRepaired, decode_ledger
from ssmd.model.simulated import BookState
from ssmd.model.venue import Venue
from ssmd.sim.checkpoints import Checkpoint

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
    """The books of one connection, as a reader of the archive makes them.

    Attributes:
        changed: The ordinals of the messages of each book so far, ascending.
    """

    def __init__(self, venue: Venue, reader: BookReader) -> None:
        self.changed: dict[str, list[int]] = {}
        self._venue = venue
        self._reader = reader

    def apply(self, parts: Iterable[Envelope]) -> None:
        """Take in one frame, all its parts."""
        for envelope in parts:
            decoded = self._venue.rows(envelope)
            rejected = bool(decoded.rejects)
            for change in self._reader.read(envelope, decoded.rows, rejected=rejected):
                if change.levels or change.is_snapshot:
                    self.changed.setdefault(change.symbol, []).append(envelope.ordinal or 0)

    def books(self) -> dict[str, BookSaved]:
        """As they stand now, by symbol."""
        return {saved.symbol: saved for saved in self._reader.save()}


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
    and losses, which are judged elsewhere. Nothing is compared where a venue neither counts nor
    checksums: a message that it never sent leaves no trace.

    Args:
        venue: Reads the rows.
        checkpoints: What the venue wrote down, by socket.
        served: Which connection each socket is.
        envelopes: What the archive holds, in any order.
    """
    result = Compared(problems=[])
    if venue.books is None or not venue.numbered:
        return result
    frames: dict[str, dict[int, list[Envelope]]] = {each: {} for each in served.values()}
    gaps: dict[str, list[tuple[int, Envelope]]] = {connection: [] for connection in frames}
    for envelope in envelopes:
        if envelope.connection not in frames:
            continue
        if envelope.ordinal is not None:
            frames[envelope.connection].setdefault(envelope.ordinal, []).append(envelope)
        elif envelope.type == LEDGER:
            gaps[envelope.connection].append((envelope.record or 0, envelope))
    for socket, connection in served.items():
        of_socket = checkpoints.get(socket, ())
        if of_socket:
            known = _gaps(each for _, each in sorted(gaps[connection], key=lambda pair: pair[0]))
            heard = {
                ordinal: sorted(parts, key=lambda envelope: envelope.part)
                for ordinal, parts in frames[connection].items()
                if len(parts) == parts[0].parts
            }
            rebuilt = Rebuilt(venue, venue.books())
            _compare_one(rebuilt, connection, of_socket, heard, known, result)
    return result


def _compare_one(
    rebuilt: Rebuilt,
    connection: str,
    checkpoints: Sequence[Checkpoint],
    frames: Mapping[int, Sequence[Envelope]],
    gaps: Sequence[_Gap],
    result: Compared,
) -> None:
    differing: list[tuple[Checkpoint, BookState, str]] = []
    done = 0
    for checkpoint in checkpoints:
        while done < checkpoint.emitted and done in frames:
            rebuilt.apply(frames[done])
            done += 1
        if done < checkpoint.emitted:
            break  # not archived from here on
        held = rebuilt.books()
        for state in checkpoint.books:
            result.compared += 1
            difference = _difference(state, held.get(state.symbol))
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


def _difference(state: BookState, book: BookSaved | None) -> str:
    """Where two books differ first; empty when they do not."""
    if book is None:
        return "the archive has none"
    for name, wanted, held in (("bid", state.bids, book.bids), ("ask", state.asks, book.asks)):
        expected, found = _exact(wanted), _exact(held)
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
