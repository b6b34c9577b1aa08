"""Cross-venue facts of Kraken spot's rows: trades, tickers with their quotes, states of pairs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ssmd.model.fact import Fact, Lifecycle, Quote, Ticker, Trade, detail, renamed, states
from ssmd.model.row import Row
from ssmd.venues.kraken.statuses import STATUSES
from ssmd.venues.kraken.tables import (
    AssetRow,
    BookRow,
    InstrumentRow,
    OhlcRow,
    TickerRow,
    TradeRow,
)

_TRADE: Final = {"price": "price", "size": "size"}
_QUOTE: Final = {name: name for name in ("bid", "bid_size", "ask", "ask_size")}
_TICKER: Final = {name: name for name in ("last", "volume", "vwap", "bid", "ask")}


def facts(row: Row) -> Iterable[Fact]:
    """What a row says in words that all venues share; never raises."""
    make = _MAKERS.get(type(row))
    if make is None or row.symbol is None:
        return ()
    return filter(states, make(row, row.symbol))


def _trade(row: TradeRow, symbol: str) -> Iterator[Fact]:
    yield Trade(
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


def _ticker(row: TickerRow, symbol: str) -> Iterator[Fact]:
    yield Quote(
        symbol=symbol,
        ts_event=row.ts_event,
        is_snapshot=row.is_snapshot,
        bid=row.bid,
        bid_size=row.bid_size,
        ask=row.ask,
        ask_size=row.ask_size,
        inexact=renamed(row, _QUOTE),
    )
    yield Ticker(
        symbol=symbol,
        ts_event=row.ts_event,
        is_snapshot=row.is_snapshot,
        last=row.last,
        volume=row.volume,
        vwap=row.vwap,
        bid=row.bid,
        ask=row.ask,
        inexact=renamed(row, _TICKER),
    )


def _pair(row: InstrumentRow, symbol: str) -> Iterator[Fact]:
    """The state of a pair, told whole each time one of its parameters changes."""
    status, _ = STATUSES.get(row.status or "", (None, False))
    yield Lifecycle(
        symbol=symbol,
        ts_event=row.ts_event,
        is_snapshot=row.is_snapshot,
        event=row.table,
        status=status,
        raw_status=row.status,
        detail=detail(row, "status"),
        inexact=renamed(row, {}),
    )


_MAKERS: Final[Mapping[type[Row], Callable[..., Iterator[Fact]]]] = {
    TradeRow: _trade,
    TickerRow: _ticker,
    InstrumentRow: _pair,
}

TELLS: Final[Mapping[str, frozenset[type[Row | Fact]]]] = {
    "ticker": frozenset({TickerRow, Quote, Ticker}),
    "trade": frozenset({TradeRow, Trade}),
    "ohlc": frozenset({OhlcRow}),
    "book": frozenset({BookRow}),
    "instrument": frozenset({InstrumentRow, AssetRow, Lifecycle}),
}
"""What the messages of a type can tell."""
