"""What every venue's rows owe: nothing dropped, nothing rounded, nothing raised."""

import functools
import json
from collections.abc import Iterator
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.envelope import CONTROL, UNREAD, Envelope
from ssmd.model.event import Data
from ssmd.model.frame import Frame, Opcode
from ssmd.model.row import Decoded, Row
from ssmd.model.venue import Venue
from tests.venues.conversation import START, conversation, talk

every_venue = pytest.mark.parametrize("name", venues.names())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


def envelope(kind: str, payload: bytes, symbols: tuple[str, ...] = ()) -> Envelope:
    return Envelope(
        "f", None, kind, symbols, "f-0-x", 7, None, 0, 1, Opcode.TEXT, None, None, START, payload
    )


def envelopes(venue: Venue, payloads: list[bytes]) -> Iterator[Envelope]:
    """The data of a conversation as it rests in the archive."""
    session = talk(venue, passive=True)
    for payload in payloads:
        for event in session.receive(Frame(payload, Opcode.TEXT, START, 0.0)):
            if isinstance(event, Data):
                piece = payload if event.payload is None else event.payload
                yield envelope(event.type, piece, event.symbols)


@functools.cache
def said(name: str) -> tuple[Envelope, ...]:
    venue = venues.load(name)
    return tuple(envelopes(venue, conversation(venue, 5.0)))


@every_venue
def test_every_table_is_described(name: str) -> None:
    """A table's name is unique, and each of its columns has a type a file can hold."""
    tables = venues.load(name).tables
    assert tables
    assert len({table.table for table in tables}) == len(tables)
    for table in tables:
        assert issubclass(table, Row)
        assert table.table
        for column, hint in get_type_hints(table, include_extras=True).items():
            if column in {"table", "inexact"}:
                continue
            parts = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
            kinds = {getattr(part, "__origin__", part) for part in parts} - {type(None)}
            names = {kind.__name__ for kind in kinds}
            assert names <= {"str", "int", "bool", "Decimal", "tuple"}, column


@every_venue
def test_every_message_has_rows(name: str) -> None:
    """All of it, in tables that are declared; nothing is rejected or inexact, nothing unknown."""
    venue = venues.load(name)
    kinds: set[str] = set()
    for each in said(name):
        decoded = venue.rows(each)
        assert decoded.rejects == (), each.payload
        assert decoded.rows, each.payload
        kinds.add(each.type)
        for row in decoded.rows:
            assert type(row) in venue.tables
            assert row.inexact == {}, each.payload
            assert row.extra is None, each.payload
            assert row.symbol is None or not each.symbols or row.symbol in each.symbols
            assert msgspec.convert(msgspec.to_builtins(row), type(row)) == row
    assert len(kinds) > 1


@every_venue
def test_rows_are_a_function_of_the_bytes(name: str) -> None:
    """What is decoded again in ten years is what was decoded today."""
    venue = venues.load(name)
    for each in said(name)[:50]:
        assert venue.rows(each) == venue.rows(each)


@every_venue
@given(data=st.data(), payload=st.binary(max_size=60) | JSON)
def test_no_bytes_break_the_rows(name: str, data: st.DataObject, payload: bytes) -> None:
    """Whatever stands in the archive under a type gives a row or a counted reject."""
    venue = venues.load(name)
    kind = data.draw(st.sampled_from(sorted(venue.types)))
    check(venue.rows(envelope(kind, payload)))


@every_venue
@given(data=st.data())
def test_no_damage_breaks_the_rows(name: str, data: st.DataObject) -> None:
    """Bytes exchanged, cut out or doubled anywhere in a real message."""
    venue = venues.load(name)
    each = data.draw(st.sampled_from(said(name)))
    at = data.draw(st.integers(0, len(each.payload)))
    end = data.draw(st.integers(at, min(len(each.payload), at + 9)))
    damaged = each.payload[:at] + data.draw(st.binary(max_size=4)) + each.payload[end:]
    check(venue.rows(msgspec.structs.replace(each, payload=damaged)))


def check(decoded: Decoded) -> None:
    assert decoded.rows or decoded.rejects
    for reject in decoded.rejects:
        assert reject.envelope == "f-0-x:7:0"
        assert reject.reason


@every_venue
@pytest.mark.parametrize("kind", [CONTROL, UNREAD])
def test_what_is_no_data_has_no_rows(name: str, kind: str) -> None:
    """Talk about the connection and unread frames are in no table."""
    assert venues.load(name).rows(envelope(kind, b"{}")) == Decoded()


@every_venue
def test_deep_nesting_breaks_no_rows(name: str) -> None:
    """2,000 brackets are a reject."""
    venue = venues.load(name)
    for kind in sorted(venue.types):
        for payload in (b"[" * 2000 + b"]" * 2000, b'{"a":' * 2000 + b"1" + b"}" * 2000):
            check(venue.rows(envelope(kind, payload)))
