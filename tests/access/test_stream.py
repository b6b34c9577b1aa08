"""The seam between archive and bus: wherever it falls, everything passes once."""

from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.stream import Seam, begin_after
from ssmd.archive.contents import Position
from ssmd.bus.api import StreamState
from ssmd.model.envelope import Envelope
from tests.archive.made import CREATED, START, Talk


@st.composite
def logs(draw: st.DrawFn) -> list[Envelope]:
    """What a stream holds: several connections' frames and records, late ones, and repeats."""
    talks = [Talk(shard) for shard in range(draw(st.integers(1, 3)))]
    published = [envelope for talk in talks for envelope in talk.life(draw(st.integers(0, 12)))]
    ordered = draw(st.permutations(published))
    repeats = draw(st.lists(st.sampled_from(ordered), max_size=8))
    where = [draw(st.integers(0, len(ordered))) for _ in repeats]
    for at, envelope in sorted(zip(where, repeats, strict=True), key=lambda pair: -pair[0]):
        ordered.insert(at, envelope)
    return ordered


def identities(envelopes: list[Envelope]) -> list[str]:
    """What tells each from all others."""
    return [envelope.message_id for envelope in envelopes]


@given(log=logs(), data=st.data())
def test_wherever_the_seam_falls_everything_passes_once(
    log: list[Envelope], data: st.DataObject
) -> None:
    """The position noted may be older than what is read, and the bus may hold only what is left."""
    last = len(log)
    noted = data.draw(st.integers(0, last), "position noted")
    read = data.draw(st.integers(noted, last), "how far the files reach when they are read")
    first = data.draw(st.integers(1, read + 1), "what the bus still holds: the rest is archived")
    state = StreamState(created=CREATED, first=first, last=last, messages=0, bytes=0)
    position = Position(1, "S", CREATED, noted) if noted else None
    begin = begin_after(position, state)
    seam = Seam()
    archived = [envelope for envelope in log[:read] if seam.take(envelope)]
    live = [envelope for envelope in log[begin - 1 :] if seam.take(envelope)]
    passed = identities(archived + live)
    assert len(passed) == len(set(passed))
    assert set(passed) == set(identities(log))


@given(log=logs(), data=st.data())
def test_the_beginning_is_kept_on_both_sides_of_the_seam(
    log: list[Envelope], data: st.DataObject
) -> None:
    """What was received before the start passes neither from the files nor, late, from the bus."""
    start = START + data.draw(st.integers(0, 15)) * 1_000_000
    split = data.draw(st.integers(0, len(log)))
    seam = Seam(start)
    passed = [each for each in log[:split] + log[max(0, split - 5) :] if seam.take(each)]
    wanted = {each.message_id for each in log if (each.ts_recv or 0) >= start}
    assert sorted(identities(passed)) == sorted(wanted)


def test_a_position_that_says_nothing_of_this_stream_is_not_trusted() -> None:
    """A stream made anew, or rolled back to before the position, is read from its first message."""
    state = StreamState(created=CREATED, first=3, last=90, messages=0, bytes=0)
    assert begin_after(None, state) == 3
    assert begin_after(Position(1, "S", CREATED - 1, 50), state) == 3
    assert begin_after(Position(1, "S", CREATED, 91), state) == 3
    assert begin_after(Position(1, "S", CREATED, 90), state) == 91
    assert begin_after(Position(1, "S", CREATED, 1), state) == 3


def test_only_what_is_wanted_passes() -> None:
    """A filter holds on both sides of the seam, too."""
    talk = Talk()
    life = talk.life(3)
    seam = Seam(wanted=lambda envelope: envelope.record is None)
    assert [each.ordinal for each in life if seam.take(each)] == [0, 1, 2]
