"""What a feed may ask for: channels, markets, parameters."""

import pytest

from ssmd.model.errors import ConfigError
from ssmd.model.subscription import Subscription
from ssmd.venues.kalshi import VENUE
from tests.venues.kalshi.frames import BOOK_A, BOOK_B, LIFE, TRADE_A, TRADE_B, A, B

BOOKS = "orderbook_delta"


def test_subscriptions_are_divided_as_the_venue_does() -> None:
    """By market; lifecycles as a whole; `*` for all markets where the venue offers that."""
    wanted = VENUE.subscriptions((BOOKS, "trade", "market_lifecycle_v2"), (A, B))
    assert wanted == {BOOK_A, BOOK_B, TRADE_A, TRADE_B, LIFE}
    everything = VENUE.subscriptions(("ticker", "trade"), ("*", A))
    assert everything == {Subscription("ticker"), Subscription("trade")}
    assert VENUE.subscriptions(("ticker", "multivariate_market_lifecycle"), ()) == {
        Subscription("multivariate_market_lifecycle")
    }
    with pytest.raises(ConfigError, match="all markets at once"):
        VENUE.subscriptions((BOOKS,), ("*",))
    with pytest.raises(ConfigError, match="Did you mean 'orderbook_delta'"):
        VENUE.subscriptions(("orderbook_deltas",), (A,))
    with pytest.raises(ConfigError, match="no channel 'fill'"):
        VENUE.subscriptions(("fill",), (A,))


def test_parameters_are_checked() -> None:
    """A typo would silently change what the prices of one side mean."""
    assert VENUE.check({}) == VENUE.check({"use_yes_price": False}) == []
    (complaint,) = VENUE.check({"use_yes_price": True})
    assert "not supported" in complaint, "no row could tell which prices its no side has"
    for value in ("yes", 0, 1, None):
        assert VENUE.check({"use_yes_price": value})
    assert "use_no_price" in VENUE.check({"use_no_price": True})[0]
