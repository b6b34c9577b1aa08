"""Holds an archive against what a simulated venue says it sent: no counter meets itself.

A socket of the simulator and a connection of the archive belong together when their addresses do.
The frames of the connection must then be the messages of the socket: the same bytes under the same
number, without a hole up to the last one received. What was sent after that lies in the outage
that the closing record declares.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import reader
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, LEDGER, Envelope
from ssmd.model.frame import Opcode
from ssmd.model.intervals import Intervals
from ssmd.model.timestamp import SECOND_NS, shard_of
from ssmd.sim import ledger
from ssmd.sim.ledger import SocketRecord

_SKEW_NS: Final = SECOND_NS
"""The venue may believe a handshake complete this much after the client does."""


class Conservation(msgspec.Struct, kw_only=True):
    """What became of everything a simulated venue sent.

    Attributes:
        emitted: Messages in the simulator's ledger.
        received: Frames that were given an ordinal, by the closing records.
        archived: Different frames found in the archive.
        overlap: Of these, received while the shard's previous connection still delivered.
        duplicates: Frames and records found once more than once.
        holes: Received, and neither archived nor declared lost.
        declared_lost: Received, not archived, and declared.
        in_outage: Sent and not received, inside a declared outage.
        mismatches: Archived with other bytes than were sent, or never sent.
        sockets: Sockets in the simulator's ledger.
        connections: Connections to this simulator in the archive.
        ok: Whether there is nothing to complain about.
        problems: What there is to complain about, one sentence each.
    """

    emitted: int = 0
    received: int = 0
    archived: int = 0
    overlap: int = 0
    duplicates: int = 0
    holes: int = 0
    declared_lost: int = 0
    in_outage: int = 0
    mismatches: int = 0
    sockets: int = 0
    connections: int = 0
    ok: bool = False
    problems: list[str] = []


class _Connection:
    """What the archive holds of one connection."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.opened: records.Opened | None = None
        self.opened_ts = 0
        self.closed: records.Closed | None = None
        self.lost = Intervals()
        self.digests: dict[int, bytes] = {}
        self.split: set[int] = set()
        self.duplicates = 0
        self.times: list[int] = []
        self._records: set[int] = set()
        self._parts: dict[int, dict[int, bytes]] = {}

    @property
    def last_ts(self) -> int:
        """Receipt of the last archived frame, ns; the opening when there is none."""
        return max(self.times, default=self.opened_ts)

    @property
    def last_ordinal(self) -> int:
        """The greatest ordinal given, as far as the archive knows."""
        if self.closed is not None:
            return self.closed.last_ordinal
        return max(max(self.digests, default=-1), self.lost.last)

    def add(self, envelope: Envelope) -> None:
        """Take one envelope in."""
        if envelope.record is not None:
            self._add_record(envelope, envelope.record)
        elif envelope.ordinal is not None:
            self._add_frame(envelope, envelope.ordinal)

    def _add_record(self, envelope: Envelope, number: int) -> None:
        if number in self._records:
            self.duplicates += 1
            return
        self._records.add(number)
        if envelope.type == CONNECTION:
            record = records.decode_connection(envelope.payload)
            if isinstance(record, records.Opened):
                self.opened, self.opened_ts = record, envelope.ts_recv or 0
            elif self.closed is None or record.last_record > self.closed.last_record:
                self.closed = record  # what a refusal after the end declares is closed once more
        elif envelope.type == LEDGER:
            entry = records.decode_ledger(envelope.payload)
            if isinstance(entry, records.Lost):
                for first, last in entry.ordinals:
                    self.lost.add_range(first, last)

    def _add_frame(self, envelope: Envelope, ordinal: int) -> None:
        parts = self._parts.setdefault(ordinal, {}) if envelope.parts > 1 else {}
        if ordinal in self.digests or envelope.part in parts:
            self.duplicates += 1
            return
        payload = envelope.payload
        if envelope.parts > 1:
            parts[envelope.part] = payload
            if len(parts) < envelope.parts:
                return
            payload = b"[" + b",".join(parts[part] for part in sorted(parts)) + b"]"
            del self._parts[ordinal]
            self.split.add(ordinal)
        self.digests[ordinal] = _digest(envelope.opcode, payload)
        if envelope.ts_recv is not None:
            self.times.append(envelope.ts_recv)


def compare(ledger_dir: Path, archive_root: Path) -> Conservation:
    """Hold an archive against a simulator's ledger.

    Connections of the archive to other venues are not looked at.

    Raises:
        ConfigError: There is no archive at that place.
        Damaged: The ledger or the archive cannot be read.
    """
    archived = (line.envelope for line in reader.read(archive_root))
    return judge(ledger.read(ledger_dir), archived)


def judge(sockets: Sequence[SocketRecord], envelopes: Iterable[Envelope]) -> Conservation:
    """Hold the contents of an archive, in any order, against sockets of a simulator.

    Raises:
        Damaged: A ledger cannot be read.
    """
    venue = {socket.local for socket in sockets}
    connections: dict[str, _Connection] = {}
    for envelope in envelopes:
        id_ = envelope.connection
        (connections.get(id_) or connections.setdefault(id_, _Connection(id_))).add(envelope)
    ours = [c for c in connections.values() if c.opened is None or c.opened.peer in venue]
    result = Conservation(sockets=len(sockets), connections=len(ours))
    result.problems = []
    served = _match(sockets, ours, result)
    for connection in ours:
        _count(connection, connections, result)
    outages = _outages(ours)
    for socket in sockets:
        match = served.get(socket.number)
        if match is None:
            _judge_unserved(socket, outages, result)
        else:
            _judge_served(socket, match, result)
    result.ok = not result.problems
    return result


def _match(
    sockets: Sequence[SocketRecord], connections: list[_Connection], result: Conservation
) -> dict[int, _Connection]:
    """Which connection each socket was; ports are used again, so the times decide."""
    served: dict[int, _Connection] = {}
    for connection in sorted(connections, key=lambda c: c.opened_ts):
        opened = connection.opened
        if opened is None:
            result.problems.append(f"{connection.id} has no opening record.")
            continue
        candidates = [
            socket
            for socket in sockets
            if (socket.local, socket.peer) == (opened.peer, opened.local)
            and socket.opened <= connection.opened_ts + _SKEW_NS
            and socket.number not in served
        ]
        if candidates:
            served[candidates[-1].number] = connection
        else:
            result.mismatches += len(connection.digests)
            result.problems.append(
                f"{connection.id} ({opened.local} to {opened.peer}) is no socket of the simulator."
            )
    return served


def _count(
    connection: _Connection, connections: dict[str, _Connection], result: Conservation
) -> None:
    """What the archive alone tells of a connection."""
    result.received += connection.last_ordinal + 1
    result.archived += len(connection.digests)
    result.duplicates += connection.duplicates
    if connection.duplicates:
        result.problems.append(
            f"{connection.id} has {connection.duplicates} frames or records more than once."
        )
    if connection.closed is None:
        result.problems.append(f"{connection.id} has no closing record.")
    previous = connections.get((connection.opened and connection.opened.previous) or "")
    if previous is not None:
        last_ts = previous.last_ts
        result.overlap += sum(ts <= last_ts for ts in connection.times)


def _judge_served(socket: SocketRecord, connection: _Connection, result: Conservation) -> None:
    """Hold one connection against its socket, message by message."""
    last = connection.last_ordinal
    holes, wrong = Intervals(), Intervals()
    emitted = 0
    for message in socket.emitted():
        number = message.number
        emitted += 1
        digest = connection.digests.get(number)
        if digest is not None:
            # A split frame is rejoined without the white space that followed it.
            sent = message.payload.rstrip() if number in connection.split else message.payload
            if digest != _digest(message.opcode, sent):
                wrong.add(number)
        elif number > last:
            result.in_outage += 1
        elif number in connection.lost:
            result.declared_lost += 1
        else:
            holes.add(number)
    unsent = Intervals()
    for number in sorted(connection.digests):
        if number >= emitted:
            unsent.add(number)
    result.emitted += emitted
    result.holes += holes.count
    result.mismatches += wrong.count + unsent.count
    name = f"{connection.id} (socket {socket.number})"
    complaints = (
        (holes, "were received and are neither archived nor declared lost"),
        (wrong, "are archived with other bytes than were sent"),
        (unsent, "are archived and were never sent"),
    )
    result.problems += [f"{name}: frames {_ranges(s)} {what}." for s, what in complaints if s]
    if last >= emitted and not unsent:
        result.problems.append(f"{name}: received {last + 1} frames of {emitted} sent.")


def _judge_unserved(
    socket: SocketRecord, outages: list[tuple[float, float]], result: Conservation
) -> None:
    """A socket nobody archived: all it sent must lie in somebody's outage."""
    outside = 0
    for message in socket.emitted():
        result.emitted += 1
        if any(begin <= message.ts <= end for begin, end in outages):
            result.in_outage += 1
        else:
            outside += 1
    if outside:
        result.holes += outside
        result.problems.append(
            f"Socket {socket.number} ({socket.peer}) sent {outside} messages outside every "
            "declared outage, and no connection of the archive is it."
        )


def _outages(connections: list[_Connection]) -> list[tuple[float, float]]:
    """When a shard had no connection: from its last archived frame to the next opening, ns."""
    shards: dict[str, list[_Connection]] = {}
    for connection in connections:
        shards.setdefault(shard_of(connection.id), []).append(connection)
    outages: list[tuple[float, float]] = []
    for shard in shards.values():
        begin = float("-inf")
        for connection in sorted(shard, key=lambda c: c.opened_ts):
            outages.append((begin, connection.opened_ts))
            begin = max(begin, connection.last_ts)
            if connection.closed is None:
                begin = float("inf")
        outages.append((begin, float("inf")))
    return outages


def _digest(opcode: Opcode, payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16, salt=bytes((opcode,))).digest()


def _ranges(numbers: Intervals) -> str:
    """`3, 7-9`, cut short when there are many."""
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in numbers]
    return ", ".join(texts[:10]) + (f" and {len(texts) - 10} more ranges" if texts[10:] else "")
