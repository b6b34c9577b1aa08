"""Cross-venue facts of Kalshi's rows, all in terms of YES: who takes NO at 0.30 sells YES at 0.70.

What is said of events, which group markets, is no fact of an instrument.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from ssmd.model import fact
from ssmd.model.fact import Fact, Lifecycle, Outcome, Quote, detail, renamed, states
from ssmd.model.row import Row
from ssmd.venues.kalshi.rows_book import OrderbookDelta, OrderbookSnapshot
from ssmd.venues.kalshi.rows_lifecycle import (
    EventFeeUpdate,
    EventLifecycle,
    MarketLifecycle,
    MultivariateLifecycle,
)
from ssmd.venues.kalshi.rows_ticker import Ticker
from ssmd.venues.kalshi.rows_trade import Trade

DOLLAR: Final = Decimal(1)
"""What YES and NO pay together."""

_NOTHING: Final = Decimal(0)
_TRADE: Final = {"yes_price": "price", "no_price": "price", "count": "size"}
_QUOTE: Final = {
    "yes_bid": "bid",
    "yes_bid_size": "bid_size",
    "yes_ask": "ask",
    "yes_ask_size": "ask_size",
}
_TICKER: Final = {
    "price": "last",
    "volume": "volume",
    "open_interest": "open_interest",
    "yes_bid": "bid",
    "yes_ask": "ask",
}
_OUTCOME: Final = {
    "result": "outcome",
    "settlement_value": "value",
    "settled_ts": "settled_at",
    "determination_ts": "determined_at",
}
_STATUSES: Final = {
    "created": "pre_open",
    "activated": "active",
    "deactivated": "paused",
    "determined": "determined",
    "settled": "settled",
}
"""What a market is once this happened to it, until something else does."""
_ENDS: Final = ("determined", "settled")


def facts(row: Row) -> Iterable[Fact]:
    """What a row says in words that all venues share; never raises."""
    make = _MAKERS.get(type(row))
    if make is None or row.symbol is None:
        return ()
    return filter(states, make(row, row.symbol))


def _trade(row: Trade, symbol: str) -> Iterator[Fact]:
    price, inexact = row.yes_price, renamed(row, _TRADE)
    if price is None and row.no_price is not None and "yes_price" not in row.inexact:
        price = DOLLAR - row.no_price
    elif price is not None and "no_price" in row.inexact:
        inexact = {name: text for name, text in inexact.items() if name != "price"}
    yield fact.Trade(
        symbol=symbol,
        ts_event=row.ts_event,
        native_id=row.native_id,
        price=price,
        size=row.count,
        side=row.side,
        trade_id=row.native_id,
        inexact=inexact,
    )


def _ticker(row: Ticker, symbol: str) -> Iterator[Fact]:
    bid, bid_size = _side(row.yes_bid, row.yes_bid_size, empty=_NOTHING)
    ask, ask_size = _side(row.yes_ask, row.yes_ask_size, empty=DOLLAR)
    yield Quote(
        symbol=symbol,
        ts_event=row.ts_event,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        inexact=renamed(row, _QUOTE),
    )
    yield fact.Ticker(
        symbol=symbol,
        ts_event=row.ts_event,
        last=row.price or None,  # no trade has a price of 0: there was none yet
        volume=row.volume,
        open_interest=row.open_interest,
        bid=bid,
        ask=ask,
        inexact=renamed(row, _TICKER),
    )


def _side(
    price: Decimal | None, size: Decimal | None, *, empty: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """Price and size of the best level; the venue writes an empty side as a price none can have."""
    if price == empty and not size:
        return None, _NOTHING
    return price, size


def _lifecycle(row: MarketLifecycle, symbol: str) -> Iterator[Fact]:
    yield Lifecycle(
        symbol=symbol,
        ts_event=row.ts_event,
        event=row.event_type,
        status=_STATUSES.get(row.event_type),
        detail=detail(row, "event_type", "sid"),
        inexact=renamed(row, {}),
    )
    if row.event_type in _ENDS or row.result or row.settlement_value is not None:
        yield Outcome(
            symbol=symbol,
            ts_event=row.ts_event,
            outcome=row.result,
            value=row.settlement_value,
            settled_at=row.settled_ts,
            determined_at=row.determination_ts,
            inexact=renamed(row, _OUTCOME),
        )


_MAKERS: Final[Mapping[type[Row], Callable[..., Iterator[Fact]]]] = {
    Trade: _trade,
    Ticker: _ticker,
    MarketLifecycle: _lifecycle,
    MultivariateLifecycle: _lifecycle,
}

TELLS: Final[Mapping[str, frozenset[type[Row | Fact]]]] = {
    "ticker": frozenset({Ticker, Quote, fact.Ticker}),
    "trade": frozenset({Trade, fact.Trade}),
    "orderbook_snapshot": frozenset({OrderbookSnapshot}),
    "orderbook_delta": frozenset({OrderbookDelta}),
    "market_lifecycle_v2": frozenset({MarketLifecycle, Lifecycle, Outcome}),
    "multivariate_market_lifecycle": frozenset({MultivariateLifecycle, Lifecycle, Outcome}),
    "event_lifecycle": frozenset({EventLifecycle}),
    "event_fee_update": frozenset({EventFeeUpdate}),
}
"""What the messages of a type can tell."""
