"""Payloads above the server's limit: cut when published, joined again when consumed. Pure."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import msgspec

from ssmd.bus import codec

CHUNK: Final = b"Ssmd-Chunk"
"""Header `i/n` of a piece: its index from 0, and how many there are."""

_HEAD_ROOM: Final = 64
"""Bytes the chunk headers may add to a message's own."""
_REMEMBERED: Final = 4096


def cut(message: codec.Message, max_payload: int) -> Iterator[codec.Message]:
    """The pieces of a message, each within the server's limit.

    Every piece carries all headers, so that it can be read alone. The number of pieces is part of
    each id: the same frame cut for another limit is another set.

    Args:
        message: What is too large as a whole.
        max_payload: Most bytes of headers and payload together.

    Raises:
        ValueError: The headers alone leave no room.
    """
    size = max_payload - len(message.headers) - _HEAD_ROOM
    if size <= 0:
        reason = f"headers of {len(message.headers)} bytes leave no room in {max_payload}"
        raise ValueError(reason)
    total = -(-len(message.payload) // size)
    rest = message.headers[message.headers.index(b"\r\nSsmd: ") :]
    for index in range(total):
        identity = b"%b:c%d.%d" % (message.id, index, total)
        head = b"NATS/1.0\r\nNats-Msg-Id: %b\r\nSsmd-Chunk: %d/%d" % (identity, index, total)
        piece = message.payload[index * size : (index + 1) * size]
        yield codec.Message(message.subject, head + rest, piece, identity)


class Joined(msgspec.Struct, frozen=True):
    """A payload made whole again.

    Attributes:
        payload: The exact bytes.
        low: Stream sequence of its earliest piece.
    """

    payload: bytes
    low: int


class _Set:
    """The pieces of one message that have come so far."""

    __slots__ = ("held_back", "identity", "low", "pieces", "since", "size", "total")

    def __init__(self, identity: bytes, total: int, low: int, since: float) -> None:
        self.identity = identity
        self.total = total
        self.low = low
        self.since = since
        self.pieces: dict[int, bytes] = {}
        self.size = 0
        self.held_back = True


class Abandoned(msgspec.Struct, frozen=True):
    """A set that stayed incomplete.

    Attributes:
        identity: The message id, without the piece.
        found: How many pieces came.
        total: How many there should be.
        low: Stream sequence of the earliest piece.
    """

    identity: str
    found: int
    total: int
    low: int


class Joiner:
    """Puts pieces together, in any order and however often they come, in bounded memory.

    An incomplete set holds the watermark below its earliest piece until it is complete, or for
    `wait_s`; after that its pieces are still kept, for as long as there is room.

    Args:
        wait_s: How long an incomplete set holds the watermark back, in seconds.
        most_bytes: Most bytes of pieces kept; beyond, the oldest set is dropped.
    """

    def __init__(self, wait_s: float, most_bytes: int) -> None:
        self._wait_s = wait_s
        self._most_bytes = most_bytes
        self._sets: OrderedDict[tuple[bytes, int], _Set] = OrderedDict()
        self._done: OrderedDict[tuple[bytes, int], None] = OrderedDict()
        self._bytes = 0

    @property
    def low(self) -> int | None:
        """The lowest stream sequence an incomplete set still holds back; None when none does."""
        return min((found.low for found in self._sets.values() if found.held_back), default=None)

    @property
    def is_waiting(self) -> bool:
        """Whether any set is incomplete."""
        return bool(self._sets)

    def add(self, headers: bytes, payload: bytes, sequence: int, mono: float) -> Joined | None:
        """Take a piece; gives the payload when it was the last one missing.

        Args:
            headers: The piece's header block, with an `i/n`.
            payload: Its bytes.
            sequence: Its stream sequence.
            mono: The monotonic time, in seconds.

        Raises:
            ValueError: The header is not `i/n`, or the piece has no id.
        """
        index, total = (int(word) for word in (codec.header(headers, CHUNK) or b"").split(b"/"))
        identity = (codec.header(headers, codec.ID) or b"").rpartition(b":c")[0]
        if not identity or not 0 <= index < total:
            reason = f"piece {index} of {total} of {identity!r}"
            raise ValueError(reason)
        key = (identity, total)
        if key in self._done:
            return None
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = _Set(identity, total, sequence, mono)
        if index not in found.pieces:
            found.pieces[index] = payload
            found.size += len(payload)
            self._bytes += len(payload)
        found.low = min(found.low, sequence)
        if len(found.pieces) < total:
            return None
        self._forget(key)
        self._done[key] = None
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        return Joined(b"".join(found.pieces[at] for at in range(total)), found.low)

    def abandon(self, mono: float) -> list[Abandoned]:
        """Sets that from now on hold nothing back: waited for too long, or out of room."""
        given_up: list[Abandoned] = []
        for found in self._sets.values():
            if found.held_back and mono - found.since >= self._wait_s:
                found.held_back = False
                given_up.append(_abandoned(found))
        while self._bytes > self._most_bytes and len(self._sets) > 1:
            key, found = next(iter(self._sets.items()))
            self._forget(key)
            if found.held_back:
                given_up.append(_abandoned(found))
        return given_up

    def _forget(self, key: tuple[bytes, int]) -> None:
        self._bytes -= self._sets.pop(key).size


def _abandoned(found: _Set) -> Abandoned:
    return Abandoned(found.identity.decode(), len(found.pieces), found.total, found.low)
