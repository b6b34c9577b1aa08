"""Everything for the security master: parents first, orphans aside, changes as well as all."""

from typing import Any

import pytest

from ssmd.model.timestamp import SECOND_NS
from tests.venues.kalshi.asking import body
from tests.venues.kalshi.referenced import EVENT, SERIES, T, Venue, market, narrowings, told
from tests.venues.referring import asked, parents_first


def test_all_that_can_be_traded_is_listed_with_its_parents_first() -> None:
    """Series and fees, then events with their markets, then what pauses."""
    venue = Venue()
    venue.listed = {
        "/events?status=unopened": [[EVENT | {"markets": [market("KXMADE-1-U", "initialized")]}]],
        "/events?status=open": [
            [EVENT | {"markets": [market("KXMADE-1-A"), market("KXMADE-1-P", "inactive")]}],
            [EVENT | {"event_ticker": "KXMADE-2", "markets": [market("KXMADE-2-A")]}],
        ],
        "/markets?status=paused": [[market("KXMADE-1-P", "inactive")]],
    }
    found = told(venue)
    assert narrowings(found) == [
        ("/series", {}),
        ("/series/fee_changes", {"show_historical": "true"}),
        ("/events", {"with_nested_markets": "true", "status": "unopened"}),
        ("/events", {"with_nested_markets": "true", "status": "open"}),
        ("/events", {"with_nested_markets": "true", "status": "open"}),
        ("/markets", {"status": "paused", "mve_filter": "exclude"}),
    ]
    assert [(one.symbol, one.status) for one in found.instruments] == [
        ("KXMADE-1-U", "pre_open"),
        ("KXMADE-1-A", "active"),
        ("KXMADE-1-P", "paused"),
        ("KXMADE-2-A", "active"),
    ]
    assert {(one.series, one.category, one.tags) for one in found.instruments} == {
        ("KXMADE", "Made", ("one",))
    }
    assert [one.symbol for one in found.events] == ["KXMADE-1", "KXMADE-2"]
    assert found.rejects == []
    parents_first(found)


def test_what_ended_is_asked_for_by_the_time_that_goes_with_its_status() -> None:
    """Their events are listed before, as closed or settled; a later close finds most."""
    venue = Venue()
    venue.listed = {
        f"/events?status=settled&min_close_ts={T - 1}": [[EVENT]],
        f"/markets?status=closed&min_close_ts={T - 1}": [[market("KXMADE-1-C", "closed")]],
        f"/markets?status=settled&min_settled_ts={T - 1}": [[market("KXMADE-1-S", "finalized")]],
    }
    found = told(venue, ended_since_ts=T * SECOND_NS)
    assert [(one.symbol, one.status) for one in found.instruments] == [
        ("KXMADE-1-C", "closed"),
        ("KXMADE-1-S", "settled"),
    ]
    assert found.rejects == []
    parents_first(found)


def test_changes_are_asked_for_without_any_other_filter() -> None:
    """Another one beside would give nothing, without an error."""
    venue = Venue()
    venue.listed = {
        f"/events?min_updated_ts={T - 1}": [[EVENT]],
        f"/markets?min_updated_ts={T - 1}": [[market("KXMADE-1-A")], [market("KXMADE-1-B")]],
    }
    found = told(venue, changed_since_ts=T * SECOND_NS, ended_since_ts=1)
    assert narrowings(found)[2:] == [
        ("/events", {"min_updated_ts": str(T - 1)}),
        ("/markets", {"min_updated_ts": str(T - 1), "mve_filter": "exclude"}),
        ("/markets", {"min_updated_ts": str(T - 1), "mve_filter": "exclude"}),
    ]
    assert found.symbols == ["KXMADE-1-A", "KXMADE-1-B"]
    assert {one.category for one in found.instruments} == {"Made"}


def test_the_event_of_a_changed_market_is_looked_for_among_its_series() -> None:
    """Its own address could be a 404; its series' events that close no earlier are few."""
    venue = Venue()
    venue.listed = {
        f"/markets?min_updated_ts={T - 1}": [[market("KXMADE-1-A"), market("KXMADE-1-B")]],
        f"/events?series_ticker=KXMADE&min_close_ts={T - 1}": [
            [EVENT | {"event_ticker": "KXMADE-9"}],
            [EVENT],
            [EVENT | {"event_ticker": "KXMADE-8"}],
        ],
    }
    found = told(venue, changed_since_ts=T * SECOND_NS)
    assert found.symbols == ["KXMADE-1-A", "KXMADE-1-B"]
    assert [one.symbol for one in found.events] == ["KXMADE-1"]
    assert sum("series_ticker" in asked(request) for request in found.requests) == 2
    assert found.rejects == []
    parents_first(found)


def test_an_event_whose_name_misleads_about_its_series_is_found_all_the_same() -> None:
    """58 of 1,911 recorded events were such; one listing of all finds those that are left."""
    venue = Venue()
    venue.listed = {
        f"/markets?min_updated_ts={T - 1}": [[market("MADE-7-A")], [market("MADE-8-A")]],
        f"/events?min_close_ts={T - 1}": [
            [
                EVENT | {"event_ticker": "MADE-8"},
                EVENT | {"event_ticker": "MADE-6"},
                EVENT | {"event_ticker": "MADE-7"},
            ]
        ],
    }
    found = told(venue, changed_since_ts=T * SECOND_NS)
    assert [(one.symbol, one.series) for one in found.instruments] == [
        ("MADE-7-A", "KXMADE"),
        ("MADE-8-A", "KXMADE"),
    ]
    assert {one.symbol for one in found.events} == {"MADE-7", "MADE-8"}
    assert found.rejects == []


def test_the_events_of_a_series_are_read_to_their_end_once() -> None:
    """Many pages of markets whose event is not among them would ask the same again and again."""
    venue = Venue()
    early = "2027-01-15T07:00:00Z"
    venue.listed = {
        f"/markets?min_updated_ts={T - 1}": [
            [market("KXMADE-1-A")],
            [market("KXMADE-2-A")],
            [market("KXMADE-1-B"), market("KXMADE-3-A", close_time=early)],
            [market("KXMADE-4-A", close_time=None), market("KXMADE-4-B")],
            [market("KXMADE-5-A")],
        ]
    }
    found = told(venue, changed_since_ts=T * SECOND_NS)
    bounds = [
        asked(request).get("min_close_ts")
        for request in found.requests
        if "series_ticker" in asked(request)
    ]
    assert bounds == [str(T - 1), str(T - 3601), None]
    assert len(found.refused) == 7


def test_a_search_that_found_all_it_looked_for_is_taken_up_again() -> None:
    """It stopped before the end: what else there is of the series nobody has seen."""
    venue = Venue()
    venue.listed = {
        f"/markets?min_updated_ts={T - 1}": [[market("KXMADE-1-A")], [market("KXMADE-2-A")]],
        f"/events?series_ticker=KXMADE&min_close_ts={T - 1}": [
            [EVENT],
            [EVENT | {"event_ticker": "KXMADE-2"}],
        ],
    }
    found = told(venue, changed_since_ts=T * SECOND_NS)
    assert found.symbols == ["KXMADE-1-A", "KXMADE-2-A"]
    assert sum("series_ticker" in asked(request) for request in found.requests) == 3


def test_some_series_are_asked_for_one_by_one() -> None:
    """Combinations too, which no other listing has."""
    combined = SERIES | {"ticker": "KXMVEMADE"}
    event = {"event_ticker": "KXMVEMADE-1", "series_ticker": "KXMVEMADE"}
    venue = Venue([SERIES, combined, SERIES | {"ticker": "KXELSE"}])
    venue.listed = {
        "/events?series_ticker=KXMADE&status=open": [[EVENT | {"markets": [market("KXMADE-1-A")]}]],
        "/events/multivariate?series_ticker=KXMVEMADE": [
            [event | {"markets": [market("KXMVEMADE-1-A")]}]
        ],
    }
    found = told(venue, series=("KXMADE", "KXMVEMADE", "KXMADE"))
    assert found.symbols == ["KXMADE-1-A", "KXMVEMADE-1-A"]
    assert [one.symbol for one in found.series] == ["KXMADE", "KXMVEMADE"]
    assert [one.symbol for one in found.fees] == ["KXMADE", "KXMVEMADE"]
    assert not any("mve_filter" in asked(request) for request in found.requests)
    assert all("series_ticker" in asked(request) for request in found.requests[2:])


@pytest.mark.parametrize("query", [{"series": ("KXMADE",)}, {"categories": ("mAdE",)}])
def test_what_changed_is_narrowed_by_us(query: dict[str, Any]) -> None:
    """The venue takes no filter beside the time; others' markets are passed over, not orphans."""
    other = SERIES | {"ticker": "KXELSE", "category": "Else"}
    venue = Venue([SERIES, other])
    elsewhere = {"event_ticker": "KXELSE-1", "series_ticker": "KXELSE"}
    venue.listed = {
        f"/events?min_updated_ts={T - 1}": [[EVENT, elsewhere]],
        f"/markets?min_updated_ts={T - 1}": [[market("KXMADE-1-A"), market("KXELSE-1-A")]],
    }
    found = told(venue, changed_since_ts=T * SECOND_NS, **query)
    assert (found.symbols, found.rejects) == (["KXMADE-1-A"], [])
    assert [one.symbol for one in found.series] == ["KXMADE"]


def test_the_recorded_events_are_told_with_all_that_they_state() -> None:
    """32 games of 2026-08 with two markets each; numbers are the texts of theirs."""
    recorded = body("events_nfl_preseason.json")["events"]
    venue = Venue([SERIES | {"ticker": "KXNFLGAME", "category": "Sports"}])
    venue.listed = {"/events?status=open": [recorded]}
    found = told(venue)
    assert (len(found.events), len(found.instruments), found.rejects) == (32, 64, [])
    for event, raw in zip(found.events, recorded, strict=True):
        assert event.mutually_exclusive is raw["mutually_exclusive"]
        assert event.details["sub_title"] == raw["sub_title"]
        assert event.details["exchange_index"] == str(raw["exchange_index"])
        assert b'"markets"' not in event.payload
    wire = [one for event in recorded for one in event["markets"]]
    for one, raw in zip(found.instruments, wire, strict=True):
        assert one.details["strike_type"] == raw["strike_type"]
        assert one.details["custom_strike"] == raw["custom_strike"]
        assert one.details["rules_primary"] == raw["rules_primary"]
        assert one.details["settlement_timer_seconds"] == str(raw["settlement_timer_seconds"])
        assert one.details["cap_strike"] is None
        assert [str(stretch.step) for stretch in one.price_ranges] == [
            stretch["step"] for stretch in raw["price_ranges"]
        ]
    parents_first(found)
