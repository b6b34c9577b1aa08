"""Cross-venue facts of Kraken Futures' rows.

Whether a product is suspended stands in every ticker and in no message of its own: it is no
event here, but a column of the venue's own table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ssmd.model import fact
from ssmd.model.fact import Fact, Funding, Quote, renamed, states
from ssmd.model.row import Row
from ssmd.venues.kraken_futures.tables import BookLevel, Ticker, TickerLite, Trade

_TRADE: Final = {"price": "price", "size": "size"}
_QUOTE: Final = {name: name for name in ("bid", "bid_size", "ask", "ask_size")}
_TICKER: Final = {
    "last": "last",
    "volume": "volume",
    "open_interest": "open_interest",
    "mark_price": "mark_price",
    "index": "index_price",
    "bid": "bid",
    "ask": "ask",
}
_FUNDING: Final = {
    "funding_rate": "rate",
    "funding_rate_prediction": "rate_prediction",
    "relative_funding_rate": "relative_rate",
    "next_funding_rate_time": "next_at",
}


def facts(row: Row) -> Iterable[Fact]:
    """What a row says in words that all venues share; never raises."""
    make = _MAKERS.get(type(row))
    if make is None or row.symbol is None:
        return ()
    return filter(states, make(row, row.symbol))


def _trade(row: Trade, symbol: str) -> Iterator[Fact]:
    yield fact.Trade(
        symbol=symbol,
        ts_event=row.ts_event,
        native_id=row.native_id,
        is_snapshot=row.is_snapshot,
        price=row.price,
        size=row.size,
        side=row.side,
        trade_id=row.native_id,
        inexact=renamed(row, _TRADE),
    )


def _ticker(row: Ticker, symbol: str) -> Iterator[Fact]:
    yield Quote(
        symbol=symbol,
        ts_event=row.ts_event,
        bid=row.bid,
        bid_size=row.bid_size,
        ask=row.ask,
        ask_size=row.ask_size,
        inexact=renamed(row, _QUOTE),
    )
    yield fact.Ticker(
        symbol=symbol,
        ts_event=row.ts_event,
        last=row.last,
        volume=row.volume,
        open_interest=row.open_interest,
        mark_price=row.mark_price,
        index_price=row.index,
        bid=row.bid,
        ask=row.ask,
        inexact=renamed(row, _TICKER),
    )
    yield Funding(
        symbol=symbol,
        ts_event=row.ts_event,
        rate=row.funding_rate,
        rate_prediction=row.funding_rate_prediction,
        relative_rate=row.relative_funding_rate,
        next_at=row.next_funding_rate_time,
        inexact=renamed(row, _FUNDING),
    )


def _ticker_lite(row: TickerLite, symbol: str) -> Iterator[Fact]:
    """Prices and volume alone; it has no time of its own."""
    yield Quote(symbol=symbol, bid=row.bid, ask=row.ask, inexact=renamed(row, _QUOTE))
    yield fact.Ticker(
        symbol=symbol,
        volume=row.volume,
        bid=row.bid,
        ask=row.ask,
        inexact=renamed(row, _TICKER),
    )


_MAKERS: Final[Mapping[type[Row], Callable[..., Iterator[Fact]]]] = {
    Trade: _trade,
    Ticker: _ticker,
    TickerLite: _ticker_lite,
}

TELLS: Final[Mapping[str, frozenset[type[Row | Fact]]]] = {
    "ticker": frozenset({Ticker, Quote, fact.Ticker, Funding}),
    "ticker_lite": frozenset({TickerLite, Quote, fact.Ticker}),
    "trade": frozenset({Trade, fact.Trade}),
    "trade_snapshot": frozenset({Trade, fact.Trade}),
    "book": frozenset({BookLevel}),
    "book_snapshot": frozenset({BookLevel}),
}
"""What the messages of a type can tell."""
