"""What a security master is not to believe: orphans, absurdities, pages that are none."""

from typing import Any

import pytest

from ssmd.model.rest import ReferenceQuery, Request
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.kalshi.rest import REST
from tests.venues.kalshi.referenced import EVENT, SERIES, Venue, change, market, told
from tests.venues.referring import asked, drive


def test_a_market_whose_parents_nobody_lists_is_an_orphan() -> None:
    """So is an event without its series, with all its markets; the others stand."""
    venue = Venue(series_fee_change_arr=[change("c9", "KXGONE", 9)])
    lone = {"event_ticker": "KXGONE-1", "series_ticker": "KXGONE"}
    venue.listed = {
        "/events?status=open": [
            [
                lone | {"markets": [market("KXGONE-1-A"), {}]},
                EVENT | {"markets": [market("KXMADE-1-A"), market("X-1-A")]},
            ]
        ],
        "/markets?status=paused": [[market("NO-1-A", "inactive"), market("B", event_ticker=None)]],
    }
    found = told(venue)
    assert found.symbols == ["KXMADE-1-A"]
    assert found.refused == [
        ("orphan", "fee", "c9"),
        ("orphan", "event", "KXGONE-1"),
        ("orphan", "instrument", "KXGONE-1-A"),
        ("unreadable", "instrument", None),
        ("orphan", "instrument", "X-1-A"),
        ("orphan", "instrument", "NO-1-A"),
        ("orphan", "instrument", "B"),
    ]
    assert all(reject.payload for reject in found.rejects)


def test_what_cannot_be_kept_is_a_reject_of_its_kind() -> None:
    """An unknown word, a number of no meaning, no JSON, the same twice: the others stand."""
    bad = [
        market("KXMADE-1-A"),
        market("KXMADE-1-A"),
        market("KXMADE-1-W", "hibernating"),
        market("KXMADE-1-N", price_ranges=[{"start": "0", "end": "1", "step": "-0.01"}]),
        market("KXMADE-1-V", "finalized", settlement_value_dollars="1e50"),
        market("KXMADE-1-T", open_time="2199-01-01T00:00:00Z", close_time="1927-01-01T00:00:00Z"),
        market("KXMADE-1-Q", close_time="soon"),
        {"status": "active"},
        "text",
        5,
        market("KXMADE-1-Z", open_time="0001-01-01T00:00:00Z"),
    ]
    venue = Venue()
    venue.listed = {"/events?status=open": [[EVENT | {"markets": bad}, 7, {"title": "nameless"}]]}
    found = told(venue)
    assert found.symbols == ["KXMADE-1-A", "KXMADE-1-Z"]
    assert found.refused == [
        ("duplicate", "instrument", "KXMADE-1-A"),
        ("unknown_status", "instrument", "KXMADE-1-W"),
        ("absurd", "instrument", "KXMADE-1-N"),
        ("absurd", "instrument", "KXMADE-1-V"),
        ("absurd", "instrument", "KXMADE-1-T"),
        ("absurd", "instrument", "KXMADE-1-Q"),
        ("unreadable", "instrument", None),
        ("unreadable", "instrument", None),
        ("unreadable", "instrument", None),
        ("unreadable", "event", None),
        ("unreadable", "event", None),
    ]
    (unknown,) = [one for one in found.rejects if one.kind == "unknown_status"]
    assert unknown.raw_status == "hibernating"
    assert b"hibernating" in unknown.payload


def test_every_series_has_a_fee_and_its_changes_have_their_times() -> None:
    """The fee of now has no time of its own; a change has one, and an id."""
    changes = [
        change("c1", "KXMADE", 1),
        change("c2", "KXMADE", 2, fee_multiplier=2.25),
        change("c2", "KXMADE", 3),
        change("c3", "KXMADE", 4, scheduled_ts=None),
        change("c4", "KXMADE", 5, fee_multiplier="much"),
        change("c5", "KXMADE", 6, fee_multiplier=-1),
        {},
    ]
    free = {"ticker": "KXFREE", "category": "Made", "tags": ["x"]}
    found = told(Venue([SERIES, free], series_fee_change_arr=changes))
    assert [(one.symbol, one.kind, str(one.multiplier), one.source_id) for one in found.fees] == [
        ("KXMADE", "quadratic", "0.5", None),
        ("KXMADE", "flat", "1", "c1"),
        ("KXMADE", "flat", "2.25", "c2"),
    ]
    assert [one.effective_ts for one in found.fees[:2]] == [None, 1767225600 * SECOND_NS]
    assert {one.scope for one in found.fees} == {"series"}
    assert found.refused == [
        ("unreadable", "fee", "KXFREE"),
        ("duplicate", "fee", "c2"),
        *[("unreadable", "fee", None)] * 4,
    ]


def test_a_series_that_states_no_category_or_tags_stands_and_is_doubted() -> None:
    """Filters by them would pass its markets over in silence."""
    made = [
        SERIES | {"ticker": "A", "category": ""},
        SERIES | {"ticker": "B", "tags": None},
        SERIES | {"ticker": "C", "tags": [], "category": None},
        SERIES,
        SERIES,
        SERIES | {"ticker": ""},
    ]
    found = told(Venue(made))
    assert [one.symbol for one in found.series] == ["A", "B", "C", "KXMADE"]
    doubts = [one for one in found.rejects if one.kind == "doubtful"]
    assert [(one.symbol, one.reason.partition(": ")[2]) for one in doubts] == [
        ("A", "it states no category"),
        ("B", "it states no tags"),
        ("C", "it states no category and no tags"),
    ]
    assert found.refused == [("duplicate", "series", "KXMADE"), ("unreadable", "series", None)]


@pytest.mark.parametrize("path", ["/events", "/markets"])
@pytest.mark.parametrize(
    "page",
    [
        {"events": [], "markets": [], "cursor": "same"},
        {"events": [], "markets": []},
        {"cursor": ""},
        {"events": {}, "markets": {}, "cursor": ""},
        {"events": [], "markets": [], "cursor": 5},
        [],
        b"<html>",
        b'{"markets":[',
    ],
)
@pytest.mark.parametrize("query", [{}, {"changed_since_ts": 5}, {"ended_since_ts": 5}])
def test_a_page_that_is_none_fails_the_round(
    path: str, page: object, query: dict[str, Any]
) -> None:
    """A circle, a missing cursor, a missing list: going on, or stopping there, would both lie."""
    venue = Venue()
    with pytest.raises(ValueError, match=path):
        drive(
            REST.reference(ReferenceQuery(**query)),
            lambda request: page if request.path == path else venue(request),
        )


def test_a_cursor_that_leads_in_a_circle_after_many_pages_ends_the_round() -> None:
    """200 pages that loop are told, not read for ever."""

    def answers(request: Request) -> object:
        if request.path != "/events":
            return Venue()(request)
        following = (int(asked(request).get("cursor", "0")) + 1) % 200
        return {"events": [], "cursor": str(following)}

    with pytest.raises(ValueError, match="in a circle"):
        drive(REST.reference(ReferenceQuery()), answers)


@pytest.mark.parametrize("said", [{}, {"series": 5}, {"series_fee_change_arr": {}}, [], b"no"])
@pytest.mark.parametrize("path", ["/series", "/series/fee_changes"])
def test_a_list_of_parents_that_is_none_fails_the_round(path: str, said: object) -> None:
    """Without them every market would be an orphan."""
    venue = Venue()
    with pytest.raises(ValueError, match=path):
        drive(
            REST.reference(ReferenceQuery()),
            lambda request: said if request.path == path else venue(request),
        )
