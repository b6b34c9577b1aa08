"""Rows of the order book: bids for YES and bids for NO, as a whole and as changes."""

from typing import ClassVar, Final

from ssmd.model.fields import encode
from ssmd.model.row import Number, Row
from ssmd.venues.kalshi.quantities import Quantities
from ssmd.venues.kalshi.rows_message import Message, Problem

_SIDES: Final = ("yes", "no")


class OrderbookSnapshot(Row, frozen=True, kw_only=True):
    """One level of a whole book; a book without any gives one row, without side and price.

    Attributes:
        table: `orderbook_snapshot`.
        sid: The venue's number of the subscription.
        market_id: The venue's other id of the market.
        side: What is bid for: `yes` or `no`.
        level: Where it stands in the venue's list, from 0, worst price first.
        price: Dollars for one contract of that side.
        size: Contracts bid for.
    """

    table: ClassVar[str] = "orderbook_snapshot"

    sid: int | None = None
    market_id: str | None = None
    side: str | None = None
    level: int | None = None
    price: Number | None = None
    size: Number | None = None


class OrderbookDelta(Row, frozen=True, kw_only=True):
    """A change of one level.

    Attributes:
        table: `orderbook_delta`.
        sid: The venue's number of the subscription.
        market_id: The venue's other id of the market.
        side: What is bid for: `yes` or `no`.
        price: Dollars for one contract of that side.
        delta: Contracts more, or less when below 0; the level's size is the sum of them.
    """

    table: ClassVar[str] = "orderbook_delta"

    sid: int | None = None
    market_id: str | None = None
    side: str
    price: Number | None = None
    delta: Number | None = None


def delta(message: Message) -> Row:
    """The row of an `orderbook_delta` message.

    Raises:
        ValueError: It names no market, side, price or change by any name we know.
    """
    symbol = message.need_text("market_ticker")
    side = message.need_text("side")
    if side not in _SIDES:
        raise ValueError(f"`side` is neither yes nor no: {side[:60]}")
    message.need("price_dollars", "price")
    message.need("delta_fp", "delta")
    return OrderbookDelta(
        symbol=symbol,
        ts_event=message.happened(),
        sid=message.sid,
        market_id=message.words("market_id"),
        side=side,
        price=message.price("price", "price_dollars", "price"),
        delta=message.count("delta", "delta_fp", "delta"),
        extra=message.extra(),
        inexact=message.found(),
    )


def snapshot(message: Message) -> tuple[list[Row], list[Problem]]:
    """The rows of an `orderbook_snapshot` message, and the levels that gave none.

    Raises:
        ValueError: It names no market.
    """
    symbol = message.need_text("market_ticker")
    market_id = message.words("market_id")
    ts_event = message.happened()
    levels: list[tuple[str | None, int | None, Quantities]] = []
    problems: list[Problem] = []
    for side in _SIDES:
        read, wrong = _side(message, side)
        levels += [(side, index, level) for index, level in read]
        problems += wrong
    if not levels and not problems:
        levels.append((None, None, Quantities({})))
    rest, inexact = message.unread(), message.found()
    rows: list[Row] = [
        OrderbookSnapshot(
            symbol=symbol,
            ts_event=ts_event,
            is_snapshot=True,
            sid=message.sid,
            market_id=market_id,
            side=side,
            level=index,
            price=level.price("price", "price_dollars", "price_cents"),
            size=level.count("size", "size_fp", "size"),
            extra=_json(rest | level.unread()),
            inexact={**inexact, **level.inexact},
        )
        for side, index, level in levels
    ]
    return rows, problems


def _side(message: Message, side: str) -> tuple[list[tuple[int, Quantities]], list[Problem]]:
    """The levels of a side, by its newest spelling that says anything.

    Newest first: text with sizes in hundredths; dollars with whole sizes; cents.
    """
    spellings = (f"{side}_dollars_fp", f"{side}_dollars", side)
    stated = [name for name in spellings if message.peek(name) is not None]
    message.ignore(*(name for name in spellings if name not in stated))
    if not stated:
        return [], []
    newest, *older = stated
    levels, problems = _levels(newest, message.raw(newest), cents=newest == side)
    said = _said(levels)
    for name in older:
        again, wrong = _levels(name, message.peek(name), cents=name == side)
        if not wrong and _said(again) == said:
            message.ignore(name)
    return levels, problems


def _levels(
    name: str, value: object, *, cents: bool
) -> tuple[list[tuple[int, Quantities]], list[Problem]]:
    if not isinstance(value, list):
        return [], [Problem(f"msg.{name}", f"not a list: {encode(value)[:60]}")]
    price = "price_cents" if cents else "price_dollars"
    levels: list[tuple[int, Quantities]] = []
    problems: list[Problem] = []
    for index, item in enumerate(value):
        match item:
            case [first, second, *others] if first is not None and second is not None:
                more = {"more": others} if others else {}
                levels.append((index, Quantities({price: first, "size": second, **more})))
            case _:
                reason = f"not a price and a size: {encode(item)[:60]}"
                problems.append(Problem(f"msg.{name}[{index}]", reason))
    return levels, problems


def _said(levels: list[tuple[int, Quantities]]) -> list[tuple[object, object]]:
    """Prices and sizes, read from copies so that nothing is marked as read."""
    copies = [Quantities(level.unread()) for _, level in levels]
    return [
        (copy.price("price", "price_dollars", "price_cents"), copy.number("size"))
        for copy in copies
    ]


def _json(rest: dict[str, object]) -> str | None:
    return encode(rest) if rest else None
