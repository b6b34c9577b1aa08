"""Rows of the ticker: the best quotes and the totals of a market, each time they change."""

from typing import ClassVar, Final

from ssmd.model.row import Number, Row
from ssmd.venues.kalshi.rows_message import Message

_QUOTES: Final = ("price", "yes_bid", "yes_ask", "no_bid", "no_ask")


class Ticker(Row, frozen=True, kw_only=True):
    """The state of one market.

    An empty side of the book is stated as a bid of 0 or an ask of 1 with a size of 0, never as
    null, and kept as it came. A market that never traded had a `price` of 0 in cents, and has 0
    here: no trade has that price. Where the price in dollars is an empty text instead, `price` is
    None, `inexact` keeps the empty text, and a 0 in cents beside it stays in `extra`.

    Attributes:
        table: `ticker`.
        sid: The venue's number of the subscription.
        market_id: The venue's other id of the market.
        price: Last trade, dollars for YES; 0 or None before there was one.
        yes_bid: Best bid for YES, dollars.
        yes_ask: Best offer of YES, dollars.
        no_bid: Best bid for NO, dollars; gone since 2026-03.
        no_ask: Best offer of NO, dollars; gone since 2026-03.
        yes_bid_size: Contracts bid for at the best price.
        yes_ask_size: Contracts offered at the best price.
        last_trade_size: Contracts of the last trade.
        volume: Contracts traded since it was listed.
        open_interest: Contracts outstanding.
        dollar_volume: Dollars traded since it was listed.
        dollar_open_interest: Dollars at stake.
        clock: The venue's counter of changes over all markets (`Clock`), in 2025.
    """

    table: ClassVar[str] = "ticker"

    sid: int | None = None
    market_id: str | None = None
    price: Number | None = None
    yes_bid: Number | None = None
    yes_ask: Number | None = None
    no_bid: Number | None = None
    no_ask: Number | None = None
    yes_bid_size: Number | None = None
    yes_ask_size: Number | None = None
    last_trade_size: Number | None = None
    volume: Number | None = None
    open_interest: Number | None = None
    dollar_volume: Number | None = None
    dollar_open_interest: Number | None = None
    clock: int | None = None


def ticker(message: Message) -> Row:
    """The row of a `ticker` message.

    Raises:
        ValueError: It names no market, or states none of the quotes by any name we know.
    """
    symbol = message.need_text("market_ticker")
    if not any(name in message or f"{name}_dollars" in message for name in _QUOTES):
        raise ValueError("no quote is stated")
    return Ticker(
        symbol=symbol,
        ts_event=message.happened(),
        sid=message.sid,
        market_id=message.words("market_id"),
        price=message.price("price", "price_dollars", "price"),
        yes_bid=message.price("yes_bid", "yes_bid_dollars", "yes_bid"),
        yes_ask=message.price("yes_ask", "yes_ask_dollars", "yes_ask"),
        no_bid=message.price("no_bid", "no_bid_dollars", "no_bid"),
        no_ask=message.price("no_ask", "no_ask_dollars", "no_ask"),
        yes_bid_size=message.count("yes_bid_size", "yes_bid_size_fp", "yes_bid_size"),
        yes_ask_size=message.count("yes_ask_size", "yes_ask_size_fp", "yes_ask_size"),
        last_trade_size=message.count("last_trade_size", "last_trade_size_fp", "last_trade_size"),
        volume=message.count("volume", "volume_fp", "volume"),
        open_interest=message.count("open_interest", "open_interest_fp", "open_interest"),
        dollar_volume=message.count("dollar_volume", "dollar_volume_fp", "dollar_volume"),
        dollar_open_interest=message.count(
            "dollar_open_interest", "dollar_open_interest_fp", "dollar_open_interest"
        ),
        clock=message.integer("Clock", "clock"),
        extra=message.extra(),
        inexact=message.found(),
    )
