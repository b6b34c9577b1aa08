"""What the simulated Gamma tells a security master: all of it, and what became of the rest."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.frame import Now
from ssmd.model.rest import ReferenceQuery, Request
from ssmd.venues.polymarket import VENUE
from ssmd.venues.polymarket.simulated import PolymarketMarket
from tests.venues.polymarket.frames import token
from tests.venues.polymarket.simulating import START, later, market
from tests.venues.referring import Told, asked, drive, kept, parents_first, simulated

PASSING = VENUE.rest.passing
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["list", "delist", "paused", "active", "wait"]), st.integers(1, 60)),
    max_size=12,
)


def told(venue: PolymarketMarket, now: Now, **query: Any) -> Told:  # noqa: ANN401 - fields differ
    """Everything that the reference tells at a time."""
    found = drive(VENUE.rest.reference(ReferenceQuery(**query)), simulated(VENUE, venue, now))
    assert found.rejects == []
    parents_first(found)
    return found


def looked_up(venue: PolymarketMarket, now: Now, *symbols: str) -> Told:
    """How some tokens stand."""
    assert VENUE.rest.lookup is not None
    found = drive(VENUE.rest.lookup(symbols), simulated(VENUE, venue, now))
    assert found.rejects == []
    return found


def happen(venue: PolymarketMarket, operations: list[tuple[str, int]], at: float) -> float:
    """Let things happen in a world; gives how late it is then."""
    for name, number in operations:
        venue.told(later(at))
        if name == "wait":
            at += number * 1000
        elif name == "list":
            venue.list_symbols([token(2 * number), token(2 * number + 1)])
        elif venue.symbols:
            symbol = venue.symbols[number % len(venue.symbols)]
            if name == "delist":
                venue.delist([symbol])
            else:
                venue.stand(symbol, name)
    return at


def test_every_token_is_told_once() -> None:
    """With its question; what takes no orders is paused."""
    venue = market()
    found = told(venue, START)
    assert found.symbols == list(venue.symbols)
    assert len(found.events) == len(venue.open)
    assert {one.status for one in found.instruments} == {"active", "paused"}


@settings(max_examples=60, deadline=None)
@given(OPERATIONS, OPERATIONS, st.sampled_from([None, 1, 3]))
def test_changes_lead_to_the_same_as_listing_everything(
    before: list[tuple[str, int]], after: list[tuple[str, int]], page: int | None
) -> None:
    """Whatever happened in between; what no list names any more is looked up."""
    venue = market()
    begun = happen(venue, before, 1.0) + 1
    first = told(venue, later(begun))
    now = later(happen(venue, after, begun + 1) + 1)
    changed = told(venue, now, changed_since_ts=later(begun).wall, page_size=page)
    everything = told(venue, now, ended_since_ts=later(begun).wall, page_size=page)
    one_way = kept(
        [first, changed, looked_up(venue, now, *(set(first.symbols) - set(changed.symbols)))],
        PASSING,
    )
    other_way = kept(
        [first, everything, looked_up(venue, now, *(set(first.symbols) - set(everything.symbols)))],
        PASSING,
    )
    known = set(first.symbols) | set(changed.symbols)
    assert one_way == {symbol: one for symbol, one in other_way.items() if symbol in known}
    ended_at_once = set(other_way) - known
    assert all(other_way[symbol].status == "settled" for symbol in ended_at_once)
    stands = {
        symbol: "settled" if one.won is not None else "active" if one.is_open else "paused"
        for held in (venue.ended, venue.conditions)
        for symbol, one in held.items()
    }
    assert {symbol: one.status for symbol, one in one_way.items()} == {
        symbol: stands[symbol] for symbol in one_way
    }


def test_trading_is_no_change() -> None:
    """Prices and volumes move; what is kept of an answer does not."""
    venue = market(5000.0)
    first = told(venue, START)
    for step in range(1, 40):
        venue.advance(later(step * 0.5))
    second = told(venue, later(20))
    assert first.instruments != second.instruments
    assert kept([first], PASSING) == kept([second], PASSING)
    assert first.events == second.events


def test_a_decision_is_told_with_its_winner_and_what_was_paid() -> None:
    """Inside an event that goes on, and in one that is over with it."""
    venue = market()
    told(venue, START)
    group = next(one for one in venue.open if one.neg_risk)
    alone = next(one for one in venue.open if not one.neg_risk)
    venue.delist([group.tokens[0], alone.tokens[0]])
    open_still = told(venue, later(1))
    assert {one.symbol for one in open_still.instruments if one.status == "settled"} == set(
        group.tokens
    )
    found = looked_up(venue, later(1), *alone.tokens, *group.tokens)
    for one in found.instruments:
        won = (alone if one.symbol in alone.tokens else group).won
        assert won is not None
        assert one.result == ("Yes", "No")[won]
        assert one.settlement_value == (one.outcome == one.result)
    since = told(venue, later(1), ended_since_ts=later(0).wall)
    assert set(alone.tokens) <= set(since.symbols)


def test_what_ends_while_it_is_listed_hides_nothing() -> None:
    """The pages of a real list shift: an event is over after each of them."""
    venue = market()
    told(venue, START)
    before = list(venue.symbols)
    ends = [one.tokens[0] for one in venue.open if not one.neg_risk]
    answer = simulated(VENUE, venue, later(1))

    def shifting(request: Request) -> object:
        body = answer(request)
        if asked(request)["offset"] != "0" and ends:
            venue.delist([ends.pop(0)])
        return body

    found = drive(VENUE.rest.reference(ReferenceQuery(page_size=2)), shifting)
    assert ends == []
    assert len(set(found.symbols)) == len(found.symbols)
    assert set(found.symbols) >= set(before) - {name for one in venue.over for name in one.tokens}


def test_a_lookup_knows_nothing_of_what_never_was() -> None:
    """It is gone, as far as anybody can tell."""
    venue = market()
    told(venue, START)
    assert looked_up(venue, START, token(1), venue.symbols[0]).symbols == [venue.symbols[0]]
