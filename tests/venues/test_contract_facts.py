"""What every venue's facts owe: the row's own statements, in words that all venues share."""

from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.fact import COMMON_TABLES, BookLevel, Fact, Trade, states
from ssmd.model.fields import NUMBER_SCALE, fits
from ssmd.model.instrument import Instrument
from ssmd.model.row import Row
from tests.venues.test_contract_rows import every_venue, said

TABLES = set(COMMON_TABLES) - {BookLevel}
NUMBERS = st.decimals(-2, 10**6, places=4) | st.sampled_from([Decimal(0), Decimal(1)])
VALUES: dict[type, st.SearchStrategy[Any]] = {
    Decimal: NUMBERS,
    str: st.text(max_size=4) | st.sampled_from(["yes", "no", "settled", "online"]),
    int: st.integers(0, 2**62),
    bool: st.booleans(),
}
STATUSES = get_type_hints(Instrument)["status"].__args__


def kind_of(hint: object) -> type:
    """The one type of a column that may be None."""
    (kind,) = {part for part in get_args(hint) or (hint,) if part is not type(None)}
    found: type = get_origin(kind) or kind
    return found


@st.composite
def rows(draw: st.DrawFn, tables: tuple[type[Row], ...]) -> Row:
    """A row of any table, whatever it says; what is inexact is None."""
    table = draw(st.sampled_from(tables))
    hints = {
        name: hint
        for name, hint in get_type_hints(table).items()
        if name in table.__struct_fields__ and name not in {"inexact", "is_snapshot"}
    }
    needed = {
        each.name
        for each in msgspec.structs.fields(table)
        if each.required and each.name != "symbol"
    }
    values = {
        name: draw(VALUES[kind_of(hint)] if name in needed else st.none() | VALUES[kind_of(hint)])
        for name, hint in hints.items()
    }
    columns = st.sampled_from(sorted(hints.keys() - needed))
    inexact = draw(st.dictionaries(columns, st.text(max_size=3), max_size=3))
    for name in inexact:
        values[name] = None
    made: Row = msgspec.convert(
        {**values, "is_snapshot": draw(st.booleans()), "inexact": inexact}, table
    )
    return made


@every_venue
def test_a_conversation_is_told_in_common_words(name: str) -> None:
    """All of it is of some instrument, as the row says, exact; trades among it."""
    venue = venues.load(name)
    told: set[type[Fact]] = set()
    for each in said(name):
        for row in venue.rows(each).rows:
            for fact in venue.facts(row):
                told.add(type(fact))
                assert type(fact) in TABLES
                assert fact.symbol == row.symbol
                assert (fact.ts_event, fact.is_snapshot) == (row.ts_event, row.is_snapshot)
                assert fact.native_id in {None, row.native_id}
                assert fact.inexact == {}
                assert states(fact)
                assert msgspec.convert(msgspec.to_builtins(fact), type(fact)) == fact
                if isinstance(fact, Trade):
                    assert fact.trade_id == fact.native_id
                    assert fact.side in {"buy", "sell"}
                    assert fact.price
                    assert fact.size
                    assert min(fact.price, fact.size) > 0
    assert Trade in told


@every_venue
@given(data=st.data())
def test_facts_come_of_whatever_row(name: str, data: st.DataObject) -> None:
    """Nothing is raised; what no column holds is None and kept as text, under the fact's name."""
    venue = venues.load(name)
    row = data.draw(rows(venue.tables))
    found = list(venue.facts(row))
    assert list(venue.facts(row)) == found
    assert row.symbol is not None or not found
    for fact in found:
        assert type(fact) in TABLES
        assert set(fact.inexact.values()) <= set(row.inexact.values())
        for column in fact.inexact:
            assert getattr(fact, column) is None
        for column in fact.__struct_fields__:
            value = getattr(fact, column)
            assert not isinstance(value, Decimal) or fits(value, NUMBER_SCALE)
        status = getattr(fact, "status", None)
        assert status is None or status in STATUSES
