"""The order of recorded frames, and how split ones are put together again."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.envelope import CONTROL, UNREAD, Envelope
from ssmd.sim.replay.taped import Lag, Taped, is_data, joined, ordered
from tests.archive.made import START, Talk


@st.composite
def strands(draw: st.DrawFn) -> list[list[Envelope]]:
    """What several writers wrote: frames in parts, a wall clock set back, redeliveries."""
    written: list[list[Envelope]] = []
    for writer in range(draw(st.integers(1, 3))):
        lines: list[Envelope] = []
        for shard in range(draw(st.integers(1, 2))):
            talk = Talk(10 * writer + shard)
            for ordinal in range(draw(st.integers(0, 8))):
                talk.ts = max(START, talk.ts + draw(st.integers(-3, 9)) * 1_000)
                parts = draw(st.sampled_from([1, 1, 3]))
                lines += [
                    talk.envelope(
                        "trade", b'{"n":%d}' % part, ordinal=ordinal, part=part, parts=parts
                    )
                    for part in range(parts)
                ]
        if draw(st.booleans()):
            lines = draw(st.permutations(lines))
        written.append(lines)
    return written


def read(written: list[list[Envelope]]) -> list[Taped]:
    """Everything in order."""
    ready = []
    for lines in written:
        lag = Lag()
        for each in lines:
            lag.see(each)
        ready.append(ordered(lines, lag.ns, lag.disordered))
    return list(joined(ready))


@given(written=strands())
def test_every_frame_comes_once_and_whole(written: list[list[Envelope]]) -> None:
    """However the lines were written, no piece is lost, doubled or put into another frame."""
    found = read(written)
    pieces = [piece.message_id for frame in found for piece in frame.pieces]
    assert sorted(pieces) == sorted(each.message_id for lines in written for each in lines)
    assert all(len(frame.pieces) == frame.parts for frame in found)
    assert [frame.key for frame in found] == sorted(frame.key for frame in found)


@given(written=strands())
def test_a_connection_that_was_written_in_order_stays_so(written: list[list[Envelope]]) -> None:
    """Even where the wall clock was set back, frames come in the order of the socket."""
    in_order = {
        line.connection
        for lines in written
        for line in lines
        if [e.ordinal for e in lines if e.connection == line.connection]
        == sorted(e.ordinal or 0 for e in lines if e.connection == line.connection)
    }
    ordinals: dict[str, list[int]] = defaultdict(list)
    for frame in read(written):
        ordinals[frame.connection].append(frame.ordinal)
    assert all(ordinals[each] == sorted(ordinals[each]) for each in in_order)


def test_a_split_frame_is_put_together_to_the_byte() -> None:
    """The venue sent one message; so it is one again, and some of it is a message too."""
    pieces = [Talk().envelope("book", each, ordinal=0) for each in (b'{"a":1}', b'{ "b": 2 }')]
    frame = Taped(START, "c", 0, 2, tuple(pieces))
    assert frame.payload(frame.pieces) == b'[{"a":1},{ "b": 2 }]'
    assert frame.payload(pieces[1:]) == b'[{ "b": 2 }]'


def test_talk_and_records_are_not_served() -> None:
    """The client has a talk of its own; what we say about connections nobody sent."""
    talk = Talk()
    assert not is_data(talk.opened())
    assert not is_data(talk.envelope(CONTROL, b"{}", ordinal=0))
    assert is_data(talk.envelope(UNREAD, b"{}", ordinal=1))
    assert is_data(talk.frames(1)[0])
