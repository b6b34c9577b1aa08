"""What a filter says of time, feed and instrument never leaves out a row that passes it."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.access.bounds import Bounds, of_plan, of_predicate
from ssmd.access.later import later
from ssmd.access.times import Range

T0 = 1_800_000_000_000_000_000
TIME = pl.Datetime("ns", "UTC")
SCHEMA = {"feed": pl.String(), "instrument_id": pl.String(), "ts_recv": TIME, "ts_event": TIME}
RANGE = (
    "((ts_recv >= '2027-01-15 08:00:00'::TIMESTAMP_NS) AND "
    "(ts_recv < '2027-01-15 08:00:00.000000005'::TIMESTAMP_NS))"
)
ROWS = pl.DataFrame(
    [
        (feed, f"v:{symbol}", T0 + recv, None if event is None else T0 + event)
        for feed in ("a", "b")
        for symbol in ("X", "Y")
        for recv in range(4)
        for event in (None, 0, 3)
    ],
    schema=SCHEMA,
    orient="row",
)


def moment(ns: int) -> pl.Expr:
    """A time to the nanosecond, which Python's own times are not."""
    return pl.lit(T0 + ns, dtype=pl.Int64).cast(TIME)


def pushed(predicate: pl.Expr) -> tuple[Bounds, pl.DataFrame]:
    """What reaches a source of a filter, and the rows that pass it."""
    told: list[Bounds] = []

    def make(_columns: object, found: pl.Expr | None) -> Any:  # noqa: ANN401 - a generator
        told.append(of_predicate(found))
        yield ROWS

    passed = later("rows", SCHEMA, make).filter(predicate).collect()
    return told[0], passed


def within(asked: Range, ts: int | None) -> bool:
    return asked == Range() or (
        ts is not None
        and (asked.since is None or ts >= asked.since)
        and (asked.until is None or ts < asked.until)
    )


TIMES = st.integers(-1, 4).map(moment)
OPS: list[Callable[[Any, Any], pl.Expr]] = [
    lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a < b, lambda a, b: a <= b,
    lambda a, b: a == b, lambda a, b: a != b,
]  # fmt: skip
COMPARED = st.builds(
    lambda name, op, value, turned: op(value, pl.col(name)) if turned else op(pl.col(name), value),
    st.sampled_from(["ts_recv", "ts_event"]), st.sampled_from(OPS), TIMES, st.booleans(),
)  # fmt: skip
NAMED = st.builds(
    lambda pair, op: op(pl.col(pair[0]), pair[1]),
    st.sampled_from([("feed", "a"), ("feed", "z"), ("instrument_id", "v:X")]),
    st.sampled_from(OPS[4:]),
)
BETWEEN = st.builds(
    lambda low, high, closed: pl.col("ts_recv").is_between(low, high, closed=closed),
    TIMES, TIMES, st.sampled_from(["both", "left", "right", "none"]),
)  # fmt: skip
FILTERS = st.recursive(
    COMPARED | NAMED | BETWEEN,
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | inner.map(lambda a: ~a)
    ),
    max_leaves=6,
)


@given(FILTERS)
def test_bounds_hold_for_every_row_that_passes(predicate: pl.Expr) -> None:
    """A bound that is too narrow is data that silently is not there."""
    bounds, passed = pushed(predicate)
    for feed, instrument, recv, event in passed.with_columns(
        pl.col("ts_recv", "ts_event").to_physical()
    ).rows():
        assert bounds.feed in {None, feed}
        assert bounds.instrument in {None, instrument}
        assert within(bounds.received, recv)
        assert within(bounds.event, event)


def test_bounds_are_found() -> None:
    """A bound that is never found prunes nothing."""
    col = pl.col
    predicate = (col("ts_recv") >= moment(1)) & (col("ts_recv") < moment(3))
    predicate &= (col("instrument_id") == "v:X") & (col("feed") == "b")
    bounds, passed = pushed(predicate)
    assert bounds == Bounds(received=Range(T0 + 1, T0 + 3), feed="b", instrument="v:X")
    assert passed.height == 6


@pytest.mark.parametrize(
    ("filters", "bounds"),
    [
        (RANGE, Bounds(received=Range(T0, T0 + 5))),
        (
            "(ts_recv <= '2027-01-15 08:00:00.000000005'::TIMESTAMP_NS)",
            Bounds(received=Range(None, T0 + 6)),
        ),
        ("(ts_event > '2027-01-15 08:00:00'::TIMESTAMP_NS)", Bounds(event=Range(T0 + 1, None))),
        (["(feed = 'a')", "optional: (instrument_id = 'v:O''X')"], Bounds(feed="a", instrument="v:O'X")),
        ("((ts_event = '2027-01-15 08:00:00'::TIMESTAMP_NS) OR (feed = 'a'))", Bounds()),
        ("(NOT (feed = 'a'))", Bounds()),
        ("(feed IN ('a', 'b'))", Bounds()),
        ("(price > 1)", Bounds()),
        ("(ts_recv >= '+infinity'::TIMESTAMP_NS)", Bounds()),
        (None, Bounds()),
    ],
)  # fmt: skip
def test_filters_of_a_plan(filters: object, bounds: Bounds) -> None:
    """What DuckDB shows of a scan; what is not understood says nothing."""
    assert of_plan(filters) == bounds


def test_bounds_add_up() -> None:
    """Filters narrow; two reads of one table need what either needs."""
    one = Bounds(received=Range(1, 5), feed="a", instrument="v:X")
    other = Bounds(received=Range(3, 9), feed="a", instrument="v:Y")
    whole = reduce(Bounds.both, [one, other])
    assert whole == Bounds(received=Range(1, 9), feed="a")
    assert one.shared(Bounds(received=Range(2, None))) == Bounds(
        received=Range(2, 5), feed="a", instrument="v:X"
    )
