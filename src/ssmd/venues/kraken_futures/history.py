"""Missed trades of a product, from `/history`: newest first, at most a hundred at a time.

https://docs.kraken.com/api-reference/market-data/get-trade-history

"The most recent 100 trades prior to the specified `lastTime`, up to past 7 days or recent trading
engine restart (whichever is sooner)." What is older is gone here. The venue has a second history,
`api/history/v3/market/{tradeable}/executions`, which goes back to 2021; but it knows executions by
ids of their own and says nothing of their type, while `/history` speaks of trades in the words of
the trade feed, `uid` included: only these can be told to be the trades that were heard.

Whether `prior` means that a trade at `lastTime` itself is told is not written, so each page is
asked for from a millisecond later. Times are whole milliseconds, and a sweep through the book has
many trades in one.
"""

from itertools import pairwise
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.rest import History, Request, Span
from ssmd.model.timestamp import format_rfc3339

PAGE: Final = 100
"""The most trades a page can have."""
_MILLISECOND_NS: Final = 1_000_000


def history(channel: str, symbol: str, since: int, until: int) -> History | None:
    """The trades of a product from a time up to another, ns; no other feed has a past."""
    return trades(symbol, since, until) if channel == "trade" else None


def trades(symbol: str, since: int, until: int, *, page: int = PAGE) -> History:
    """The trades of a product, backwards, when a page has up to `page` of them.

    A page is whole after its first time and not at it: more trades may share it. One that brings
    nothing older than was known already is the last: the rest is gone, and with it that first
    time, of which some trades may be kept and others not.
    """
    at, known = until, None
    while at > since:
        last = -(-at // _MILLISECOND_NS) * _MILLISECOND_NS
        query = (("symbol", symbol), ("lastTime", f"{format_rfc3339(last)[:23]}Z"))
        found = listed((yield Request("/history", query)))
        times = [_time(trade) for trade in found]
        if any(earlier > later for later, earlier in pairwise(times)):
            message = "a page of trades is not in the order of time, the latest first"
            raise ValueError(message)
        begin = times[-1] + 1 if times else at
        if begin >= at and len(times) >= page:
            message = f"more trades than a page holds at one moment: {times[-1]} ns"
            raise ValueError(message)
        if known is not None and found and known not in found:
            message = "a page does not contain the first trade of the page after it"
            raise ValueError(message)
        if begin >= at:
            yield Span(since, at, facts=0, gone=True)
            return
        begin = max(begin, since)
        yield Span(begin, at, facts=sum(begin <= time < at for time in times))
        at, known = begin, found[-1]


def listed(body: bytes) -> list[object]:
    """The trades of a page, as they came.

    Raises:
        ValueError: It is no page of trades.
    """
    told = Fields(decode(body))
    if told.raw("history") is None:
        message = "`history` is missing"
        raise ValueError(message)
    return told.items("history")


def _time(trade: object) -> int:
    time = Fields(trade).moment("time")
    if time is None:
        message = "a trade has no readable time"
        raise ValueError(message)
    return time
