"""From the lines of a slot to rows in columns, and what became of every line."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import layout, line
from ssmd.archive.tables import schema
from ssmd.archive.tables.built import Accounting, Carry, Subject
from ssmd.archive.tables.held import Held, Place
from ssmd.archive.tables.order import Line
from ssmd.archive.tables.primary import Connections
from ssmd.archive.tables.rehearing import reheard
from ssmd.model.booking import BookChange, BookReader, BookSaved
from ssmd.model.envelope import BACKFILL, CONNECTION, LEDGER, REST, UNREAD, Envelope
from ssmd.model.errors import Damaged
from ssmd.model.fact import BookLevel
from ssmd.model.records import Backfilled, Opened, decode_connection, decode_ledger
from ssmd.model.row import Decoded, Reject
from ssmd.model.venue import Venue

BOOK: Final = BookLevel.table
"""The table of book levels."""
SPILL_BYTES: Final = 256 << 20
"""So many bytes of columns are held in memory before they go to a file."""
_OURS: Final = "_"
_CHECK: Final = 50_000
"""Rows between two looks at the size of what is held."""
_WORTH: Final = 64
"""What is less than such a share of the bound stays in memory."""


class Rejected(msgspec.Struct, frozen=True):
    """A piece of a frame that gave no row.

    Attributes:
        connection: On which connection.
        ordinal: Its frame.
        part: The piece of the frame.
        ts_recv: When it was received, ns.
        type: Message type.
        where: Which piece, as a path inside the payload; empty for the whole.
        reason: What is wrong with it.
    """

    connection: str
    ordinal: int | None
    part: int
    ts_recv: int | None
    type: str
    where: str
    reason: str


class Decoding:
    """Takes the lines of a slot in order.

    Attributes:
        connections: What they show of connections.
        tables: The rows of every table, by segment.
        rejected: What gave no row, by segment.
        reheard: So many frames were unread when they came and are read now, by segment.
        accounts: What became of the lines, by segment.
        readers: The books of every connection.
        pages: What pages of past facts are whole for.
    """

    def __init__(
        self,
        feed: str,
        venue: Venue,
        carry: Carry,
        books: Mapping[str, Sequence[BookSaved]],
        accounts: Sequence[Accounting],
        *,
        tables: Collection[str] | None = None,
        spill: Path | None = None,
        bound: int = SPILL_BYTES,
    ) -> None:
        """Begin.

        Args:
            feed: The feed's name.
            venue: Whose messages they are.
            carry: What is known of the slots before.
            books: The books at their end.
            accounts: One for each segment, with nothing counted yet.
            tables: Only these tables; None for all.
            spill: Where columns go that are too many for memory; None keeps them there.
            bound: So many bytes of columns are held in memory.
        """
        self._feed = feed
        self._venue = venue
        self._spill = spill
        self._bound = bound
        self._spilt = 0
        self._since_check = 0
        self.accounts = accounts
        self.connections = Connections(carry)
        self.readers: dict[str, BookReader] = {}
        self.pages: dict[tuple[str, int], tuple[int, int]] = {}
        self.rejected: list[list[Rejected]] = [[] for _ in accounts]
        self.reheard = [0] * len(accounts)
        shapes = {**schema.natives(venue), **schema.commons()}
        self.tables: dict[str, list[Held]] = {
            name: [Held(shape) for _ in accounts]
            for name, shape in shapes.items()
            if tables is None or name in tables
        }
        self._native = {row: f"{layout.NATIVE}{row.table}" for row in venue.tables}
        self._wants_facts = bool(self.tables.keys() & schema.commons().keys() - {BOOK})
        self._make = venue.books if BOOK in self.tables else None
        if self._make is not None:
            for name, saved in books.items():
                self._reader(name).restore(saved)

    def take(self, taken: Line) -> None:
        """Take a line.

        Raises:
            Damaged: It gave neither rows nor a reject: what it says would vanish.
        """
        account = self.accounts[taken.segment]
        if taken.is_again:
            account.duplicates += 1
            return
        envelope = line.decode(taken.text, self._feed)
        if envelope.ordinal is None:
            account.records += 1
            self._record(envelope)
            return
        self._frame(envelope, envelope.ordinal, account, taken)

    def _frame(self, envelope: Envelope, ordinal: int, account: Accounting, taken: Line) -> None:
        kind, ts = envelope.type, envelope.ts_recv
        self.connections.frame(envelope.connection, ordinal, envelope.part, ts)
        pieces = self._pieces(envelope)
        is_reheard = pieces[0][0].type != kind
        rows = tuple(row for _, piece in pieces for row in piece.rows)
        decoded = Decoded(rows, tuple(reject for _, piece in pieces for reject in piece.rejects))
        is_rest = kind == BACKFILL
        place = Place(ts, envelope.connection, ordinal, envelope.part, envelope.sequence, is_rest)
        self._rows(decoded, place, taken.segment)
        if kind not in {REST, BACKFILL} and self._make is not None:
            self._book(pieces, place, taken)
        for reject in decoded.rejects:
            self._reject(envelope, reject, taken.segment)
        account.rejects += len(decoded.rejects)
        self.reheard[taken.segment] += is_reheard
        if decoded.rows:
            account.with_rows += 1
        elif decoded.rejects:
            account.rejected += 1
        elif kind == UNREAD:
            account.unread += 1
        elif kind.startswith(_OURS) and not is_rest:
            account.control += 1
        elif is_rest:
            account.empty += 1
        else:
            message = (
                f"{account.segment}: {envelope.message_id} of type {kind!r} gave neither a row nor"
                " a reject."
            )
            raise Damaged(message, remedy="Report it: what the message says would be lost.")

    def _pieces(self, envelope: Envelope) -> list[tuple[Envelope, Decoded]]:
        """What a frame says: as it was understood when it came, or, if it was not, as it is now."""
        kind = envelope.type
        if kind == UNREAD:
            again = [(each, self._decoded(each)) for each in reheard(envelope, self._venue)]
            if any(decoded.rows or decoded.rejects for _, decoded in again):
                return again
        is_data = kind == BACKFILL or not kind.startswith(_OURS)
        return [(envelope, self._decoded(envelope) if is_data else Decoded())]

    def _decoded(self, envelope: Envelope) -> Decoded:
        """The venue's rows; a reader that raises costs one line its rows, and nobody else's."""
        try:
            return self._venue.rows(envelope)
        except Exception as error:  # noqa: BLE001 - a bad line is a reject, never a lost slot
            reason = f"{type(error).__name__}: {error}"
            return Decoded((), (Reject(envelope.message_id, "", reason),))

    def _rows(self, decoded: Decoded, place: Place, segment: int) -> None:
        begun: set[Subject] = set()
        counts: dict[str, int] = {}
        for number, row in enumerate(decoded.rows):
            name = self._native[type(row)]
            if name in self.tables:
                self.tables[name][segment].add(place, number, row)
            if row.is_snapshot:
                begun.add((name, row.symbol or ""))
            for fact in self._venue.facts(row) if self._wants_facts else ():
                if (parts := self.tables.get(fact.table)) is not None:
                    index = counts.get(fact.table, 0)
                    parts[segment].add(place, index, fact)
                    counts[fact.table] = index + 1
        if begun and not place.is_rest and place.ts_recv is not None:
            self.connections.snapshot(place.connection, place.ordinal or 0, place.ts_recv, begun)
        self._since_check += len(decoded.rows)
        if self._since_check > min(_CHECK, self._bound):
            self._check()

    def _book(self, pieces: Sequence[tuple[Envelope, Decoded]], place: Place, taken: Line) -> None:
        envelope = pieces[0][0]
        reader = self._reader(envelope.connection)
        if not taken.is_next:
            reader.missed()
        try:
            changes = [
                change
                for each, decoded in pieces
                for change in reader.read(each, decoded.rows, rejected=bool(decoded.rejects))
            ]
        except Exception as error:  # noqa: BLE001 - it costs a book, never a lost slot
            reason = f"{type(error).__name__}: {error}"
            reject = Reject(envelope.message_id, BOOK, reason)
            self._reject(envelope, reject, taken.segment)
            self.accounts[taken.segment].rejects += 1
            del self.readers[envelope.connection]
            return
        levels = (level for change in changes for level in _levels(change))
        held = self.tables[BOOK][taken.segment]
        for row, level in enumerate(levels):
            held.add(place, row, level)

    def _reader(self, connection: str) -> BookReader:
        reader = self.readers.get(connection)
        if reader is None:
            assert self._make is not None  # noqa: S101 - it is asked for only then
            reader = self.readers[connection] = self._make()
        return reader

    def _record(self, envelope: Envelope) -> None:
        """Take in what a record says; one we cannot read says nothing."""
        try:
            if envelope.type == CONNECTION:
                record = decode_connection(envelope.payload)
                if isinstance(record, Opened) and record.venue != self._venue.id:
                    message = (
                        f"{envelope.connection} of the feed {self._feed!r} is of {record.venue!r};"
                        f" before it was {self._venue.id!r}."
                    )
                    raise Damaged(message, remedy="Give every venue a feed of its own.")
                self.connections.record(envelope.connection, envelope.ts_recv, record)
            elif envelope.type == LEDGER:
                entry = decode_ledger(envelope.payload)
                self.connections.record(envelope.connection, envelope.ts_recv, entry)
                if isinstance(entry, Backfilled) and entry.ordinal is not None:
                    self.pages[envelope.connection, entry.ordinal] = entry.since, entry.until
        except (msgspec.MsgspecError, ValueError):
            return

    def _reject(self, envelope: Envelope, reject: Reject, segment: int) -> None:
        self.rejected[segment].append(
            Rejected(
                envelope.connection,
                envelope.ordinal,
                envelope.part,
                envelope.ts_recv,
                envelope.type,
                reject.where,
                reject.reason,
            )
        )

    def _check(self) -> None:
        """Put columns into files when they are too many."""
        self._since_check = 0
        parts = [held for each in self.tables.values() for held in each]
        if self._spill is None or sum(held.size for held in parts) <= self._bound:
            return
        for held in parts:
            if held.size > self._bound // _WORTH:
                held.spill(self._spill / f"{self._spilt}.arrow")
                self._spilt += 1

    def settle(self) -> None:
        """Turn everything into columns; what cannot be is rejected, and accounted for.

        A line of which no row is left counts as rejected.
        """
        bad: dict[tuple[int, str, int, int], int] = {}
        for name, parts in sorted(self.tables.items()):
            for segment, held in enumerate(parts):
                held.flush()
                for each in held.bad:
                    at = each.place
                    self.rejected[segment].append(
                        Rejected(
                            at.connection,
                            at.ordinal,
                            at.part,
                            at.ts_recv,
                            name,
                            f"{name}[{each.row}]",
                            each.reason,
                        )
                    )
                    self.accounts[segment].rejects += 1
                    if name.startswith(layout.NATIVE):
                        bad[segment, at.connection, at.ordinal or 0, at.part] = 0
        if bad:
            self._recount(bad)

    def _recount(self, bad: dict[tuple[int, str, int, int], int]) -> None:
        """Count lines without a row that is left as rejected."""
        for name in self._native.values():
            for segment, held in enumerate(self.tables.get(name, ())):
                for whose, ordinal, part in zip(
                    *(held.column(each) for each in ("connection", "ordinal", "part")), strict=True
                ):
                    key = segment, whose, ordinal, part
                    if key in bad:
                        bad[key] += 1
        for (segment, *_), left in bad.items():
            if not left:
                self.accounts[segment].with_rows -= 1
                self.accounts[segment].rejected += 1


def _levels(change: BookChange) -> Iterable[BookLevel]:
    """A change as rows; a snapshot of an empty book is one without side, price and size."""
    shared = {
        "symbol": change.symbol,
        "ts_event": change.ts_event,
        "is_snapshot": change.is_snapshot,
        "book_ok": change.ok,
        "inexact": change.inexact,
    }
    if not change.levels:
        yield BookLevel(**shared)  # type: ignore[arg-type]  # one row without a level
    for level in change.levels:
        yield BookLevel(side=level.side, price=level.price, size=level.size, **shared)  # type: ignore[arg-type]
