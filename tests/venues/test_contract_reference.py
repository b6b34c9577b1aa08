"""What every venue tells a security master, seen against its own simulated side."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.model.frame import Now
from ssmd.model.rest import ReferenceQuery, Saved
from ssmd.model.venue import Venue
from tests.venues.conversation import START, simulated
from tests.venues.referring import Told, drive, kept, parents_first
from tests.venues.referring import simulated as answers

every_venue = pytest.mark.parametrize("name", venues.names())
NOW = Now(START, 0.0)
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


def told(venue: Venue, query: ReferenceQuery, seed: int = 1) -> Told:
    """Everything that a fresh simulated venue tells."""
    market = simulated(venue, seed=seed)
    return drive(venue.rest.reference(query), answers(venue, market, NOW))


@every_venue
def test_everything_listed_is_told_once_and_its_parents_before(name: str) -> None:
    """Nothing is set aside that the venue's own simulation lists."""
    venue = venues.load(name)
    found = told(venue, ReferenceQuery())
    assert found.instruments
    assert found.refused == []
    for group in (found.instruments, found.events, found.series):
        symbols = [one.symbol for one in group]
        assert len(set(symbols)) == len(symbols)
        assert {one.venue for one in group} <= {name}
    parents_first(found)


@every_venue
def test_what_is_told_is_json_and_keeps_its_numbers_as_texts(name: str) -> None:
    """Details are for a column of JSON: a float would lose digits there, a Decimal break it."""
    found = told(venues.load(name), ReferenceQuery())

    def numbers(value: object) -> bool:
        match value:
            case bool() | None | str():
                return False
            case dict():
                return any(map(numbers, value.values()))
            case list():
                return any(map(numbers, value))
            case _:
                return True

    for group in (found.instruments, found.events, found.series):
        for one in group:
            assert not numbers(dict(one.details)), one.details
            json.dumps(dict(one.details))
            assert isinstance(json.loads(one.payload), dict)


@every_venue
def test_the_same_world_is_told_the_same(name: str) -> None:
    """Twice, and by two worlds of one seed: else every round would write."""
    venue = venues.load(name)
    market = simulated(venue)
    ask = answers(venue, market, NOW)
    first, second = (drive(venue.rest.reference(ReferenceQuery()), ask) for _ in range(2))
    assert first.pages == second.pages
    assert first.pages == told(venue, ReferenceQuery()).pages


@every_venue
def test_a_lookup_tells_the_same_as_the_listing(name: str) -> None:
    """And names nothing else than it was asked for, nor what never was."""
    venue = venues.load(name)
    if venue.rest.lookup is None:
        return
    market = simulated(venue)
    ask = answers(venue, market, NOW)
    listed = drive(venue.rest.reference(ReferenceQuery()), ask)
    some = tuple(listed.symbols[1::3])
    found = drive(venue.rest.lookup((*some, "0")), ask)
    assert sorted(found.symbols) == sorted(some)
    every = kept([listed], venue.rest.passing)
    assert kept([found], venue.rest.passing) == {symbol: every[symbol] for symbol in some}


@every_venue
@given(value=JSON, raw=st.binary(max_size=40))
def test_a_body_that_is_no_listing_fails_the_round(name: str, value: object, raw: bytes) -> None:
    """It ends, or it is a ValueError: nothing is truncated in silence by another exception."""
    venue = venues.load(name)
    for body in (json.dumps(value).encode(), raw):
        for asking in (
            venue.rest.reference(ReferenceQuery()),
            venue.rest.reference(ReferenceQuery(changed_since_ts=1)),
            venue.rest.lookup(("A",)) if venue.rest.lookup else (),
        ):
            step = next(iter(asking), None)
            with contextlib.suppress(ValueError, StopIteration):
                for _ in range(20 if step is not None else 0):
                    assert not isinstance(asking, tuple)
                    asking.send(body)
        with contextlib.suppress(ValueError):
            drive(venue.rest.saved((Saved("odd.json", body),)), lambda _: b"")


@every_venue
def test_a_file_that_is_no_listing_is_named(name: str) -> None:
    """Before anything of the others is told."""
    with pytest.raises(ValueError, match=r"odd\.json"):
        drive(venues.load(name).rest.saved((Saved("odd.json", b"<html>"),)), lambda _: b"")


@every_venue
def test_the_clock_changes_only_what_waits_for_a_time(name: str) -> None:
    """It leads forward, and no status waits for two things at one time."""
    rules = venues.load(name).clocked
    assert len({(rule.status, rule.when) for rule in rules}) == len(rules)
    assert all(rule.status != rule.becomes for rule in rules)
