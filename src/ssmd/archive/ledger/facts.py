"""What one segment tells the ledger: everything in it that is not market data itself. Pure."""

from typing import Final

import msgspec

from ssmd.archive.presence import Held, Range

MINUTE_NS = 60_000_000_000
"""A minute in ns."""

VERSION: Final = 2
"""What is gathered: 1 had no `anew`."""

UNREAD: Final = "unread"
"""Why frames are missing that were archived, and why something is taken to be wanted."""


class Note(msgspec.Struct, frozen=True):
    """One of our own records: a `_connection` or a `_ledger`.

    Attributes:
        ts: When it was made, ns; None in imports of captures without times.
        connection: About which connection.
        record: Its number there.
        type: `_connection` or `_ledger`.
        payload: The record as it was written.
    """

    ts: int | None
    connection: str
    record: int
    type: str
    payload: bytes


class Mark(msgspec.Struct, frozen=True, order=True):
    """When a frame came, for those whose neighbours are not in the segment.

    The first and the last frame of every connection, and both sides of every jump of the ordinals.

    Attributes:
        connection: Whose frame.
        ordinal: Its number.
        ts: When it was received, ns.
    """

    connection: str
    ordinal: int
    ts: int


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment held of a connection, by its manifest, and nobody can read any more.

    Attributes:
        connection: Which connection.
        since: From when on, ns.
        until: Up to when, ns.
        ordinals: The least and the greatest of the frames concerned; None when none is.
        channels: What the segment held besides our own records: the connection's, or another's.
    """

    connection: str
    since: int
    until: int
    ordinals: Range | None
    channels: tuple[str, ...]


class Anew(msgspec.Struct, frozen=True, order=True):
    """A message that states anew what those of its channel build.

    Of each channel and instrument the first of its connection in the segment, and the first after
    every jump of the ordinals.

    Attributes:
        connection: On which connection.
        ordinal: The number of its frame.
        ts: When it was received, ns.
        channel: Of which channel.
        symbol: Of which instrument; empty for all.
    """

    connection: str
    ordinal: int
    ts: int
    channel: str
    symbol: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment tells the ledger.

    Attributes:
        feed: The feed's name.
        segment: The segment's name, relative to the root.
        sha256: Digest of the sealed segment; empty for one that is open.
        held: What it holds of each connection, as its manifest tells.
        frames: Per connection, least and greatest `ts_recv` of its frames, ns (not of records: one
            that closes the dead is made by the living).
        notes: Our records in it, by connection and number.
        marks: In order.
        rights: For each record of a gap, by its number: when the last message of the same kind and
            instrument came before it, as far as this segment has one.
        activity: Data messages by (symbol, minute): types that begin with `_` do not count, nor do
            messages without `ts_recv`; a message about several instruments counts for each.
        anew: Where a state was stated anew, in order.
        version: Which version of this software's facts they are: an older one lacks some.
        unread: What of it cannot be read any more; nothing in facts that were gathered in time.
    """

    feed: str
    segment: str
    sha256: str
    held: dict[str, Held]
    frames: dict[str, tuple[int, int]]
    notes: tuple[Note, ...]
    marks: tuple[Mark, ...]
    activity: dict[tuple[str, int], int]
    unread: tuple[Unread, ...] = ()
    rights: tuple[Mark, ...] = ()
    anew: tuple[Anew, ...] = ()
    version: int = VERSION
