"""What all facts share."""

import json
from decimal import Decimal
from types import NoneType
from typing import ClassVar, get_args, get_type_hints

from ssmd.model.fact import COMMON_TABLES, Fact, Lifecycle, Quote, detail, renamed, states
from ssmd.model.row import Number, Rate, Row, Time


class Seen(Row, frozen=True, kw_only=True):
    """A row of a made-up table."""

    table: ClassVar[str] = "seen"

    size: Number | None = None
    share: Rate | None = None
    at: Time | None = None
    word: str | None = None
    is_odd: bool | None = None


def test_every_table_is_named_once_and_its_columns_can_rest_in_a_file() -> None:
    """Texts, truth values, whole numbers, times, and decimals of one of the two scales."""
    assert len({table.table for table in COMMON_TABLES}) == len(COMMON_TABLES) == 7
    for table in COMMON_TABLES:
        assert issubclass(table, Fact)
        hints = get_type_hints(table, include_extras=True)
        for column in table.__struct_fields__:
            if column != "inexact":
                kinds = set(get_args(hints[column])) or {hints[column]}
                assert kinds - {NoneType} <= {str, bool, Number, Rate, Time}, column


def test_a_fact_that_states_nothing_is_known() -> None:
    """What it shares with all facts is no statement; a value that does not fit is one."""
    assert not states(Quote(symbol="a", ts_event=1, native_id="2", is_snapshot=True))
    assert not states(Quote(symbol="a", inexact={"ts_event": "soon"}))
    assert states(Quote(symbol="a", bid=Decimal(0)))
    assert states(Quote(symbol="a", inexact={"ask": "1e99"}))
    assert states(Lifecycle(symbol="a", event="created"))


def test_what_is_inexact_goes_by_the_facts_names() -> None:
    """Columns that the fact does not have are not among it."""
    row = Seen(symbol="a", inexact={"size": "1e99", "word": "7", "ts_event": "soon"})
    assert renamed(row, {"size": "volume"}) == {"volume": "1e99", "ts_event": "soon"}
    assert renamed(Seen(symbol="a"), {"size": "volume"}) == {}


def test_the_rest_of_a_row_is_kept_digit_for_digit() -> None:
    """As JSON that no reader rounds: numbers are texts, times whole ns."""
    row = Seen(
        symbol="a",
        ts_event=1,
        size=Decimal("0.10"),
        at=1_800_000_000_000_000_001,
        word="x",
        is_odd=False,
        inexact={"share": "1e99"},
    )
    assert json.loads(detail(row, "word") or "") == {
        "size": "0.10",
        "at": 1_800_000_000_000_000_001,
        "is_odd": False,
        "inexact": {"share": "1e99"},
    }
    assert detail(Seen(symbol="a", word="x"), "word") is None
