"""What Kraken spot's messages have rows for: a table per kind of fact."""

from typing import ClassVar, Final

from ssmd.model.row import Number, Row, Time


class TickerRow(Row, frozen=True, kw_only=True):
    """The best prices and the last 24 hours of a pair.

    Attributes:
        bid: Best bid.
        bid_size: What rests there, in base currency.
        ask: Best ask.
        ask_size: What rests there, in base currency.
        last: Price of the last trade.
        volume: Traded in 24 hours, in base currency.
        vwap: Volume-weighted average price of 24 hours.
        low: Lowest price of 24 hours.
        high: Highest price of 24 hours.
        change: How far the price came in 24 hours.
        change_pct: The same in percent.
        trades: How many trades there were in 24 hours.
    """

    table: ClassVar[str] = "ticker"

    bid: Number | None = None
    bid_size: Number | None = None
    ask: Number | None = None
    ask_size: Number | None = None
    last: Number | None = None
    volume: Number | None = None
    vwap: Number | None = None
    low: Number | None = None
    high: Number | None = None
    change: Number | None = None
    change_pct: Number | None = None
    trades: int | None = None


class TradeRow(Row, frozen=True, kw_only=True):
    """One trade.

    Attributes:
        side: The aggressor's: `buy` or `sell`.
        price: In quote currency.
        size: In base currency.
        ord_type: The aggressor's kind of order: `limit` or `market`.
        trade_id: The venue's count of the pair's trades; `native_id` is its text.
    """

    table: ClassVar[str] = "trade"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    ord_type: str | None = None
    trade_id: int | None = None


class OhlcRow(Row, frozen=True, kw_only=True):
    """A candle as it stands; the last row of an interval is the whole candle.

    Attributes:
        interval: Its length in minutes.
        interval_begin: Its first moment.
        interval_end: The first moment after it.
        open: Price of its first trade.
        high: Highest price.
        low: Lowest price.
        close: Price of the latest trade.
        vwap: Average price, weighted by volume.
        volume: Traded in it, in base currency.
        trades: How many trades it has.
    """

    table: ClassVar[str] = "ohlc"

    interval: int | None = None
    interval_begin: Time | None = None
    interval_end: Time | None = None
    open: Number | None = None
    high: Number | None = None
    low: Number | None = None
    close: Number | None = None
    vwap: Number | None = None
    volume: Number | None = None
    trades: int | None = None


class BookRow(Row, frozen=True, kw_only=True):
    """One level of a book as it is from now on; no side at all when the message has no level.

    Attributes:
        side: `bid` or `ask`.
        price: In quote currency.
        size: What rests there now, in base currency; 0 takes the level out.
        level: Its place in a snapshot, the best being 0; None in an update.
        checksum: The venue's CRC32 of the book once the whole message is applied.
    """

    table: ClassVar[str] = "book"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    level: int | None = None
    checksum: int | None = None


class InstrumentRow(Row, frozen=True, kw_only=True):
    """A pair's parameters and state, whole each time one of them changes.

    Attributes:
        base: What is bought.
        quote: What it is paid in.
        status: Its state, in the venue's words.
        qty_precision: Decimals of sizes.
        qty_increment: Smallest step of sizes.
        qty_min: Smallest order, in base currency.
        price_precision: Decimals of prices.
        price_increment: Smallest step of prices.
        tick_size: The same, under its older name.
        cost_precision: Decimals of amounts in quote currency.
        cost_min: Smallest order, in quote currency.
        marginable: Whether it can be bought on margin.
        margin_initial: Share of a position that must be put up.
        position_limit_long: Largest long position on margin.
        position_limit_short: Largest short position on margin.
        has_index: Whether there is an index of it.
        execution_venue: Where it is traded, when the venue says so.
    """

    table: ClassVar[str] = "instrument"

    base: str | None = None
    quote: str | None = None
    status: str | None = None
    qty_precision: int | None = None
    qty_increment: Number | None = None
    qty_min: Number | None = None
    price_precision: int | None = None
    price_increment: Number | None = None
    tick_size: Number | None = None
    cost_precision: int | None = None
    cost_min: Number | None = None
    marginable: bool | None = None
    margin_initial: Number | None = None
    position_limit_long: Number | None = None
    position_limit_short: Number | None = None
    has_index: bool | None = None
    execution_venue: str | None = None


class AssetRow(Row, frozen=True, kw_only=True):
    """An asset's parameters and state; `symbol` is unset, for it is no pair.

    Attributes:
        asset: Its name.
        status: Its state, in the venue's words.
        precision: Decimals it is accounted with.
        precision_display: Decimals it is shown with.
        borrowable: Whether it can be borrowed.
        collateral_value: Share of it that counts as collateral.
        margin_rate: Price of borrowing it.
        multiplier: Units behind one token, for those that stand for shares.
    """

    table: ClassVar[str] = "asset"

    asset: str | None = None
    status: str | None = None
    precision: int | None = None
    precision_display: int | None = None
    borrowable: bool | None = None
    collateral_value: Number | None = None
    margin_rate: Number | None = None
    multiplier: Number | None = None


TABLES: Final = (TickerRow, TradeRow, OhlcRow, BookRow, InstrumentRow, AssetRow)
"""Every kind of row there can be."""
