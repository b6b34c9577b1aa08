"""What is known of each fact of Kraken Futures: one kind of row per table.

Amounts are in the contract's own unit: base currency for PF_ and FF_, US dollars for PI_ and FI_.
What the venue computes (marks, indices, changes, funding) comes with up to 17 digits behind the
point and rests where rates do, so that none is lost.
"""

from typing import ClassVar

from ssmd.model.row import Number, Rate, Row, Time


class Ticker(Row, frozen=True, kw_only=True):
    """How a product stands, about once a second.

    Attributes:
        change: Against 24 hours ago, in percent.
        premium: Of the contract over its index, as stated.
        funding_rate: The present rate, absolute, as stated; the documentation and what is sent
            differ over its unit, so use the relative one.
        relative_funding_rate: The present rate as a share of the price.
        next_funding_rate_time: When the predicted rate begins to hold.
        days_to_maturity: Whole days; 0 for perpetuals.
        maturity_time: The Unix epoch for perpetuals.
    """

    table: ClassVar[str] = "ticker"

    bid: Number | None = None
    bid_size: Number | None = None
    ask: Number | None = None
    ask_size: Number | None = None
    last: Number | None = None
    volume: Number | None = None
    volume_quote: Number | None = None
    open: Number | None = None
    high: Number | None = None
    low: Number | None = None
    change: Rate | None = None
    premium: Rate | None = None
    index: Rate | None = None
    mark_price: Rate | None = None
    open_interest: Number | None = None
    funding_rate: Rate | None = None
    funding_rate_prediction: Rate | None = None
    relative_funding_rate: Rate | None = None
    relative_funding_rate_prediction: Rate | None = None
    next_funding_rate_time: Time | None = None
    suspended: bool | None = None
    post_only: bool | None = None
    leverage: str | None = None
    tag: str | None = None
    pair: str | None = None
    days_to_maturity: int | None = None
    maturity_time: Time | None = None


class TickerLite(Row, frozen=True, kw_only=True):
    """The best prices and the day's volume; see `Ticker` for the fields."""

    table: ClassVar[str] = "ticker_lite"

    bid: Number | None = None
    ask: Number | None = None
    volume: Number | None = None
    volume_quote: Number | None = None
    change: Rate | None = None
    premium: Rate | None = None
    tag: str | None = None
    pair: str | None = None
    days_to_maturity: int | None = None
    maturity_time: Time | None = None


class Trade(Row, frozen=True, kw_only=True):
    """One trade; without price and size in the row of an empty snapshot.

    Attributes:
        side: The aggressor's, `buy` or `sell`.
        trade_type: How it came about, in the venue's words: `fill`, `liquidation`, ...
        seq: The venue's counter of the product's trades.
    """

    table: ClassVar[str] = "trade"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    trade_type: str | None = None
    seq: int | None = None


class BookLevel(Row, frozen=True, kw_only=True):
    """One level of a book as it stands now; without side in the row of an empty snapshot.

    Attributes:
        side: `bid` or `ask`.
        size: All that rests there; 0 removes the level.
        level: Its place in a snapshot, 0 the first of its side; None in updates.
        seq: The venue's counter of the product's book.
    """

    table: ClassVar[str] = "book"

    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    level: int | None = None
    seq: int | None = None
