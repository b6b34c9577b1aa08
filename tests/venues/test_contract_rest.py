"""What every venue owes over REST, seen against its own simulated side."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd import venues
from ssmd.connector.discovery import query
from ssmd.feeds import registry
from ssmd.model import filters
from ssmd.model.frame import Now
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Catalog, CatalogQuery, Page, Request
from ssmd.model.simulated import SimulatedMarket, SimulationOptions
from ssmd.model.venue import Venue
from tests.feeds.made import feed
from tests.venues.conversation import START, Exchange, simulated

every_venue = pytest.mark.parametrize("name", venues.names())
NOW = Now(START, 0.0)
OK = 200
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


def ask(venue: Venue, market: SimulatedMarket, request: Request) -> bytes:
    """The answer to one request; it must be a good one."""
    assert request.path.startswith("/")
    assert request.service in venue.rest.services
    answer = market.rest(request.service, request.path, request.query, NOW)
    assert answer.status == OK, (request, answer)
    assert venue.rest.complaint(answer.body) is None
    return answer.body


def listed(venue: Venue, market: SimulatedMarket, query: CatalogQuery) -> list[Instrument]:
    """Everything the catalog lists."""
    found: list[Instrument] = []
    catalog = venue.rest.catalog(query)
    step: Request | Page | None = next(catalog, None)
    for _ in range(1000):
        body = b""
        if step is None:
            return found
        if isinstance(step, Page):
            assert step.rejects == ()
            found += step.instruments
        else:
            body = ask(venue, market, step)
        try:
            step = catalog.send(body)
        except StopIteration:
            step = None
    raise AssertionError("the catalog has no end")


@every_venue
def test_the_services_are_addressed(name: str) -> None:
    """Public, encrypted, and paced."""
    rest = venues.load(name).rest
    assert "main" in rest.services
    for service in rest.services.values():
        assert service.base.startswith("https://")
        assert not service.base.endswith("/")
        assert service.tokens_per_second > 0
        assert service.burst > 0


@every_venue
def test_what_is_listed_can_be_subscribed(name: str) -> None:
    """Every instrument once, under the string that subscriptions use."""
    venue = venues.load(name)
    market = simulated(venue)
    found = listed(venue, market, CatalogQuery())
    assert found
    symbols = [each.symbol for each in found]
    assert len(set(symbols)) == len(symbols)
    assert set(market.symbols) >= {each.symbol for each in found if each.status == "active"}
    for each in found:
        assert each.venue == name
        assert each.id == f"{name}:{each.symbol}"
        assert each.title
        msgspec.json.decode(each.payload)


@every_venue
def test_a_category_is_stated_where_the_venue_says_so(name: str) -> None:
    """A feed that is divided by what nobody states would record nothing."""
    venue = venues.load(name)
    found = listed(venue, simulated(venue), CatalogQuery())
    assert any(each.category for each in found) == (venue.categories != "none")


@every_venue
def test_divisions_share_what_is_listed(name: str) -> None:
    """Each instrument is in one of them: also where it is in several categories."""
    venue = venues.load(name)
    market = simulated(venue)
    universe = {"source": "discovery", "channels": [min(venue.channels)], "discovery": {}}
    stated = {each.category for each in listed(venue, market, CatalogQuery()) if each.category}
    for pair in itertools.combinations(sorted(stated), 2):
        categories = {f"d{number}": [word] for number, word in enumerate(pair)}
        whole = feed(venue=name, categories=categories, universe=universe)
        parts = []
        for part in whole.divisions():
            assert part.universe.discovery is not None
            asked = query(venue, part.universe.discovery, START)
            alone = part.universe.discovery.filters.categories
            assert asked.categories == (pair if venue.categories == "several" else alone)
            found = listed(venue, market, asked)
            kept = filters.select(found, part.universe.discovery.filters, START).kept
            parts.append({each.symbol for each in kept})
        assert all(parts), pair
        assert not parts[0] & parts[1], pair


@every_venue
def test_a_new_listing_is_found_and_a_delisted_one_is_gone(name: str) -> None:
    """That is what discovery is for."""
    venue = venues.load(name)
    market = simulated(venue)
    active = {
        each.symbol for each in listed(venue, market, CatalogQuery()) if each.status == "active"
    }
    gone = min(active)
    market.delist([gone])
    after = {
        each.symbol for each in listed(venue, market, CatalogQuery()) if each.status == "active"
    }
    assert gone not in after
    assert after < active  # what is decided together ends together
    market.list_symbols([gone])
    again = {
        each.symbol for each in listed(venue, market, CatalogQuery()) if each.status == "active"
    }
    assert again >= after


@every_venue
def test_the_shipped_feed_wants_something_and_not_everything(name: str) -> None:
    """A filter whose field the catalog never states would empty or flood the universe."""
    venue = venues.load(name)
    feed = registry.load_feed(name)
    found = listed(venue, simulated(venue), CatalogQuery())
    if feed.universe.discovery is None:
        assert venue.simulated is not None
        market = venue.simulated(SimulationOptions(symbols=feed.universe.symbols))
        active = {each.symbol for each in listed(venue, market, CatalogQuery())}
        assert active == set(feed.universe.symbols)
        return
    selection = filters.select(found, feed.universe.discovery.filters, START)
    assert selection.absent == ()
    assert selection.kept
    assert len(selection.kept) < len(found)


def fed(catalog: Catalog, body: bytes) -> None:
    """Give every request the same body, until the end."""
    step: object = next(catalog)
    for _ in range(20):
        step = catalog.send(body if isinstance(step, Request) else b"")


@every_venue
@given(value=JSON, raw=st.binary(max_size=40))
def test_a_body_that_is_no_listing_fails_the_round(name: str, value: object, raw: bytes) -> None:
    """It ends, or it is a ValueError: nothing is truncated in silence by another exception."""
    venue = venues.load(name)
    for body in (msgspec.json.encode(value), raw):
        venue.rest.complaint(body)
        try:
            fed(venue.rest.catalog(CatalogQuery()), body)
        except (StopIteration, ValueError):
            continue


@every_venue
def test_a_witness_sees_what_happens(name: str) -> None:
    """The same while nothing happens; different after the market moved."""
    venue = venues.load(name)
    market = simulated(venue)
    symbol = market.symbols[0]
    subscribed = venue.subscriptions(tuple(sorted(venue.channels)), (symbol,))
    channels = frozenset(item.channel for item in subscribed if item.symbol == symbol)

    def testify(nonce: str) -> bytes:
        witness = venue.rest.witness(symbol, channels, nonce)
        assert witness is not None
        body = ask(venue, market, next(witness))
        while True:
            try:
                body = ask(venue, market, witness.send(body))
            except StopIteration as end:
                return bytes(end.value)

    socket = market.connect()
    socket.open(NOW)
    first = testify("a")
    assert testify("b") == first
    market.freeze(symbol, True)
    drive(market, venue, symbol)
    assert testify("c") != first
    assert venue.rest.witness(symbol, frozenset({"no such channel"}), "d") is None


def drive(market: SimulatedMarket, venue: Venue, symbol: str) -> None:
    """Let a market move for a while, with somebody who listens."""
    exchange = Exchange(venue.id)
    exchange.market = market
    exchange.connect()
    exchange.want(venue.subscriptions(tuple(sorted(venue.channels)), (symbol,)))
    exchange.live(20.0)
