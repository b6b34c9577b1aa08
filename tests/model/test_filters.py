"""Filters are pure: every instrument is kept or counted, and a senseless filter is found."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.filters import NAMES, Filters, Selector, select
from ssmd.model.instrument import Instrument, Status
from ssmd.model.timestamp import SECOND_NS
from tests.model.listed import listed

NOW = 1_800_000_000 * SECOND_NS


def kept(filters: Filters, *instruments: Instrument) -> list[str]:
    return [item.symbol for item in select(instruments, filters, NOW).kept]


def test_only_what_can_be_traded_is_wanted_unless_said_otherwise() -> None:
    """The default is the active ones."""
    items = [listed("a"), listed("b", status="closed"), listed("c", status="pre_open")]
    assert kept(Filters(), *items) == ["a"]
    assert kept(Filters(statuses=("active", "pre_open")), *items) == ["a", "c"]


@pytest.mark.parametrize(
    ("filters", "passes", "fails"),
    [
        ({"categories": ("Crypto",)}, {"category": "CRYPTO"}, {"category": "Cryptography"}),
        ({"tags": ("btc", "x")}, {"tags": ("ETH", "BTC")}, {"tags": ("ETH",)}),
        ({"tags": ("btc",)}, {"tags": ("btc",)}, {"tags": ()}),
        ({"series": ("KX",)}, {"series": "KX"}, {"series": "kx"}),
        ({"keywords": ("bitcoin",)}, {"title": "Will BitCoin fall?"}, {"title": "Will it rain?"}),
        ({"keywords": ("rain",)}, {"event": "RAIN-NYC"}, {"event": "SUN-NYC"}),
        ({"min_volume": Decimal("10.5")}, {"volume": Decimal("10.50")}, {"volume": Decimal("10.49")}),
        ({"min_volume": Decimal(0)}, {"volume": Decimal(0)}, {"volume": None}),
        ({"min_volume_24h": Decimal(1)}, {"volume_24h": Decimal(1)}, {"volume_24h": Decimal(0)}),
        ({"min_liquidity": Decimal(1)}, {"liquidity": Decimal("1e9")}, {"liquidity": None}),
        ({"close_within_s": 60.0}, {"close_ts": NOW + 60 * SECOND_NS}, {"close_ts": NOW + 61 * SECOND_NS}),
        ({"close_within_s": 60.0}, {"close_ts": NOW - 60 * SECOND_NS}, {"close_ts": NOW - 61 * SECOND_NS}),
    ],
)  # fmt: skip
def test_each_filter_means_what_it_says(
    filters: dict[str, object], passes: dict[str, object], fails: dict[str, object]
) -> None:
    """One that passes and one that just does not."""
    wanted = msgspec.convert(filters, Filters)
    assert kept(wanted, listed("yes", **passes), listed("no", **fails)) == ["yes"]


def test_an_instrument_must_pass_every_filter_and_counts_for_the_first_it_fails() -> None:
    """So that the counts and what is kept add up."""
    filters = Filters(categories=("a",), keywords=("rain",))
    items = [
        listed("1", category="a", title="rain"),
        listed("2", category="a", title="sun"),
        listed("3", category="b", title="sun"),
        listed("4", category="b", title="sun", status="settled"),
    ]
    selection = select(items, filters, NOW)
    assert [item.symbol for item in selection.kept] == ["1"]
    assert selection.excluded == {"statuses": 1, "categories": 1, "keywords": 1}
    assert (selection.listed, selection.absent) == (4, ())


def test_a_filter_about_nothing_is_found() -> None:
    """Volume once was asked of a venue that states none: everything was excluded, in silence."""
    filters = Filters(min_volume=Decimal(1), categories=("a",), close_within_s=60)
    items = [listed("1", category="b"), listed("2", volume=None)]
    assert select(items, filters, NOW).absent == ("close_within_s", "min_volume")
    assert select([], filters, NOW).absent == ()
    assert select([listed("3", tags=())], Filters(tags=("x",)), NOW).absent == ()


def test_an_entry_that_comes_twice_counts_once_as_last_stated() -> None:
    """A listing moves while its pages are fetched."""
    selector = Selector(Filters(), NOW)
    selector.add([listed("a"), listed("b")])
    selector.add([listed("b", status="closed"), listed("a", title="again")])
    selection = selector.selection()
    assert [(item.symbol, item.title) for item in selection.kept] == [("a", "again")]
    assert (selection.listed, selection.excluded) == (2, {"statuses": 1})
    assert selector.named == {"a", "b"}


@pytest.mark.parametrize("least", ["-1", "NaN", "Infinity", "-0.0001"])
def test_a_minimum_that_is_no_quantity_is_refused(least: str) -> None:
    """It would exclude everything, nothing, or break the comparison."""
    with pytest.raises(ValueError, match="no quantity"):
        Filters(min_liquidity=Decimal(least))


def test_every_filter_there_is_has_its_place() -> None:
    """A new one that nobody applies would pass everything."""
    assert set(NAMES) == set(Filters.__struct_fields__)


words = st.sampled_from(["a", "B", "c"])
amounts = st.none() | st.decimals(0, 5, places=1)
STATES: tuple[Status, ...] = get_args(Status)
states = st.sampled_from(STATES)
instruments = st.lists(
    st.builds(
        listed,
        st.text("xyz", min_size=1, max_size=2),
        status=states,
        category=st.none() | words,
        tags=st.none() | st.lists(words, max_size=2).map(tuple),
        series=st.none() | words,
        title=words,
        event=st.none() | words,
        volume=amounts,
        volume_24h=amounts,
        liquidity=amounts,
        close_ts=st.none() | st.integers(-5, 5).map(lambda s: NOW + s * SECOND_NS),
    ),
    max_size=12,
)
some = st.lists(words, max_size=2).map(tuple)
filters_ = st.builds(
    Filters,
    categories=some,
    tags=some,
    series=some,
    keywords=some,
    min_volume=amounts,
    min_volume_24h=amounts,
    min_liquidity=amounts,
    close_within_s=st.none() | st.floats(0.1, 6),
    statuses=st.lists(states, min_size=1, max_size=3).map(tuple),
)


@given(items=instruments, filters=filters_)
def test_everything_listed_is_kept_or_counted_once(
    items: list[Instrument], filters: Filters
) -> None:
    """Nothing vanishes between a listing and a selection."""
    selection = select(items, filters, NOW)
    symbols = {item.symbol for item in items}
    assert selection.listed == len(symbols)
    assert len(selection.kept) + sum(selection.excluded.values()) == len(symbols)
    assert set(selection.excluded) == set(filters.given)
    assert {item.symbol for item in selection.kept} <= symbols


@given(items=instruments, filters=filters_)
def test_what_is_kept_passes_each_filter_alone(items: list[Instrument], filters: Filters) -> None:
    """All filters together are the intersection of each by itself."""
    anything = Filters(statuses=STATES)
    alone = [
        msgspec.structs.replace(anything, **{name: getattr(filters, name)})
        for name in filters.given
    ]
    each = [set(kept(one, *items)) for one in alone]
    assert set(kept(filters, *items)) == set.intersection(*each)


@given(items=instruments, filters=filters_, split=st.integers(0, 12))
def test_pages_make_no_difference(items: list[Instrument], filters: Filters, split: int) -> None:
    """However the venue cuts its listing."""
    selector = Selector(filters, NOW)
    selector.add(items[:split])
    selector.add(items[split:])
    assert selector.selection() == select(items, filters, NOW)
    assert selector.kept == len(selector.selection().kept)


@given(items=instruments, filters=filters_)
def test_an_absent_field_is_one_that_nobody_states(
    items: list[Instrument], filters: Filters
) -> None:
    """And then nothing is kept because of it."""
    selection = select(items, filters, NOW)
    if selection.absent:
        assert not selection.kept
    for name in ("categories", "series", "tags"):
        stated = any(getattr(item, _FIELD[name]) is not None for item in items)
        given_ = name in filters.given and bool(items)
        assert (name in selection.absent) == (given_ and not stated)


_FIELD = {"categories": "category", "series": "series", "tags": "tags"}
