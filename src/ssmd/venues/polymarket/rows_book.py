"""Rows of the order book: whole, and as changes in the three formats the venue had."""

from typing import Final

from ssmd.model.fields import Fields
from ssmd.venues.polymarket.rows_message import TOO_DEEP, Found, Message, Problem, elements
from ssmd.venues.polymarket.tables import Book, PriceChange

_NAMES: Final = (("bids", "asks"), ("buys", "sells"))
"""The sides, as they are called today and as they were."""
_SIDES: Final = {"BUY": "bid", "SELL": "ask"}
_NOTHING: Final[dict[str, object]] = {}


def has_levels(message: Message) -> bool:
    """Whether both sides are there, by either name."""
    return any(bids in message and asks in message for bids, asks in _NAMES)


def book(message: Message) -> Found:
    """One row per level; one without a level when there is none."""
    symbol = message.need_text("asset_id")
    digest, tick_size = message.text("hash"), message.number("tick_size")
    last = message.number("last_trade_price")
    names = _NAMES[1] if "buys" in message and "bids" not in message else _NAMES[0]
    message.ignore(*names)
    empty = True

    def row(name: str, side: str | None, level: int | None, element: Fields) -> Book:
        return Book(
            symbol=symbol,
            ts_event=message.ts_event,
            is_snapshot=True,
            market=message.market,
            side=side,
            level=level,
            price=element.number("price"),
            size=element.number("size"),
            hash=digest,
            tick_size=tick_size,
            last_trade_price=last,
            extra=message.extra_with(name, element),
            inexact=message.found_with(element),
        )

    for name, side in zip(names, ("bid", "ask"), strict=True):
        for item in elements(message, name):
            empty = False
            yield item if isinstance(item, Problem) else row(name, side, *item)
    if empty:
        yield row("", None, None, Fields(_NOTHING))


def price_change(message: Message) -> Found:
    """One row per level."""
    if "price_changes" in message:
        yield from _levels(message, "price_changes", None)
    elif "changes" in message:
        symbol = message.need_text("asset_id")
        yield from _levels(message, "changes", symbol)
    else:
        symbol = message.need_text("asset_id")
        message.ignore("price", "size", "side")
        level = {name: message.value[name] for name in ("price", "size", "side") if name in message}
        if level.get("price") is None or level.get("size") is None:
            raise ValueError("`price` or `size` is missing")
        yield _change(message, "", symbol, Fields(level))


def _levels(message: Message, name: str, symbol: str | None) -> Found:
    """The levels of a list: of one token, or each of its own."""
    message.ignore("hash")
    empty = True
    for item in elements(message, name):
        empty = False
        if isinstance(item, Problem):
            yield item
            continue
        index, element = item
        try:
            token = element.need_text("asset_id") if symbol is None else symbol
            yield _change(message, name, token, element)
        # A text may be just shallow enough to be read, and just too deep to be written again.
        except (ValueError, RecursionError) as error:
            yield Problem(f"{name}[{index}]", str(error) or TOO_DEEP)
    if empty:
        yield Problem(name, "a price change without levels")


def _change(message: Message, name: str, symbol: str, element: Fields) -> PriceChange:
    side = element.need_text("side")
    if side not in _SIDES:
        raise ValueError(f"`side` is neither BUY nor SELL: {side[:60]}")
    digest = element.text("hash")
    return PriceChange(
        symbol=symbol,
        ts_event=message.ts_event,
        market=message.market,
        side=_SIDES[side],
        price=element.number("price"),
        size=element.number("size"),
        hash=message.text("hash") if digest is None else digest,
        best_bid=element.number("best_bid"),
        best_ask=element.number("best_ask"),
        extra=message.extra_with(name, element),
        inexact=message.found_with(element),
    )
