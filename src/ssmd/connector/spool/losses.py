"""Frames and records that could not be spooled, kept in space reserved while there was some.

The file has two slots of fixed size, each with its own checksum, written in turn: a write cut
short leaves the slot before it whole.
"""

import os
import zlib
from pathlib import Path
from typing import Final

import msgspec

from ssmd.connector.spool.codec import HEADER
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.model.envelope import Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.records import LossReason, Lost

SLOT_BYTES: Final = 256 * 1024


class Loss(msgspec.Struct, array_like=True):
    """What one connection lost for one reason.

    Attributes:
        connection: Its id.
        feed: The feed's name.
        category: The feed's division, if any.
        reason: What prevented the keeping.
        ordinals: Inclusive ranges of frames.
        records: Inclusive ranges of our own records.
    """

    connection: str
    feed: str
    category: str | None
    reason: LossReason
    ordinals: list[tuple[int, int]]
    records: list[tuple[int, int]]


class _Slot(msgspec.Struct, array_like=True):
    generation: int
    losses: list[Loss]


class Pending:
    """Losses in memory, not yet said in the spool itself."""

    def __init__(self, losses: list[Loss] | None = None) -> None:
        self._ordinals: dict[tuple[str, LossReason], Intervals] = {}
        self._records: dict[tuple[str, LossReason], Intervals] = {}
        self._owner: dict[str, tuple[str, str | None]] = {}
        for loss in losses or ():
            key = self._key(loss.connection, loss.feed, loss.category, loss.reason)
            self._ordinals[key].update(Intervals(loss.ordinals))
            self._records[key].update(Intervals(loss.records))

    def __bool__(self) -> bool:
        return bool(self._owner)

    def add(self, envelope: Envelope, reason: LossReason) -> bool:
        """An envelope could not be kept; whether it is a frame not counted before."""
        key = self._key(envelope.connection, envelope.feed, envelope.category, reason)
        if envelope.record is not None:
            self._records[key].add(envelope.record)
            return False
        return envelope.ordinal is not None and self._ordinals[key].add(envelope.ordinal)

    def owe(self, envelope: Envelope, lost: Lost) -> None:
        """A declaration could not be kept: what it says is still to be said."""
        key = self._key(envelope.connection, envelope.feed, envelope.category, lost.reason)
        self._ordinals[key].update(Intervals(lost.ordinals))
        self._records[key].update(Intervals(lost.records))

    @property
    def frames(self) -> int:
        """How many frames are lost."""
        return sum(ordinals.count for ordinals in self._ordinals.values())

    def all(self) -> list[Loss]:
        """Everything lost, per connection and reason."""
        return [
            Loss(
                connection,
                *self._owner[connection],
                reason,
                ordinals.ranges(),
                self._records[connection, reason].ranges(),
            )
            for (connection, reason), ordinals in self._ordinals.items()
        ]

    def _key(
        self, connection: str, feed: str, category: str | None, reason: LossReason
    ) -> tuple[str, LossReason]:
        key = (connection, reason)
        if key not in self._ordinals:
            self._ordinals[key] = Intervals()
            self._records[key] = Intervals()
            self._owner[connection] = (feed, category)
        return key


class LossesFile:
    """Where losses survive a crash while nothing else can be written.

    Raises:
        OSError: There is no room to reserve; the spool cannot begin.
    """

    def __init__(self, path: Path, device: Device = SYSTEM) -> None:
        self._device = device
        fresh = not path.exists() or path.stat().st_size != 2 * SLOT_BYTES
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if fresh:
            # Real zeros, not a sparse file: the blocks must exist when the disk is full.
            os.truncate(self._fd, 0)
            device.overwrite(self._fd, bytes(2 * SLOT_BYTES), 0)
            device.sync(self._fd)
        self._generation, self.found = self._read()

    def write(self, losses: list[Loss]) -> None:
        """Replace what is declared; an empty list clears it. Durable after `sync`.

        Raises:
            OSError: The device refuses even an overwrite in place.
        """
        self._generation += 1
        body = msgspec.msgpack.encode(_Slot(self._generation, losses))
        if len(body) + HEADER.size > SLOT_BYTES:
            body = msgspec.msgpack.encode(_Slot(self._generation, [_hull(loss) for loss in losses]))
        record = HEADER.pack(len(body), zlib.crc32(body)) + body
        self._device.overwrite(self._fd, record[:SLOT_BYTES], (self._generation % 2) * SLOT_BYTES)

    def sync(self) -> None:
        """Make the last write durable. May run in a thread."""
        self._device.sync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _read(self) -> tuple[int, list[Loss]]:
        best = _Slot(0, [])
        for index in range(2):
            slot = read_slot(os.pread(self._fd, SLOT_BYTES, index * SLOT_BYTES))
            if slot is not None and slot[0] > best.generation:
                best = _Slot(*slot)
        return best.generation, best.losses


def read_slot(data: bytes) -> tuple[int, list[Loss]] | None:
    """Generation and losses of one slot; None when it is empty or was cut short."""
    length, crc = HEADER.unpack_from(data)
    body = data[HEADER.size : HEADER.size + length]
    if length == 0 or len(body) != length or zlib.crc32(body) != crc:
        return None
    try:
        slot = msgspec.msgpack.decode(body, type=_Slot)
    except msgspec.MsgspecError:
        return None
    return slot.generation, slot.losses


def read_losses(path: Path) -> list[Loss]:
    """What a losses file declares, without opening it for writing."""
    if not path.exists():
        return []
    data = path.read_bytes()
    slots = [
        slot
        for index in range(2)
        if len(data) >= 2 * SLOT_BYTES
        and (slot := read_slot(data[index * SLOT_BYTES : (index + 1) * SLOT_BYTES])) is not None
    ]
    return max(slots, key=lambda slot: slot[0])[1] if slots else []


def _hull(loss: Loss) -> Loss:
    """One range over all: declares too much rather than too little when the slot overflows."""
    return Loss(
        loss.connection,
        loss.feed,
        loss.category,
        loss.reason,
        [(loss.ordinals[0][0], loss.ordinals[-1][1])] if loss.ordinals else [],
        [(loss.records[0][0], loss.records[-1][1])] if loss.records else [],
    )
