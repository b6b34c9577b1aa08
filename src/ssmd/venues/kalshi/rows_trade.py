"""Rows of trades, from the stream and from REST: the same trade has the same id in both."""

from typing import ClassVar, Final

from ssmd.model.fields import exactly
from ssmd.model.row import Number, Row
from ssmd.venues.kalshi.quantities import Quantities
from ssmd.venues.kalshi.rows_message import Message

_BOUGHT: Final = {"yes": "buy", "no": "sell"}
"""Who takes NO sells YES: a market's two sides are one book."""
_CROSSED: Final = {"bid": "buy", "ask": "sell"}


class Trade(Row, frozen=True, kw_only=True):
    """One trade.

    Attributes:
        table: `trade`.
        sid: The venue's number of the subscription.
        side: What the taker did with YES, `buy` or `sell`; None when nothing says so, or when
            the fields that do contradict each other.
        taker_side: Which answer the taker took, in the venue's words (`side` in the oldest
            format).
        taker_outcome_side: The same, in the words of 2026-05.
        taker_book_side: On which side of the book of YES the taker's order stood, in those words.
        yes_price: Dollars for YES (`price` in the oldest format).
        no_price: Dollars for NO.
        count: How many contracts.
        is_block_trade: Whether it was agreed outside of the book.
    """

    table: ClassVar[str] = "trade"

    sid: int | None = None
    side: str | None = None
    taker_side: str | None = None
    taker_outcome_side: str | None = None
    taker_book_side: str | None = None
    yes_price: Number | None = None
    no_price: Number | None = None
    count: Number | None = None
    is_block_trade: bool | None = None


def trade(message: Message) -> Row:
    """The row of a `trade` message.

    Raises:
        ValueError: It names no market, no price or no size by any name we know.
    """
    symbol = message.need_text("market_ticker")
    return _trade(message, symbol, message.happened(), message.sid)


def fetched(element: object) -> Trade:
    """The row of a trade in an answer of REST: `ts_event` has microseconds, `sid` is None.

    Raises:
        ValueError: It is no object, or names no market, no price or no size.
    """
    told = Quantities(element)
    symbol = told.need_text("ticker")
    # A float of dollars beside the exact prices, until 2026-03; a difference would be news.
    if exactly(told.peek("price")) == told.price("yes_price", "yes_price_dollars", "yes_price"):
        told.ignore("price")
    return _trade(told, symbol, told.moment("created_time", "ts_event"), None)


def _trade(told: Quantities, symbol: str, ts_event: int | None, sid: int | None) -> Trade:
    told.need("yes_price_dollars", "yes_price", "price", "no_price_dollars", "no_price")
    told.need("count_fp", "count")
    new = any(told.peek(name) is not None for name in ("yes_price_dollars", "yes_price"))
    taker_side = told.words("taker_side" if "taker_side" in told else "side", "taker_side")
    outcome_side = told.words("taker_outcome_side")
    book_side = told.words("taker_book_side")
    return Trade(
        symbol=symbol,
        ts_event=ts_event,
        native_id=told.words("trade_id", "native_id"),
        sid=sid,
        side=_aggressor(taker_side, outcome_side, book_side),
        taker_side=taker_side,
        taker_outcome_side=outcome_side,
        taker_book_side=book_side,
        # The oldest `price` is that of YES, whichever answer was taken.
        yes_price=told.price("yes_price", "yes_price_dollars", "yes_price" if new else "price"),
        no_price=told.price("no_price", "no_price_dollars", "no_price"),
        count=told.count("count", "count_fp", "count"),
        is_block_trade=told.truth("is_block_trade"),
        extra=told.extra(),
        inexact=told.found(),
    )


def _aggressor(side: str | None, outcome: str | None, book: str | None) -> str | None:
    said = {_BOUGHT.get(side or ""), _BOUGHT.get(outcome or ""), _CROSSED.get(book or "")} - {None}
    return said.pop() if len(said) == 1 else None
