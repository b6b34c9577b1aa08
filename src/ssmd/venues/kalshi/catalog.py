"""What is listed: walks the listings of series, events and markets, page by page.

A market does not name its category, and its name tells its series only most of the time, so
series and events are asked too. Which way costs least depends on what is wanted:

- some series: one event of each tells its category, `GET /series` of that its tags, and
  `GET /markets` of each series its markets;
- some categories: `GET /series` of each, `GET /events` without markets to learn which series
  have events now (200 to a page, small), then `GET /markets` as above;
- everything: `GET /series`, then `GET /events` with their markets. Combinations of markets are
  no part of that: the venue makes them on demand, by the hundred thousand. Ask for their series.

A paused market is neither open nor unopened, and comes back: it is listed too. Events cannot be
asked for by that word, so where they lead to the markets, one listing of all that is paused on
the exchange is asked for beside them.

Nothing is asked of a series by its address: one that is gone would be a 404, and that fails the
round, and every round after it. A series that nothing tells of is a reject instead.

Two traps: a filter of time beside one of status gives nothing, without an error (`max_close_ts`
only goes with closed markets), so that `close_before_ts` is left to the feed's filters; and
unopened and paused markets are asked for before open ones, so that one which opens meanwhile is
listed twice, and given once, instead of not at all.
"""

from collections.abc import Generator, Iterable
from typing import Final, TypeAlias

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Reject
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request
from ssmd.venues.kalshi.listing_pages import (
    COST,
    EVENT_MOST,
    EVENT_PAGE,
    MARKET_MOST,
    MARKET_PAGE,
    NESTED_PAGE,
    Query,
    Walk,
    entries_of,
    fields_of,
    limit_of,
    status_of,
)
from ssmd.venues.kalshi.rest_market import Origin, instrument, series_of

_NOW_OR_SOON: Final = ("unopened", "open")
"""Words of the `status` filter of events; a page never mixes two."""
_PAUSED: Final = "paused"
"""A word that only the `status` filter of markets knows."""
_NOW_SOON_OR_AGAIN: Final = ("unopened", _PAUSED, "open")
_ANY: Final = (None,)
_OVER: Final = frozenset({"closed", "determined", "settled"})

_SAID: Final = frozenset({"event_ticker", "series_ticker", "title", "category"})
"""What of an event is read beside its markets."""

_Known: TypeAlias = "dict[str, _Series]"
_Wanted: TypeAlias = dict[str, str | None]


class _Series(msgspec.Struct, frozen=True):
    """What a series says of its markets."""

    category: str | None
    tags: tuple[str, ...] | None


class _Gathering:
    """The instruments of one catalog, each once."""

    def __init__(self, *, active: bool) -> None:
        self._active = active
        self._seen: set[str] = set()

    def read(self, markets: Iterable[bytes], origin: Origin, where: str) -> Page:
        """Markets of one origin as a page; `where` they stand is for people."""
        found: list[Instrument] = []
        rejects: list[Reject] = []
        for index, raw in enumerate(markets):
            try:
                one, complaint = instrument(raw, origin)
            except (ValueError, RecursionError) as error:
                rejects.append(Reject(reason=f"market {index} of {where}: {error}", payload=raw))
                continue
            if one.symbol in self._seen or (self._active and one.status in _OVER):
                continue
            self._seen.add(one.symbol)
            found.append(one)
            if complaint:
                rejects.append(complaint)
        return Page(tuple(found), tuple(rejects))


def catalog(query: CatalogQuery) -> Catalog:
    """Everything listed that the query asks for; see the module for the way it takes."""
    gathering = _Gathering(active=query.active)
    events = _NOW_OR_SOON if query.active else _ANY
    known: _Known = {}
    if query.series:
        wanted = yield from _named(query.series, known)
        markets = _NOW_SOON_OR_AGAIN if query.active else _ANY
        yield from _by_series(wanted, known, gathering, markets, query)
    elif query.categories:
        for category in dict.fromkeys(query.categories):
            known |= yield from _all_series((("category", category),))
        wanted = yield from _series_with_events(query, known, events)
        if query.active:
            yield from _paused(known, wanted, gathering, query)
        yield from _learn(wanted, known)
        yield from _by_series(wanted, known, gathering, events, query)
    else:
        known = yield from _all_series(())
        for status in events:
            yield from _nested(known, gathering, status_of(status), query)
        if query.active:  # last: most of them were inside an open event, under its own series
            yield from _paused(known, None, gathering, query)


def _named(names: Iterable[str], known: _Known) -> Generator[Request | Page, bytes, _Wanted]:
    """The series among some names that have events, each with the category of one of them."""
    wanted: _Wanted = {}
    missing: list[str] = []
    for name in dict.fromkeys(names):
        for path in ("/events", "/events/multivariate"):  # neither lists the other's
            body = yield Request(path, (("series_ticker", name), ("limit", "1")), cost=COST)
            entries = entries_of(fields_of(body, path), "events", path)
            if entries:
                wanted[name] = _category(entries[0])
                break
        else:
            missing.append(name)
    yield from _learn(wanted, known)
    unknown = [name for name in missing if name not in known]  # the others merely rest
    if unknown:
        why = "no event of it is listed; it is gone, or its name is wrong"
        yield Page(
            rejects=tuple(
                Reject(reason=f"series {name}: {why}", kind="orphan", entity="series", symbol=name)
                for name in unknown
            )
        )
    return wanted


def _learn(wanted: _Wanted, known: _Known) -> Generator[Request | Page, bytes, None]:
    """Read what there is of the categories whose series are not known yet."""
    categories = [category for name, category in wanted.items() if name not in known]
    for category in dict.fromkeys(categories):
        known |= yield from _all_series((("category", category),) if category else ())


def _category(raw: bytes) -> str | None:
    """What an event says of its category, deprecated as that is."""
    try:
        return Fields(decode(raw)).text("category")
    except ValueError:
        return None


def _all_series(query: Query) -> Generator[Request | Page, bytes, _Known]:
    body = yield Request("/series", query, cost=COST)
    found: _Known = {}
    rejects: list[Reject] = []
    for index, raw in enumerate(entries_of(fields_of(body, "/series"), "series", "/series")):
        try:
            fields = Fields(decode(raw))
            found[fields.need_text("ticker")] = _series(fields)
        except ValueError as error:
            rejects.append(
                Reject(reason=f"series {index} of /series: {error}", entity="series", payload=raw)
            )
    if rejects:
        yield Page(rejects=tuple(rejects))
    return found


def _series(fields: Fields) -> _Series:
    try:
        return _Series(fields.text("category"), fields.texts("tags"))
    except ValueError:
        return _Series(None, None)


def _series_with_events(
    query: CatalogQuery, known: _Known, statuses: Iterable[str | None]
) -> Generator[Request | Page, bytes, _Wanted]:
    """The series of the wanted categories that have events now, with the events' category.

    An event still names its category, deprecated as that is: categories are compared without
    regard to case here, as the feed's filters do, while the venue's own filter may not.
    """
    categories = {category.casefold() for category in query.categories}
    wanted: _Wanted = {}
    limit = limit_of(query.page_size, EVENT_PAGE, EVENT_MOST)
    for status in statuses:
        walk = Walk("/events", (*status_of(status), limit), "events")
        while not walk.done:
            rejects: list[Reject] = []
            for index, raw in enumerate((yield from walk.page())):
                try:
                    series, category = _place(raw)
                except ValueError as error:
                    why = f"event {index} of a page of /events: {error}"
                    rejects.append(Reject(reason=why, entity="event", payload=raw))
                    continue
                if series in known or (category or "").casefold() in categories:
                    wanted.setdefault(series, category)
            if rejects:
                yield Page(rejects=tuple(rejects))
    return wanted


def _place(raw: bytes) -> tuple[str, str | None]:
    """Series and category of an event."""
    event = Fields(decode(raw))
    ticker = event.need_text("event_ticker")
    return event.text("series_ticker") or series_of(ticker), event.text("category")


def _by_series(
    wanted: _Wanted,
    known: _Known,
    gathering: _Gathering,
    statuses: Iterable[str | None],
    query: CatalogQuery,
) -> Catalog:
    """The markets of series, one listing each."""
    for name, category in wanted.items():
        origin = _origin(name, known, category)
        for status in statuses:
            limit = limit_of(query.page_size, MARKET_PAGE, MARKET_MOST)
            walk = Walk("/markets", (("series_ticker", name), *status_of(status), limit), "markets")
            while not walk.done:
                entries = yield from walk.page()
                yield gathering.read(entries, origin, f"a page of series {name}")


def _origin(name: str, known: _Known, category: str | None = None) -> Origin:
    """What is known of a series' markets; `category` is what an event said."""
    series = known.get(name) or _Series(None, None)
    return Origin(series=name, category=series.category or category, tags=series.tags)


def _paused(
    known: _Known, wanted: _Wanted | None, gathering: _Gathering, query: CatalogQuery
) -> Catalog:
    """The paused markets of the exchange, combinations aside, of these series or of all.

    Their series is taken from their name: those few that are named otherwise are missing while
    they pause.
    """
    limit = limit_of(query.page_size, MARKET_PAGE, MARKET_MOST)
    walk = Walk("/markets", (*status_of(_PAUSED), ("mve_filter", "exclude"), limit), "markets")
    while not walk.done:
        found: dict[str, list[bytes]] = {}
        for raw in (yield from walk.page()):
            found.setdefault(_series_named(raw), []).append(raw)
        yield _together(
            gathering.read(
                markets,
                _origin(name, known, (wanted or {}).get(name)) if name else Origin(),
                f"a page of paused markets of {name or 'no series'}",
            )
            for name, markets in found.items()
            if not name or wanted is None or name in known or name in wanted
        )


def _series_named(raw: bytes) -> str:
    """The series in a market's name; empty when it has none, which reading it will tell."""
    try:
        market = Fields(decode(raw))
        return series_of(market.text("event_ticker") or market.need_text("ticker"))
    except ValueError:
        return ""


def _together(pages: Iterable[Page]) -> Page:
    every = tuple(pages)
    return Page(
        tuple(one for page in every for one in page.instruments),
        tuple(reject for page in every for reject in page.rejects),
    )


def _nested(known: _Known, gathering: _Gathering, status: Query, query: CatalogQuery) -> Catalog:
    """All events with their markets inside."""
    limit = limit_of(query.page_size, NESTED_PAGE, EVENT_MOST)
    walk = Walk("/events", (("with_nested_markets", "true"), *status, limit), "events")
    while not walk.done:
        entries = yield from walk.page()
        yield _together(_event(raw, known, gathering) for raw in entries)


def _event(raw: bytes, known: _Known, gathering: _Gathering) -> Page:
    """The markets of one event."""
    named = "an event"
    try:
        fields = fields_of(raw, "an event")
        said = Fields({name: decode(value) for name, value in fields.items() if name in _SAID})
        named = said.need_text("event_ticker")
        ticker = said.text("series_ticker") or series_of(named)
        series = known.get(ticker) or _Series(None, None)
        origin = Origin(
            series=ticker,
            title=said.text("title") or "",
            category=series.category or said.text("category"),
            tags=series.tags,
        )
        markets = entries_of(fields, "markets", named) if "markets" in fields else []
    except (ValueError, RecursionError) as error:
        return Page(rejects=(Reject(reason=f"{named}: {error}", entity="event", payload=raw),))
    return gathering.read(markets, origin, named)
