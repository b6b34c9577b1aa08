"""Which messages of a chained stream count."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from ssmd.bus.chain import Chain
from ssmd.model.envelope import CONNECTION, Envelope
from ssmd.model.frame import Opcode

A: Final = "secmaster-cdc-019ac0de-0000-7000-8000-000000000000"
B: Final = "secmaster-cdc-019ac0de-0001-7000-8000-000000000000"


def message(connection: str, *, ordinal: int | None = None, record: int | None = None) -> Envelope:
    """A frame, or the opening (0) or closing record of a connection."""
    kind = "instrument" if record is None else CONNECTION
    return Envelope(
        "secmaster", None, kind, (), connection, ordinal, record, 0, 1, Opcode.TEXT, None, 1, 1, b""
    )


def counted(*messages: Envelope) -> tuple[list[bool], Chain]:
    """What counts of a stream, and where its chain is then."""
    chain = Chain()
    return [chain.take(at, each) for at, each in enumerate(messages, 1)], chain


def test_an_undisturbed_chain_counts_whole() -> None:
    """The normal case: opened, frames, closed, and the next one after it."""
    found, chain = counted(
        message(A, record=0),
        message(A, ordinal=0),
        message(A, ordinal=1),
        message(A, record=1),
        message(B, record=0),
        message(B, ordinal=0),
    )
    assert all(found)
    assert (chain.connection, chain.ordinal, chain.record, chain.sequence) == (B, 0, 0, 6)


def test_what_follows_a_gap_is_void() -> None:
    """A stranger took the place of ordinal 1; its successor named the right sequence by chance."""
    found, chain = counted(message(A, record=0), message(A, ordinal=0), message(A, ordinal=2))
    assert found == [True, True, False]
    assert (chain.sequence, chain.ordinal, chain.greatest) == (2, 0, 2)
    assert not chain.take(4, message(A, ordinal=3))
    assert not chain.take(5, message(A, ordinal=1)), "the gap does not heal"
    assert (chain.greatest, chain.missing) == (3, (1, 1))


def test_a_connection_that_was_never_opened_is_void() -> None:
    """Where the beginning of one was seen, another one needs its own."""
    found, chain = counted(message(A, record=0), message(B, ordinal=0), message(A, ordinal=0))
    assert found == [True, False, True]
    assert chain.connection == A


def test_a_repetition_is_no_gap() -> None:
    """Messages may be delivered twice; what comes after still counts."""
    found, _ = counted(
        message(A, record=0), message(A, ordinal=0), message(A, ordinal=0), message(A, ordinal=1)
    )
    assert found == [True, True, False, True]


def test_a_dead_writer_that_wakes_is_void() -> None:
    """Its successor closed its connection and opened its own: what it still sends counts not."""
    found, chain = counted(
        message(A, record=0),
        message(A, ordinal=0),
        message(A, record=1),
        message(A, ordinal=1),
        message(B, record=0),
        message(A, ordinal=2),
        message(B, ordinal=0),
        message(A, ordinal=3),
    )
    assert found == [True, True, True, False, True, False, True, False]
    assert (chain.connection, chain.sequence) == (B, 7)


@given(st.integers(0, 30), st.integers(1, 30))
def test_the_middle_of_a_chain_is_taken_at_its_word(begin: int, length: int) -> None:
    """The next writer reads only the end of a stream, wherever that begins."""
    whole = [message(A, record=0), *(message(A, ordinal=at) for at in range(60))]
    found, chain = counted(*whole[begin : begin + length])
    assert all(found)
    assert chain.sequence == length


def test_in_the_middle_the_younger_connection_wins() -> None:
    """Without its beginning in sight, an id that sorts later was made later."""
    found, chain = counted(message(A, ordinal=7), message(B, ordinal=3), message(A, ordinal=8))
    assert found == [True, True, False]
    assert chain.connection == B
