"""What is acknowledged is on disk, and rests there once."""

import random
from pathlib import Path

import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.archive import reader, verify
from ssmd.archive.errors import DiskRefused, WriterBusy
from ssmd.archive.manifest import BusLoss
from ssmd.archive.writer import Archive
from ssmd.model.envelope import Envelope
from ssmd.model.timestamp import SECOND_NS
from ssmd.sim.manual_clock import ManualClock
from tests.archive.made import CREATED, START, STREAM, Sent, Talk, archive, record, sent
from tests.archive.power import Power


def held(root: Path) -> list[Envelope]:
    """Everything an archive gives back."""
    return [each.envelope for each in reader.read(root)]


def by_id(envelopes: list[Envelope]) -> list[Envelope]:
    """In an order of their own, to compare sets with multiplicity."""
    return sorted(envelopes, key=lambda each: each.message_id)


def test_what_is_committed_is_read_back_from_open_and_sealed_segments(tmp_path: Path) -> None:
    """A segment can be read while it is written, up to the last commit."""
    talk = Talk()
    life = talk.life(100)
    made = archive(tmp_path)
    made.append(sent(life[:60]))
    assert made.commit().sequence == 60
    made.append(sent(life[60:], after=60))
    assert held(tmp_path) == life[:60]
    assert made.commit().sequence == 102
    assert held(tmp_path) == life
    (manifest,) = made.seal_all()
    made.close()
    assert held(tmp_path) == life
    assert manifest.contents.lines == 102
    assert manifest.contents.connections[talk.id].ordinals == ((0, 99),)
    assert manifest.position is not None
    assert manifest.position.sequence == 102
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert [(c.state, c.received, c.archived) for c in report.connections] == [("ok", 100, 100)]


def test_nothing_is_acknowledged_past_a_delivery_that_has_not_come(tmp_path: Path) -> None:
    """A restarted ack-all consumer is given 101..200 while 1..100 are pending: DESIGN 3.3."""
    life = sent(Talk().life(200))
    made = archive(tmp_path)
    made.append(life[100:150])
    assert made.commit().sequence == 0
    made.append(life[:99])
    assert made.commit().sequence == 99
    made.append([life[99]])
    assert made.commit().sequence == 150
    made.close()


def test_a_consumer_may_say_that_nothing_more_is_owed(tmp_path: Path) -> None:
    """Pieces of a joined message and foreign messages are never delivered themselves."""
    made = archive(tmp_path)
    first, second, third = Talk().frames(3)
    made.append([Sent(3, first), Sent(7, second)], floor=4)
    assert made.commit().sequence == 4
    made.append([Sent(8, third)], floor=8)
    assert made.commit().sequence == 8
    made.close()


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_each_envelope_rests_once_whatever_is_delivered_again(
    seed: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Disorder, repeats, discards and restarts: exactly once, and the position never lies."""
    root = tmp_path_factory.mktemp("archive")
    chance = random.Random(seed)
    talk, other = Talk(0), Talk(1)
    everything = talk.life(size) + other.life(size)
    part = talk.envelope("book", b"[1,", ordinal=10**6, part=0, parts=2)
    everything += [part, talk.envelope("book", b"2]", ordinal=10**6, part=1, parts=2)]
    stream = sent(everything)
    made = archive(root)
    position = made.position.sequence if made.position else 0
    while position < len(stream):
        for _ in range(chance.randint(1, 4)):
            begin = chance.randint(max(0, position - 20), len(stream) - 1)
            batch = stream[begin : begin + chance.randint(1, 30)]
            if chance.random() < 0.3:
                batch = stream[position : position + 25]
            made.append(chance.sample(batch, len(batch)))
        match chance.randint(0, 5):
            case 0:
                made.discard()
            case 1:
                made.close()
                made = archive(root)
            case _:
                acked = made.commit()
                present = {each.message_id for each in held(root)}
                assert {s.envelope.message_id for s in stream[: acked.sequence]} <= present
                position = acked.sequence
    made.seal_all()
    made.close()
    assert by_id(held(root)) == by_id(everything)


def test_duplicates_are_counted_even_across_a_restart(tmp_path: Path) -> None:
    """The memory is rebuilt from manifests and open segments."""
    life = sent(Talk().life(50))
    made = archive(tmp_path)
    made.append(life[:20])
    made.commit()
    made.seal_all()
    made.append(life[20:40])
    made.commit()
    made.close()
    made = archive(tmp_path)
    assert made.append(life) == 12
    made.commit()
    (manifest,) = made.seal_all()
    made.close()
    assert manifest.duplicates == 40
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert report.duplicates == 40


def test_a_power_cut_keeps_everything_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No early ack: the bytes, the file's name and the folder's name are all durable first."""
    root = tmp_path / "archive"
    power = Power(root, monkeypatch)
    clock = ManualClock(START)
    talk = Talk()
    stream = sent(talk.life(300, step_ns=SECOND_NS * 30))  # ten slots
    made = archive(root, clock, grace_s=0.0, frame_bytes=1024)
    for at in range(0, len(stream), 37):
        made.append(stream[at : at + 37])
        acked = made.commit()
        found = power.cut(tmp_path / "after")
        again = archive(found)
        present = {each.message_id for each in held(found)}
        assert {s.envelope.message_id for s in stream[: acked.sequence]} <= present
        assert again.position == acked
        again.append(stream[acked.sequence :])
        again.commit()
        again.seal_all()
        again.close()
        report = verify.verify(found)
        assert report.ok, report.problems
        assert by_id(held(found)) == by_id([each.envelope for each in stream])
        clock_now = stream[min(at + 37, len(stream) - 1)].envelope.ts_recv or 0
        made.tick(clock_now)
        present = {each.message_id for each in held(power.cut(tmp_path / "after"))}
        assert {s.envelope.message_id for s in stream[: acked.sequence]} <= present
    made.close()


def test_slots_are_cut_by_receipt_and_sealed_by_the_clock(tmp_path: Path) -> None:
    """The slot is that of `ts_recv`; a quiet feed is sealed because time goes by."""
    clock = ManualClock(START)
    talk = Talk(ts=START + 899 * SECOND_NS)
    made = archive(tmp_path, clock)
    made.append(sent(talk.frames(2, step_ns=2 * SECOND_NS)))
    made.commit()
    assert made.tick(START + 959 * SECOND_NS) == []
    (manifest,) = made.tick(START + 960 * SECOND_NS)
    assert manifest.name.startswith("raw/feed=kraken/date=2027-01-15/0800-TEST_KRAKEN-")
    assert manifest.contents.lines == 1
    assert made.open_segments == 1
    late = Talk(1, ts=START + 1)
    made.append(sent(late.frames(1), after=2))
    made.commit()
    names = [each.name for each in made.seal_all()]
    assert [name.rsplit("-", 1)[1] for name in names] == ["1.jsonl.zst", "0.jsonl.zst"]
    assert ["/0800-" in name for name in names] == [True, False]
    made.close()


def test_at_most_four_segments_are_open(tmp_path: Path) -> None:
    """Late data of many slots must not eat file handles and memory."""
    talk = Talk()
    made = archive(tmp_path)
    made.append(sent(talk.frames(9, step_ns=900 * SECOND_NS)))
    made.commit()
    assert made.open_segments == 4
    made.seal_all()
    made.close()
    assert [line.envelope.ordinal for line in reader.read(tmp_path)] == list(range(9))


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    """Two archivers on one root must not corrupt each other's files."""
    made = archive(tmp_path)
    with pytest.raises(WriterBusy, match=r"Process \d+ already writes"):
        archive(tmp_path)
    made.close()
    archive(tmp_path).close()


def test_an_interrupted_writer_leaves_no_hole_and_no_duplicate(tmp_path: Path) -> None:
    """Files win over the consumer's floor: the position is that of the files."""
    life = sent(Talk().life(100))
    made = archive(tmp_path)
    made.append(life[:50])
    made.commit()
    made.append(life[50:80])
    made.close()  # killed between delivery and fsync
    made = archive(tmp_path)
    assert made.position is not None
    assert made.position.sequence == 50
    made.append(life[50:])
    made.commit()
    made.seal_all()
    made.close()
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert report.frames == 100


def test_a_position_moved_by_duplicates_alone_is_durable_too(tmp_path: Path) -> None:
    """Else what was acknowledged and purged would look like a loss on the bus."""
    life = sent(Talk().life(10))
    record(tmp_path, [each.envelope for each in life])
    made = archive(tmp_path)
    made.append(sent([each.envelope for each in life], after=12))
    assert made.commit().sequence == 24
    assert made.open_segments == 0
    made.close()
    made = archive(tmp_path)
    assert made.position is not None
    assert made.position.sequence == 24
    made.close()


def test_positions_survive_in_manifests(tmp_path: Path) -> None:
    """The newest position is known even when no segment is open."""
    record(tmp_path, Talk().life(74))
    made = Archive(tmp_path, STREAM, clock=ManualClock(START))
    assert made.position is not None
    assert (made.position.created, made.position.sequence) == (CREATED, 76)
    made.close()


def test_a_new_incarnation_of_the_stream_begins_anew(tmp_path: Path) -> None:
    """A stream made again has the same name and other sequences."""
    talk = Talk()
    life = talk.life(20)
    made = archive(tmp_path)
    made.append(sent(life[:10]))
    made.commit()
    made.adopt(CREATED + 1, 0)
    made.declare_bus_loss(BusLoss("TEST_KRAKEN", CREATED + 1, None, None))
    made.append(sent(life[5:]))
    assert made.commit().sequence == 17
    made.close()
    made = Archive(tmp_path, STREAM, clock=ManualClock(START))
    assert made.position is not None
    assert (made.position.created, made.position.sequence) == (CREATED + 1, 17)
    made.close()
    assert verify.verify(tmp_path).ok


def test_a_forgotten_connection_is_closed_complete_and_old(tmp_path: Path) -> None:
    """Memory is bounded without ever forgetting what can still arrive."""
    old, unclosed, hurt, fresh = Talk(0), Talk(1), Talk(2), Talk(3, ts=START + 100 * SECOND_NS)
    broken = hurt.life(5)
    del broken[3]
    record(tmp_path, [*old.life(5), unclosed.opened(), *broken, *fresh.life(5)])
    made = archive(tmp_path, ManualClock(START + 1050 * SECOND_NS), horizon_s=1000.0)
    assert [made.is_complete(talk.id) for talk in (old, unclosed, hurt, fresh)] == [
        False,
        False,
        False,
        True,
    ]
    assert not made.put(unclosed.envelope("x", b"", record=0))
    assert not made.put(hurt.envelope("x", b"", ordinal=0))
    assert made.put(old.envelope("x", b"", ordinal=0))
    made.close()


def test_a_hole_is_told_once_when_its_time_is_over(tmp_path: Path) -> None:
    """Not before the grace after the closing record: a late arrival repairs it."""
    late, hurt = Talk(0), Talk(1)
    streams = [each for talk in (late, hurt) for each in talk.life(20)]
    missing = [each for each in streams if each.ordinal == 7]
    made = archive(tmp_path, hole_grace_s=60.0)
    made.append(sent([each for each in streams if each.ordinal != 7]))
    made.commit()

    def told(seconds: int) -> list[tuple[str, object]]:
        with structlog.testing.capture_logs() as logs:
            made.tick(START + seconds * SECOND_NS)
        events = [log for log in logs if log["event"] == "archive.holes_found"]
        return [(log["connection"], log["ordinals"]) for log in events]

    assert told(59) == []
    made.append(sent(missing[:1], after=100))
    made.commit()
    assert told(62) == [(hurt.id, [(7, 7)])]
    assert told(63) == []
    made.close()


def test_overlap_is_not_counted_as_duplicates(tmp_path: Path) -> None:
    """A planned reconnect receives twice what the venue sent twice."""
    first = Talk(0)
    second = Talk(0, ts=START + SECOND_NS, previous=first.id)
    stream = [
        first.opened(), *first.frames(5), second.opened("planned"), *second.frames(3),
        *first.frames(2), first.closed(), *second.frames(4), second.closed(),
    ]  # fmt: skip
    made = archive(tmp_path)
    made.append(sent(stream))
    made.commit()
    (manifest,) = made.seal_all()
    made.close()
    assert (manifest.overlaps, manifest.duplicates) == (3, 0)
    report = verify.verify(tmp_path)
    assert report.ok, report.problems
    assert report.overlap == 3


def test_after_the_disk_refused_nothing_can_be_acknowledged(tmp_path: Path) -> None:
    """A writer that failed once must not claim anything afterwards."""
    made = archive(tmp_path)
    made.append(sent(Talk().frames(3)))
    made.commit()
    (segment,) = tmp_path.glob("raw/*/*/*.open")
    segment.unlink()
    with pytest.raises(DiskRefused):
        made.seal_all()
    made.append(sent(Talk().frames(9)))
    with pytest.raises(DiskRefused):
        made.commit()
    made.close()
