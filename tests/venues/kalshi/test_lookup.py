"""How some markets stand: their series are asked for by category, all of them only in need."""

import pytest

from ssmd.model.rest import Request
from ssmd.venues.kalshi.rest import REST
from tests.venues.kalshi.referenced import EVENT, SERIES, T, Venue, market
from tests.venues.referring import Told, asked, drive, parents_first

EVENTS = f"/events?series_ticker=KXMADE&min_close_ts={T - 1}"


class Narrowing(Venue):
    """Lists the series of a category where one is asked for."""

    def __call__(self, request: Request) -> object:
        """The body for a request."""
        category = asked(request).get("category")
        if request.path == "/series" and category:
            assert isinstance(self.series["series"], list)
            return {"series": [one for one in self.series["series"] if one["category"] == category]}
        return super().__call__(request)


def looked_up(venue: Venue, *symbols: str) -> Told:
    """How some markets stand."""
    assert REST.lookup is not None
    return drive(REST.lookup(symbols), venue)


def series_asked(found: Told) -> list[dict[str, str]]:
    """What the requests for series were narrowed by."""
    return [asked(request) for request in found.requests if request.path == "/series"]


def test_only_the_series_of_the_events_categories_are_asked_for() -> None:
    """All of them are megabytes; only the one that is needed is told."""
    venue = Narrowing(
        [SERIES, SERIES | {"ticker": "KXSAME"}, SERIES | {"ticker": "B", "category": "x"}]
    )
    venue.listed = {
        "/markets?tickers=KXMADE-1-A,KXMADE-1-B": [[market("KXMADE-1-A"), market("KXMADE-1-B")]],
        EVENTS: [[EVENT | {"category": "Made"}]],
    }
    found = looked_up(venue, "KXMADE-1-B", "KXMADE-1-A", "KXMADE-1-B")
    assert found.symbols == ["KXMADE-1-A", "KXMADE-1-B"]
    assert [(one.category, one.tags) for one in found.instruments] == [("Made", ("one",))] * 2
    assert [one.symbol for one in found.series] == ["KXMADE"]
    assert [one.symbol for one in found.fees] == ["KXMADE"]
    assert series_asked(found) == [{"category": "Made"}]
    assert (found.paths.count("/historical/markets"), found.rejects) == (0, [])
    parents_first(found)


@pytest.mark.parametrize("category", [None, "", "Former"])
def test_a_category_that_leads_nowhere_is_no_end(category: str | None) -> None:
    """An event's category is deprecated, and its series' may be another by now."""
    venue = Narrowing([SERIES, SERIES | {"ticker": "KXOLD", "category": "Former"}])
    venue.listed = {
        "/markets?tickers=KXMADE-1-A": [[market("KXMADE-1-A")]],
        EVENTS: [[EVENT | {"category": category}]],
    }
    found = looked_up(venue, "KXMADE-1-A")
    assert [(one.symbol, one.category) for one in found.instruments] == [("KXMADE-1-A", "Made")]
    assert series_asked(found)[-1] == {}
    assert found.rejects == []


def test_what_is_in_neither_tier_is_missing_and_what_has_no_parents_an_orphan() -> None:
    """The one is gone; the other is there, and nobody says of what it is one."""
    venue = Narrowing([SERIES])
    venue.listed = {
        "/markets?tickers=KXGONE-1-A,KXLONE-1-A,KXOLD-1-A": [[market("KXLONE-1-A")]],
        "/historical/markets?tickers=KXGONE-1-A,KXOLD-1-A": [[market("KXOLD-1-A", "finalized")]],
        f"/events?min_close_ts={T - 1}": [
            [{"event_ticker": "KXOLD-1", "series_ticker": "KXMADE", "category": "Made"}]
        ],
    }
    found = looked_up(venue, "KXOLD-1-A", "KXGONE-1-A", "KXLONE-1-A")
    assert [(one.symbol, one.status) for one in found.instruments] == [("KXOLD-1-A", "settled")]
    assert found.refused == [("orphan", "instrument", "KXLONE-1-A")]


def test_nothing_found_asks_for_no_parents() -> None:
    """There is nothing to be one of."""
    found = looked_up(Narrowing([SERIES]), "KXGONE-1-A")
    assert found.paths == ["/markets", "/historical/markets"]
    assert found.pages == []


@pytest.mark.parametrize("path", ["/markets", "/events", "/series"])
def test_a_page_that_is_none_fails_the_lookup(path: str) -> None:
    """What is not told is taken for gone: nothing may be cut short."""
    venue = Narrowing([SERIES])
    venue.listed = {
        "/markets?tickers=KXMADE-1-A": [[market("KXMADE-1-A")]],
        EVENTS: [[EVENT | {"category": "Made"}]],
    }
    assert REST.lookup is not None
    with pytest.raises(ValueError, match=path):
        drive(
            REST.lookup(("KXMADE-1-A",)),
            lambda request: {"x": 1} if request.path == path else venue(request),
        )
