"""Typed rows of an envelope: which reader reads which message."""

from collections.abc import Callable
from typing import Final

from ssmd.model.envelope import Envelope
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kalshi import rows_book, rows_lifecycle, rows_ticker, rows_trade
from ssmd.venues.kalshi.rows_message import Message, Problem

TABLES: Final[tuple[type[Row], ...]] = (
    rows_ticker.Ticker,
    rows_trade.Trade,
    rows_book.OrderbookSnapshot,
    rows_book.OrderbookDelta,
    rows_lifecycle.MarketLifecycle,
    rows_lifecycle.MultivariateLifecycle,
    rows_lifecycle.EventLifecycle,
    rows_lifecycle.EventFeeUpdate,
)

_SINGLE: Final[dict[str, Callable[[Message], Row]]] = {
    "ticker": rows_ticker.ticker,
    "trade": rows_trade.trade,
    "orderbook_delta": rows_book.delta,
    "market_lifecycle_v2": rows_lifecycle.market,
    "multivariate_market_lifecycle": rows_lifecycle.multivariate,
    "event_lifecycle": rows_lifecycle.event,
    "event_fee_update": rows_lifecycle.fees,
}


def rows(envelope: Envelope) -> Decoded:
    """Everything a data message states, exactly; never raises, whatever the bytes.

    A message gives at least one row or one reject. Our own records and talk about the connection
    (types that begin with an underscore) give neither.
    """
    if envelope.type.startswith("_"):
        return Decoded()
    try:
        found, problems = _read(envelope.type, Message(envelope.payload))
    # A text may be just shallow enough to be read, and just too deep to be written again.
    except (ValueError, RecursionError) as error:
        found, problems = [], [Problem("", str(error))]
    return Decoded(
        tuple(found),
        tuple(Reject(envelope.message_id, where, reason) for where, reason in problems),
    )


def _read(kind: str, message: Message) -> tuple[list[Row], list[Problem]]:
    if kind == "orderbook_snapshot":
        return rows_book.snapshot(message)
    reader = _SINGLE.get(kind)
    if reader is None:
        raise ValueError(f"there is no table for messages of type {kind[:60]!r}")
    return [reader(message)], []
