"""Frames that were received and are not archived: holes, and losses that were declared. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ssmd.archive import layout
from ssmd.archive.ledger.carry import At, Life, OpenLoss, Remains
from ssmd.archive.ledger.entries import Entry, Hole, Loss, Unproved
from ssmd.archive.ledger.facts import Facts
from ssmd.archive.ledger.proofs import Proofs, gone, torn
from ssmd.archive.ledger.words import NO_FRAMES, NO_WANTS, PENDING, RECORDS, WANTS, withdrawn
from ssmd.archive.presence import Presence, Range
from ssmd.model.intervals import Intervals
from ssmd.model.records import Lost

REMEMBERED_NS: Final = 2 * layout.DAY_NS
"""How long what a complete connection held is remembered, ns: as long as the bus keeps anything,
recovery may declare it lost although it came."""


class Missing:
    """What is there of the frames of every connection, and what is not."""

    def __init__(
        self,
        feed: str,
        facts: Sequence[Facts],
        notes: Mapping[str, list[tuple[int, int]]],
        remains: Mapping[str, Remains],
        losses: Iterable[OpenLoss],
    ) -> None:
        self._feed = feed
        self._presences: dict[str, Presence] = {}
        self._losses = list(losses)
        self._touched = dict.fromkeys(who for one in facts for who in one.held)
        self._told = {connection for connection, left in remains.items() if left.told}
        marks: dict[str, dict[int, int]] = {}
        records = {connection: dict(left.records) for connection, left in remains.items()}
        for connection, numbered in notes.items():
            records.setdefault(connection, {}).update(numbered)
        self._records = {who: sorted(found.items()) for who, found in records.items()}
        for connection, left in remains.items():
            self._presences.setdefault(connection, Presence()).merge(left.held)
            marks.setdefault(connection, {}).update(left.marks)
        for one in sorted(facts, key=lambda one: one.segment):
            for connection, held in one.held.items():
                self._presences.setdefault(connection, Presence()).merge(held)
            for mark in one.marks:
                marks.setdefault(mark.connection, {})[mark.ordinal] = mark.ts
        self._marks = {who: sorted(found.items()) for who, found in marks.items()}
        known = torn(self._presences)
        stated = [each for one in facts for each in one.anew if each.connection in known]
        stated += [each for who in known & remains.keys() for each in remains[who].anew]
        self._proofs = Proofs(feed, stated)

    def before(self, connection: str, ordinal: int) -> int | None:
        """When the last marked frame before this one came, ns."""
        return _before(self._marks.get(connection, ()), ordinal)

    def after(self, connection: str, ordinal: int) -> int | None:
        """When the first marked frame after this one came, ns."""
        return _after(self._marks.get(connection, ()), ordinal)

    def lost(self, at: At, told: Lost, symbols: list[str]) -> None:
        """Frames are declared lost."""
        self._losses += [
            OpenLoss(at, told.reason, first, last, symbols) for first, last in told.ordinals
        ]

    def is_gone(self, connection: str, ordinal: int | None) -> bool:
        """Whether a frame is not here, and later ones or a declaration show it."""
        presence = self._presences.get(connection)
        if presence is None or ordinal is None or ordinal in presence.frames:
            return False
        return ordinal <= _last(presence)

    def is_torn(self, connection: str, record: int) -> bool:
        """Whether any of a connection's records up to this one is missing."""
        presence = self._presences.get(connection)
        if presence is None:
            return False
        known = presence.records
        return bool(known.missing(0, min(record, max(known.last, presence.lost_records.last))))

    def is_complete(self, connection: str) -> bool:
        """Whether it is closed, and everything it numbered is here or declared lost."""
        presence = self._presences.get(connection)
        return presence is not None and presence.is_complete

    def told(self, lives: Mapping[str, Life]) -> Iterator[Entry]:
        """Every loss that was not over before, and the holes of connections with news.

        What is missing before the last known frame of an open connection may be on its way, and is
        told as well: nobody knows yet.
        """
        for loss in self._losses:
            life = lives.get(loss.told.connection)
            pieces = self._lost(loss)
            yield from (self._loss(loss, life, *piece) for piece in pieces)
            if loss.listed and not pieces:
                yield withdrawn(self._loss(loss, life, loss.first, loss.last))
            loss.listed = True
        for connection, presence in self._presences.items():
            if connection not in self._touched and presence.closed is not None:
                continue
            life = lives.get(connection)
            found = [
                self._hole(connection, life, first, last)
                for first, last in presence.holes(_last(presence))
            ]
            found += self._unsaid(connection, life, presence)
            unproved = list(self._unproved(connection, life, presence))
            if connection in self._told and not found and not unproved:
                yield withdrawn(self._hole(connection, life, 0, 0))
            if found or unproved:
                self._told.add(connection)
            yield from found
            yield from unproved

    def carried(
        self, lives: Mapping[str, Life], newest: int
    ) -> tuple[dict[str, Remains], list[OpenLoss]]:
        """What is to be known tomorrow: of the connections that something may still follow from.

        A loss may be declared of one that seemed complete: what it holds is known for a while.

        Args:
            lives: Those connections.
            newest: The last archived time, ns.
        """
        remains = {
            connection: Remains(
                presence.held(),
                self._edges(connection, presence),
                self._record_edges(connection, presence),
                connection in self._told,
                self._proofs.carried(connection, gone(presence)),
            )
            for connection, presence in sorted(self._presences.items())
            if connection in lives or presence.is_complete
            if not presence.is_complete or newest - (presence.last_ts or 0) < REMEMBERED_NS
        }
        going_on = {
            (loss.told.connection, loss.told.record)
            for loss in self._losses
            for piece in self._lost(loss)
            if self._times(loss, lives.get(loss.told.connection), *piece)[1] is None
        }
        losses = [
            loss for loss in self._losses if (loss.told.connection, loss.told.record) in going_on
        ]
        return remains, losses

    def _lost(self, loss: OpenLoss) -> list[Range]:
        """What is not here of what was declared lost: it may have come all the same."""
        presence = self._presences.get(loss.told.connection)
        whole = [(loss.first, loss.last)]
        return whole if presence is None else presence.frames.missing(loss.first, loss.last)

    def _loss(self, loss: OpenLoss, life: Life | None, first: int, last: int) -> Loss:
        since, until = self._times(loss, life, first, last)
        return Loss(
            feed=self._feed,
            since=since,
            until=until,
            reason=loss.reason,
            connection=loss.told.connection,
            record=loss.told.record,
            file=loss.told.file,
            symbols=tuple(loss.symbols),
            ordinals=(first, last),
        )

    def _times(
        self, loss: OpenLoss, life: Life | None, first: int, last: int
    ) -> tuple[int, int | None]:
        connection = loss.told.connection
        since = self.before(connection, first)
        if since is None:
            since = loss.told.ts if life is None else life.opened.ts
        until = self.after(connection, last)
        if until is None and life is not None and life.closed is None:
            return since, None
        if until is None:
            until = loss.told.ts if life is None or life.closed is None else life.closed.ts
        return since, max(since, until)

    def _hole(self, connection: str, life: Life | None, first: int, last: int) -> Hole:
        since, until = self.before(connection, first), self.after(connection, last)
        closed = None if life is None else life.closed
        if since is None:
            since = life.opened.ts if life is not None else until or 0
        if until is None:
            until = since if closed is None else closed.ts
        return Hole(
            feed=self._feed,
            since=since,
            until=max(since, until),
            reason=PENDING if life is not None and life.over is None else "missing",
            connection=connection,
            record=None,
            file="" if closed is None else closed.file,
            symbols=() if life is None else tuple(life.symbols),
            ordinals=(first, last),
        )

    def _unsaid(self, connection: str, life: Life | None, presence: Presence) -> Iterator[Hole]:
        """Our own records that are missing: what they said, and what follows, is not known."""
        if life is None or life.asks:
            return
        ends = life.heard if life.over is not None else None
        if life.closed is not None:
            ends = life.closed.ts
        unsaid = Intervals(_records_missing(presence))
        for first, last in unsaid:
            since = _before(self._records.get(connection, ()), first)
            since = life.opened.ts if since is None else since
            until = _after(self._records.get(connection, ()), last)
            until = ends if until is None else until
            for reason, end in ((RECORDS, until), (WANTS, ends)):
                yield Hole(
                    feed=self._feed,
                    since=since,
                    until=None if end is None else max(since, end),
                    reason=reason,
                    connection=connection,
                    record=first,
                    file="" if life.closed is None else life.closed.file,
                    symbols=() if reason == WANTS else tuple(life.symbols),
                    ordinals=NO_FRAMES if reason == RECORDS else NO_WANTS,
                )

    def _unproved(
        self, connection: str, life: Life | None, presence: Presence
    ) -> Iterator[Unproved]:
        """What the frames that are missing of a connection leave unproved."""
        if life is None or not life.books:
            return
        for first, last in gone(presence):
            since = self.before(connection, first)
            since = life.opened.ts if since is None else since
            declared = not presence.lost.missing(first, last)
            yield from self._proofs.unproved(life, (first, last), since, declared=declared)

    def _record_edges(self, connection: str, presence: Presence) -> list[tuple[int, int]]:
        """Records beside those that are missing, and the last one."""
        told = self._records.get(connection, [])
        kept = set(told[-1:])
        for first, last in _records_missing(presence):
            at = bisect_left(told, (first, 0)) - 1
            kept.update(told[max(at, 0) : at + 1])
            at = bisect_right(told, (last, 1 << 63))
            kept.update(told[at : at + 1])
        return sorted(kept)

    def _edges(self, connection: str, presence: Presence) -> list[tuple[int, int]]:
        """Marks whose neighbours are not there."""
        frames = presence.frames
        return [
            (ordinal, ts)
            for ordinal, ts in self._marks.get(connection, ())
            if ordinal + 1 not in frames or (ordinal and ordinal - 1 not in frames)
        ]


def _last(presence: Presence) -> int:
    """The last frame that is known to have been there."""
    closed = presence.closed
    return presence.last_ordinal if closed is None else closed.last_ordinal


def _records_missing(presence: Presence) -> list[Range]:
    """Records that are not here, declared or not."""
    closed, known = presence.closed, presence.records
    last = max(known.last, presence.lost_records.last)
    return known.missing(0, last if closed is None else closed.last_record)


def _before(known: Sequence[tuple[int, int]], number: int) -> int | None:
    at = bisect_left(known, (number, 0)) - 1
    return known[at][1] if at >= 0 else None


def _after(known: Sequence[tuple[int, int]], number: int) -> int | None:
    at = bisect_right(known, (number, 1 << 63))
    return known[at][1] if at < len(known) else None
