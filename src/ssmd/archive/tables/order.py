"""The lines of several segments, of each connection in the order in which they were received.

Redelivery puts lines out of order in a file, and late ones into another. What is there is known
from the manifests, so only what came too early waits.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from ssmd.archive import line
from ssmd.archive.presence import Presence
from ssmd.model.errors import Damaged

BOUND: Final = 64 << 20
"""So many bytes of lines may wait before other segments are read for what they wait for."""

COMMIT: Final = line.COMMIT.encode()
"""Type of the lines that hold a bus position, as it stands in them."""
_HEAD: Final = re.compile(
    rb'\{"t":(null|-?\d+),"c":"([^"\\]*(?:\\.[^"\\]*)*)","n":(null|\d+)(?:,"r":(\d+))?'
    rb',"p":(\d+)(?:,"m":(\d+))?,"k":"([^"\\]*(?:\\.[^"\\]*)*)"'
)


class Head(NamedTuple):
    """What the first fields of a line say, read without reading the rest.

    Attributes:
        connection: As it stands in the line: JSON, in bytes.
        ordinal: Which frame; None for a record.
        record: Which record; None for a frame.
        part: Which piece of the frame.
        parts: How many there are.
        type: Message type, as it stands in the line.
        ts_recv: When it was received, ns; None in imports without times.
    """

    connection: bytes
    ordinal: int | None
    record: int | None
    part: int
    parts: int
    type: bytes
    ts_recv: int | None


class Line(NamedTuple):
    """A line in its place.

    Attributes:
        head: What it is.
        text: The line.
        segment: Number of the segment it stands in, of those given.
        is_next: Whether nothing of its connection is missing before it.
        is_again: Whether the same stood elsewhere already.
    """

    head: Head
    text: bytes
    segment: int
    is_next: bool = True
    is_again: bool = False


def head(text: bytes) -> Head | None:
    """The head of a line; None for what is no line of an archive.

    It is the fields' order that makes this possible, which is a promise of the format.
    """
    match = _HEAD.match(text)
    if match is None:
        return None
    ts, connection, ordinal, record, part, parts, kind = match.groups()
    return Head(
        connection,
        None if ordinal == b"null" else int(ordinal),
        None if record is None else int(record),
        int(part),
        1 if parts is None else int(parts),
        kind,
        None if ts == b"null" else int(ts),
    )


@lru_cache(maxsize=4096)
def connection(head: bytes) -> str:
    """The connection's id from its spelling in a line."""
    name: str = msgspec.json.decode(b'"%b"' % head)
    return name


class _Reading:
    """How far one connection was read."""

    def __init__(self, presence: Presence, last: int | None) -> None:
        ranges = sorted([*presence.frames, *((number, number) for number in presence.parts)])
        self._firsts = [first for first, _ in ranges]
        self._lasts = [last for _, last in ranges]
        self._pieces = {number: known for number, (_, known) in presence.parts.items()}
        self._before = -1 if last is None else last
        """The frame before; of the slots before, at the beginning."""
        self._broken = False
        self.next = self._at(0)
        self.early: dict[tuple[int, int], tuple[Head, bytes, int]] = {}

    def take(self, head: Head) -> bool:
        """Go on to what follows; whether nothing is missing before."""
        ordinal, part = head.ordinal or 0, head.part
        whole = ordinal == self._before + 1 if part == 0 else ordinal == self._before
        is_next = whole and not self._broken
        self._before = ordinal
        pieces = self._pieces.get(ordinal)
        self._broken = False
        if pieces is None:
            following = part + 1 if part + 1 < head.parts else None
        else:
            ahead = pieces.missing(0, head.parts - 1)
            present = [p for p in range(part + 1, head.parts) if not _in(ahead, p)]
            following = present[0] if present else None
            self._broken = (following or head.parts) != part + 1
        self.next = self._at(ordinal + 1) if following is None else (ordinal, following)
        return is_next

    def _at(self, ordinal: int) -> tuple[int, int] | None:
        """The first piece that is there, of a frame or a later one."""
        at = bisect_right(self._firsts, ordinal) - 1
        if at >= 0 and ordinal <= self._lasts[at]:
            found = ordinal
        elif at + 1 < len(self._firsts):
            found = self._firsts[at + 1]
        else:
            return None
        pieces = self._pieces.get(found)
        return found, 0 if pieces is None else pieces.first


def _in(ranges: Iterable[tuple[int, int]], value: int) -> bool:
    return any(first <= value <= last for first, last in ranges)


class Ordered:
    """Puts lines in order.

    Attributes:
        waiting: Bytes of the lines that came too early.
    """

    def __init__(self, present: Mapping[str, Presence], before: Mapping[str, int]) -> None:
        """Begin.

        Args:
            present: What the segments hold of each connection.
            before: The last frame of each connection in the slots before.
        """
        self._readings = {
            _json(name): _Reading(presence, before.get(name)) for name, presence in present.items()
        }
        self.waiting = 0

    def put(self, head: Head, text: bytes, segment: int) -> Iterator[Line]:
        """Take a line; gives those whose turn it is.

        Raises:
            Damaged: The manifest does not tell of it.
        """
        if head.ordinal is None:
            yield Line(head, text, segment)
            return
        reading = self._readings.get(head.connection)
        if reading is None:
            message = f"A line of {head.connection.decode()} stands where no manifest tells of it."
            raise Damaged(message, remedy="Run `ssmd verify` to see what else is wrong.")
        at = head.ordinal, head.part
        if at != reading.next:
            if at in reading.early or reading.next is None or at < reading.next:
                yield Line(head, text, segment, is_again=True)
            else:
                reading.early[at] = head, text, segment
                self.waiting += len(text)
            return
        yield Line(head, text, segment, reading.take(head))
        while reading.early and reading.next in reading.early:
            ahead, early, where = reading.early.pop(reading.next)
            self.waiting -= len(early)
            yield Line(ahead, early, where, reading.take(ahead))

    def left(self) -> list[str]:
        """Connections of which manifests tell more than was there."""
        return sorted(
            name.decode() for name, reading in self._readings.items() if reading.next is not None
        )


def ordered(
    segments: Sequence[Iterable[bytes]],
    present: Mapping[str, Presence],
    before: Mapping[str, int],
    bound: int = BOUND,
) -> Iterator[Line]:
    """The lines of several segments, of each connection in order.

    Args:
        segments: The lines of each; those of type `_commit` are passed over.
        present: What they hold of each connection, by their manifests.
        before: The last frame of each connection in the slots before.
        bound: So many bytes may wait before other segments are read.

    Raises:
        Damaged: What is there is not what the manifests tell.
    """
    order = Ordered(present, before)
    sources = [(number, iter(lines)) for number, lines in enumerate(segments)]
    while sources:
        number, lines = sources.pop(0)
        for text in lines:
            known = head(text)
            if known is None:
                message = f"Not a line of an archive: {text[:80]!r}."
                raise Damaged(message, remedy="Restore the segment from a copy.")
            if known.type == COMMIT:
                continue
            yield from order.put(known, text, number)
            if order.waiting > bound and sources:
                sources.append((number, lines))
                break
    if left := order.left():
        message = f"Manifests tell of frames that are not there, of {', '.join(left)}."
        raise Damaged(message, remedy="Run `ssmd verify` to see what is missing.")


def _json(name: str) -> bytes:
    return msgspec.json.encode(name)[1:-1]
