"""What the simulated exchange tells a security master: all of it, what changed, what became of it."""

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.frame import Now
from ssmd.model.rest import ReferenceQuery
from ssmd.venues.kalshi import VENUE
from ssmd.venues.kalshi.simulated import KalshiMarket
from ssmd.venues.kalshi.simulated_fees import FeeChange
from tests.venues.kalshi.simulating import START, later, market
from tests.venues.referring import Told, drive, kept, parents_first, simulated

TICKERS = st.sampled_from(
    [f"{series}-27JAN16-{name}" for series in ("KXFED", "KXNEW", "KXNEWER") for name in "ABC"]
)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("list"), TICKERS),
        st.tuples(st.just("unopened"), TICKERS),
        st.tuples(st.just("delist"), st.integers(0, 60)),
        st.tuples(
            st.sampled_from(["inactive", "active", "closed", "determined", "disputed"]),
            st.integers(0, 60),
        ),
        st.tuples(st.just("wait"), st.integers(1, 20_000)),
    ),
    max_size=12,
)
PASSING = VENUE.rest.passing


def told(venue: KalshiMarket, now: Now, **query: Any) -> Told:  # noqa: ANN401 - the fields differ
    """Everything that the reference tells at a time."""
    found = drive(VENUE.rest.reference(ReferenceQuery(**query)), simulated(VENUE, venue, now))
    assert found.refused == []
    return found


def looked_up(venue: KalshiMarket, now: Now, *symbols: str) -> Told:
    """How some markets stand."""
    assert VENUE.rest.lookup is not None
    return drive(VENUE.rest.lookup(symbols), simulated(VENUE, venue, now))


def happen(venue: KalshiMarket, operations: list[tuple[str, Any]], at: float) -> float:
    """Let things happen in a world; gives how late it is then."""
    for name, what in operations:
        venue.at(later(at))
        if name == "wait":
            at += what
        elif name == "list":
            venue.list_symbols([what])
        elif name == "unopened":
            venue.list_unopened([what], 300)
        elif venue.listings:
            symbol = list(venue.listings)[what % len(venue.listings)]
            if name == "delist":
                venue.delist([symbol])
            elif not venue.listings[symbol].result:
                venue.stand(symbol, name)
    return at


def test_every_listing_is_told_once_with_its_parents_first() -> None:
    """Combinations aside: as many markets of each status as its lists hold."""
    venue = market()
    found = told(venue, START, ended_since_ts=START.wall - 86_400 * 10**9)
    held = [one for one in venue.listings.values() if not one.multivariate]
    assert sorted(found.symbols) == sorted(one.ticker for one in held)
    assert Counter(one.raw_status for one in found.instruments) == Counter(
        one.status for one in held
    )
    assert {one.symbol for one in found.series} >= {one.series.ticker for one in held}
    assert {one.symbol for one in found.series} == {
        one.symbol for one in found.fees if one.effective_ts is None
    }
    parents_first(found)


@settings(max_examples=60, deadline=None)
@given(before=OPERATIONS, after=OPERATIONS, page=st.sampled_from([None, 1, 3]))
def test_changes_lead_to_the_same_as_listing_everything(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]], page: int | None
) -> None:
    """Whatever happened in between; what no list names any more is looked up."""
    venue = market()
    begun = happen(venue, before, 1.0) + 1
    first = told(venue, later(begun), ended_since_ts=0)
    end = happen(venue, after, begun + 1) + 1
    now = later(end)
    changed = told(venue, now, changed_since_ts=later(begun).wall, page_size=page)
    everything = told(venue, now, ended_since_ts=later(begun).wall, page_size=page)
    gone = set(first.symbols) - set(everything.symbols)
    rest = looked_up(venue, now, *gone)
    one_way = kept([first, changed], PASSING)
    assert one_way == kept([first, everything, rest], PASSING)
    assert {one.symbol: one for one in [*first.events, *changed.events]} == {
        one.symbol: one for one in [*first.events, *everything.events, *rest.events]
    }
    assert changed.series == everything.series
    assert changed.fees == everything.fees
    assert rest.refused == []
    stands = {one.ticker: one.status for one in (*venue.listings.values(), *venue.ended.values())}
    assert {symbol: one.raw_status for symbol, one in one_way.items()} == {
        ticker: status for ticker, status in stands.items() if not ticker.startswith("KXMVE")
    }


def test_nothing_happened_nothing_is_told() -> None:
    """But for the series, which are always told: a market's category is theirs."""
    venue = market()
    told(venue, START)
    found = told(venue, later(60), changed_since_ts=later(30).wall)
    assert (found.instruments, found.events) == ([], [])
    assert found.series


def test_trading_is_no_change() -> None:
    """Prices and volumes move; what is kept of a market does not."""
    venue = market(5000.0)
    first = told(venue, START)
    for step in range(1, 40):
        venue.advance(later(step * 0.5))
    second = told(venue, later(20))
    assert first.instruments != second.instruments
    assert kept([first], PASSING) == kept([second], PASSING)


def test_a_pause_that_is_over_leaves_no_trace() -> None:
    """The time of its last change moved on, and that is all."""
    venue = market()
    first = told(venue, START)
    name = next(one.symbol for one in first.instruments if one.status == "active")
    for second, state in ((1, "inactive"), (2, "active")):
        venue.at(later(second))
        venue.stand(name, state)
    again = looked_up(venue, later(3), name)
    assert again.instruments[0].payload not in {one.payload for one in first.instruments}
    assert kept([again], PASSING)[name] == kept([first], PASSING)[name]


def test_a_market_opens_by_the_clock_and_nothing_else_of_it_changes() -> None:
    """The times say when: what `clocked` makes of them is what the venue says afterwards."""
    venue = market()
    told(venue, START)
    venue.list_unopened(["KXNEW-27JAN16-A"], 90)
    (early,) = [one for one in told(venue, later(1)).instruments if one.series == "KXNEW"]
    assert (early.status, early.open_ts) == ("pre_open", START.wall // 10**9 * 10**9 + 90 * 10**9)
    (rule,) = [rule for rule in VENUE.clocked if rule.status == early.status]
    assert getattr(early, rule.when) == early.open_ts
    (late,) = [one for one in told(venue, later(90)).instruments if one.series == "KXNEW"]
    assert late.status == rule.becomes == "active"
    assert late.close_ts == early.close_ts


def test_a_lookup_names_everything_that_there_was_and_nothing_else() -> None:
    """More than fit one request; combinations, those that are over, and some that never were."""
    venue = market()
    told(venue, START)
    names = [f"KXNEW-27JAN16-T{number}" for number in range(120)]
    venue.list_symbols(names)
    venue.delist(names[:50])
    combined = next(ticker for ticker in venue.listings if ticker.startswith("KXMVE"))
    found = looked_up(venue, later(2), *names, combined, "KXNEVER-1-A", names[0])
    assert sorted(found.symbols) == sorted([*names, combined])
    assert Counter(one.status for one in found.instruments) == {"settled": 50, "active": 71}
    assert {one.symbol for one in found.events} == {"KXNEW-27JAN16", combined.rpartition("-")[0]}
    parents_first(found)
    again = kept([told(venue, later(2), ended_since_ts=0)], PASSING)
    assert {one: again[one] for one in names} == {
        symbol: one for symbol, one in kept([found], PASSING).items() if symbol != combined
    }


def test_what_was_settled_long_ago_is_looked_up_in_its_tier() -> None:
    """The other one no longer knows it."""
    venue = market()
    told(venue, START)
    name = next(iter(venue.listings))
    venue.delist([name])
    now = later(100 * 86_400)
    assert looked_up(venue, now, name).instruments[0].status == "settled"
    paths = looked_up(venue, now, name).paths
    assert paths.index("/historical/markets") > paths.index("/markets")
    assert name not in told(venue, now, ended_since_ts=later(99 * 86_400).wall).symbols


def test_nothing_is_asked_when_nothing_is_looked_up() -> None:
    """Not even for the series."""
    assert looked_up(market(), START).requests == []


def test_a_change_of_fees_is_announced_and_comes_true() -> None:
    """Before its time it is told with its time; afterwards the series says the same."""
    venue = market()
    told(venue, START)
    begins = START.wall // 10**9 + 1000
    venue.fees.change(FeeChange("KXBTCD", "flat", "0.07", begins))

    def fees(now: Now) -> list[tuple[str, str, int | None]]:
        return [
            (one.kind, str(one.multiplier), one.effective_ts)
            for one in told(venue, now).fees
            if one.symbol == "KXBTCD"
        ]

    announced = ("flat", "0.07", begins * 10**9)
    assert fees(later(1)) == [("quadratic", "1", None), announced]
    assert fees(later(1001)) == [("flat", "0.07", None), announced]


def test_states_are_told_on_the_lifecycle_channel_where_the_exchange_does() -> None:
    """A pause and its end, a close, a result: and REST says the same."""
    venue = market()
    socket = venue.connect()
    socket.open(START)
    venue.advance(START)
    asking = {"channels": ["market_lifecycle_v2"]}
    socket.receive(json.dumps({"id": 1, "cmd": "subscribe", "params": asking}).encode(), START)
    socket.tick(START)
    name = next(iter(venue.listings))
    heard = []
    (stands,) = looked_up(venue, START, name).instruments
    for second, state in enumerate(("inactive", "active", "closed", "determined", "finalized"), 1):
        venue.at(later(second))
        venue.stand(name, state)
        heard += [json.loads(one.payload)["msg"] for one in socket.tick(later(second))]
        (stands,) = looked_up(venue, later(second), name).instruments
        assert stands.raw_status == state
    assert [one["event_type"] for one in heard if one["market_ticker"] == name] == [
        "deactivated", "activated", "close_date_updated", "determined", "settled",
    ]  # fmt: skip
    assert [one.get("is_deactivated") for one in heard[:2]] == [True, False]
    assert stands.result in {"yes", "no"}
    assert stands.settlement_value == (stands.result == "yes")


def test_a_state_nobody_knows_is_told_as_such() -> None:
    """The market is set aside with the word that it stands under."""
    venue = market()
    told(venue, START)
    name = next(iter(venue.listings))
    venue.stand(name, "hibernating")
    found = looked_up(venue, later(1), name)
    assert found.instruments == []
    assert [(one.kind, one.symbol, one.raw_status) for one in found.rejects][-1] == (
        "unknown_status", name, "hibernating",
    )  # fmt: skip
