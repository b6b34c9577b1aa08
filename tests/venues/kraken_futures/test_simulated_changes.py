"""The simulated listing changes with time: what a sync has to find out."""

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Page, ReferenceQuery
from ssmd.model.simulated import ChangesStatus
from ssmd.venues.kraken_futures import VENUE
from ssmd.venues.kraken_futures.simulated import KrakenFuturesMarket
from tests.venues.kraken_futures.simulating import later, market, read, run, subscribed

DAY_S = 86_400.0
ENDING = "FF_XBTUSD_270116"
"""Matures a day, less an eighth of a second, after the simulation's start."""


def listed(venue: KrakenFuturesMarket, seconds: float = 0.0) -> Page:
    """What the security master is told of the listing."""
    generator = VENUE.rest.reference(ReferenceQuery())
    step = next(generator)
    while not isinstance(step, Page):
        answer = venue.rest(step.service, step.path, step.query, later(seconds))
        step = generator.send(answer.body)
    assert step.rejects == ()
    return step


def by_symbol(venue: KrakenFuturesMarket, seconds: float = 0.0) -> dict[str, Instrument]:
    return {each.symbol: each for each in listed(venue, seconds).instruments}


def test_perpetuals_cost_and_futures_do_not() -> None:
    """One observation for each, as old as the answer."""
    venue = market(1.0, 1)
    page = listed(venue)
    perpetual = {each.symbol for each in page.instruments if each.kind == "perpetual"}
    assert {state.symbol for state in page.funding} == perpetual
    assert all(each.kind == "future" for each in page.instruments if each.symbol not in perpetual)
    for state in page.funding:
        assert None not in (state.ts, state.rate, state.prediction, state.mark_price)
    assert listed(venue) == page


def test_products_come_and_go_and_come_again() -> None:
    """What is not listed is not named."""
    venue = market(1.0, 1, "PF_XBTUSD", "PF_ETHUSD")
    before = by_symbol(venue)["PF_ETHUSD"]
    venue.delist(["PF_ETHUSD"])
    assert by_symbol(venue).keys() == {"PF_XBTUSD"}
    venue.list_symbols(["PF_ETHUSD", "PF_SOLUSD"])
    after = by_symbol(venue)
    assert after.keys() == {"PF_XBTUSD", "PF_ETHUSD", "PF_SOLUSD"}
    assert after["PF_ETHUSD"].payload == before.payload


@pytest.mark.parametrize(
    ("standing", "status", "restricted", "trades"),
    [
        ("suspended", "paused", False, False),
        ("not tradeable", "paused", False, False),
        ("post only", "active", True, True),
        ("expired", "closed", False, False),
        ("tradeable", "active", False, True),
    ],
)
def test_a_product_stands_otherwise(
    standing: str, status: str, restricted: bool, trades: bool
) -> None:
    """Both listings tell it in truth values, the ticker feed in its own; what is stopped rests."""
    venue = market(500.0, 1, "PF_XBTUSD")
    assert isinstance(venue, ChangesStatus)
    socket, _ = subscribed(venue, "PF_XBTUSD", feeds=("ticker", "trade"))
    venue.stand("pf_xbtusd", standing)
    (said,) = [read(each.payload) for each in socket.tick(later(0.1))]
    assert said["suspended"] is (standing == "suspended")
    assert said["post_only"] is (standing == "post only")
    found = by_symbol(venue)["PF_XBTUSD"]
    assert (found.status, found.raw_status) == (status, standing)
    assert found.restricted is restricted
    assert bool(run(venue, socket, 1, 2)) is trades
    venue.stand("PF_XBTUSD", "tradeable")
    assert by_symbol(venue)["PF_XBTUSD"].status == "active"
    assert run(venue, socket, 4, 2)


def test_a_future_ends_when_it_matures_and_is_listed_for_a_while() -> None:
    """Its last ticker says that it is suspended; later the listing no longer names it."""
    venue = market(500.0, 1, "PF_XBTUSD", ENDING)
    socket, _ = subscribed(venue, ENDING, feeds=("ticker",))
    venue.advance(later(DAY_S - 1))
    before = by_symbol(venue, DAY_S - 1)[ENDING]
    assert (before.status, before.kind) == ("active", "future")
    socket.tick(later(DAY_S - 1))
    venue.advance(later(DAY_S))
    said = [read(each.payload) for each in socket.tick(later(DAY_S))]
    assert [each["suspended"] for each in said if each.get("feed") == "ticker"] == [True]
    assert venue.symbols == ("PF_XBTUSD",)
    after = by_symbol(venue, DAY_S)[ENDING]
    assert (after.status, after.raw_status) == ("closed", "expired")
    assert (after.close_ts, after.expiry_ts) == (before.close_ts, before.expiry_ts)
    venue.advance(later(DAY_S + 3599))
    assert ENDING in by_symbol(venue, DAY_S + 3599)
    venue.advance(later(DAY_S + 3601))
    assert by_symbol(venue, DAY_S + 3601).keys() == {"PF_XBTUSD"}


def test_what_ended_before_we_came_is_listed_as_told() -> None:
    """Old recordings name products that are long over: the market does not end them anew."""
    venue = market(1.0, 1, "FI_XBTUSD_210924")
    for seconds in (0, 1, 2 * DAY_S):
        venue.advance(later(seconds))
        assert venue.symbols == ("FI_XBTUSD_210924",)


def test_a_future_can_be_listed_again() -> None:
    """Then it is not over."""
    venue = market(1.0, 1, "PF_XBTUSD", ENDING)
    venue.advance(later(DAY_S - 1))
    venue.advance(later(DAY_S))
    venue.list_symbols([ENDING])
    found = [each for each in listed(venue, DAY_S).instruments if each.symbol == ENDING]
    assert [each.status for each in found] == ["active"]


@pytest.mark.parametrize(
    ("symbol", "standing"), [("PF_ETHUSD", "suspended"), ("PF_XBTUSD", "closed")]
)
def test_a_state_that_cannot_be_is_refused(symbol: str, standing: str) -> None:
    """Of a product that is not listed, or none that products have."""
    with pytest.raises(ConfigError):
        market(1.0, 1, "PF_XBTUSD").stand(symbol, standing)
