"""What every venue owes who looks for one kind of fact: what its types can tell is declared.

`tests/venues/test_captures.py` holds every recorded capture against the same.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.fact import COMMON_TABLES, BookLevel
from tests.tier import scale
from tests.venues.booking import recorded
from tests.venues.telling import is_declared
from tests.venues.test_contract_rows import envelope, every_venue, said


@every_venue
def test_every_type_is_declared(name: str) -> None:
    """All of them, in kinds that exist; what shows a snapshot stands in any spelling of a line."""
    venue = venues.load(name)
    kinds = {*venue.tables, *COMMON_TABLES} - {BookLevel}
    assert venue.tells.keys() == venue.types
    assert set().union(*venue.tells.values()) <= kinds
    assert set(venue.tables) <= set().union(*venue.tells.values())
    assert venue.snapshots.keys() <= venue.types
    for mark in venue.snapshots.values():
        assert not {*b'"\\'} & {*mark}
        assert mark.isascii()


@every_venue
@pytest.mark.parametrize("space", [b"", b" ", b"\r\n"])
def test_a_conversation_tells_what_is_declared(name: str, space: bytes) -> None:
    """Subscriptions renewed, ended and added; also when the line has to quote the payload."""
    venue = venues.load(name)
    begun = 0
    for piece in recorded(venue, scale(gate=60, full=600), 1).pieces:
        whole = msgspec.structs.replace(piece.envelope, payload=space + piece.envelope.payload)
        if not whole.type.startswith("_"):
            assert is_declared(venue, whole, piece.rows), whole.payload
            begun += any(row.is_snapshot for row in piece.rows)
    assert begun


@every_venue
@given(data=st.data())
def test_no_damage_makes_a_message_tell_something_else(name: str, data: st.DataObject) -> None:
    """Bytes exchanged, cut out or doubled anywhere in a real message."""
    venue = venues.load(name)
    each = data.draw(st.sampled_from(said(name)))
    at = data.draw(st.integers(0, len(each.payload)))
    end = data.draw(st.integers(at, min(len(each.payload), at + 9)))
    payload = each.payload[:at] + data.draw(st.binary(max_size=4)) + each.payload[end:]
    damaged = envelope(each.type, payload, each.symbols)
    assert is_declared(venue, damaged, venue.rows(damaged).rows)
