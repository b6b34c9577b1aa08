"""Listings are walked to their end, or the round fails: nothing is cut short in silence."""

from collections import Counter
from typing import Any

import pytest

from ssmd.model.rest import CatalogQuery, Request
from ssmd.venues.kalshi.catalog import catalog
from tests.venues.kalshi.asking import asked, body, drive, listed, rejected

SERIES = {"ticker": "KXMADE", "category": "Made", "tags": ["one", "two"]}
ONE = {"": [[{"event_ticker": "KXMADE-1", "category": "Made"}]]}
"""An event of the series, as it is asked for without a status."""
END: dict[str, Any] = {"cursor": ""}


def market(ticker: str, status: str = "active", **fields: object) -> dict[str, object]:
    """A market of a listing."""
    event = "-".join(ticker.split("-")[:2])
    return {"ticker": ticker, "event_ticker": event, "status": status, **fields}


class Venue:
    """Answers by path: each path has its pages, by the status that is asked for."""

    def __init__(self, **pages: object) -> None:
        self.pages = {"/" + name.replace("_", "/"): page for name, page in pages.items()}
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> object:
        """The body for a request; unknown paths and filters have an empty one."""
        self.requests.append(request)
        pages = self.pages.get(request.path, {})
        if not isinstance(pages, dict):
            return pages
        if request.path.startswith("/series"):
            return pages
        query = asked(request)
        key = request.path.split("/")[1]
        found = pages.get(query.get("status", ""), [[]])
        at = int(query.get("cursor", "0"))
        following = str(at + 1) if at + 1 < len(found) else ""
        return {key: found[at], "cursor": following}

    @property
    def seen(self) -> list[tuple[str, str | None, str | None]]:
        """Path, status and cursor of each request."""
        said = [(request.path, asked(request)) for request in self.requests]
        return [(path, query.get("status"), query.get("cursor")) for path, query in said]


def test_series_are_asked_for_one_by_one_to_their_last_page() -> None:
    """Open ones last: what opens between the listings is in one of them at least."""
    venue = Venue(
        series={"series": [SERIES]},
        events=ONE,
        markets={
            "unopened": [[market("KXMADE-1-A", "initialized")]],
            "paused": [[market("KXMADE-1-C", "inactive")]],
            "open": [[market("KXMADE-1-A")], [], [market("KXMADE-1-B")]],
        },
    )
    _, pages, _ = drive(catalog(CatalogQuery(series=("KXMADE", "KXMADE"))), venue)
    assert venue.seen == [
        ("/events", None, None),
        ("/series", None, None),
        ("/markets", "unopened", None),
        ("/markets", "paused", None),
        ("/markets", "open", None),
        ("/markets", "open", "1"),
        ("/markets", "open", "2"),
    ]
    assert asked(venue.requests[0]) == {"series_ticker": "KXMADE", "limit": "1"}
    assert asked(venue.requests[1]) == {"category": "Made"}
    found = listed(pages)
    assert [(one.symbol, one.status) for one in found] == [
        ("KXMADE-1-A", "pre_open"),
        ("KXMADE-1-C", "paused"),
        ("KXMADE-1-B", "active"),
    ]
    assert {(one.series, one.category, one.tags) for one in found} == {
        ("KXMADE", "Made", ("one", "two"))
    }
    assert rejected(pages) == []


def test_a_series_that_is_gone_is_a_reject_and_its_neighbours_stand() -> None:
    """Its own address would be a 404, and no round would ever succeed again."""
    venue = Venue(series={"series": [SERIES]}, events=ONE, markets={"open": [[market("M-1-A")]]})

    def answers(request: Request) -> object:
        assert not request.path.startswith("/series/")
        gone = asked(request).get("series_ticker") == "KXGONE"
        return END | {"events": [], "markets": []} if gone else venue(request)

    requests, pages, _ = drive(catalog(CatalogQuery(series=("KXGONE", "KXMADE"))), answers)
    assert [one.symbol for one in listed(pages)] == ["M-1-A"]
    (reject,) = rejected(pages)
    assert reject.startswith("series KXGONE: ")
    assert {asked(one)["series_ticker"] for one in requests if one.path == "/markets"} == {"KXMADE"}


def test_a_named_series_that_rests_is_no_reject() -> None:
    """It has no event just now, and is listed among its category's series all the same."""
    rests = {"ticker": "KXRESTS", "category": "Made", "tags": None}
    venue = Venue(series={"series": [SERIES, rests]}, events=ONE, markets={})

    def answers(request: Request) -> object:
        none = asked(request).get("series_ticker") == "KXRESTS"
        return END | {"events": []} if none else venue(request)

    _, pages, _ = drive(catalog(CatalogQuery(series=("KXRESTS", "KXMADE"))), answers)
    assert (listed(pages), rejected(pages)) == ([], [])


def test_a_series_of_combinations_can_be_named() -> None:
    """Its events are listed apart from all others."""
    venue = Venue(
        series={"series": None},
        events_multivariate={"": [[{"event_ticker": "KXMVEMADE-1", "category": "Made"}]]},
        markets={"open": [[market("KXMVEMADE-1-A")]]},
    )
    _, pages, _ = drive(catalog(CatalogQuery(series=("KXMVEMADE",))), venue)
    assert [(one.symbol, one.category) for one in listed(pages)] == [("KXMVEMADE-1-A", "Made")]
    assert rejected(pages) == []


def test_paused_markets_are_listed_whatever_is_asked_for() -> None:
    """They come back; events cannot be asked for by that word, so their listing is the venue's."""
    event = {"event_ticker": "KXMADE-1", "series_ticker": "KXMADE", "category": "Made"}
    paused = [
        market("KXMADE-1-P", "inactive"),
        market("KXASLEEP-1-P", "inactive"),
        market("KXELSE-1-P", "inactive"),
        {"status": "inactive"},
    ]
    asleep = {"ticker": "KXASLEEP", "category": "Made", "tags": None}
    venue = Venue(
        series={"series": [SERIES, asleep]},
        events={"open": [[event | {"markets": [market("KXMADE-1-A")]}]]},
        markets={"paused": [paused[:1], paused[1:]], "open": [[market("KXMADE-1-A")]]},
    )
    made = {("KXMADE-1-P", "paused", "Made"), ("KXASLEEP-1-P", "paused", "Made")}
    every = made | {("KXMADE-1-A", "active", "Made"), ("KXELSE-1-P", "paused", None)}
    for query, expected in (
        (CatalogQuery(categories=("Made",)), every - {("KXELSE-1-P", "paused", None)}),
        (CatalogQuery(), every),
    ):
        venue.requests.clear()
        _, pages, _ = drive(catalog(query), venue)
        assert {(one.symbol, one.status, one.category) for one in listed(pages)} == expected
        (reject,) = rejected(pages)
        assert "`ticker` is missing" in reject
        assert [asked(one) for one in venue.requests if asked(one).get("status") == "paused"] == [
            {"status": "paused", "mve_filter": "exclude", "limit": "200", **cursor}
            for cursor in ({}, {"cursor": "1"})
        ]


def test_categories_ask_for_the_markets_of_series_that_have_events_now() -> None:
    """A category has hundreds of series, most of them asleep."""
    venue = Venue(
        series={"series": [SERIES, {"ticker": "KXASLEEP", "category": "Made", "tags": None}]},
        events={
            "open": [
                [{"event_ticker": "KXMADE-1", "series_ticker": "KXMADE", "category": "Made"}],
                [{"event_ticker": "OTHER", "series_ticker": "KXOTHER", "category": "made"}],
                [{"event_ticker": "KXELSE-1", "series_ticker": "KXELSE", "category": "Else"}],
                [{"no": "name"}],
            ]
        },
        markets={"open": [[market("KXMADE-1-A")]]},
    )
    requests, pages, _ = drive(catalog(CatalogQuery(categories=("Made",))), venue)
    markets = [asked(request) for request in requests if request.path == "/markets"]
    assert [query.get("series_ticker") for query in markets] == [
        None,  # what is paused
        "KXMADE",
        "KXMADE",
        "KXOTHER",
        "KXOTHER",
    ]
    categories = [asked(request) for request in requests if request.path == "/series"]
    assert categories == [{"category": "Made"}, {"category": "made"}]
    assert [one.symbol for one in listed(pages)] == ["KXMADE-1-A"]
    (reject,) = rejected(pages)
    assert "event_ticker" in reject


def test_everything_is_asked_for_by_events_with_their_markets() -> None:
    """One listing instead of thousands; category and tags are the series' own."""
    event = {"event_ticker": "KXMADE-1", "series_ticker": "KXMADE", "category": "Old", "title": "T"}
    venue = Venue(
        series={"series": [SERIES, {"category": "nameless"}]},
        events={
            "unopened": [[event | {"markets": None}, event]],
            "open": [
                [event | {"markets": [market("KXMADE-1-A"), market("KXMADE-1-B", "finalized")]}],
                [{"event_ticker": "LONE", "category": "Old", "markets": [market("LONE-1-A")]}],
            ],
        },
    )
    requests, pages, _ = drive(catalog(CatalogQuery()), venue)
    nested = [asked(request) for request in requests if request.path == "/events"]
    assert {(query["with_nested_markets"], query["limit"]) for query in nested} == {("true", "50")}
    found = listed(pages)
    assert [(one.symbol, one.series, one.category, one.title) for one in found] == [
        ("KXMADE-1-A", "KXMADE", "Made", "T"),
        ("LONE-1-A", "LONE", "Old", ""),
    ]
    (reject,) = rejected(pages)
    assert "series 1" in reject


def test_what_is_over_is_listed_on_demand_only() -> None:
    """An open event holds its settled markets too; a record of the past wants them."""
    event = {"event_ticker": "KXMADE-1", "markets": [market("KXMADE-1-B", "finalized")]}
    venue = Venue(series={"series": []}, events={"": [[event]]})
    _, pages, _ = drive(catalog(CatalogQuery(active=False)), venue)
    assert venue.seen == [("/series", None, None), ("/events", None, None)]
    assert [one.status for one in listed(pages)] == ["settled"]


def test_filters_are_never_combined_into_nothing() -> None:
    """A time beside a status gives no rows and no error: it is left to the feed's filters."""
    venue = Venue(
        series={"series": []},
        events=ONE,
        markets={"open": [[market("KXMADE-1-A", close_time="2099-01-01T00:00:00Z")]]},
    )
    soon = CatalogQuery(close_before_ts=1, categories=("Made",))
    drive(catalog(soon), venue)
    _, pages, _ = drive(catalog(CatalogQuery(close_before_ts=1, series=("KXMADE",))), venue)
    allowed = {"series_ticker", "status", "limit", "cursor", "category", "with_nested_markets"}
    allowed.add("mve_filter")
    assert {name for request in venue.requests for name in asked(request)} <= allowed
    statuses = {asked(request).get("status") for request in venue.requests}
    assert statuses <= {None, "unopened", "paused", "open"}, (
        "words of answers are no words of the filter"
    )
    assert len(listed(pages)) == 1


@pytest.mark.parametrize(
    ("size", "path", "limit"),
    [
        (None, "/markets", "200"),
        (5, "/markets", "5"),
        (9999, "/markets", "1000"),
        (0, "/markets", "200"),
    ],
)
def test_a_page_is_never_larger_than_the_venue_gives(
    size: int | None, path: str, limit: str
) -> None:
    """More would be refused, and the round with it."""
    venue = Venue(series={"series": [SERIES]}, events=ONE, markets={})
    requests, _, _ = drive(catalog(CatalogQuery(series=("KXMADE",), page_size=size)), venue)
    assert {asked(one)["limit"] for one in requests if one.path == path} == {limit}


def test_one_unreadable_entry_leaves_its_neighbours_alone() -> None:
    """It is told, with where it stood."""
    event = {"event_ticker": "KXMADE-1", "markets": [market("KXMADE-1-A"), {"ticker": ""}, 5]}
    broken = {"event_ticker": "KXMADE-2", "markets": "none"}
    venue = Venue(series={"series": None}, events={"open": [[event, "text", broken, event]]})
    _, pages, _ = drive(catalog(CatalogQuery()), venue)
    assert [one.symbol for one in listed(pages)] == ["KXMADE-1-A"]
    told = rejected(pages)
    assert [reject.split(":")[0] for reject in told] == [
        "market 1 of KXMADE-1",
        "market 2 of KXMADE-1",
        "an event",
        "KXMADE-2",
        "market 1 of KXMADE-1",
        "market 2 of KXMADE-1",
    ]


def test_an_unknown_status_is_listed_beside_its_reject() -> None:
    """The market stays; somebody is told."""
    venue = Venue(
        series={"series": [SERIES]},
        events=ONE,
        markets={"open": [[market("KXMADE-1-A", "hibernating")]]},
    )
    _, pages, _ = drive(catalog(CatalogQuery(series=("KXMADE",))), venue)
    assert [one.raw_status for one in listed(pages)] == ["hibernating"]
    assert len(rejected(pages)) == 1


@pytest.mark.parametrize(
    "page",
    [
        {"markets": [], "cursor": "same"},
        {"markets": []},
        {"cursor": ""},
        {"markets": {}, "cursor": ""},
        {"markets": [], "cursor": 5},
        [],
        b"<html>",
        b"",
        b'{"markets":[',
    ],
)
def test_a_page_that_is_none_fails_the_round(page: object) -> None:
    """A circle, a missing cursor, a missing list: going on, or stopping there, would both lie."""

    def answers(request: Request) -> object:
        told = {"/series": {"series": [SERIES]}, "/events": {"events": ONE[""][0]}}
        return told.get(request.path, page)

    with pytest.raises(ValueError, match=r"/markets"):
        drive(catalog(CatalogQuery(series=("KXMADE",))), answers)


@pytest.mark.parametrize("said", [{}, {"series": 5}, {"series": "x"}, [], b"no"])
@pytest.mark.parametrize("query", [CatalogQuery(), CatalogQuery(series=("KXMADE",))])
def test_a_series_that_is_none_fails_the_round(said: object, query: CatalogQuery) -> None:
    """Without categories every filter by category would exclude everything."""
    with pytest.raises(ValueError, match=r"/series"):
        drive(catalog(query), lambda one: said if one.path == "/series" else {"events": [{}]})


def test_the_recorded_events_are_listed_with_their_markets() -> None:
    """64 markets of 32 events of 2026-08, two to each, under their event's series."""
    events = body("events_nfl_preseason.json")["events"]

    def answers(request: Request) -> object:
        if request.path == "/series":
            return body("series_list_response.json")
        if request.path == "/markets":
            return END | {"markets": []}
        opened = asked(request)["status"] == "open"
        return END | {"events": events if opened else []}

    _, pages, _ = drive(catalog(CatalogQuery()), answers)
    found = listed(pages)
    assert len(found) == 64
    assert set(Counter(one.event for one in found).values()) == {2}
    assert {(one.series, one.category, one.status) for one in found} == {
        ("KXNFLGAME", "Sports", "active")
    }
    assert rejected(pages) == []


def test_the_recorded_open_events_lead_to_the_series_of_a_category() -> None:
    """1,911 events of 2025-02 without markets: 23 are Crypto's, of fewer series."""
    whole = body("events-open-20250219.json.gz")["events"]
    wanted = {event["series_ticker"] for event in whole if event["category"] == "Crypto"}

    def answers(request: Request) -> object:
        if request.path == "/series":
            return {"series": None}
        if request.path == "/events":
            return END | {"events": whole if asked(request)["status"] == "open" else []}
        return END | {"markets": []}

    requests, pages, _ = drive(catalog(CatalogQuery(categories=("crypto",))), answers)
    markets = Counter(asked(one).get("series_ticker") for one in requests if one.path == "/markets")
    assert markets == Counter({None: 1} | dict.fromkeys(wanted, 2))
    assert rejected(pages) == []


def test_a_recorded_page_of_markets_is_listed_under_its_series() -> None:
    """200 combinations of 2026-02, asked for by their series, with the series' tags."""
    page = body("markets-page-20260213.json")
    assert page["cursor"]
    single = body("series_single_response.json")

    def answers(request: Request) -> object:
        if request.path == "/series":
            return {"series": [single["series"] | {"ticker": "KXMVESPORTS"}]}
        query = asked(request)
        if request.path.startswith("/events"):
            combined = request.path == "/events/multivariate"
            return {"events": body("events_multivariate_list_response.json")["events"] * combined}
        if query["status"] != "open" or query.get("cursor") == page["cursor"]:
            return END | {"markets": []}
        return page

    _, pages, _ = drive(catalog(CatalogQuery(series=("KXMVESPORTS",))), answers)
    found = listed(pages)
    assert [one.symbol for one in found] == [one["ticker"] for one in page["markets"]]
    series = single["series"]
    assert {(one.category, one.tags) for one in found} == {
        (series["category"], tuple(series["tags"]))
    }
