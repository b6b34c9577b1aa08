"""Trades of the past, newest first, from the exchange's two tiers.

Recent trades are asked for under `/markets/trades`; those from before a cutoff, which moves on to
about three months ago, under `/historical/trades`, with the same parameters and answers
(https://docs.kalshi.com/getting_started/historical_data). No trade is ever too old.

Nobody says whether the bounds `min_ts` and `max_ts`, in whole seconds, are included: they are set
so wide that it does not matter, and what lies outside of the time asked for settles nothing.
Trades come with microseconds, so a page that ends amid trades of one moment is whole down to the
moment after it. The next is asked for by that time, and so tells all of the moment again: what
lies in a span is in the page that settles it. Only a second that fills a page is read by cursor.
"""

from collections.abc import Generator
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.rest import History, Request, Span
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.kalshi.listing_pages import COST

CHANNEL: Final = "trade"
LIVE: Final = "/markets/trades"
ARCHIVED: Final = "/historical/trades"
CUTOFF: Final = "/historical/cutoff"
CUT: Final = "trades_created_ts"
"""The field of an answer about the cutoff that is about trades."""
PAGE: Final = 1000
"""Trades per page: the most there are."""
_NEAR_NS: Final = 86_400 * SECOND_NS
"""So near the cutoff it may pass by while pages are read: it is asked for again before each."""


def history(channel: str, symbol: str, since: int, until: int) -> History | None:
    """The trades of a market; nothing else is kept by the exchange.

    Args:
        channel: One of the subscriptions' channels.
        symbol: The market's ticker.
        since: From when on, ns, included.
        until: Up to when, ns, not included.
    """
    return _trades(symbol, since, until) if channel == CHANNEL else None


def _trades(symbol: str, since: int, until: int) -> History:
    upper, cutoff = until, None
    while since < upper:
        if cutoff is None or since < cutoff + _NEAR_NS:
            cutoff = _cutoff((yield Request(CUTOFF, cost=COST)))
        path, lower = (LIVE, max(since, cutoff)) if cutoff < upper else (ARCHIVED, since)
        span = yield from _next(path, symbol, lower, upper)
        yield span
        upper = span.since


def _next(path: str, symbol: str, lower: int, upper: int) -> Generator[Request | Span, bytes, Span]:
    """Read pages of one tier until one settles something, from the upper bound on downwards."""
    asked = (
        ("ticker", symbol),
        ("min_ts", str(max(0, lower // SECOND_NS - 1))),
        ("max_ts", str(upper // SECOND_NS + 1)),
        ("limit", str(PAGE)),
    )
    walk, cursor = _Walk(symbol, lower, upper), ""
    while True:
        onward = (("cursor", cursor),) if cursor else ()
        page = Fields(decode((yield Request(path, (*asked, *onward), cost=COST))))
        cursor = page.text("cursor") or ""
        span = walk.read(page, has_more=bool(cursor))
        if span is not None:
            return span


class _Walk:
    """Pages that follow one another by cursor, from an upper bound down to a lower one.

    Args:
        symbol: Whose trades.
        lower: Where to stop, ns.
        upper: From when on everything is settled, ns.
    """

    def __init__(self, symbol: str, lower: int, upper: int) -> None:
        self._symbol = symbol
        self._lower = lower
        self._upper = upper
        self._oldest: int | None = None
        self._last: set[str] = set()

    def read(self, page: Fields, *, has_more: bool) -> Span | None:
        """What the next page settles; None when it settles nothing yet.

        Raises:
            ValueError: It is no such page, or does not follow the one before.
        """
        if "trades" not in page:
            raise ValueError("`trades` is missing")
        times = [self._follow(index, item) for index, item in enumerate(page.items("trades"))]
        if has_more and not any(is_new for _, is_new in times):
            raise ValueError(
                "a page that is not the last brings no trade that was not there before"
            )
        oldest = self._oldest
        if has_more and oldest is not None and oldest >= self._lower:
            whole = oldest + 1  # more trades of that very moment may follow
        else:
            whole = self._lower
        if whole >= self._upper:
            return None
        facts = sum(whole <= ts < self._upper for ts, _ in times)
        return Span(since=whole, until=self._upper, facts=facts)

    def _follow(self, index: int, item: object) -> tuple[int, bool]:
        """When the next trade was, ns, and whether it is news."""
        where = f"trades[{index}]"
        try:
            trade = Fields(item)
            ticker, trade_id = trade.need_text("ticker"), trade.need_text("trade_id")
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if ticker != self._symbol:
            raise ValueError(f"{where} is of {ticker[:60]!r}, not of {self._symbol!r}")
        ts = trade.moment("created_time")
        if ts is None:
            raise ValueError(f"{where}: `created_time` is no time")
        if self._oldest is not None and ts > self._oldest:
            raise ValueError(f"{where} is newer than the trade before it")
        if self._oldest is None or ts < self._oldest:
            self._oldest = ts
            self._last.clear()
        is_new = trade_id not in self._last
        self._last.add(trade_id)
        return ts, is_new


def _cutoff(body: bytes) -> int:
    """From when on trades are in the recent tier, ns."""
    cutoff = Fields(decode(body)).moment(CUT)
    if cutoff is None:
        raise ValueError(f"`{CUT}` is no time")
    return cutoff
