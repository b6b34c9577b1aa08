"""Lines of each connection in the order in which they were received, whatever came in between."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive import line
from ssmd.archive.presence import Presence
from ssmd.archive.tables.order import connection, head, ordered
from ssmd.model.envelope import Envelope
from ssmd.model.errors import Damaged
from tests.archive.made import Talk


def union(segments: Sequence[Sequence[Envelope]]) -> dict[str, Presence]:
    """What manifests would tell of segments."""
    found: dict[str, Presence] = {}
    for segment in segments:
        for envelope in segment:
            found.setdefault(envelope.connection, Presence()).add(envelope)
    return found


def order(
    segments: Sequence[Sequence[Envelope]], bound: int = 1 << 20, before: int | None = None
) -> list[tuple[str, int, int, bool]]:
    """Connection, frame, part and whether nothing is missing before, as they come out."""
    streams = [[line.encode(envelope) for envelope in segment] for segment in segments]
    known = {} if before is None else dict.fromkeys(union(segments), before)
    return [
        (connection(found.head.connection), found.head.ordinal, found.head.part, found.is_next)
        for found in ordered(streams, union(segments), known, bound)
        if found.head.ordinal is not None
    ]


def frames(count: int, shard: int = 0, parts: int = 1) -> list[Envelope]:
    """Frames of a connection, in order, each in so many parts."""
    talk = Talk(shard)
    return [
        talk.envelope("trade", b"{}", ordinal=ordinal, part=part, parts=parts)
        for ordinal in range(count)
        for part in range(parts)
    ]


@given(
    shuffled=st.permutations(frames(12) + frames(6, 1, 3)),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    bound=st.sampled_from([1, 200, 1 << 20]),
)
def test_any_disorder_is_put_in_order(
    shuffled: list[Envelope], cuts: list[int], bound: int
) -> None:
    """Redelivery changes neither what comes out nor its order, over however many segments."""
    edges = [0, *sorted(cuts), len(shuffled)]
    segments = [shuffled[low:high] for low, high in pairwise(edges)]
    found = order(segments, bound)
    for wanted in (frames(12), frames(6, 1, 3)):
        name = wanted[0].connection
        told = [(ordinal, part, whole) for who, ordinal, part, whole in found if who == name]
        assert told == [(each.ordinal, each.part, True) for each in wanted]


@given(missing=st.sets(st.integers(0, 9), max_size=9), shuffled=st.permutations(range(10)))
def test_what_is_missing_is_told_where_it_is_missing(
    missing: set[int], shuffled: list[int]
) -> None:
    """A book must not go on over a hole as if there were none."""
    there = frames(10)
    found = order([[there[index] for index in shuffled if index not in missing]])
    left = [index for index in range(10) if index not in missing]
    assert [ordinal for _, ordinal, _, _ in found] == left
    assert [whole for *_, whole in found] == [
        index == 0 or index - 1 not in missing for index in left
    ]


def test_a_missing_part_is_missing() -> None:
    """A frame of which a piece is elsewhere is not whole, nor is what follows it."""
    there = [each for each in frames(2, parts=3) if (each.ordinal, each.part) != (0, 1)]
    assert [found[1:] for found in order([there])] == [
        (0, 0, True),
        (0, 2, False),
        (1, 0, True),
        (1, 1, True),
        (1, 2, True),
    ]
    assert [found[1:] for found in order([there[:1] + there[2:]])][1] == (1, 0, False)


def test_a_slot_goes_on_where_the_one_before_ended() -> None:
    """Nothing is missing between two slots when the ordinals follow."""
    there = frames(8)[5:]
    assert order([there], before=4)[0][3]
    assert not order([there], before=3)[0][3]


def test_what_two_segments_hold_is_told_once() -> None:
    """A line that is archived twice is counted as such, not decoded again."""
    there = frames(3)
    streams = [[line.encode(each) for each in there], [line.encode(there[1])]]
    found = list(ordered(streams, union([there]), {}))
    assert [each.is_again for each in found] == [False, False, False, True]


def test_frames_that_manifests_promise_must_be_there() -> None:
    """A manifest that tells of more than the file holds means that the file is not whole."""
    there = frames(3)
    with pytest.raises(Damaged, match="are not there"):
        list(ordered([[line.encode(each) for each in there[:2]]], union([there]), {}))
    with pytest.raises(Damaged, match="no manifest tells"):
        list(ordered([[line.encode(there[0])]], {}, {}))
    with pytest.raises(Damaged, match="Not a line"):
        list(ordered([[b"no\n"]], {}, {}))


@given(
    name=st.text(min_size=1),
    kind=st.text(),
    numbers=st.tuples(st.none() | st.integers(-9, 9), st.integers(0, 9), st.integers(1, 9)),
)
def test_the_head_of_a_line_is_what_the_whole_line_says(
    name: str, kind: str, numbers: tuple[int | None, int, int]
) -> None:
    """What is read without reading the line must be the same, whatever the strings hold."""
    ts, part, parts = numbers
    envelope = Talk().envelope(
        kind, b"{}", ordinal=7, part=part, parts=parts, connection=name, ts_recv=ts
    )
    found = head(line.encode(envelope))
    assert found is not None
    assert (found.ordinal, found.record, found.part, found.parts) == (7, None, part, parts)
    assert (connection(found.connection), connection(found.type)) == (name, kind)
    assert found.ts_recv == ts
