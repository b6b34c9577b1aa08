"""A made-up venue whose listing the test holds in its hand."""

from collections.abc import Callable

import msgspec

from ssmd.model.instrument import Instrument
from ssmd.model.listing import Reject
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request, Rest, Service
from ssmd.model.subscription import Subscription
from ssmd.model.venue import Venue
from tests.connector.parts import Talk, a_venue
from tests.venues.made import no_rest

SIZE = 2
"""Entries per page."""
_PLAIN = {"venue": "test", "kind": "event", "status": "active"}

Entry = str | dict[str, object]
"""What is listed: a symbol, or all that is stated of it."""


class Shop:
    """The venue's REST side: a listing by offset, as many venues have it.

    Attributes:
        entries: What is listed.
        queries: What the catalog was asked for.
        asked: Offsets that were asked for.
        before: Called before every answer with the offset; may change the listing, or raise.
    """

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.queries: list[CatalogQuery] = []
        self.asked: list[int] = []
        self.before: Callable[[int], None] = lambda _: None

    async def fetch(self, request: Request) -> bytes:
        """Answer without a network."""
        return self.answer(int(dict(request.query)["offset"]))

    def answer(self, offset: int) -> bytes:
        """One page."""
        self.asked.append(offset)
        self.before(offset)
        return msgspec.json.encode(self.entries[offset : offset + SIZE])

    def catalog(self, query: CatalogQuery) -> Catalog:
        """The venue's pure side."""
        self.queries.append(query)
        offset = 0
        while True:
            body = yield Request("/list", (("offset", str(offset)), ("limit", str(SIZE))))
            page = msgspec.json.decode(body, type=list[Entry])
            whole = [{"symbol": each} if isinstance(each, str) else each for each in page]
            good = [each for each in whole if "symbol" in each]
            yield Page(
                tuple(msgspec.convert({**_PLAIN, **each}, Instrument) for each in good),
                (Reject(reason="an entry has no symbol"),) * (len(whole) - len(good)),
            )
            if len(page) < SIZE:
                return
            offset += SIZE

    def venue(self, base: str = "http://127.0.0.1:1") -> Venue:
        """The exchange: `trade` is by symbol, `lifecycle` about all of them."""
        service = Service(base=base, tokens_per_second=1000.0, burst=1000.0, timeout_s=1e6)
        return msgspec.structs.replace(a_venue(Talk), rest=self.rest(service), subscriptions=divide)

    def rest(self, service: Service) -> Rest:
        return msgspec.structs.replace(no_rest(), services={"main": service}, catalog=self.catalog)


def divide(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription for each symbol; `lifecycle` is about all."""
    assert list(symbols) == sorted(set(symbols)), "symbols come sorted, each once"
    single = {Subscription(c, s) for c in channels if c != "lifecycle" for s in symbols}
    return frozenset(single | {Subscription(c) for c in channels if c == "lifecycle"})


def trades(*symbols: str) -> frozenset[Subscription]:
    """What is wanted when these are."""
    return frozenset(Subscription("trade", symbol) for symbol in symbols)
