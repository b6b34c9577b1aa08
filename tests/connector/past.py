"""A made-up venue that remembers what happened, as the tests tell it."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from ssmd.model.rest import History, Request, Rest, Span
from tests.runtime.test_http import a_rest

SIZE = 3
"""Facts per page."""
GONE = b'"nothing that old"'

_times = msgspec.json.Decoder(list[int])


class Past:
    """What happened to each symbol, and who asks for it.

    Attributes:
        facts: Times of the facts of each symbol, ns, sorted.
        asked: Symbol and time of every request.
        before: Called before every answer with the symbol; may give another answer, or raise.
    """

    def __init__(self, **facts: list[int]) -> None:
        self.facts = facts
        self.asked: list[tuple[str, int]] = []
        self.before: Callable[[str], web.Response | None] = lambda _: None

    def serve(self, request: web.Request) -> web.Response:
        """Answer over HTTP."""
        symbol, since = request.query["symbol"], int(request.query["since"])
        self.asked.append((symbol, since))
        return self.before(symbol) or web.Response(
            body=self.page(symbol, since, int(request.query["until"]))
        )

    def page(self, symbol: str, since: int, until: int) -> bytes:
        """One page, oldest facts first."""
        found = [ts for ts in self.facts.get(symbol, []) if since <= ts < until]
        return msgspec.json.encode(found[:SIZE])

    async def fetch(self, request: Request) -> bytes:
        """Answer without a network."""
        query = dict(request.query)
        symbol, since = query["symbol"], int(query["since"])
        self.asked.append((symbol, since))
        return self.page(symbol, since, int(query["until"]))

    def rest(self, url: str, **service: object) -> Rest:
        """The venue's pure side, at an address."""
        return msgspec.structs.replace(a_rest(url, **service), history=history)


def history(channel: str, symbol: str, since: int, until: int) -> History | None:
    """Of trades, forwards."""
    return _trades(symbol, since, until) if channel == "trade" else None


def _trades(symbol: str, since: int, until: int) -> History:
    while since < until:
        query = (("symbol", symbol), ("since", str(since)), ("until", str(until)))
        body = yield Request("/past", query)
        if body == GONE:
            yield Span(since, until, 0, gone=True)
            return
        times = _times.decode(body)
        end = times[-1] + 1 if len(times) == SIZE else until
        yield Span(since, end, len(times))
        since = end
