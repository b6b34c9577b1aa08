"""How envelopes and carry-forwards stand in a spool file, and how a damaged file is read.

A record is the length of its body and the CRC32 of its body, both little-endian u32, then the
body: one msgpack array. Positions stand in the record, so that what follows damage keeps its
identity.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from mmap import mmap
from typing import Final

import msgspec

from ssmd.model.envelope import UNREAD, Envelope
from ssmd.model.frame import Opcode

HEADER: Final = struct.Struct("<II")
_ENVELOPE: Final = 1
_CARRY: Final = 0
_MARK: Final = re.compile(rb"\xdc\x00[\x10\x11]\x01")
"""First bytes of every envelope's body: an array that begins with 1, of sixteen, or with a route."""


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """What went into a spool since it was made, over all restarts.

    Attributes:
        frames: Frames written (a frame in several parts counts once).
        lost: Frames received and declared lost.
    """

    frames: int = 0
    lost: int = 0


class LifeState(msgspec.Struct, frozen=True, array_like=True):
    """How far a connection has come that has no closing record yet.

    Attributes:
        connection: Its id.
        feed: The feed's name.
        category: The feed's division, if any.
        ordinal: The greatest ordinal kept; -1 when none.
        record: The greatest record number kept; -1 when none.
    """

    connection: str
    feed: str
    category: str | None
    ordinal: int
    record: int


class Carry(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a file must know of the files before it, so that they can be deleted.

    Attributes:
        kind: Tells a carry from an envelope.
        version: Of this format.
        first: The least position this file may hold.
        acked: Every position up to here was acknowledged by the bus.
        sequence: The greatest stream sequence acknowledged so far; 0 when none.
        totals: Counts up to the beginning of this file.
        lives: Connections without a closing record.
        latest: The last connection of each shard, open or closed.
    """

    kind: int = _CARRY
    version: int = 1
    first: int
    acked: int
    sequence: int
    totals: Totals
    lives: tuple[LifeState, ...]
    latest: dict[str, str]


class _Body(msgspec.Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    kind: int
    position: int
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


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One envelope read back.

    Attributes:
        position: Its place in the spool.
        envelope: What was written.
        start: Offset of its first byte in the file.
        end: Offset after its last byte.
    """

    position: int
    envelope: Envelope
    start: int
    end: int


class Damage(msgspec.Struct, frozen=True):
    """Bytes that are not what was written, with good records after them."""

    start: int
    end: int


class Tail(msgspec.Struct, frozen=True):
    """The end of what can be read: the file's length, unless a write was cut short."""

    start: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode
_decode_carry = msgspec.msgpack.Decoder(Carry).decode
_pack = HEADER.pack
_crc32 = zlib.crc32


def encode(position: int, e: Envelope) -> bytes:
    """The record of an envelope at a position."""
    fields = (
        _ENVELOPE,
        position,
        e.feed,
        e.category,
        e.type,
        e.symbols,
        e.connection,
        e.ordinal,
        e.record,
        e.part,
        e.parts,
        e.opcode,
        e.sequence,
        e.ts_event,
        e.ts_recv,
        e.payload,
    )
    body = _encode(fields if e.route is None else (*fields, e.route))
    return _pack(len(body), _crc32(body)) + body


def encode_all(position: int, batch: list[Envelope]) -> tuple[list[Envelope], list[bytes]]:
    """The records of a batch; what cannot be encoded keeps its bytes and loses its labels."""
    try:
        return batch, [encode(at, envelope) for at, envelope in enumerate(batch, position)]
    except (OverflowError, UnicodeError, TypeError):
        plain = [_encodable(envelope) for envelope in batch]
        return plain, [encode(at, envelope) for at, envelope in enumerate(plain, position)]


def encode_carry(carry: Carry) -> bytes:
    """The record a file begins with."""
    body = _encode(carry)
    return _pack(len(body), _crc32(body)) + body


def read_carry(data: bytes | mmap) -> tuple[Carry, int] | None:
    """The carry a file begins with and where it ends; None when it cannot be read."""
    span = _body_span(data, 0)
    if span is None:
        return None
    try:
        carry: Carry = _decode_carry(data[span[0] : span[1]])
    except msgspec.MsgspecError:
        return None
    return carry, span[1]


def walk(data: bytes | mmap, offset: int) -> Iterator[Entry | Damage | Tail]:
    """Every record from an offset on; always ends with a `Tail`.

    Damage is skipped to the next record whose checksum holds. Without such a record the rest is
    the torn end of the file. Positions grow: one that does not is no record of this place, but
    what a block held that was used before.
    """
    last = -1
    while True:
        entry = _entry_at(data, offset)
        if entry is None or entry.position <= last:
            entry = _next_entry(data, offset, last)
            if entry is None:
                yield Tail(offset)
                return
            yield Damage(offset, entry.start)
        yield entry
        offset, last = entry.end, entry.position


def _entry_at(data: bytes | mmap, offset: int) -> Entry | None:
    span = _body_span(data, offset)
    if span is None:
        return None
    try:
        body: _Body = _decode(data[span[0] : span[1]])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Entry(body.position, _envelope(body), offset, span[1])


def _body_span(data: bytes | mmap, offset: int) -> tuple[int, int] | None:
    start = offset + HEADER.size
    if start > len(data):
        return None
    length, crc = HEADER.unpack_from(data, offset)
    end = start + length
    # Zeros after a power failure look like an empty record with the right checksum.
    if length == 0 or end > len(data) or _crc32(data[start:end]) != crc:
        return None
    return start, end


def _next_entry(data: bytes | mmap, offset: int, last: int) -> Entry | None:
    found = _MARK.search(data, offset + 1)
    while found is not None:
        start = found.start() - HEADER.size
        if start > offset:
            entry = _entry_at(data, start)
            if entry is not None and entry.position > last:
                return entry
        found = _MARK.search(data, found.start() + 1)
    return None


def _envelope(body: _Body) -> Envelope:
    return Envelope(
        body.feed,
        body.category,
        body.type,
        body.symbols,
        body.connection,
        body.ordinal,
        body.record,
        body.part,
        body.parts,
        body.opcode,
        body.sequence,
        body.ts_event,
        body.ts_recv,
        body.payload,
        body.route,
    )


def _encodable(envelope: Envelope) -> Envelope:
    try:
        encode(0, envelope)
    except (OverflowError, UnicodeError, TypeError):
        return msgspec.structs.replace(
            envelope, type=UNREAD, symbols=(), sequence=None, ts_event=None, route=None
        )
    return envelope
