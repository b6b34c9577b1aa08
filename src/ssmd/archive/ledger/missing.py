"""Frames that were received and are not archived: holes, and losses that were declared. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ssmd.archive.ledger.carry import At, Life, OpenLoss, Remains
from ssmd.archive.ledger.entries import Hole, Loss
from ssmd.archive.ledger.facts import Facts
from ssmd.archive.presence import Presence
from ssmd.model.records import Lost


class Missing:
    """What is there of the frames of every connection, and what is not."""

    def __init__(
        self,
        feed: str,
        facts: Sequence[Facts],
        remains: Mapping[str, Remains],
        losses: Iterable[OpenLoss],
    ) -> None:
        self._feed = feed
        self._presences: dict[str, Presence] = {}
        self._losses = list(losses)
        self._touched = dict.fromkeys(who for one in facts for who in one.held)
        marks: dict[str, dict[int, int]] = {}
        for connection, left in remains.items():
            self._presences.setdefault(connection, Presence()).merge(left.held)
            marks.setdefault(connection, {}).update(left.marks)
        for one in sorted(facts, key=lambda one: one.segment):
            for connection, held in one.held.items():
                self._presences.setdefault(connection, Presence()).merge(held)
            for mark in one.marks:
                marks.setdefault(mark.connection, {})[mark.ordinal] = mark.ts
        self._marks = {who: sorted(found.items()) for who, found in marks.items()}

    def before(self, connection: str, ordinal: int) -> int | None:
        """When the last marked frame before this one came, ns."""
        marks = self._marks.get(connection, ())
        at = bisect_left(marks, (ordinal, 0)) - 1
        return marks[at][1] if at >= 0 else None

    def after(self, connection: str, ordinal: int) -> int | None:
        """When the first marked frame after this one came, ns."""
        marks = self._marks.get(connection, ())
        at = bisect_right(marks, (ordinal, 1 << 63))
        return marks[at][1] if at < len(marks) else None

    def lost(self, at: At, told: Lost, symbols: list[str]) -> None:
        """Frames are declared lost."""
        self._losses += [
            OpenLoss(at, told.reason, first, last, symbols) for first, last in told.ordinals
        ]

    def is_complete(self, connection: str) -> bool:
        """Whether it is closed, and everything it numbered is here or declared lost."""
        presence = self._presences.get(connection)
        return presence is not None and presence.is_complete

    def told(self, lives: Mapping[str, Life]) -> Iterator[Hole | Loss]:
        """Every loss that was not over before, and the holes of connections with news."""
        for loss in self._losses:
            life = lives.get(loss.told.connection)
            since, until = self._times(loss, life)
            yield Loss(
                feed=self._feed,
                since=since,
                until=until,
                reason=loss.reason,
                connection=loss.told.connection,
                record=loss.told.record,
                file=loss.told.file,
                symbols=tuple(loss.symbols),
                ordinals=(loss.first, loss.last),
            )
        for connection in self._touched:
            presence = self._presences[connection]
            if presence.closed is None:
                continue
            life = lives.get(connection)
            for first, last in presence.holes(presence.closed.last_ordinal):
                yield self._hole(connection, life, first, last)

    def carried(self, lives: Mapping[str, Life]) -> tuple[dict[str, Remains], list[OpenLoss]]:
        """What is to be known tomorrow: of the connections that something may still follow from."""
        remains = {
            connection: Remains(presence.held(), self._edges(connection, presence))
            for connection, presence in sorted(self._presences.items())
            if connection in lives and not presence.is_complete
        }
        losses = [
            loss
            for loss in self._losses
            if self._times(loss, lives.get(loss.told.connection))[1] is None
        ]
        return remains, losses

    def _times(self, loss: OpenLoss, life: Life | None) -> tuple[int, int | None]:
        connection = loss.told.connection
        since = self.before(connection, loss.first)
        if since is None:
            since = loss.told.ts if life is None else life.opened.ts
        until = self.after(connection, loss.last)
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
            reason="missing",
            connection=connection,
            record=None,
            file="" if closed is None else closed.file,
            symbols=() if life is None else tuple(life.symbols),
            ordinals=(first, last),
        )

    def _edges(self, connection: str, presence: Presence) -> list[tuple[int, int]]:
        """Marks whose neighbours are not there."""
        frames = presence.frames
        return [
            (ordinal, ts)
            for ordinal, ts in self._marks.get(connection, ())
            if ordinal + 1 not in frames or (ordinal and ordinal - 1 not in frames)
        ]
