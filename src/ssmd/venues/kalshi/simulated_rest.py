"""The simulated exchange's REST service: markets, events, series, trades in two tiers.

https://docs.kalshi.com/openapi.yaml. What one asks of a single market is kept for fifteen seconds,
as the exchange's edge does with requests that are not signed: a question that is to be answered
afresh must differ from the last one. Books are for those who sign; as nobody's signature is seen
here, they are refused to everybody.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from ssmd.model.simulated import Answer
from ssmd.venues.kalshi import simulated_documents as documents
from ssmd.venues.kalshi.simulated_listing import Listing, Trade
from ssmd.venues.kalshi.simulated_market import Market
from ssmd.venues.kalshi.simulated_pages import Refusal, chosen, number, page
from ssmd.venues.kalshi.simulated_series import KNOWN, Series, series_of

CACHED_S: Final = 15
_KEPT: Final = 1_000
_OK: Final = 200
_BAD: Final = 400
_UNSIGNED: Final = 401
_MISSING: Final = 404
_MARKETS: Final = 1_000
_EVENTS: Final = 200
_PAGE: Final = 100
_ALL: Final = 10**9
_DAY_S: Final = 86_400
_RECENT_S: Final = 90 * _DAY_S

Query = Mapping[str, str]

_encode = msgspec.json.Encoder().encode


class RestService:
    """Answers GET requests about a market's listings."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._cache: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, Answer]] = {}
        self._pages: dict[str, Callable[[Query], dict[str, object]]] = {
            "/markets": self._markets,
            "/markets/trades": self._trades,
            "/historical/trades": self._old_trades,
            "/historical/cutoff": lambda _: documents.cutoff(self._cutoff_s),
            "/events": self._events,
            "/events/multivariate": self._combinations,
            "/historical/markets": self._old_markets,
            "/series": self._series,
            "/series/fee_changes": self._fee_changes,
            "/exchange/status": lambda _: documents.status(),
            "/exchange/schedule": lambda _: documents.schedule(),
        }

    def answer(self, service: str, path: str, query: Sequence[tuple[str, str]]) -> Answer:
        """The body, or the exchange's way to say no."""
        barred = _barred(service, path)
        if barred is not None:
            return barred
        single = path.startswith("/markets/") and path not in self._pages
        key = (path, tuple(query))
        if single:
            until, kept = self._cache.get(key, (0, None))
            if kept is not None and self._market.now_s < until:
                return kept
        try:
            body = self._body(path, dict(query))
        except Refusal as refusal:
            return _refusal(_BAD, "bad_request", str(refusal))
        if body is None:
            return _refusal(_MISSING, "not_found")
        if not single:
            return Answer(_OK, _encode(body))
        kept = Answer(_OK, _encode(body), {"cache-control": f"public, max-age={CACHED_S}"})
        if len(self._cache) >= _KEPT:
            self._cache.clear()
        self._cache[key] = (self._market.now_s + CACHED_S, kept)
        return kept

    def _body(self, path: str, query: Query) -> dict[str, object] | None:
        """None when there is nothing at that path."""
        listed = self._pages.get(path)
        if listed is not None:
            return listed(query)
        match path.strip("/").split("/"):
            case ["markets", ticker]:
                listing = self._find(ticker)
                return None if listing is None else {"market": documents.market(listing)}
            case ["events", ticker]:
                return self._event(ticker, query)
            case ["series", ticker]:
                return self._one_series(ticker, query)
            case _:
                return None

    def _find(self, ticker: str) -> Listing | None:
        return self._market.listings.get(ticker) or self._market.ended.get(ticker)

    def _all(self) -> list[Listing]:
        """Every market, the ended ones included, the newest first."""
        both = [*self._market.listings.values(), *self._market.ended.values()]
        return sorted(both, key=lambda listing: (-listing.created_ts, listing.ticker))

    def _markets(self, query: Query) -> dict[str, object]:
        return self._list_markets([one for one in self._all() if not self._is_old(one)], query)

    def _old_markets(self, query: Query) -> dict[str, object]:
        return self._list_markets([one for one in self._all() if self._is_old(one)], query)

    def _is_old(self, listing: Listing) -> bool:
        """Whether it was paid so long ago that it is in the other tier."""
        return 0 < listing.settled_ts < self._cutoff_s

    def _list_markets(self, listings: Sequence[Listing], query: Query) -> dict[str, object]:
        found = chosen(listings, query)
        shown, cursor = page(found, query, _PAGE, _MARKETS, lambda listing: listing.ticker)
        return {"cursor": cursor, "markets": [documents.market(listing) for listing in shown]}

    def _events(self, query: Query) -> dict[str, object]:
        return self._list_events(query, multivariate=False)

    def _combinations(self, query: Query) -> dict[str, object]:
        return self._list_events(query, multivariate=True)

    def _list_events(self, query: Query, *, multivariate: bool) -> dict[str, object]:
        earliest = number(query, "min_close_ts", 0)
        changed = number(query, "min_updated_ts", 0)
        wanted: dict[str, list[Listing]] = {}
        for listing in self._all():
            if listing.multivariate == multivariate:
                wanted.setdefault(listing.event, []).append(listing)
        only = {key: query[key] for key in ("series_ticker", "status") if query.get(key)}
        events = [
            markets
            for markets in wanted.values()
            if chosen(markets, only)
            and max(one.close_ts for one in markets) >= earliest
            and documents.event_updated_s(markets) >= changed
        ]
        shown, cursor = page(events, query, _EVENTS, _EVENTS, lambda markets: markets[0].event)
        nested = query.get("with_nested_markets") == "true"
        return {
            "cursor": cursor,
            "events": [documents.event(markets, nested=nested) for markets in shown],
        }

    def _event(self, ticker: str, query: Query) -> dict[str, object] | None:
        markets = [listing for listing in self._all() if listing.event == ticker]
        if not markets:
            return None
        nested = query.get("with_nested_markets") == "true"
        body: dict[str, object] = {"event": documents.event(markets, nested=nested)}
        if not nested:
            body["markets"] = [documents.market(listing) for listing in markets]
        return body

    @property
    def _cutoff_s(self) -> int:
        """Trades from before this are in the other tier, s since the epoch."""
        return self._market.now_s // _DAY_S * _DAY_S - _RECENT_S

    def _trades(self, query: Query) -> dict[str, object]:
        return self._list_trades(query, self._cutoff_s, _ALL * 10)

    def _old_trades(self, query: Query) -> dict[str, object]:
        return self._list_trades(query, 0, self._cutoff_s - 1)

    def _list_trades(self, query: Query, first_s: int, last_s: int) -> dict[str, object]:
        """The trades of one tier, the newest first."""
        ticker = query.get("ticker")
        earliest = max(number(query, "min_ts", 0), first_s)
        latest = min(number(query, "max_ts", _ALL * 10), last_s)
        rows: list[tuple[Trade, Listing]] = [
            (trade, listing)
            for listing in self._all()
            if ticker in {None, "", listing.ticker}
            for trade in listing.recent
            if earliest <= trade.moment.ms // 1000 <= latest
        ]
        rows.sort(key=lambda row: (-row[0].moment.ts, row[0].id))
        shown, cursor = page(rows, query, _PAGE, _MARKETS, lambda row: row[0].id)
        told = [documents.trade(trade, listing) for trade, listing in shown]
        return {"cursor": cursor, "trades": told}

    def _series(self, query: Query) -> dict[str, object]:
        return {
            "series": [
                self._described(series, query)
                for series in self._all_series()
                if query.get("category") in {None, "", series.category}
                and (not query.get("tags") or set(query["tags"].split(",")) & set(series.tags))
            ]
        }

    def _one_series(self, ticker: str, query: Query) -> dict[str, object] | None:
        found = [series for series in self._all_series() if series.ticker == ticker]
        return {"series": self._described(found[0], query)} if found else None

    def _described(self, series: Series, query: Query) -> dict[str, object]:
        fee = self._market.fees.current(series.ticker, self._market.now_s)
        if query.get("include_volume") != "true":
            return documents.series(series, fee, None)
        volume = sum(one.volume for one in self._all() if one.series.ticker == series.ticker)
        return documents.series(series, fee, volume)

    def _fee_changes(self, query: Query) -> dict[str, object]:
        past = query.get("show_historical") == "true"
        listed = self._market.fees.listed(
            query.get("series_ticker", ""), self._market.now_s, past=past
        )
        return {"series_fee_change_arr": [documents.fee_change(one) for one in listed]}

    def _all_series(self) -> list[Series]:
        names = {*KNOWN, *(listing.series.ticker for listing in self._all())}
        return [series_of(name) for name in sorted(names)]


def _barred(service: str, path: str) -> Answer | None:
    """What is said to those who may not ask, whatever they ask for."""
    if service != "main":
        return _refusal(_MISSING, "not_found")
    if path.startswith("/markets/") and path.endswith("/orderbook"):
        return _refusal(_UNSIGNED, "authentication_error")
    return None


def _refusal(status: int, code: str, details: str = "") -> Answer:
    error = {"code": code, "message": code.replace("_", " ")}
    if details:
        error["details"] = details
    return Answer(status, _encode({"error": error}))
