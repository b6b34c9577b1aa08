"""Recorded frames in the order in which they were received, put together again. Pure."""

import heapq
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from ssmd.model.envelope import BACKFILL, CONTROL, REST, UNREAD, Envelope
from ssmd.model.frame import Opcode

Key = tuple[int, str, int]
"""Where a frame stands among all others: time, connection, ordinal."""

_TALK: Final = frozenset({CONTROL, REST, BACKFILL})


class Taped(msgspec.Struct, frozen=True, gc=False):
    """One frame as it was received.

    Attributes:
        at: When it comes, ns: its `ts_recv`, or that of an earlier frame of its connection where
            the wall clock had been set back in between.
        connection: On which connection it came.
        ordinal: Its number there.
        parts: How many pieces it was split into.
        pieces: Those that are archived, in order.
    """

    at: int
    connection: str
    ordinal: int
    parts: int
    pieces: tuple[Envelope, ...]

    @property
    def key(self) -> Key:
        """Where it stands among all others."""
        return self.at, self.connection, self.ordinal

    @property
    def is_binary(self) -> bool:
        """Whether it came as a binary message."""
        return self.pieces[0].opcode is Opcode.BINARY

    def payload(self, pieces: Sequence[Envelope]) -> bytes:
        """The bytes of some of its pieces, as the venue would have sent them alone.

        All pieces are the frame's own bytes, but for white space after the last bracket.
        """
        if self.parts == 1:
            return self.pieces[0].payload
        return b"[%b]" % b",".join(piece.payload for piece in pieces)


def is_data(envelope: Envelope) -> bool:
    """Whether it is a message of the venue's, not talk, nor what we say or asked for."""
    return (
        envelope.ordinal is not None
        and envelope.type not in _TALK
        and envelope.opcode in {Opcode.TEXT, Opcode.BINARY}
    )


def is_readable(envelope: Envelope) -> bool:
    """Whether it is known what it is about: nobody could subscribe to the others."""
    return envelope.type != UNREAD


class Lag:
    """How far the lines of a strand are out of order, seen line by line.

    Attributes:
        ns: The most that a line's time lies below one before it.
        disordered: Connections whose lines are not in the order of their ordinals.
    """

    def __init__(self) -> None:
        self.ns = 0
        self.disordered: set[str] = set()
        self._latest = 0
        self._places: dict[str, tuple[int, int]] = {}

    def see(self, envelope: Envelope) -> None:
        """Take the next line in."""
        ts, place = envelope.ts_recv or 0, (envelope.ordinal or 0, envelope.part)
        self._latest = max(self._latest, ts)
        self.ns = max(self.ns, self._latest - ts)
        if place < self._places.get(envelope.connection, place):
            self.disordered.add(envelope.connection)
        self._places[envelope.connection] = place


def ordered(
    lines: Iterable[Envelope], lag_ns: int, disordered: Container[str]
) -> Iterator[tuple[Key, Envelope]]:
    """Lines by time; those of a connection by ordinal, even where the wall clock was set back.

    Holds back only what can still be preceded: no more than came in `lag_ns`.

    Args:
        lines: One strand, as it was written.
        lag_ns: The most that a line's time lies below one before it (`Lag`).
        disordered: Connections whose lines are not in the order of their ordinals: theirs go by
            `ts_recv` alone.
    """
    held: list[tuple[Key, int, Envelope]] = []
    times: dict[str, int] = {}
    latest = 0
    for envelope in lines:
        at = envelope.ts_recv or 0
        latest = max(latest, at)
        if envelope.connection not in disordered:
            times[envelope.connection] = at = max(at, times.get(envelope.connection, at))
        key = (at, envelope.connection, envelope.ordinal or 0)
        heapq.heappush(held, (key, envelope.part, envelope))
        while held[0][0][0] < latest - lag_ns:
            key, _, envelope = heapq.heappop(held)  # noqa: PLW2901 - the earliest takes its turn
            yield key, envelope
    while held:
        key, _, envelope = heapq.heappop(held)
        yield key, envelope


def joined(strands: Iterable[Iterator[tuple[Key, Envelope]]]) -> Iterator[Taped]:
    """Whole frames of several ordered strands, by time."""
    merged = heapq.merge(*strands, key=lambda entry: (entry[0], entry[1].part))
    for key, entries in groupby(merged, key=lambda entry: entry[0]):
        pieces = tuple(envelope for _, envelope in entries)
        at, connection, ordinal = key
        yield Taped(at, connection, ordinal, pieces[0].parts, pieces)
