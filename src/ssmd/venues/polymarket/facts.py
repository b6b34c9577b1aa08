"""Cross-venue facts of Polymarket's rows; the instrument is the token."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from ssmd.model.fact import Fact, Lifecycle, Outcome, Quote, Trade, detail, renamed, states
from ssmd.model.row import Row
from ssmd.venues.polymarket.tables import (
    BestBidAsk,
    Book,
    LastTradePrice,
    MarketResolved,
    NewMarket,
    PriceChange,
    TickSizeChange,
)

_TRADE: Final = {"price": "price", "size": "size"}
_QUOTE: Final = {"best_bid": "bid", "best_ask": "ask"}
_WON: Final = Decimal(1)
_LOST: Final = Decimal(0)


def facts(row: Row) -> Iterable[Fact]:
    """What a row says in words that all venues share; never raises."""
    make = _MAKERS.get(type(row))
    if make is None or row.symbol is None:
        return ()
    return filter(states, make(row, row.symbol))


def _trade(row: LastTradePrice, symbol: str) -> Iterator[Fact]:
    yield Trade(
        symbol=symbol,
        ts_event=row.ts_event,
        price=row.price,
        size=row.size,
        side=row.side,
        inexact=renamed(row, _TRADE),
    )


def _quote(row: BestBidAsk | PriceChange, symbol: str) -> Iterator[Fact]:
    """The touch, where it is stated: price changes tell it since September 2025."""
    yield Quote(
        symbol=symbol,
        ts_event=row.ts_event,
        bid=row.best_bid,
        ask=row.best_ask,
        inexact=renamed(row, _QUOTE),
    )


def _listed(row: NewMarket, symbol: str) -> Iterator[Fact]:
    yield Lifecycle(
        symbol=symbol,
        ts_event=row.ts_event,
        event=row.table,
        status="active" if row.active else None,
        detail=detail(row),
        inexact=renamed(row, {}),
    )


def _stepped(row: TickSizeChange, symbol: str) -> Iterator[Fact]:
    yield Lifecycle(
        symbol=symbol,
        ts_event=row.ts_event,
        event=row.table,
        detail=detail(row),
        inexact=renamed(row, {}),
    )


def _resolved(row: MarketResolved, symbol: str) -> Iterator[Fact]:
    yield Lifecycle(
        symbol=symbol,
        ts_event=row.ts_event,
        event=row.table,
        status="determined",
        detail=detail(row),
        inexact=renamed(row, {}),
    )
    value = None
    if row.winning_asset_id and row.is_winner is not None:
        value = _WON if row.is_winner else _LOST
    yield Outcome(
        symbol=symbol,
        ts_event=row.ts_event,
        outcome=row.winning_outcome,
        value=value,
        determined_at=row.ts_event,
        inexact=renamed(row, {}),
    )


_MAKERS: Final[Mapping[type[Row], Callable[..., Iterator[Fact]]]] = {
    LastTradePrice: _trade,
    BestBidAsk: _quote,
    PriceChange: _quote,
    NewMarket: _listed,
    TickSizeChange: _stepped,
    MarketResolved: _resolved,
}

_PRICES: Final[frozenset[type[Row | Fact]]] = frozenset({PriceChange, Quote})
TELLS: Final[Mapping[str, frozenset[type[Row | Fact]]]] = {
    "book": frozenset({Book}),
    "price_change": _PRICES,
    "price_change_v1": _PRICES,
    "price_change_v0": _PRICES,
    "last_trade_price": frozenset({LastTradePrice, Trade}),
    "best_bid_ask": frozenset({BestBidAsk, Quote}),
    "tick_size_change": frozenset({TickSizeChange, Lifecycle}),
    "new_market": frozenset({NewMarket, Lifecycle}),
    "market_resolved": frozenset({MarketResolved, Lifecycle, Outcome}),
}
"""What the messages of a type can tell."""
