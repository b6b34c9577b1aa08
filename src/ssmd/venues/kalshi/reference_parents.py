"""Finds the events of markets that are listed without them.

Nothing is asked for by its address: what is gone would be a 404, and fail the round. So the
events of a market's series are listed, from the first close of its markets on; the few markets
whose name misleads about their series wait, and one listing of all events finds theirs.
"""

from collections.abc import Generator, Iterable
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.rest import Catalog, Page, Request
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.kalshi.listing_pages import EVENT_MOST, Query, Walk
from ssmd.venues.kalshi.reference_reading import Reading
from ssmd.venues.kalshi.rest_market import series_of

_PATHS: Final = ("/events", "/events/multivariate")
"""Neither lists what the other does."""
COMBINATIONS: Final = "KXMVE"
"""What the tickers of combinations begin with."""


class Search:
    """Looks for the events of markets, and reads the markets when they are found."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._waiting: list[bytes] = []
        self._asked: dict[str, int] = {}

    def markets(self, entries: Iterable[bytes], where: str) -> Catalog:
        """The pages of some markets, their events first."""
        page, missing = self._reading.take_markets(entries, where)
        yield page
        if missing:
            for series, markets in _by_series(missing).items():
                yield from self._of_series(series, markets)
            page, missing = self._reading.take_markets(missing, where)
            yield page
            self._waiting += missing

    def rest(self) -> Catalog:
        """The pages of the markets that are left; those whose event nobody lists are orphans."""
        if not self._waiting:
            return
        yield from self._events(_PATHS[0], (), self._waiting)
        page, missing = self._reading.take_markets(self._waiting, "the markets that are left")
        yield page
        yield self._reading.orphans(missing)
        self._waiting = []

    def _of_series(self, series: str, markets: list[bytes]) -> Catalog:
        """The events of one series; it is read to its end from a time on once at most."""
        since = _first_close(markets)
        if since >= self._asked.get(series, since + 1):
            return
        if (yield from self._events(_path(series), (("series_ticker", series),), markets)):
            self._asked[series] = since

    def _events(
        self, path: str, query: Query, markets: list[bytes]
    ) -> Generator[Request | Page, bytes, bool]:
        """The events that may be those of some markets; gives whether all were read."""
        since = _first_close(markets)
        if since and path == _PATHS[0]:
            query = (*query, ("min_close_ts", str(since - 1)))
        walk = Walk(path, (*query, ("limit", str(EVENT_MOST))), "events")
        wanted = {name for raw in markets if (name := _event(raw))}
        while not walk.done and not wanted.issubset(self._reading.origins):
            entries = yield from walk.page()
            those = [raw for raw in entries if _event(raw) in wanted]
            yield self._reading.take_events(those, f"a page of {path}")
        return walk.done


def multivariate(series: str, reading: Reading) -> Generator[Request | Page, bytes, None]:
    """The events of a series of combinations, with their markets."""
    query = (("series_ticker", series), ("with_nested_markets", "true"), ("limit", "50"))
    walk = Walk(_PATHS[1], query, "events")
    while not walk.done:
        yield reading.take_events((yield from walk.page()), f"a page of {_PATHS[1]}")


def _path(series: str) -> str:
    return _PATHS[series.startswith(COMBINATIONS)]


def _by_series(markets: Iterable[bytes]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for raw in markets:
        name = _event(raw)
        if name:
            found.setdefault(series_of(name), []).append(raw)
    return found


def _event(raw: bytes) -> str | None:
    """The event that a market names, or that an event is."""
    try:
        return Fields(decode(raw)).text("event_ticker") or None
    except ValueError:
        return None


def _first_close(markets: Iterable[bytes]) -> int:
    """When the first of some markets closes, s; 0 when one does not say."""
    times = [Fields(decode(raw)).moment("close_time") for raw in markets]
    known = [ts for ts in times if ts is not None]
    return min(known) // SECOND_NS if known and len(known) == len(times) else 0
