"""What stands on disk is read back exactly, or not at all."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ssmd.connector.spool.codec import Damage, Entry, Tail, encode, walk
from ssmd.connector.spool.losses import Loss, LossesFile
from ssmd.model.envelope import Envelope
from ssmd.model.frame import Opcode
from tests.connector.parts import FEED, a_frame, an_id

envelopes = st.builds(
    Envelope,
    feed=st.text(max_size=5),
    category=st.none() | st.text(max_size=5),
    type=st.text(max_size=5),
    symbols=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    connection=st.text(max_size=5),
    ordinal=st.none() | st.integers(0, 2**63),
    record=st.none() | st.integers(0, 2**63),
    part=st.integers(0, 9),
    parts=st.integers(1, 9),
    opcode=st.sampled_from(Opcode),
    sequence=st.none() | st.integers(-(2**63), 2**63),
    ts_event=st.none() | st.integers(0, 2**63),
    ts_recv=st.none() | st.integers(0, 2**63),
    payload=st.binary(max_size=200),
    route=st.none() | st.text(max_size=5),
)


@given(batch=st.lists(envelopes, min_size=1, max_size=5))
def test_what_is_written_is_read_back_exactly(batch: list[Envelope]) -> None:
    """Every field, every byte."""
    data = b"".join(encode(at, envelope) for at, envelope in enumerate(batch))
    pieces = list(walk(data, 0))
    assert [(p.position, p.envelope) for p in pieces if isinstance(p, Entry)] == [*enumerate(batch)]
    assert pieces[-1] == Tail(len(data))


@given(stale=st.lists(st.integers(0, 4), min_size=1, max_size=4), goes_on=st.booleans())
def test_records_of_a_block_used_before_are_none_of_this_place(
    stale: list[int], goes_on: bool
) -> None:
    """After a crash a file may end in old blocks: whole records, and long published."""
    batch = [a_frame(an_id(), n, b"x" * n) for n in range(7)]
    records = [encode(at, envelope) for at, envelope in enumerate(batch)]
    data = b"".join(records[:5]) + b"".join(records[n] for n in stale)
    data += b"".join(records[5:]) if goes_on else b""
    pieces = list(walk(data, 0))
    found = [p.position for p in pieces if isinstance(p, Entry)]
    assert found == list(range(7 if goes_on else 5))
    assert any(isinstance(p, Damage) for p in pieces) == goes_on
    assert pieces[-1] == Tail(len(data) if goes_on else sum(map(len, records[:5])))


def test_a_write_cut_short_at_any_byte_costs_only_what_was_cut() -> None:
    """A crash may end a write anywhere."""
    batch = [a_frame(an_id(), n, b"x" * n) for n in range(5)]
    records = [encode(at, envelope) for at, envelope in enumerate(batch)]
    data = b"".join(records)
    ends = [sum(map(len, records[:n])) for n in range(6)]
    for cut in range(len(data) + 1):
        *read, tail = walk(data[:cut], 0)
        whole = max(n for n, end in enumerate(ends) if end <= cut)
        assert [p.envelope for p in read if isinstance(p, Entry)] == batch[:whole]
        assert tail == Tail(ends[whole])


@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_costs_one_record_at_most(at: int, value: int) -> None:
    """Damage in the middle must not hide what follows."""
    batch = [
        msgspec.structs.replace(a_frame(an_id(), n, b"payload"), route=route)
        for n, route in enumerate((None, "0xabc", None, "0xabc", "0xabc"))
    ]
    data = bytearray(b"".join(encode(p, e) for p, e in enumerate(batch)))
    changed = bytes(data[: at % len(data)] + bytes([value]) + data[at % len(data) + 1 :])
    read = [p.envelope for p in walk(changed, 0) if isinstance(p, Entry)]
    assert len(read) >= 4
    assert all(envelope in batch for envelope in read)
    assert (
        len(read) == 5
        or any(isinstance(p, Damage) for p in walk(changed, 0))
        or (read == batch[:4])
    )


def test_zeros_are_not_a_record() -> None:
    """After a power failure a tail may be zeros, whose checksum over nothing is right."""
    data = encode(0, a_frame(an_id(), 0))
    assert list(walk(data + bytes(64), 0))[-1] == Tail(len(data))


def test_a_torn_overwrite_of_the_losses_leaves_the_one_before(tmp_path: Path) -> None:
    """Two slots, written in turn."""
    path = tmp_path / "losses"
    file = LossesFile(path)
    first = [Loss("c", FEED, None, "spool_full", [(0, 1)], [])]
    file.write(first)
    whole = path.read_bytes()
    file.write([Loss("c", FEED, None, "spool_full", [(0, 99)], [])])
    file.close()
    torn = path.read_bytes()
    changed = [i for i, (a, b) in enumerate(zip(whole, torn, strict=True)) if a != b]
    for cut in range(changed[0], changed[-1]):
        path.write_bytes(torn[:cut] + whole[cut:])
        again = LossesFile(path)
        assert again.found == first
        again.close()
