"""Rows of trades that REST brought later.

Same pair, same `trade_id`, same fact as on the WebSocket: both count a pair's trades, and both are
documented as such (rest-api/get-recent-trades, websocket-v2/trade), though no recording has one
trade from both. Prices and sizes are equal as numbers: REST pads its prices with zeros. Times are
not: the WebSocket cuts them to the microsecond, REST states them 120 ns off at most.
"""

from collections.abc import Iterator
from typing import Final

from ssmd.model.fields import Fields
from ssmd.model.row import Row
from ssmd.venues.kraken.history import fields_of, listed
from ssmd.venues.kraken.reading import Context, need
from ssmd.venues.kraken.tables import TradeRow

_SIDES: Final = {"b": "buy", "s": "sell"}
_ORDERS: Final = {"m": "market", "l": "limit"}
_NO_ID: Final = "0"
"""What trades were once told with by mistake, thousands of them: it is nobody's id."""


def past_trades(payload: bytes, symbols: tuple[str, ...], context: Context) -> Iterator[Row]:
    """The row of each trade of a page; one that cannot be read is noted.

    Raises:
        ValueError: It is no page of trades, or not of one pair.
    """
    if len(symbols) != 1:
        message = "a page of trades is of one pair"
        raise ValueError(message)
    for index, value in enumerate(listed(payload)):
        try:
            yield _trade(fields_of(value), symbols[0])
        except (ValueError, ArithmeticError) as error:
            context.rejects.append((f"result[{index}]", str(error)))


def _trade(item: Fields, symbol: str) -> Row:
    need(item, "price", "qty")
    native_id = item.text("trade_id")
    side, ord_type = item.text("side"), item.text("ord_type")
    return TradeRow(
        symbol=symbol,
        ts_event=item.seconds("time", "ts_event"),
        native_id=None if native_id == _NO_ID else native_id,
        side=_SIDES.get(side or "", side),
        price=item.number("price"),
        size=item.number("qty", "size"),
        ord_type=_ORDERS.get(ord_type or "", ord_type),
        trade_id=item.integer("trade_id"),
        extra=item.extra(),
        inexact=item.found(),
    )
