"""Everything the venue lists, for the security master: series and fees, events, markets.

All that can be traded, now or later:

- `GET /series/fee_changes` after `GET /series`, which states the fee of each series at present;
- `GET /events` with their markets, of the unopened and the open: parents come first;
- `GET /markets` of the paused, which no filter of events knows;
- what ended since some time: the events with a market that closes later than it, closed and
  settled, then `GET /markets` closed since (`min_close_ts`) and settled since (`min_settled_ts`).

What changed since some time: `GET /series` as above, for a market's category is its series';
then events and markets by `min_updated_ts`, which goes with no other filter than
`mve_filter=exclude`; an event that did not change is found by `reference_parents`. The venue
stamps what changed in a series, an event, a market on its own: no child is newer for its parent.

Combinations are left out, as in `catalog`, unless their series is asked for.
"""

from collections.abc import Iterable
from typing import Final

from ssmd.model.rest import Catalog, ReferenceQuery, Request
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.kalshi.listing_pages import (
    COST,
    EVENT_MOST,
    EVENT_PAGE,
    MARKET_MOST,
    NESTED_PAGE,
    Query,
    Walk,
    entries_of,
    fields_of,
    limit_of,
    status_of,
)
from ssmd.venues.kalshi.reference_parents import COMBINATIONS, Search, multivariate
from ssmd.venues.kalshi.reference_reading import Reading, Wanted

_TRADED: Final = ("unopened", "open")
_ENDED: Final = ("closed", "settled")
_SINCE: Final = {"closed": "min_close_ts", "settled": "min_settled_ts"}
"""The one filter of time that goes with a status of markets."""
_EXCLUDE: Final = (("mve_filter", "exclude"),)


def reference(query: ReferenceQuery) -> Catalog:
    """Everything listed with its parents; see the module for the way it takes."""
    reading = Reading(wanted_of(query))
    yield from all_series(reading)
    search = Search(reading)
    if query.changed_since_ts is not None:
        yield from _changed(query, reading, search)
    else:
        yield from _traded(query, reading, search)
    if query.ended_since_ts is not None and query.changed_since_ts is None:
        yield from _ended(query, reading, search)
    yield from search.rest()


def wanted_of(query: ReferenceQuery) -> Wanted:
    """Whether a series of a category is asked for."""
    names = frozenset(query.series)
    categories = frozenset(category.casefold() for category in query.categories)

    def wanted(series: str | None, category: str | None) -> bool:
        return (not names or series in names) and (
            not categories or (category or "").casefold() in categories
        )

    return wanted


def all_series(reading: Reading) -> Catalog:
    """Every series with its fee at present, and every change of a fee that was ever announced."""
    body = yield Request("/series", cost=COST)
    yield reading.take_series(
        entries_of(fields_of(body, "/series"), "series", "/series"), "/series"
    )
    path, key = "/series/fee_changes", "series_fee_change_arr"
    body = yield Request(path, (("show_historical", "true"),), cost=COST)
    yield reading.take_fee_changes(entries_of(fields_of(body, path), key, path), path)


def _changed(query: ReferenceQuery, reading: Reading, search: Search) -> Catalog:
    since = (("min_updated_ts", _seconds(query.changed_since_ts)),)
    limit = limit_of(query.page_size, EVENT_PAGE, EVENT_MOST)
    yield from _events((*since, limit), reading)
    combined = any(name.startswith(COMBINATIONS) for name in query.series)
    filters = since if combined else (*since, *_EXCLUDE)
    yield from _markets(filters, query, search)


def _traded(query: ReferenceQuery, reading: Reading, search: Search) -> Catalog:
    nested = ("with_nested_markets", "true")
    limit = limit_of(query.page_size, NESTED_PAGE, EVENT_MOST)
    for narrowed in _narrowed(query):
        for status in _TRADED:
            yield from _events((nested, *narrowed, *status_of(status), limit), reading)
        yield from _markets((*narrowed, *status_of("paused"), *_excluded(narrowed)), query, search)
    for name in query.series:
        if name.startswith(COMBINATIONS):
            yield from multivariate(name, reading)


def _ended(query: ReferenceQuery, reading: Reading, search: Search) -> Catalog:
    since = _seconds(query.ended_since_ts)
    limit = limit_of(query.page_size, EVENT_PAGE, EVENT_MOST)
    for narrowed in _narrowed(query):
        for status in _ENDED:
            filters = (*narrowed, *status_of(status), ("min_close_ts", since), limit)
            yield from _events(filters, reading)
        for status in _ENDED:
            filters = (*narrowed, *status_of(status), (_SINCE[status], since))
            yield from _markets((*filters, *_excluded(narrowed)), query, search)


def _events(filters: Query, reading: Reading) -> Catalog:
    walk = Walk("/events", filters, "events")
    while not walk.done:
        yield reading.take_events((yield from walk.page()), "a page of /events")


def _markets(filters: Query, query: ReferenceQuery, search: Search) -> Catalog:
    limit = limit_of(query.page_size, MARKET_MOST, MARKET_MOST)
    walk = Walk("/markets", (*filters, limit), "markets")
    while not walk.done:
        yield from search.markets((yield from walk.page()), "a page of /markets")


def _narrowed(query: ReferenceQuery) -> Iterable[Query]:
    """The filters of one walk each: a series, or none."""
    if not query.series:
        return ((),)
    return tuple((("series_ticker", name),) for name in dict.fromkeys(query.series))


def _excluded(narrowed: Query) -> Query:
    """Combinations are left out where no series is named."""
    return () if narrowed else _EXCLUDE


def _seconds(ts: int | None) -> str:
    """A bound for `later than`, in whole seconds."""
    return str((ts or 0) // SECOND_NS - 1)
