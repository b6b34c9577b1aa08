"""What is archived already: the memory that makes every envelope rest once."""

from collections.abc import Iterator, Mapping

from ssmd.archive.contents import Contents
from ssmd.archive.overlap import Overlap
from ssmd.archive.presence import Presence, Range
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import shard_of


class Seen:
    """Per connection, the ordinals, parts and records that are archived or about to be.

    Attributes:
        duplicates: Envelopes found to be there already since the last `take_counts`.
        overlaps: Frames of planned successors while their predecessors lived, since then.
    """

    def __init__(self) -> None:
        self._committed: dict[str, Presence] = {}
        self._pending: dict[str, Presence] = {}
        self._overlap = Overlap(self._is_closed)
        self._judged: set[str] = set()
        self._different: set[str] = set()
        self._differences: dict[str, int] = {}
        self.duplicates = 0
        self.overlaps = 0

    def __len__(self) -> int:
        return len(self._committed.keys() | self._pending.keys())

    def learn(self, contents: Contents) -> None:
        """Take in what a segment on disk holds."""
        for connection, held in contents.connections.items():
            self._committed.setdefault(connection, Presence()).merge(held)

    def add(self, envelope: Envelope) -> bool:
        """Whether an envelope is to be written; from now on it counts as there."""
        connection = envelope.connection
        committed = self._committed.get(connection)
        if committed is not None and committed.has(envelope):
            self.duplicates += 1
            return False
        pending = self._pending.get(connection)
        if pending is None:
            pending = self._pending[connection] = Presence()
        if not pending.add(envelope):
            self.duplicates += 1
            return False
        self.overlaps += self._overlap.watch(envelope)
        return True

    def commit(self) -> None:
        """What was added is on disk."""
        for connection, presence in self._pending.items():
            self._committed.setdefault(connection, Presence()).merge(presence.held())
        self._pending.clear()

    def discard(self) -> None:
        """What was added since the last commit will be delivered again."""
        self._pending.clear()

    def forget(self, before: int) -> None:
        """Drop connections that are closed, complete, and silent since `before`, ns."""
        done = [
            connection
            for connection, presence in self._committed.items()
            if presence.last_ts is not None and presence.last_ts < before and presence.is_complete
        ]
        for connection in done:
            del self._committed[connection]
            self._judged.discard(connection)
            self._different.discard(connection)

    def holes(self, before: int) -> Iterator[tuple[str, list[Range]]]:
        """Connections closed, silent since `before`, ns, and not complete; each is told once."""
        for connection, presence in self._committed.items():
            closed, last = presence.closed, presence.last_ts
            if connection in self._judged or closed is None or last is None or last >= before:
                continue
            self._judged.add(connection)
            if presence.difference:
                self._different.add(connection)
            if not presence.is_complete:
                yield connection, presence.holes(closed.last_ordinal)

    def differences(self) -> Mapping[str, int]:
        """By feed: frames received less archived less declared lost, of connections told by `holes`.

        What comes, or is declared, after all is taken into account; a feed once named stays named.
        """
        found = dict.fromkeys(self._differences, 0)
        for connection in list(self._different):
            difference = self._committed[connection].difference
            if not difference:
                self._different.discard(connection)
            feed = shard_of(connection).rpartition("-")[0]
            found[feed] = found.get(feed, 0) + difference
        self._differences = found
        return found

    def is_complete(self, connection: str) -> bool:
        """Whether a connection is closed and all of it is on disk or declared lost."""
        committed = self._committed.get(connection)
        return committed is not None and committed.is_complete

    def take_counts(self) -> tuple[int, int]:
        """Overlaps and duplicates since the last call."""
        counts = self.overlaps, self.duplicates
        self.overlaps = self.duplicates = 0
        return counts

    def _is_closed(self, connection: str) -> bool:
        return any(
            presence is not None and presence.closed is not None
            for presence in (self._pending.get(connection), self._committed.get(connection))
        )
