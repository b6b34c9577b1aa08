"""Holds an archive against what a simulated venue says it sent: no counter meets itself.

A socket of the simulator and a connection of the archive belong together when their addresses do.
The frames of the connection must then be the messages of the socket: the same bytes under the same
number, without a hole up to the last one received. What was sent after that lies in the outage
that the closing record declares.

Frames of REST connections must be answers in the simulator's REST ledger, each as often as it was
sent; an answer that is not archived must belong to a request of which that is on record.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ssmd.archive import reader
from ssmd.model.envelope import Envelope
from ssmd.model.intervals import Intervals
from ssmd.model.timestamp import SECOND_NS, shard_of
from ssmd.sim import ledger, rest_ledger
from ssmd.sim.archived import Archived, digest_of
from ssmd.sim.ledger import Emitted, SocketRecord
from ssmd.sim.rest_ledger import RestRecord

SKEW_NS: Final = SECOND_NS
"""The venue may believe a handshake complete this much after the client does."""


class Missing(msgspec.Struct, frozen=True):
    """Neighbouring messages of a socket that were sent and are not archived.

    Attributes:
        socket: The socket's number.
        connection: Which connection of the archive it is; None when none is.
        first: Number of the first message.
        last: Number of the last one.
        since: When the first was sent, ns, by the venue's clock.
        until: When the last was sent, ns.
        received: Whether they were given ordinals: then they are declared lost, or a hole.
    """

    socket: int
    connection: str | None
    first: int
    last: int
    since: int
    until: int
    received: bool


class Conservation(msgspec.Struct, kw_only=True):
    """What became of everything a simulated venue sent.

    Attributes:
        emitted: Messages and REST answers in the simulator's ledger.
        received: Frames that were given an ordinal, by the closing records.
        archived: Different frames found in the archive.
        overlap: Of these, received while the shard's previous connection still delivered.
        duplicates: Frames and records found once more than once.
        holes: Received, and neither archived nor declared lost.
        declared_lost: Received, not archived, and declared.
        in_outage: Sent and not received, inside a declared outage, or to a request of which we
            say that it had no answer.
        mismatches: Archived with other bytes than were sent, or never sent.
        answers: Of the emitted, REST answers.
        sockets: Sockets in the simulator's ledger.
        connections: Connections to this simulator in the archive.
        served: Which connection of the archive each socket is, by number.
        missing: Everything sent on sockets that is not archived, interval by interval.
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
    answers: int = 0
    sockets: int = 0
    connections: int = 0
    served: dict[int, str] = {}
    missing: list[Missing] = []
    ok: bool = False
    problems: list[str] = []


def compare(ledger_dir: Path, archive_root: Path, skew_ns: int = SKEW_NS) -> Conservation:
    """Hold an archive against a simulator's ledger.

    Connections of the archive to other venues are not looked at.

    Args:
        ledger_dir: The simulator's ledger.
        archive_root: The archive.
        skew_ns: How far the clocks of simulator and connector may be apart, in ns.

    Raises:
        ConfigError: There is no archive at that place.
        Damaged: The ledger or the archive cannot be read.
    """
    archived = (line.envelope for line in reader.read(archive_root))
    return judge(ledger.read(ledger_dir), archived, rest_ledger.read(ledger_dir), skew_ns)


def judge(
    sockets: Sequence[SocketRecord],
    envelopes: Iterable[Envelope],
    rest: RestRecord | None = None,
    skew_ns: int = SKEW_NS,
) -> Conservation:
    """Hold the contents of an archive, in any order, against sockets of a simulator.

    Args:
        sockets: What was said on each.
        envelopes: What the archive holds.
        rest: What was answered over REST; None when nothing was.
        skew_ns: How far the clocks of simulator and connector may be apart, in ns.

    Raises:
        Damaged: A ledger cannot be read.
    """
    venue = {socket.local for socket in sockets}
    connections: dict[str, Archived] = {}
    for envelope in envelopes:
        id_ = envelope.connection
        (connections.get(id_) or connections.setdefault(id_, Archived(id_))).add(envelope)
    answered = rest or RestRecord(frozenset(), ())
    ours = [c for c in connections.values() if c.opened is None or c.opened.peer in venue]
    asking = [c for c in connections.values() if c.is_rest and c.hosts & answered.locals]
    result = Conservation(sockets=len(sockets), connections=len(ours) + len(asking))
    result.problems = []
    result.missing = []
    served = _match(sockets, ours, skew_ns, result)
    result.served = {number: connection.id for number, connection in served.items()}
    for connection in (*ours, *asking):
        _count(connection, connections, result)
    _judge_rest(answered, asking, result)
    wider = skew_ns - SKEW_NS
    outages = [(begin - wider, end + wider) for begin, end in _outages(ours)]
    for socket in sockets:
        match = served.get(socket.number)
        if match is None:
            _judge_unserved(socket, outages, result)
        else:
            _judge_served(socket, match, result)
    result.ok = not result.problems
    return result


def _match(
    sockets: Sequence[SocketRecord],
    connections: list[Archived],
    skew_ns: int,
    result: Conservation,
) -> dict[int, Archived]:
    """Which connection each socket was; ports are used again, so the times decide."""
    served: dict[int, Archived] = {}
    for connection in sorted(connections, key=lambda c: c.opened_ts):
        opened = connection.opened
        if opened is None and 0 in connection.lost_records:
            continue  # declared, and known by what it holds: see below
        if opened is None:
            result.problems.append(f"{connection.id} has no opening record.")
            continue
        candidates = [
            socket
            for socket in sockets
            if (socket.local, socket.peer) == (opened.peer, opened.local)
            and socket.opened <= connection.opened_ts + skew_ns
            and socket.number not in served
        ]
        if candidates:
            served[candidates[-1].number] = connection
        else:
            result.mismatches += len(connection.digests)
            result.problems.append(
                f"{connection.id} ({opened.local} to {opened.peer}) is no socket of the simulator."
            )
    for connection in connections:
        if connection.opened is None and 0 in connection.lost_records:
            left = (socket for socket in sockets if socket.number not in served)
            said = next((socket for socket in left if _is_all_of(socket, connection)), None)
            if said is not None:
                served[said.number] = connection
            else:
                result.problems.append(f"{connection.id} holds what no socket said.")
    return served


def _is_all_of(socket: SocketRecord, connection: Archived) -> bool:
    """Whether everything a connection holds stands in a socket's ledger, number by number."""
    said = {
        message.number: digest_of(message.opcode, message.payload) for message in socket.emitted()
    }
    return all(said.get(number) == digest for number, digest in connection.digests.items())


def _count(connection: Archived, connections: dict[str, Archived], result: Conservation) -> None:
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


def _judge_served(socket: SocketRecord, connection: Archived, result: Conservation) -> None:
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
            if digest != digest_of(message.opcode, sent):
                wrong.add(number)
        elif number > last:
            result.in_outage += 1
        elif number in connection.lost:
            result.declared_lost += 1
        else:
            holes.add(number)
        if digest is None:
            _miss(socket, connection.id, message, number <= last, result)
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
        _miss(socket, None, message, False, result)
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


def _miss(
    socket: SocketRecord,
    connection: str | None,
    message: Emitted,
    received: bool,
    result: Conservation,
) -> None:
    """Note a message that is not archived, together with its neighbours."""
    number, ts = message.number, message.ts
    before = result.missing[-1] if result.missing else None
    if before is not None and (before.socket, before.last, before.received) == (
        socket.number,
        number - 1,
        received,
    ):
        result.missing[-1] = msgspec.structs.replace(before, last=number, until=ts)
    else:
        result.missing.append(Missing(socket.number, connection, number, number, ts, ts, received))


def _judge_rest(rest: RestRecord, connections: list[Archived], result: Conservation) -> None:
    """Hold REST connections against what was answered, each body as often as it was sent."""
    unmatched = Counter(bytes.fromhex(answer.sha256) for answer in rest.answers)
    result.answers = len(rest.answers)
    result.emitted += result.answers
    before = result.declared_lost + result.holes + result.mismatches
    for connection in connections:
        holes, wrong = Intervals(), Intervals()
        for ordinal in range(connection.last_ordinal + 1):
            digest = connection.digests.get(ordinal)
            if digest is None and ordinal not in connection.lost:
                holes.add(ordinal)
            elif digest is not None and not unmatched[digest]:
                wrong.add(ordinal)
            elif digest is not None:
                unmatched[digest] -= 1
        result.declared_lost += connection.lost.count
        result.holes += holes.count
        result.mismatches += wrong.count
        complaints = (
            (holes, "were received and are neither archived nor declared lost"),
            (wrong, "are archived and are no answers of the simulator"),
        )
        result.problems += [
            f"{connection.id}: bodies {_ranges(s)} {what}." for s, what in complaints if s
        ]
    told = result.declared_lost + result.holes + result.mismatches - before
    left = max(0, unmatched.total() - told)
    excused = min(left, sum(connection.asked - connection.fetched for connection in connections))
    result.in_outage += excused
    if left > excused:
        result.holes += left - excused
        result.problems.append(
            f"{left - excused} REST answers were sent, and no request on record lacks its answer."
        )


def _outages(connections: list[Archived]) -> list[tuple[float, float]]:
    """When a shard had no connection: from its last archived frame to the next opening, ns."""
    shards: dict[str, list[Archived]] = {}
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


def _ranges(numbers: Intervals) -> str:
    """`3, 7-9`, cut short when there are many."""
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in numbers]
    return ", ".join(texts[:10]) + (f" and {len(texts) - 10} more ranges" if texts[10:] else "")
