"""What the database's replication stream says."""

import struct
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.secmaster.changes import pgoutput
from ssmd.secmaster.changes.pgoutput import (
    EPOCH_NS,
    Alive,
    Begin,
    Column,
    Commit,
    Relation,
    Row,
    Truncate,
    Unreadable,
    Wal,
)

OID: Final = 16_400
THING: Final = Relation(OID, "ssmd", "thing", "f", (Column("id", 20), Column("name", 25)))
KNOWN: Final = {OID: THING}
SAME: Final = object()
"""A large value that was not sent again, because it did not change."""


def tuple_of(*values: object) -> bytes:
    """A row as the server writes it."""
    body = struct.pack(">h", len(values))
    for value in values:
        if value is None:
            body += b"n"
        elif isinstance(value, bytes):
            body += b"t" + struct.pack(">i", len(value)) + value
        else:
            body += b"u"
    return body


def change(kind: bytes, *parts: bytes) -> bytes:
    """A change of the table."""
    return kind + struct.pack(">I", OID) + b"".join(parts)


def relation() -> bytes:
    """What the server tells of the table."""
    columns = b"".join(
        b"\x01" + column.name.encode() + b"\0" + struct.pack(">Ii", column.oid, -1)
        for column in THING.columns
    )
    return b"R" + struct.pack(">I", OID) + b"ssmd\0thing\0f" + struct.pack(">h", 2) + columns


def test_a_table_is_told_before_its_changes() -> None:
    """Names and types are told once; changes only count their columns."""
    assert pgoutput.message(relation(), {}) == THING


def test_a_transaction_has_a_beginning_and_an_end() -> None:
    """Times are of the server's epoch, in microseconds; ours are of Unix, in nanoseconds."""
    begin = b"B" + struct.pack(">Qqi", 0x16B3748, 1_000_001, -2)
    assert pgoutput.message(begin, {}) == Begin(0x16B3748, EPOCH_NS + 1_000_001_000, 0xFFFF_FFFE)
    commit = b"C" + struct.pack(">bQQq", 0, 5, 9, 1)
    assert pgoutput.message(commit, {}) == Commit(5, 9)


def test_rows_come_with_their_old_values() -> None:
    """Whole rows, before and after: the table's replica identity is full."""
    insert = change(b"I", b"N", tuple_of(b"1", None))
    assert pgoutput.message(insert, KNOWN) == Row(OID, "insert", None, (b"1", None))
    update = change(b"U", b"O", tuple_of(b"1", b"a"), b"N", tuple_of(b"1", b"b"))
    assert pgoutput.message(update, KNOWN) == Row(OID, "update", (b"1", b"a"), (b"1", b"b"))
    delete = change(b"D", b"O", tuple_of(b"1", b"b"))
    assert pgoutput.message(delete, KNOWN) == Row(OID, "delete", (b"1", b"b"), None)
    bare = change(b"U", b"N", tuple_of(b"1", b"b"))
    assert pgoutput.message(bare, KNOWN) == Row(OID, "update", None, (b"1", b"b"))


def test_a_large_value_that_did_not_change_is_taken_from_the_old_row() -> None:
    """The server does not send it again: without the old row it would be lost."""
    update = change(b"U", b"O", tuple_of(b"1", b"large"), b"N", tuple_of(b"2", SAME))
    assert pgoutput.message(update, KNOWN) == Row(OID, "update", (b"1", b"large"), (b"2", b"large"))
    with pytest.raises(Unreadable, match="not sent"):
        pgoutput.message(change(b"U", b"N", tuple_of(b"2", SAME)), KNOWN)


def test_tables_are_emptied_together() -> None:
    """One statement may name several."""
    told = b"T" + struct.pack(">ibII", 2, 0, OID, OID + 1)
    assert pgoutput.message(told, {}) == Truncate((OID, OID + 1))


@pytest.mark.parametrize("told", [b"Y\0\0\0\1a\0b\0", b"O" + b"\0" * 9, b"M" + b"\0" * 20])
def test_what_says_nothing_of_tables_is_passed_over(told: bytes) -> None:
    """Types, origins, and messages of applications."""
    assert pgoutput.message(told, {}) is None


def test_a_change_of_a_table_nobody_told_of_is_refused() -> None:
    """Guessing its columns would put values under wrong names."""
    with pytest.raises(Unreadable, match="nothing was told"):
        pgoutput.message(change(b"D", b"O", tuple_of(b"1", b"b")), {})


def test_what_carries_messages() -> None:
    """Log data, and signs of life that may want an answer."""
    assert pgoutput.carried(b"w" + struct.pack(">QQq", 1, 2, 3) + b"data") == Wal(1, 2, b"data")
    assert pgoutput.carried(b"k" + struct.pack(">Qq?", 7, 3, True)) == Alive(7, True)
    with pytest.raises(Unreadable):
        pgoutput.carried(b"w123")
    with pytest.raises(Unreadable):
        pgoutput.carried(b"x")


def test_what_we_tell_the_server() -> None:
    """What is dealt with, what is safe, and when, in its own epoch."""
    told = pgoutput.status(8, 5, EPOCH_NS + 2_000_000)
    assert struct.unpack(">cQQQq?", told) == (b"r", 8, 5, 0, 2000, False)


@given(st.integers(0, 60), st.sampled_from([relation(), change(b"I", b"N", tuple_of(b"1", b"x"))]))
def test_a_message_cut_short_is_refused_whole(length: int, whole: bytes) -> None:
    """Half a row is never taken for a row."""
    if length >= len(whole):
        return
    with pytest.raises(Unreadable):
        pgoutput.message(whole[:length], KNOWN)


def test_a_message_with_more_than_it_says_is_refused() -> None:
    """Its columns were counted wrong, by one of us."""
    with pytest.raises(Unreadable, match="1 bytes are left"):
        pgoutput.message(change(b"I", b"N", tuple_of(b"1", b"x")) + b"n", KNOWN)


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    """No other exception leaves the decoder."""
    for read in (pgoutput.carried, lambda found: pgoutput.message(found, KNOWN)):
        try:
            read(data)
        except Unreadable:
            pass
