"""A frame, part or record with its provenance: what travels on the bus and rests in the archive."""

from typing import Final

import msgspec

from ssmd.model.frame import Opcode

CONNECTION: Final = "_connection"
"""Type of our records that open and close a connection."""
SENT: Final = "_sent"
"""Type of our records of what we sent to the venue."""
LEDGER: Final = "_ledger"
"""Type of our records of wants, answers, gaps and losses."""
CONTROL: Final = "_control"
"""Type of frames that are talk about the connection."""
UNREAD: Final = "_unread"
"""Type of frames that no session understood."""
REST: Final = "_rest"
"""Type of frames that are bodies of answers to REST requests."""
BACKFILL: Final = "_backfill"
"""Type of frames that are such bodies too, fetched to fill a hole: their rows are `source=rest`."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What travels on the bus and rests in the archive.

    Exactly one of `ordinal` and `record` is set: the first for what the venue sent, the second
    for what we say about the connection.

    Attributes:
        feed: The feed's name.
        category: The feed's division, when the feed is categorised.
        type: Message type; ours begin with an underscore.
        symbols: The instruments it speaks of, in the venue's own strings.
        connection: Id of the connection, `{feed}-{shard}-{UUIDv7}`.
        ordinal: Our counter of frames on the connection, from 0; None for a record.
        record: Our counter of records on the connection, from 0; None for a frame.
        part: Index of this piece of a split frame, from 0.
        parts: How many pieces the frame was split into; 1 when it is whole.
        opcode: Which kind of frame it was.
        sequence: The venue's own counter, if any.
        ts_event: The venue's time, ns since the Unix epoch, UTC, if stated.
        ts_recv: Our time of receipt (of making, for a record), ns; None only in imports.
        payload: The exact bytes.
        route: What the subject is named for, when that is not the symbols. It does not come back
            from the bus, and is not archived: it only says where to publish.
    """

    feed: str
    category: str | None
    type: str
    symbols: tuple[str, ...]
    connection: str
    ordinal: int | None
    record: int | None
    part: int
    parts: int
    opcode: Opcode
    sequence: int | None
    ts_event: int | None
    ts_recv: int | None
    payload: bytes
    route: str | None = None

    @property
    def message_id(self) -> str:
        """The identity that de-duplicates: the same after every crash and every retry."""
        if self.record is not None:
            return f"{self.connection}:r{self.record}"
        return f"{self.connection}:{self.ordinal}:{self.part}"
