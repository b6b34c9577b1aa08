"""Rows of trades, the touch, and what becomes of a condition."""

from collections.abc import Iterator
from typing import Final

from ssmd.model.fields import Fields, spelled
from ssmd.venues.polymarket.rows_message import Found, Message, Problem
from ssmd.venues.polymarket.tables import (
    BestBidAsk,
    LastTradePrice,
    MarketResolved,
    NewMarket,
    TickSizeChange,
)

_AGGRESSORS: Final = {"BUY": "buy", "SELL": "sell"}
_DECORATION: Final = (
    "title", "slug", "icon", "event_slug", "name", "pseudonym", "bio", "profile_image",
    "profile_image_optimized",
)  # fmt: skip
"""What the data service adds to every trade about its market and its trader's profile."""


def last_trade_price(message: Message) -> Found:
    """The trade; the aggressor's side may be left out, but not be something else."""
    yield LastTradePrice(
        symbol=message.need_text("asset_id"),
        ts_event=message.ts_event,
        market=message.market,
        side=_aggressor(message),
        price=message.number("price"),
        size=message.number("size"),
        fee_rate_bps=message.number("fee_rate_bps"),
        transaction_hash=message.text("transaction_hash"),
        extra=message.extra(),
        inexact=message.found(),
    )


def past_trade(element: object) -> LastTradePrice:
    """The row of a trade of the data service, whose time is its block's, in seconds.

    Only takers are asked for, so that the wallet's side is the aggressor's.

    Raises:
        ValueError: It is no object, or names no token, price or size, or an unknown side.
    """
    told = Fields(element)
    told.ignore(*_DECORATION)
    symbol = told.need_text("token_id")
    for name in ("price", "size"):
        if told.raw(name) is None:
            raise ValueError(f"`{name}` is missing")
    return LastTradePrice(
        symbol=symbol,
        ts_event=told.seconds("timestamp", "ts_event"),
        market=told.text("condition_id"),
        side=_aggressor(told),
        price=told.number("price"),
        size=told.number("size"),
        transaction_hash=told.text("transaction_hash"),
        extra=told.extra(),
        inexact=told.found(),
    )


def _aggressor(told: Fields) -> str | None:
    side = told.text("side")
    if side is not None and side not in _AGGRESSORS:
        raise ValueError(f"`side` is neither BUY nor SELL: {side[:60]}")
    return None if side is None else _AGGRESSORS[side]


def best_bid_ask(message: Message) -> Found:
    """The touch."""
    yield BestBidAsk(
        symbol=message.need_text("asset_id"),
        ts_event=message.ts_event,
        market=message.market,
        best_bid=message.number("best_bid"),
        best_ask=message.number("best_ask"),
        spread=message.number("spread"),
        extra=message.extra(),
        inexact=message.found(),
    )


def tick_size_change(message: Message) -> Found:
    """The price step."""
    yield TickSizeChange(
        symbol=message.need_text("asset_id"),
        ts_event=message.ts_event,
        market=message.market,
        old_tick_size=message.number("old_tick_size"),
        new_tick_size=message.number("new_tick_size"),
        side=message.text("side"),
        extra=message.extra(),
        inexact=message.found(),
    )


def new_market(message: Message) -> Found:
    """One row per token; one without a token when none is named."""
    outcomes = message.items("outcomes")
    for item in _tokens(message):
        if isinstance(item, Problem):
            yield item
            continue
        index, token = item
        outcome = outcomes[index] if index < len(outcomes) and token is not None else None
        yield NewMarket(
            symbol=token,
            ts_event=message.ts_event,
            market=message.market,
            market_id=message.text("id"),
            outcome=None if outcome is None else spelled(outcome),
            question=message.text("question"),
            slug=message.text("slug"),
            description=message.text("description"),
            assets_ids=message.json("assets_ids"),
            outcomes=message.json("outcomes"),
            event_message=message.json("event_message"),
            tags=message.json("tags"),
            tick_size=message.number("order_price_min_tick_size", "tick_size"),
            active=message.flag("active"),
            group_item_title=message.text("group_item_title"),
            sports_market_type=message.text("sports_market_type"),
            line=message.text("line"),
            game_start_time=message.text("game_start_time"),
            extra=message.extra(),
            inexact=message.found(),
        )


def market_resolved(message: Message) -> Found:
    """One row per token; one without a token when none is named."""
    winner = message.text("winning_asset_id")
    for item in _tokens(message):
        if isinstance(item, Problem):
            yield item
            continue
        _, token = item
        yield MarketResolved(
            symbol=token,
            ts_event=message.ts_event,
            market=message.market,
            market_id=message.text("id"),
            is_winner=None if winner is None or token is None else token == winner,
            winning_asset_id=winner,
            winning_outcome=message.text("winning_outcome"),
            assets_ids=message.json("assets_ids"),
            outcomes=message.json("outcomes"),
            question=message.text("question"),
            slug=message.text("slug"),
            description=message.text("description"),
            event_message=message.json("event_message"),
            tags=message.json("tags"),
            extra=message.extra(),
            inexact=message.found(),
        )


def _tokens(message: Message) -> Iterator[tuple[int, str | None] | Problem]:
    """The tokens of a condition, each once, with their place in the list."""
    tokens = message.items("assets_ids")
    # The venue says both twice; only a difference would be news.
    if message.value.get("condition_id") == message.market:
        message.ignore("condition_id")
    if message.value.get("clob_token_ids") == message.value.get("assets_ids"):
        message.ignore("clob_token_ids")
    if not tokens:
        yield 0, None
    seen: set[str] = set()
    for index, token in enumerate(tokens):
        if isinstance(token, bool) or not isinstance(token, str | int) or token == "":
            yield Problem(f"assets_ids[{index}]", f"not a token: {spelled(token)[:60]}")
        elif str(token) not in seen:
            seen.add(str(token))
            yield index, str(token)
