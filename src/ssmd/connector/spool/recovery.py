"""What a spool directory holds after any end of the process that wrote it."""

import mmap
import os
from itertools import pairwise
from pathlib import Path

from ssmd.connector.spool.codec import Carry, Damage, Entry, Totals, read_carry, walk
from ssmd.connector.spool.device import SYSTEM, Device
from ssmd.connector.spool.file import DRAFT, SUFFIX, SpoolFile
from ssmd.connector.spool.lives import Life, Lives
from ssmd.connector.spool.losses import Loss
from ssmd.model.envelope import LEDGER, Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.records import Closed, Lost, decode_connection, decode_ledger


class Found:
    """What was read.

    Attributes:
        files: Every file that holds records, oldest first.
        lives: Connections without a closing record.
        next_position: The position after everything found.
        sequence: Where on the bus to begin looking for more of the dead connections.
        totals: Counts over the spool's life.
        damaged_bytes: Bytes in the middle that could not be read.
        torn_bytes: Bytes cut from the end.
        closed: Connections whose closing record was read after damage.
        ended: Connections whose closing record was read.
    """

    def __init__(self) -> None:
        self.files: list[SpoolFile] = []
        self.lives = Lives()
        self.next_position = 0
        self.sequence = 0
        self.totals = Totals()
        self.damaged_bytes = 0
        self.torn_bytes = 0
        self.closed: dict[str, Life] = {}
        self.ended: dict[str, tuple[Life, Closed]] = {}
        self._seen: dict[str, tuple[Intervals, Intervals]] = {}
        self._damage_began: dict[str, tuple[int, int]] | None = None
        self._damage_sequence: int | None = None

    def missing(self, connection: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Ordinals and records lost to damage, as far as numbers around it prove it."""
        life = self.lives.open.get(connection) or self.closed.get(connection)
        if self._damage_began is None or life is None:
            return [], []
        ordinals, records = self._seen.get(connection, (Intervals(), Intervals()))
        ordinal, record = self._damage_began.get(connection, (-1, -1))
        return (
            ordinals.missing(ordinal + 1, life.kept_ordinal),
            records.missing(record + 1, life.kept_record),
        )

    def unsaid(self, loss: Loss) -> Loss:
        """What of a reserved loss was not declared in the spool itself before the crash."""
        ordinals, records = self._seen.get(loss.connection, (Intervals(), Intervals()))
        return Loss(
            loss.connection,
            loss.feed,
            loss.category,
            loss.reason,
            [r for first, last in loss.ordinals for r in ordinals.missing(first, last)],
            [r for first, last in loss.records for r in records.missing(first, last)],
        )

    @property
    def scan_from(self) -> int:
        """The stream sequence after which anything unknown of ours may stand."""
        return self.sequence if self._damage_sequence is None else self._damage_sequence

    def carry(self, carry: Carry) -> None:
        """A file begins: learn what it carries forward.

        The end of the file before it may be gone, though this one is there: after a power cut, for
        the kernel writes files in any order.
        """
        if self.files and carry.first > self.next_position:
            self.damage(carry.first - self.next_position, self.sequence)  # a byte each, at least
        for state in carry.lives:
            life = self.lives.begin(state.connection, state.feed, state.category)
            life.kept_ordinal = max(life.kept_ordinal, state.ordinal)
            life.kept_record = max(life.kept_record, state.record)
        self.lives.latest.update(carry.latest)
        self.sequence = carry.sequence  # the newest: they begin anew when the bus lost something
        self.totals = carry.totals
        self.next_position = max(self.next_position, carry.first)

    def entry(self, entry: Entry) -> None:
        """A record was read."""
        envelope = entry.envelope
        life = self.lives.open.get(envelope.connection)
        self.lives.observe(envelope)
        if life and life.connection not in self.lives.open:
            self._end(life, envelope)
        self.totals = counted(self.totals, envelope)
        self.next_position = max(self.next_position, entry.position + 1)
        seen = self._seen.get(envelope.connection)
        if seen is None:
            seen = self._seen[envelope.connection] = (Intervals(), Intervals())
        if envelope.ordinal is not None:
            seen[0].add(envelope.ordinal)
        elif envelope.record is not None:
            seen[1].add(envelope.record)
        lost = lost_in(envelope)
        if lost is not None:
            seen[0].update(Intervals(lost.ordinals))
            seen[1].update(Intervals(lost.records))
            if envelope.connection in self.lives.open:
                life = self.lives.open[envelope.connection]
                life.kept_ordinal = max(life.kept_ordinal, Intervals(lost.ordinals).last)

    def _end(self, life: Life, envelope: Envelope) -> None:
        record = decode_connection(envelope.payload)
        if isinstance(record, Closed):
            self.ended[life.connection] = (life, record)
        if self.damaged_bytes:
            self.closed[life.connection] = life

    def damage(self, size: int, sequence: int) -> None:
        """Bytes that cannot be read; holes from here on may be due to them."""
        self.damaged_bytes += size
        if self._damage_began is None:
            self._damage_sequence = sequence
            self._damage_began = {
                name: (life.kept_ordinal, life.kept_record)
                for name, life in self.lives.open.items()
            }


def lost_in(envelope: Envelope) -> Lost | None:
    """The losses an envelope declares, if that is what it is."""
    if envelope.type != LEDGER or b'"event":"lost"' not in envelope.payload:
        return None
    record = decode_ledger(envelope.payload)
    return record if isinstance(record, Lost) else None


def counted(totals: Totals, envelope: Envelope) -> Totals:
    """Totals with one more envelope."""
    if envelope.ordinal is not None:
        return totals if envelope.part else Totals(totals.frames + 1, totals.lost)
    lost = lost_in(envelope)
    if lost is None:
        return totals
    return Totals(totals.frames, totals.lost + Intervals(lost.ordinals).count)


def recover(directory: Path, device: Device = SYSTEM, *, cut: bool = True) -> Found:
    """Read every file; clear away what a crash left, torn ends included, when `cut`.

    Raises:
        OSError: A file cannot be read.
    """
    found = Found()
    for draft in directory.glob(f"*{DRAFT}") if cut else ():
        device.unlink(draft)  # killed while rewriting: its records stand where they stood
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    for path in paths:
        _read_file(SpoolFile(path, int(path.stem), device), found, cut=cut and path == paths[-1])
    for older, newer in pairwise(found.files):
        if older.last >= newer.first:  # killed while records in doubt were being moved
            older.cut(range(newer.first, older.last + 1), older.size)
    for life in (*found.lives.open.values(), *(life for life, _ in found.ended.values())):
        life.raise_to(life.kept_ordinal, life.kept_record)
    return found


def _read_file(file: SpoolFile, found: Found, *, cut: bool) -> None:
    path = file.path
    file.size = path.stat().st_size
    before, end = found.sequence, 0
    if file.size:
        with path.open("rb") as source, _mapped(source.fileno()) as data:
            start = _begin(data, found)
            before = found.sequence
            for piece in walk(data, start):
                if isinstance(piece, Entry):
                    file.holds(piece.position, piece.start)
                    found.entry(piece)
                elif isinstance(piece, Damage):
                    found.damage(piece.end - piece.start, before)
                else:
                    end = piece.start
    torn = file.size - end
    if torn and cut:
        found.torn_bytes += torn
        file.trim(end)
    elif torn:
        found.damage(torn, before)
    found.next_position = max(found.next_position, file.first)
    found.files.append(file)


def _begin(data: mmap.mmap, found: Found) -> int:
    """Read the carry; gives where the records begin."""
    carried = read_carry(data)
    if carried is None:
        return 0
    found.carry(carried[0])
    return carried[1]


def _mapped(descriptor: int) -> mmap.mmap:
    return mmap.mmap(descriptor, os.fstat(descriptor).st_size, access=mmap.ACCESS_READ)
