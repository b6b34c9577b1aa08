"""Trades of the past, newest first, from the data service.

https://docs.polymarket.com/api-reference/feeds/list-trades (version 2: keyset pages, stable while
trades are added). It is asked by condition, so the token's condition is asked for first; and it
tells how far its own data goes, which is asked for next: what the chain and its indexers have not
brought yet is never taken for what did not happen. Of a condition three years are told; what is
older is gone. Nothing below 0.01 shares is ever told.

Times are those of blocks, in whole seconds, some seconds after the match that the stream tells of:
a trade matched at the end of an outage may stand after it here. A trade has no identity, so what
lies in a span must all be in the page that settles it, and the last second of a page may go on in
the next one. It is read on another walk, whose pages end elsewhere. Only a second too long for any
page is put together of several.
"""

from collections.abc import Generator
from typing import Final
from urllib.parse import quote

from ssmd.model.fields import Fields, decode
from ssmd.model.rest import History, Request, Span
from ssmd.model.timestamp import SECOND_NS
from ssmd.venues.polymarket.subscriptions import CHANNEL

CLOB: Final = "clob"
"""The service of the order book."""
DATA: Final = "data"
"""The service of past trades and positions."""
TRADES: Final = "/v2/trades"
STATUS: Final = "/v2/status"
CONDITION: Final = "/markets-by-token/"
SIZES: Final = (1000, 700, 900, 800, 600)
"""Trades per page of each walk; the first is the most there are."""
YEARS_NS: Final = 3 * 365 * 86_400 * SECOND_NS
"""How long a condition's trades are told."""
_PATIENCE: Final = 30
"""How often it is asked whether the data goes far enough, a second apart."""
_FEED: Final = "activity_feed"
"""The part of the service that trades are read from."""
_FOREVER: Final = 1 << 63
_LONGEST: Final = 100
"""Pages that one second may fill."""


def history(channel: str, symbol: str, since: int, until: int) -> History | None:
    """The trades of a token: of what its channel tells, nothing else is kept by the venue.

    Args:
        channel: One of the subscriptions' channels.
        symbol: The token.
        since: From when on, ns, included.
        until: Up to when, ns, not included.
    """
    return _trades(symbol, since, until) if channel == CHANNEL else None


def _trades(token: str, since: int, until: int) -> History:
    if until <= since:
        return
    condition = _condition((yield Request(f"{CONDITION}{quote(token, safe='')}", service=CLOB)))
    known = yield from _known(until)
    top = min(until, known)
    oldest = max(since, min(top, known - YEARS_NS))
    yield from _settle(_Asked(token, condition, known), oldest, top)
    if since < oldest:
        yield Span(since=since, until=oldest, facts=0, gone=True)
    if top < until:
        raise ValueError(
            f"the service's data ends at {known} ns, before {until} ns: ask again later"
        )


def _known(until: int) -> Generator[Request, bytes, int]:
    """Up to when the data is whole, ns; after a while even when it is not far enough."""
    known = 0
    for _ in range(_PATIENCE):
        known = _watermark((yield Request(STATUS, service=DATA, cost=2.0)))
        if until <= known:
            break
    return known


def _settle(asked: "_Asked", lower: int, upper: int) -> History:
    """Read pages until everything between the bounds is settled, from above."""
    walks: list[_Walk] = []
    while lower < upper:
        walk = _fit(walks, upper) or walks[0]
        times, whole = asked.read(walk, (yield asked.request(walk)))
        whole = max(lower, whole)
        if whole < upper:
            facts = sum(whole <= ts < upper for ts in times)
            yield Span(since=whole, until=upper, facts=facts)
            upper = whole


def _fit(walks: "list[_Walk]", upper: int) -> "_Walk | None":
    """The walk whose next page holds all of the last second before a time; None if none does."""
    fit = [walk for walk in walks if upper <= walk.bound]
    if not fit and len(walks) < len(SIZES):
        walks.append(_Walk(SIZES[len(walks)]))
        return walks[-1]
    return min(fit, key=lambda walk: walk.bound, default=None)


class _Walk:
    """One way through the pages.

    Attributes:
        size: Trades per page.
        cursor: Where the next page begins; empty for the first.
        bound: The time of the last trade so far, ns: all older ones are still to come.
        cursors: Every one so far.
        still: How many pages in a row ended at `bound`.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.cursor = ""
        self.bound = _FOREVER
        self.cursors: set[str] = set()
        self.still = 0


class _Asked:
    """What is asked of every page, and what it must be an answer to.

    Args:
        token: Whose trades are facts.
        condition: Whose trades are told.
        known: Up to when the data is whole, ns. No cache holds an answer from before that was
            known, as the requests name it.
    """

    def __init__(self, token: str, condition: str, known: int) -> None:
        self._token = token
        self._condition = condition
        self._query = (
            ("condition", condition),
            ("taker_only", "true"),
            ("_", str(known // SECOND_NS)),
        )

    def request(self, walk: _Walk) -> Request:
        """The next page of a walk; the filters are the same on every one."""
        onward = (("cursor", walk.cursor),) if walk.cursor else ()
        return Request(TRADES, (*self._query, ("limit", str(walk.size)), *onward), DATA)

    def read(self, walk: _Walk, body: bytes) -> tuple[list[int], int]:
        """When the token's trades of a page were, and from when on the page is whole, ns.

        Raises:
            ValueError: It is no such page, or does not follow the one before.
        """
        page = Fields(decode(body))
        if "data" not in page:
            raise ValueError("`data` is missing")
        paging = Fields(page.raw("pagination"))
        has_more, cursor = paging.flag("has_more"), paging.text("next_cursor") or ""
        if has_more is None:
            raise ValueError("`has_more` is missing")
        before, times, items = walk.bound, [], page.items("data")
        for index, item in enumerate(items):
            ts, token = self._trade(f"data[{index}]", item, walk.bound)
            walk.bound = ts
            if token == self._token:
                times.append(ts)
        if not has_more:
            return times, 0
        walk.still = walk.still + 1 if walk.bound == before else 0
        if not items or not cursor or cursor in walk.cursors or walk.still >= _LONGEST:
            raise ValueError("the pages lead nowhere: there are more, and nothing new comes")
        walk.cursor = cursor
        walk.cursors.add(cursor)
        return times, walk.bound + 1

    def _trade(self, where: str, item: object, bound: int) -> tuple[int, str]:
        """When a trade was, ns, and of which token."""
        try:
            trade = Fields(item)
            condition, token = trade.need_text("condition_id"), trade.need_text("token_id")
            ts = trade.seconds("timestamp")
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if condition.casefold() != self._condition.casefold():
            raise ValueError(f"{where} is of condition {condition[:80]!r}")
        if ts is None:
            raise ValueError(f"{where}: `timestamp` is no time")
        if ts > bound:
            raise ValueError(f"{where} is newer than the trade before it")
        return ts, token


def _condition(body: bytes) -> str:
    """The condition of a token."""
    return Fields(decode(body)).need_text("condition_id")


def _watermark(body: bytes) -> int:
    """Up to when everything is told, ns: a second that may still go on is not counted."""
    status = Fields(Fields(decode(body)).raw("data"))
    computed, serving = status.moment("computed_at"), Fields(status.raw("serving"))
    lag = serving.integer("lag_seconds")
    for item in serving.items("mechanisms"):
        mechanism = Fields(item)
        if mechanism.text("name") == _FEED:
            lag = mechanism.integer("age_seconds")
    if computed is None or lag is None or lag < 0:
        raise ValueError("`computed_at` or `lag_seconds` is missing or cannot be")
    return computed // SECOND_NS * SECOND_NS - lag * SECOND_NS
