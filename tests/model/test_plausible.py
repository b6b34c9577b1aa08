"""What no instrument can be."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.fields import decode
from ssmd.model.instrument import Instrument, PriceRange
from ssmd.model.plausible import absurdity, exact

ONE = Instrument(venue="made", symbol="A", kind="spot", status="active")
NUMBERS = (
    "tick_size", "lot_size", "min_size", "max_size", "min_notional", "contract_size",
    "settlement_value",
)  # fmt: skip


def one(**fields: Any) -> Instrument:  # noqa: ANN401 - the fields differ
    """An instrument with these fields."""
    return msgspec.structs.replace(ONE, **fields)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_not_negative_and_fits_its_column(name: str) -> None:
    """38 digits, 10 of them behind the point."""
    for good in ("0.0000000001", "9" * 28, "1e3"):
        assert absurdity(one(**{name: Decimal(good)})) is None
    for bad in ("-1", "1e28", "0.00000000001", "-0.0000000001"):
        told = absurdity(one(**{name: Decimal(bad)}))
        assert told is not None
        assert f"`{name}`" in told


def test_only_a_tick_cannot_be_nothing() -> None:
    """0 is a statement of a size, and of a price paid."""
    assert [name for name in NUMBERS if absurdity(one(**{name: Decimal(0)}))] == ["tick_size"]


def test_figures_of_the_moment_are_not_looked_at() -> None:
    """Polymarket's volumes have more digits than any column."""
    figures = ("volume", "volume_24h", "liquidity", "open_interest")
    assert absurdity(one(**dict.fromkeys(figures, Decimal("248946.43669499908")))) is None


@pytest.mark.parametrize(
    ("step", "good"), [("0.01", True), ("0", False), ("-1", False), ("1e-30", False)]
)
def test_price_ranges_have_steps(step: str, good: bool) -> None:
    """A grid without a step has no prices."""
    ranges = (PriceRange(start=Decimal(0), end=Decimal(1), step=Decimal(step)),)
    assert (absurdity(one(price_ranges=ranges)) is None) is good


def test_a_close_long_before_the_open_is_none() -> None:
    """A day before may be a slip of the venue's; a century is no time at all."""
    day = 86_400 * 10**9
    assert absurdity(one(open_ts=0, close_ts=-day)) is None
    assert absurdity(one(open_ts=0, close_ts=-36_526 * day)) is not None
    assert absurdity(one(open_ts=None, close_ts=-36_526 * day)) is None


def test_a_number_of_absurd_size_is_not_written_out() -> None:
    """A million noughts would be a million bytes of text."""
    assert exact(decode(b"[1e999999, 1e-999999]")) == ["1E+999999", "1E-999999"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.decimals(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=10,
    )
)
def test_numbers_become_their_texts_and_nothing_else_changes(value: object) -> None:
    """The text means the same number; the result is plain JSON."""
    told = exact(decode(msgspec.json.Encoder(decimal_format="number").encode(value)))
    json.dumps(told)

    def same(before: object, after: object) -> bool:
        match before:
            case bool() | None | str():
                return before is after or (before == after and type(before) is type(after))
            case int() | Decimal():
                return isinstance(after, str) and Decimal(after) == before
            case list():
                return isinstance(after, list) and all(map(same, before, after))
            case dict():
                return isinstance(after, dict) and all(same(before[k], after[k]) for k in before)
            case _:
                return False

    assert same(value, told)
