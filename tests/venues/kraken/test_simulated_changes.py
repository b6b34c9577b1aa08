"""The simulated listing changes with time: what a sync has to find out."""

import json

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.instrument import Instrument
from ssmd.model.rest import Page, ReferenceQuery
from ssmd.model.simulated import ChangesStatus
from ssmd.venues.kraken import VENUE
from ssmd.venues.kraken.simulated import KrakenMarket
from tests.venues.kraken.simulating import START, later, market, request, run


def listed(venue: KrakenMarket) -> Page:
    """What the security master is told of the listing, in one page."""
    pages: list[Page] = []
    generator = VENUE.rest.reference(ReferenceQuery())
    step = next(generator, None)
    while step is not None:
        if isinstance(step, Page):
            pages.append(step)
            step = next(generator, None)
        else:
            answer = venue.rest(step.service, step.path, step.query, START)
            assert VENUE.rest.complaint(answer.body) is None
            step = generator.send(answer.body)
    return Page(
        tuple(each for page in pages for each in page.instruments),
        tuple(each for page in pages for each in page.rejects),
        fees=tuple(each for page in pages for each in page.fees),
    )


def by_symbol(venue: KrakenMarket) -> dict[str, Instrument]:
    return {each.symbol: each for each in listed(venue).instruments}


def test_the_listing_states_fees_and_limits_and_what_has_none() -> None:
    """A listing in which everything is always there would prove nothing about what is not."""
    venue = market(1.0, 1)
    page = listed(venue)
    assert page.rejects == ()
    assert {fee.symbol for fee in page.fees} == set(venue.symbols)
    limits = {each.symbol: each.details["long_position_limit"] for each in page.instruments}
    assert (limits["BTC/USD"], limits["BTC/EUR"]) == ("300", None)
    assert listed(venue) == page


def test_pairs_come_and_go_and_come_again() -> None:
    """What is not listed is not named."""
    venue = market(1.0, 1, "BTC/USD", "ETH/USD")
    before = by_symbol(venue)
    venue.delist(["ETH/USD"])
    assert by_symbol(venue).keys() == {"BTC/USD"}
    venue.list_symbols(["ETH/USD", "SOL/USD"])
    after = by_symbol(venue)
    assert after.keys() == {"BTC/USD", "ETH/USD", "SOL/USD"}
    assert after["ETH/USD"] == before["ETH/USD"]


def test_a_pair_gets_another_state_and_the_instrument_channel_says_so() -> None:
    """REST tells it to whoever asks, a pair that is stopped trades no more."""
    venue = market(500.0, 1, "BTC/USD")
    assert isinstance(venue, ChangesStatus)
    socket = venue.connect()
    socket.receive(request("subscribe", channel="instrument"), START)
    socket.receive(request("subscribe", channel="trade", symbol=["BTC/USD"]), START)
    venue.stand("BTC/USD", "cancel_only")
    said = [json.loads(each.payload) for each in socket.tick(later(0.1))]
    (update,) = [each for each in said if each["channel"] == "instrument"]
    assert [(each["symbol"], each["status"]) for each in update["data"]["pairs"]] == [
        ("BTC/USD", "cancel_only")
    ]
    stopped = by_symbol(venue)["BTC/USD"]
    assert (stopped.status, stopped.raw_status) == ("paused", "cancel_only")
    assert not [each for each in run(venue, socket, 1, 2) if each.symbols]
    venue.stand("BTC/USD", "online")
    assert by_symbol(venue)["BTC/USD"].status == "active"
    assert any(b'"trade"' in each.payload for each in run(venue, socket, 4, 2))


def test_a_pair_can_get_a_state_that_nobody_knows() -> None:
    """That is what the venue does one day."""
    venue = market(1.0, 1, "BTC/USD", "ETH/USD")
    venue.stand("BTC/USD", "auction")
    page = listed(venue)
    assert [each.symbol for each in page.instruments] == ["ETH/USD"]
    assert [(each.kind, each.raw_status) for each in page.rejects] == [
        ("unknown_status", "auction")
    ]


@pytest.mark.parametrize(("symbol", "status"), [("ADA/USD", "online"), ("BTC/USD", 'on"line')])
def test_a_state_that_cannot_be_said_is_refused(symbol: str, status: str) -> None:
    """Of a pair that is not listed, or no word."""
    with pytest.raises(ConfigError):
        market(1.0, 1, "BTC/USD").stand(symbol, status)
