"""Filling spools, and holding what comes out against what went in."""

import errno
import os
from collections.abc import AsyncIterator

from ssmd.connector.spool.lives import Life
from ssmd.connector.spool.spool import Spool
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.records import Closed, Lost, decode_connection, decode_ledger
from tests.connector.parts import FEED, a_frame, an_id

CLOSED = Closed(last_ordinal=-1, last_record=-1, by="connector", reason="closed")
NOTHING: tuple[tuple[int, Envelope], ...] = ()


def begin(spool: Spool, connection: str | None = None) -> Life:
    """A connection with its opening record."""
    life = spool.lives.begin(connection or an_id(), FEED, None)
    spool.write(life.say(CONNECTION, b'{"event":"opened"}', 1))
    return life


def receive(spool: Spool, life: Life, count: int = 1, payload: bytes = b"{}") -> None:
    for _ in range(count):
        spool.write(a_frame(life.connection, life.next_ordinal(), payload))
    spool.flush()


class Disk:
    """A disk that can be full, in the middle of a write too."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.error = errno.ENOSPC

    def write(self, fd: int, data: memoryview) -> int:
        if self.room is None:
            return os.write(fd, data)
        if self.room == 0:
            raise OSError(self.error, os.strerror(self.error))
        written = os.write(fd, data[: self.room])
        self.room -= written
        return written


def abandon(spool: Spool) -> None:
    """What kill -9 leaves: the files as they are, the lock released by the kernel."""
    spool._shelf.close()
    spool._reserve.close()
    spool._lock.release()


async def nothing_on_the_bus(_: int) -> AsyncIterator[tuple[int, Envelope]]:
    for item in NOTHING:
        yield item


def losses(entries: list[tuple[int, Envelope]]) -> list[Lost]:
    found = [decode_ledger(e.payload) for _, e in entries if e.type == LEDGER]
    return [record for record in found if isinstance(record, Lost)]


def assert_accounted(
    entries: list[tuple[int, Envelope]],
    expected: dict[str, tuple[int, bool]],
    *,
    only: bool = True,
) -> None:
    """Every ordinal and every record number is there once, or declared; closings fit."""
    for connection, (frames, is_closed) in expected.items():
        own = [e for _, e in entries if e.connection == connection]
        lost = losses([(0, e) for e in own])
        ordinals = [e.ordinal for e in own if e.ordinal is not None]
        ordinals += [n for one in lost for low, high in one.ordinals for n in range(low, high + 1)]
        assert sorted(ordinals) == list(range(frames)), connection
        records = [e.record for e in own if e.record is not None]
        records += [n for one in lost for low, high in one.records for n in range(low, high + 1)]
        assert sorted(records) == list(range(max(records) + 1)), connection
        closings = [e for e in own if e.type == CONNECTION and e.record]
        assert bool(closings) == is_closed
        if is_closed:
            closed = decode_connection(closings[-1].payload)
            assert isinstance(closed, Closed)
            assert (closed.last_ordinal, closed.last_record) == (frames - 1, max(records))
    assert not only or expected
