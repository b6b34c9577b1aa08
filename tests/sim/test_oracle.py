"""The oracle: right when all is well, and red for each single way in which it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ssmd.archive.settings import ArchiveSettings
from ssmd.archive.writer import Archive
from ssmd.model import records
from ssmd.model.envelope import CONNECTION, CONTROL, LEDGER, SENT, Envelope
from ssmd.model.errors import ConfigError
from ssmd.model.frame import Opcode
from ssmd.model.simulated import Emission
from ssmd.model.timestamp import SECOND_NS, connection_id
from ssmd.sim import ledger
from ssmd.sim.ledger import SocketLedger
from ssmd.sim.manual_clock import ManualClock
from ssmd.sim.oracle import Conservation, compare, judge

T0 = 1_800_000_000 * SECOND_NS
VENUE = "127.0.0.1:9000"
FRAMES = (
    Emission(b'{"channel":"status"}'),
    Emission(b'{"channel":"trade","data":[1.50]}'),
    Emission(b"\xff\x00", Opcode.BINARY),
    Emission(b"", Opcode.PONG),
    Emission(b'{"channel":"trade","data":[2]}'),
    Emission(b'{"channel":"trade","data":[3]}'),
    Emission(b"\x03\xe8", Opcode.CLOSE),
)


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_NS)


def name(index: int = 0, shard: int = 0) -> str:
    return connection_id("kraken", shard, at(index * 100), index)


def emit(
    directory: Path, port: int = 5000, begin: float = 0.0, frames: tuple[Emission, ...] = FRAMES
) -> None:
    """A socket whose message `i` was sent at `begin + i`."""
    writer = SocketLedger(directory, VENUE, f"127.0.0.1:{port}", at(begin))
    for index, frame in enumerate(frames):
        writer.append([frame], at(begin + index))
    writer.close(at(begin + len(frames)), "closed")


def record(id_: str, number: int, type_: str, payload: bytes, ts: float) -> Envelope:
    return Envelope(
        feed="kraken", category=None, type=type_, symbols=(), connection=id_, ordinal=None,
        record=number, part=0, parts=1, opcode=Opcode.TEXT, sequence=None, ts_event=None,
        ts_recv=at(ts), payload=payload,
    )  # fmt: skip


def frame(id_: str, ordinal: int, emission: Emission, ts: float, *, part: int = 0, parts: int = 1
          ) -> Envelope:  # fmt: skip
    return Envelope(
        feed="kraken", category=None, type=CONTROL if emission.opcode.is_control else "trade",
        symbols=(), connection=id_, ordinal=ordinal, record=None, part=part, parts=parts,
        opcode=emission.opcode, sequence=None, ts_event=None, ts_recv=at(ts),
        payload=emission.payload,
    )  # fmt: skip


def opened(id_: str, ts: float = 0.0, port: int = 5000, peer: str = VENUE,
           previous: str | None = None) -> Envelope:  # fmt: skip
    payload = records.Opened(
        feed="kraken", venue="kraken", shard=0, endpoint="ws://x", local=f"127.0.0.1:{port}",
        peer=peer, previous=previous, reason="start", version="0", host="h",
    )  # fmt: skip
    return record(id_, 0, CONNECTION, records.encode(payload), ts)


def closed(id_: str, last: int, ts: float = 20.0, number: int = 9) -> Envelope:
    payload = records.Closed(last_ordinal=last, last_record=number, by="connector", reason="x")
    return record(id_, number, CONNECTION, records.encode(payload), ts)


def lost(id_: str, first: int, last: int) -> Envelope:
    payload = records.Lost(ordinals=((first, last),), reason="spool_full")
    return record(id_, 3, LEDGER, records.encode(payload), 5.0)


def whole(id_: str | None = None, begin: float = 0.0, port: int = 5000, count: int = 7,
          previous: str | None = None) -> list[Envelope]:  # fmt: skip
    """A connection that kept the first `count` frames of its socket."""
    id_ = id_ or name()
    return [
        opened(id_, begin, port, previous=previous),
        record(id_, 1, SENT, b"subscribe", begin),
        *(frame(id_, i, FRAMES[i], begin + i + 0.5) for i in range(count)),
        closed(id_, count - 1, begin + 20),
    ]


def test_an_archive_that_holds_everything_is_ok(tmp_path: Path) -> None:
    """Any order of the archive, every opcode."""
    emit(tmp_path)
    envelopes = whole()
    for order in (envelopes, envelopes[::-1]):
        assert judge(ledger.read(tmp_path), order) == Conservation(
            emitted=7, received=7, archived=7, sockets=1, connections=1,
            served={0: name()}, ok=True, problems=[],
        )  # fmt: skip


def test_what_was_never_received_lies_in_the_outage(tmp_path: Path) -> None:
    """The connection ended before the venue stopped talking to it."""
    emit(tmp_path)
    result = judge(ledger.read(tmp_path), whole(count=4))
    assert (result.emitted, result.received, result.archived, result.in_outage) == (7, 4, 4, 3)
    assert result.ok


def test_declared_losses_are_counted_apart(tmp_path: Path) -> None:
    """Declared is not archived, and not a hole either."""
    emit(tmp_path)
    envelopes = [e for e in whole() if e.ordinal not in {2, 3}] + [lost(name(), 2, 3)]
    result = judge(ledger.read(tmp_path), envelopes)
    assert (result.archived, result.declared_lost, result.holes) == (5, 2, 0)
    assert result.ok


def _without(ordinal: int) -> Callable[[list[Envelope]], list[Envelope]]:
    return lambda envelopes: [e for e in envelopes if e.ordinal != ordinal]


def _instead(ordinal: int, emission: Emission) -> Callable[[list[Envelope]], list[Envelope]]:
    return lambda envelopes: [
        *_without(ordinal)(envelopes),
        frame(name(), ordinal, emission, ordinal + 0.5),
    ]


@pytest.mark.parametrize(
    ("damage", "counts", "says"),
    [
        pytest.param(_without(2), {"holes": 1, "archived": 6}, "frames 2 were received",
                     id="hole in the middle"),
        pytest.param(_without(6), {"holes": 1, "archived": 6}, "frames 6 were received",
                     id="last received frame missing"),
        pytest.param(_instead(1, Emission(b'{"channel":"trade","data":[1.5]}')),
                     {"mismatches": 1}, "frames 1 are archived with other bytes",
                     id="changed bytes"),
        pytest.param(_instead(2, Emission(b"\xff\x00", Opcode.TEXT)), {"mismatches": 1},
                     "other bytes", id="changed opcode"),
        pytest.param(lambda all_: [*all_, all_[3]], {"duplicates": 1, "archived": 7},
                     "more than once", id="frame twice"),
        pytest.param(lambda all_: [*all_, all_[1]], {"duplicates": 1}, "more than once",
                     id="record twice"),
        pytest.param(lambda all_: [*all_[:-1], frame(name(), 7, FRAMES[1], 7.5),
                                   closed(name(), 7)],
                     {"mismatches": 1, "received": 8}, "frames 7 are archived and were never sent",
                     id="frame that was never sent"),
        pytest.param(lambda all_: [*all_[:-1], closed(name(), 9)], {"received": 10},
                     "received 10 frames of 7", id="more received than sent"),
        pytest.param(lambda all_: all_[:-1], {"received": 7}, "no closing record",
                     id="no closing record"),
        pytest.param(lambda all_: all_[1:], {"holes": 7}, "no opening record",
                     id="no opening record"),
        pytest.param(lambda all_: [opened(name(), 0.0, 6000), *all_[1:]],
                     {"mismatches": 7}, "is no socket of the simulator", id="unknown address"),
        pytest.param(lambda all_: [opened(name(), -5.0), *all_[1:]],
                     {"mismatches": 7}, "is no socket of the simulator", id="before the socket"),
        pytest.param(lambda _: [], {"holes": 7, "connections": 0}, "outside every declared outage",
                     id="empty archive"),
    ],
)  # fmt: skip
def test_each_way_to_be_wrong_is_found(
    tmp_path: Path,
    damage: Callable[[list[Envelope]], list[Envelope]],
    counts: dict[str, int],
    says: str,
) -> None:
    """One lie at a time, and the sentence names it."""
    emit(tmp_path)
    result = judge(ledger.read(tmp_path), damage(whole()))
    assert not result.ok
    assert any(says in problem for problem in result.problems), result.problems
    assert {key: getattr(result, key) for key in counts} == counts


def test_exchanged_frames_are_two_mismatches(tmp_path: Path) -> None:
    """The order is part of the truth."""
    emit(tmp_path)
    swapped = [e for e in whole() if e.ordinal not in {4, 5}]
    swapped += [frame(name(), 4, FRAMES[5], 4.5), frame(name(), 5, FRAMES[4], 5.5)]
    result = judge(ledger.read(tmp_path), swapped)
    assert result.mismatches == 2
    assert "frames 4-5 are archived with other bytes" in " ".join(result.problems)


def test_a_split_frame_is_held_against_the_whole(tmp_path: Path) -> None:
    """Parts are rejoined; the white space behind the array is all that may be gone."""
    sent = (Emission(b'[{"a":1},{"b":2.0}]\n'),)
    emit(tmp_path, frames=sent)
    id_ = name()
    parts = [Emission(b'{"a":1}'), Emission(b'{"b":2.0}')]
    split = [frame(id_, 0, item, 0.5, part=at_, parts=2) for at_, item in enumerate(parts)]
    good = [opened(id_), *split, closed(id_, 0)]
    assert judge(ledger.read(tmp_path), good).ok
    assert judge(ledger.read(tmp_path), good[::-1]).ok
    missing = judge(ledger.read(tmp_path), [good[0], good[1], good[3]])
    assert (missing.holes, missing.ok) == (1, False)
    twice = judge(ledger.read(tmp_path), [*good, split[1]])
    assert (twice.duplicates, twice.ok) == (1, False)
    cut = [opened(id_), frame(id_, 0, Emission(sent[0].payload.rstrip()), 0.5), closed(id_, 0)]
    assert judge(ledger.read(tmp_path), cut).mismatches == 1


def test_a_port_that_is_used_again_is_another_socket(tmp_path: Path) -> None:
    """Addresses repeat over a long run; times do not."""
    emit(tmp_path, begin=0)
    emit(tmp_path, begin=100)
    first, second = whole(name(0)), whole(name(1), begin=100, count=5, previous=name(0))
    result = judge(ledger.read(tmp_path), second + first)
    assert result.ok, result.problems
    assert (result.archived, result.in_outage) == (12, 2)


def test_overlap_is_not_a_duplicate(tmp_path: Path) -> None:
    """Make-before-break: the new connection delivers before the old one is gone."""
    emit(tmp_path, port=5000, begin=0)
    emit(tmp_path, port=5001, begin=4)
    envelopes = whole(name(0)) + whole(name(1), begin=4, port=5001, previous=name(0))
    result = judge(ledger.read(tmp_path), envelopes)
    assert (result.overlap, result.duplicates, result.archived) == (3, 0, 14)
    assert result.ok


def test_a_socket_nobody_archived_must_lie_in_an_outage(tmp_path: Path) -> None:
    """A connector killed between handshake and its first record leaves such a socket."""
    emit(tmp_path, port=5000, begin=0)
    emit(tmp_path, port=5001, begin=30)
    emit(tmp_path, port=5002, begin=60)
    third = whole(name(2), begin=60, port=5002, previous=name(0))
    result = judge(ledger.read(tmp_path), whole(name(0)) + third)
    assert (result.emitted, result.in_outage, result.ok) == (21, 7, True)
    covered = [
        e for e in whole(name(0)) if e.record != 9
    ] + [frame(name(0), 7, FRAMES[0], 50.0), closed(name(0), 7)] + third  # fmt: skip
    inside = judge(ledger.read(tmp_path), covered)
    assert any("Socket 1" in problem for problem in inside.problems)


def test_a_connection_that_never_closed_declares_no_outage(tmp_path: Path) -> None:
    """`Open` or `unknown` is never an excuse for what is missing."""
    emit(tmp_path, port=5000, begin=0)
    emit(tmp_path, port=5001, begin=30)
    result = judge(ledger.read(tmp_path), whole(name(0))[:-1])
    assert (result.in_outage, result.holes, result.ok) == (0, 7, False)


def test_other_venues_in_the_same_archive_are_not_looked_at(tmp_path: Path) -> None:
    """An archive may hold much more than one simulation."""
    emit(tmp_path)
    id_ = name(5)
    other = [opened(id_, peer="1.2.3.4:443"), frame(id_, 0, FRAMES[0], 1.0)]
    result = judge(ledger.read(tmp_path), whole() + other)
    assert (result.ok, result.connections, result.archived) == (True, 1, 7)


def test_compare_reads_a_real_archive(tmp_path: Path) -> None:
    """Sealed segments and their lines, not objects in memory."""
    directory, root = tmp_path / "ledger", tmp_path / "archive"
    directory.mkdir()
    emit(directory)
    clock = ManualClock(wall=T0)
    with pytest.raises(ConfigError):
        compare(directory, root)
    archive = Archive(root, "TEST_KRAKEN", clock=clock, settings=ArchiveSettings())
    for envelope in whole(count=6):
        archive.put(envelope)
    archive.commit()
    open_ = compare(directory, root)
    archive.seal_all()
    archive.close()
    sealed = compare(directory, root)
    assert sealed == open_
    assert (sealed.ok, sealed.archived, sealed.in_outage) == (True, 6, 1)
