"""Typed rows of an envelope: which reader reads which message."""

from collections.abc import Callable
from typing import Final

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.fields import Fields, decode
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kalshi import rows_book, rows_lifecycle, rows_ticker, rows_trade
from ssmd.venues.kalshi.history import CUT
from ssmd.venues.kalshi.rest import complaint
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
    (types that begin with an underscore) give neither. A page of past trades gives a row for each
    trade of the envelope's markets; an answer about the cutoff between recent trades and older
    ones, or one that is a complaint, gives nothing.
    """
    if envelope.type.startswith("_") and envelope.type != BACKFILL:
        return Decoded()
    try:
        if envelope.type == BACKFILL:
            found, problems = _past(envelope)
        else:
            found, problems = _read(envelope.type, Message(envelope.payload))
    # A text may be just shallow enough to be read, and just too deep to be written again.
    except (ValueError, RecursionError) as error:
        found, problems = [], [Problem("", str(error))]
    return Decoded(
        tuple(found),
        tuple(Reject(envelope.message_id, where, reason) for where, reason in problems),
    )


def _past(envelope: Envelope) -> tuple[list[Row], list[Problem]]:
    """The trades of a page; one that cannot be read hurts no other."""
    if complaint(envelope.payload) is not None:
        return [], []
    body = Fields(decode(envelope.payload))
    if CUT in body:
        return [], []
    if "trades" not in body:
        raise ValueError("`trades` is missing")
    found: list[Row] = []
    problems: list[Problem] = []
    for index, element in enumerate(body.items("trades")):
        try:
            row = rows_trade.fetched(element)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(f"trades[{index}]", str(error)))
            continue
        if row.symbol in envelope.symbols:
            found.append(row)
    return found, problems


def _read(kind: str, message: Message) -> tuple[list[Row], list[Problem]]:
    if kind == "orderbook_snapshot":
        return rows_book.snapshot(message)
    reader = _SINGLE.get(kind)
    if reader is None:
        raise ValueError(f"there is no table for messages of type {kind[:60]!r}")
    return [reader(message)], []
