"""What all segments together hold of each connection."""

from typing import Final

from ssmd.archive.conservation import Connection, Problem, judge
from ssmd.archive.contents import Contents
from ssmd.archive.layout import Place
from ssmd.archive.overlap import SILENT_NS, Overlap
from ssmd.archive.presence import Presence
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.records import HANDOVER
from ssmd.model.timestamp import SECOND_NS

_UUID_LENGTH: Final = 36
_MILLISECOND_NS: Final = 1_000_000


class Union:
    """Grows by one segment after the other, in the order of their names."""

    def __init__(self) -> None:
        self._presences: dict[str, Presence] = {}
        self._feeds: dict[str, str] = {}
        self._growing: set[str] = set()
        self._overlaps: dict[str, int] = {}
        self._ended: set[str] = set()
        self._overlap = Overlap(self._ended.__contains__)

    def watch(self, envelope: Envelope) -> None:
        """Look at one envelope on its way past."""
        if self._overlap.watch(envelope):
            connection = envelope.connection
            self._overlaps[connection] = self._overlaps.get(connection, 0) + 1
        elif envelope.type == CONNECTION and envelope.record:  # record 0 opens
            self._ended.add(envelope.connection)

    def add(self, place: Place, contents: Contents, *, is_open: bool = False) -> list[Problem]:
        """Put in what one segment holds; gives what was there already."""
        problems = []
        if is_open:
            self._growing.add(place.feed)
        for connection, held in contents.connections.items():
            self._feeds.setdefault(connection, place.feed)
            presence = self._presences.setdefault(connection, Presence())
            again, again_records = presence.merge(held)
            if again or again_records:
                problems.append(
                    Problem(
                        kind="twice",
                        message="it holds what another segment holds too.",
                        file=place.name("open" if is_open else "sealed"),
                        connection=connection,
                        ordinals=tuple(again),
                        records=tuple(again_records),
                    )
                )
        return problems

    def judge(self, *, began: int | None, grace_s: float) -> tuple[list[Connection], list[Problem]]:
        """What is proved of every connection.

        Args:
            began: When the archive was begun, ns: what was opened before need not be in it.
            grace_s: How long what a connection still owes may be on its way while a segment is
                open, in seconds.
        """
        successors = {
            presence.opened.previous: connection
            for connection, presence in sorted(self._presences.items())
            if presence.opened is not None and presence.opened.previous is not None
        }
        latest, handed = self._latest(), self._handed()
        connections, problems = [], []
        for connection, presence in sorted(self._presences.items()):
            feed = self._feeds[connection]
            successor = successors.get(connection)
            lives_on = connection in handed and presence.closed is None
            patience_ns = SILENT_NS if lives_on else int(grace_s * SECOND_NS)
            old = (
                presence.last_ts is not None
                and presence.last_ts + patience_ns < latest.get(feed, 0)
                and (presence.closed is not None or successor is not None)
            )
            report, found = judge(
                connection,
                presence,
                feed=feed,
                successor=successor,
                overlap=self._overlaps.get(connection, 0),
                settled=old or (feed not in self._growing and not lives_on),
            )
            connections.append(report)
            problems += found + self._orphaned(connection, presence, began)
        return connections, problems

    def _handed(self) -> set[str]:
        """Connections that lived in another process when their only successors were made."""
        reasons: dict[str, set[str]] = {}
        for presence in self._presences.values():
            if presence.opened is not None and presence.opened.previous is not None:
                reasons.setdefault(presence.opened.previous, set()).add(presence.opened.reason)
        return {connection for connection, found in reasons.items() if found == {HANDOVER}}

    def _latest(self) -> dict[str, int]:
        """The greatest `ts_recv` of each feed."""
        latest: dict[str, int] = {}
        for connection, presence in self._presences.items():
            feed = self._feeds[connection]
            if presence.last_ts is not None:
                latest[feed] = max(latest.get(feed, 0), presence.last_ts)
        return latest

    def _orphaned(self, connection: str, presence: Presence, began: int | None) -> list[Problem]:
        """The complaint that a connection's predecessor left no trace."""
        opened = presence.opened
        if opened is None or opened.previous is None or opened.previous in self._presences:
            return []
        if opened.source is None and began is not None:
            opened_at = _opened_at(opened.previous)
            if opened_at is not None and opened_at < began:
                return []
        return [
            Problem(
                kind="predecessor",
                message=f"it followed {opened.previous}, of which nothing is here.",
                connection=opened.previous,
            )
        ]


def _opened_at(connection: str) -> int | None:
    """When a connection was opened, as its UUID tells, ns; None when it is no UUID."""
    uuid = connection[-_UUID_LENGTH:].replace("-", "")
    try:
        return int(uuid[:12], 16) * _MILLISECOND_NS
    except ValueError:
        return None
