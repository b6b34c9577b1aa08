"""What the market channel states, as rows. `market` is the condition, `symbol` the token."""

from typing import ClassVar, Final

from ssmd.model.row import Number, Row


class Book(Row, frozen=True, kw_only=True):
    """One level of a whole book; a book without any gives one row, without side and price.

    Books come with a subscription, and again after trades: each states everything.

    Attributes:
        table: `book`.
        market: The condition.
        side: `bid` or `ask`.
        level: Where it stands in the venue's list, from 0, worst price first.
        price: Dollars for one share; may lie off the grid of `tick_size`.
        size: Shares.
        hash: The venue's figure of the whole book; evidence, not a checksum.
        tick_size: Price step at that time; None before it was stated.
        last_trade_price: Price of the latest trade; None before it was stated.
    """

    table: ClassVar[str] = "book"
    market: str | None = None
    side: str | None = None
    level: int | None = None
    price: Number | None = None
    size: Number | None = None
    hash: str | None = None
    tick_size: Number | None = None
    last_trade_price: Number | None = None


class PriceChange(Row, frozen=True, kw_only=True):
    """One level that changed; the same in all three formats the venue had.

    Attributes:
        table: `price_change`.
        market: The condition.
        side: `bid` or `ask`.
        price: Dollars for one share.
        size: Shares that are there now; 0 when the level is gone.
        hash: The venue's figure of the book after the change.
        best_bid: Best bid after the change; None before September 2025.
        best_ask: Best ask after the change; None before September 2025.
    """

    table: ClassVar[str] = "price_change"
    market: str | None = None
    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    hash: str | None = None
    best_bid: Number | None = None
    best_ask: Number | None = None


class LastTradePrice(Row, frozen=True, kw_only=True):
    """One trade. It has no id: one transaction settles many, also of one token.

    Attributes:
        table: `last_trade_price`.
        market: The condition.
        side: What the aggressor did: `buy` or `sell`.
        price: Dollars for one share.
        size: Shares.
        fee_rate_bps: Fee rate, in hundredths of a percent; REST does not tell it.
        transaction_hash: The transaction that settles it, perhaps among others.
    """

    table: ClassVar[str] = "last_trade_price"
    market: str | None = None
    side: str | None = None
    price: Number | None = None
    size: Number | None = None
    fee_rate_bps: Number | None = None
    transaction_hash: str | None = None


class BestBidAsk(Row, frozen=True, kw_only=True):
    """The touch.

    Attributes:
        table: `best_bid_ask`.
        market: The condition.
        best_bid: Best bid, dollars for one share.
        best_ask: Best ask.
        spread: The difference, as the venue states it.
    """

    table: ClassVar[str] = "best_bid_ask"
    market: str | None = None
    best_bid: Number | None = None
    best_ask: Number | None = None
    spread: Number | None = None


class TickSizeChange(Row, frozen=True, kw_only=True):
    """The price step of a token changes, as prices near 0 or 1.

    Attributes:
        table: `tick_size_change`.
        market: The condition.
        old_tick_size: Step until now, in dollars.
        new_tick_size: Step from now on.
        side: Which side is meant, in the venue's words, if stated.
    """

    table: ClassVar[str] = "tick_size_change"
    market: str | None = None
    old_tick_size: Number | None = None
    new_tick_size: Number | None = None
    side: str | None = None


class NewMarket(Row, frozen=True, kw_only=True):
    """One token of a condition that is listed from now on.

    Attributes:
        table: `new_market`.
        market: The condition.
        market_id: The venue's number of it.
        outcome: The answer this token stands for.
        question: What is asked.
        slug: Its name in addresses.
        description: The rules.
        assets_ids: All tokens of the condition, JSON.
        outcomes: All answers, JSON.
        event_message: The event it belongs to, JSON.
        tags: The venue's labels, JSON.
        tick_size: Price step, in dollars.
        active: Whether it can be traded already.
        group_item_title: Its name within the event.
        sports_market_type: Which sort of bet on a game.
        line: The line of such a bet.
        game_start_time: When the game begins, as the venue writes it.
    """

    table: ClassVar[str] = "new_market"
    market: str | None = None
    market_id: str | None = None
    outcome: str | None = None
    question: str | None = None
    slug: str | None = None
    description: str | None = None
    assets_ids: str | None = None
    outcomes: str | None = None
    event_message: str | None = None
    tags: str | None = None
    tick_size: Number | None = None
    active: bool | None = None
    group_item_title: str | None = None
    sports_market_type: str | None = None
    line: str | None = None
    game_start_time: str | None = None


class MarketResolved(Row, frozen=True, kw_only=True):
    """One token of a condition that is decided.

    Attributes:
        table: `market_resolved`.
        market: The condition.
        market_id: The venue's number of it.
        is_winner: Whether this token won; None when no winner is stated.
        winning_asset_id: The token that won.
        winning_outcome: The answer that won.
        assets_ids: All tokens of the condition, JSON.
        outcomes: All answers, JSON.
        question: What was asked.
        slug: Its name in addresses.
        description: The rules.
        event_message: The event it belongs to, JSON.
        tags: The venue's labels, JSON.
    """

    table: ClassVar[str] = "market_resolved"
    market: str | None = None
    market_id: str | None = None
    is_winner: bool | None = None
    winning_asset_id: str | None = None
    winning_outcome: str | None = None
    assets_ids: str | None = None
    outcomes: str | None = None
    question: str | None = None
    slug: str | None = None
    description: str | None = None
    event_message: str | None = None
    tags: str | None = None


TABLES: Final[tuple[type[Row], ...]] = (
    Book,
    PriceChange,
    LastTradePrice,
    BestBidAsk,
    TickSizeChange,
    NewMarket,
    MarketResolved,
)
"""Every kind of row."""
