"""How some markets stand now, whatever became of them.

Asked for by their tickers in lists, never by their addresses: one that is gone is just missing.
Markets settled before the venue's cutoff are in another tier, which is asked for the rest.

All series of the exchange are a body of megabytes, and a lookup is wanted every few seconds: so
the markets' events are found first, and then the series of the categories which those name. An
event's category is deprecated; where it leads to no series of that name, all are asked for.
"""

from collections.abc import Generator, Iterable
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.listing import ListedEvent
from ssmd.model.rest import Catalog, Page, Request
from ssmd.venues.kalshi.listing_pages import COST, Walk, entries_of, fields_of
from ssmd.venues.kalshi.reference_parents import Search
from ssmd.venues.kalshi.reference_reading import Reading

AT_ONCE: Final = 100
"""Tickers of one request: no most is documented for this list, and this is the most of others."""
_TIERS: Final = ("/markets", "/historical/markets")
_WHERE: Final = "what was looked up"


def lookup(symbols: tuple[str, ...]) -> Catalog:
    """Some markets with their parents; what no page names is gone."""
    wanted = tuple(dict.fromkeys(symbols))
    markets: list[bytes] = []
    for begin in range(0, len(wanted), AT_ONCE):
        missing = set(wanted[begin : begin + AT_ONCE])
        for path in _TIERS:
            if missing:
                found = yield from _listed(path, sorted(missing))
                missing -= {_text(raw, "ticker") for raw in found}
                markets += found
    if not markets:
        return
    events = yield from _events(markets)
    needed = {event.series for event in events}
    reading = Reading(lambda series, _category: series in needed)
    yield from _series({event.category for event in events}, needed, reading)
    yield reading.take_events([event.payload for event in events], _WHERE)
    page, lost = reading.take_markets(markets, _WHERE)
    yield page
    yield reading.orphans(lost)


def _listed(path: str, tickers: list[str]) -> Generator[Request | Page, bytes, list[bytes]]:
    """The markets that one tier knows of."""
    query = (("tickers", ",".join(tickers)), ("limit", str(AT_ONCE)))
    walk = Walk(path, query, "markets")
    found: list[bytes] = []
    while not walk.done:
        found += yield from walk.page()
    return found


def _events(markets: list[bytes]) -> Generator[Request | Page, bytes, list[ListedEvent]]:
    """The events of some markets, whatever their series are."""
    search = Search(Reading(lambda _series, _category: True, needs_series=False))
    found: list[ListedEvent] = []
    for asking in (search.markets(markets, _WHERE), search.rest()):
        step = next(asking, None)
        while step is not None:
            body = b""
            if isinstance(step, Page):
                found += step.events
            else:
                body = yield step
            try:
                step = asking.send(body)
            except StopIteration:
                step = None
    return found


def _series(categories: Iterable[str | None], needed: set[str | None], reading: Reading) -> Catalog:
    """The series that are needed: by category, and among all where that does not find them."""
    for category in sorted({category for category in categories if category}):
        yield from _some((("category", category),), reading)
    if not needed.issubset(reading.series):
        yield from _some((), reading)


def _some(query: tuple[tuple[str, str], ...], reading: Reading) -> Catalog:
    path = "/series"
    body = yield Request(path, query, cost=COST)
    entries = entries_of(fields_of(body, path), "series", path)
    yield reading.take_series(
        [raw for raw in entries if _text(raw, "ticker") not in reading.series], path
    )


def _text(raw: bytes, name: str) -> str:
    try:
        return Fields(decode(raw)).text(name) or ""
    except ValueError:
        return ""
