"""Payloads above the server's limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.bus import chunks, codec
from ssmd.bus.chunks import Joiner
from tests.bus.test_codec import example


def message(payload: bytes, ordinal: int = 0) -> codec.Message:
    return codec.encode("p", example(payload=payload, ordinal=ordinal))


LIMIT = len(message(b"").headers) + 64 + 10
"""Room for ten bytes of payload per piece."""


@given(st.binary(min_size=11, max_size=300), st.randoms())
def test_pieces_join_in_any_order_and_however_often(payload: bytes, chance: object) -> None:
    """Retries and redeliveries mix them; the frame is the same."""
    whole = message(payload)
    pieces = list(chunks.cut(whole, LIMIT))
    assert all(len(p.headers) + len(p.payload) <= LIMIT for p in pieces)
    assert len({p.id for p in pieces}) == len(pieces)
    order = [*range(len(pieces)), *range(len(pieces))]
    chance.shuffle(order)  # type: ignore[attr-defined]
    joiner = Joiner(wait_s=10.0, most_bytes=1 << 20)
    joined = []
    for sequence, at in enumerate(order, 1):
        found = joiner.add(pieces[at].headers, pieces[at].payload, sequence, 0.0)
        joined += [found] if found else []
    assert [(j.payload, j.low) for j in joined] == [(payload, 1)]
    assert joiner.low is None
    assert not joiner.is_waiting


def test_a_piece_alone_can_be_read() -> None:
    """A scan reads headers only, and must know whose piece it is."""
    piece = next(chunks.cut(message(b"x" * 50), LIMIT))
    assert codec.decode(piece.subject, piece.headers, b"") == example()


def test_an_incomplete_set_holds_the_watermark_back_for_a_while() -> None:
    """Below its first piece while it may come; then it is told, and holds nothing."""
    joiner = Joiner(wait_s=10.0, most_bytes=1 << 20)
    first, second = (list(chunks.cut(message(b"x" * 30, n), LIMIT)) for n in (0, 1))
    joiner.add(first[0].headers, first[0].payload, 7, 0.0)
    joiner.add(second[0].headers, second[0].payload, 9, 5.0)
    assert joiner.low == 7
    assert joiner.abandon(9.9) == []
    (lost,) = joiner.abandon(10.0)
    assert (lost.identity, lost.found, lost.total, lost.low) == ("f-0-x:0:0", 1, 3, 7)
    assert joiner.low == 9
    assert joiner.abandon(10.0) == [], "told once"
    late = [joiner.add(p.headers, p.payload, s, 11.0) for s, p in enumerate(first[1:], 20)]
    assert late[-1] is not None, "what comes late is joined all the same"
    assert late[-1].payload == b"x" * 30


def test_memory_is_bounded() -> None:
    """The oldest set goes first, and is told."""
    joiner = Joiner(wait_s=10.0, most_bytes=25)
    for n in range(3):
        piece = next(chunks.cut(message(b"x" * 30, n), LIMIT))
        joiner.add(piece.headers, piece.payload, n + 1, 0.0)
    assert [lost.low for lost in joiner.abandon(0.0)] == [1]
    assert joiner.low == 2


def test_headers_beyond_the_limit_are_refused() -> None:
    """Cutting the payload does not help."""
    with pytest.raises(ValueError, match="leave no room"):
        list(chunks.cut(message(b"x" * 50), 100))


@pytest.mark.parametrize("value", [b"3/3", b"x/3", b"1", b"-1/3", b"1/2/3"])
def test_a_header_that_makes_no_sense_is_refused(value: bytes) -> None:
    """Guessing would join the wrong bytes."""
    piece = next(chunks.cut(message(b"x" * 30), LIMIT))
    headers = piece.headers.replace(b"Ssmd-Chunk: 0/3", b"Ssmd-Chunk: " + value)
    with pytest.raises(ValueError, match=r"piece|unpack|literal"):
        Joiner(10.0, 100).add(headers, b"", 1, 0.0)
