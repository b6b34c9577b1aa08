"""Rows of book messages: one per level.

Nine in ten messages are of this type, so the shape that all recorded ones have takes a short way.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from ssmd.model.fields import NUMBER_SCALE, Fields, fits
from ssmd.model.row import Row
from ssmd.venues.kraken.messages import time_of
from ssmd.venues.kraken.reading import Context, need, required
from ssmd.venues.kraken.tables import BookRow

_SIDES: Final = (("bid", "bids"), ("ask", "asks"))
_BOOK: Final = frozenset({"symbol", "bids", "asks", "checksum", "timestamp"})
_LEVEL_FIELDS: Final = 2
_LIMIT: Final = 1 << 63


def books(message: Fields, context: Context) -> Iterator[Row]:
    """A row per level of every book of a message; a row of nothing when there is none."""
    data = required(message, "data")
    if not data:
        yield BookRow(symbol=None, is_snapshot=context.snapshot, extra=context.extra)
    for index, value in enumerate(data):
        where = f"data[{index}]"
        try:
            yield from _levels(_plain(value, context) or _book(value, context), context, where)
        except (ValueError, ArithmeticError) as error:
            context.rejects.append((where, str(error)))


class _Book(NamedTuple):
    """What all levels of one book share, and the levels by side."""

    symbol: str
    ts_event: int | None
    checksum: int | None
    sides: tuple[tuple[str, str, list[object]], ...]
    extra: str | None
    inexact: Mapping[str, str]


def _plain(value: object, context: Context) -> _Book | None:
    """A book with the fields of every book recorded; None when it is another."""
    if not isinstance(value, dict) or value.keys() != _BOOK:
        return None
    symbol, checksum, time = value["symbol"], value["checksum"], value["timestamp"]
    bids, asks = value["bids"], value["asks"]
    if type(symbol) is not str or type(checksum) is not int or type(time) is not str:
        return None
    if type(bids) is not list or type(asks) is not list or not symbol:
        return None
    ts_event = time_of(time)
    if ts_event is None or not 0 <= ts_event < _LIMIT or not 0 <= checksum < _LIMIT:
        return None
    sides = (("bid", "bids", bids), ("ask", "asks", asks))
    return _Book(symbol, ts_event, checksum, sides, context.extra, {})


def _book(value: object, context: Context) -> _Book:
    """Any other book.

    Raises:
        ValueError: It is none.
    """
    item = Fields(value)
    symbol = item.need_text("symbol")
    ts_event = item.moment("timestamp", "ts_event")
    checksum = item.integer("checksum")
    sides = tuple((side, name, item.items(name)) for side, name in _SIDES if name in item)
    if not sides:
        message = "neither `bids` nor `asks` is there"
        raise ValueError(message)
    return _Book(symbol, ts_event, checksum, sides, context.extra_of(item), item.found())


def _levels(book: _Book, context: Context, where: str) -> Iterator[Row]:
    """A row per level, bids first, each side in the order in which it came."""
    symbol, ts_event, checksum, sides, extra, found = book
    snapshot = context.snapshot
    empty = True
    for side, name, levels in sides:
        for index, level in enumerate(levels):
            empty = False
            try:
                price, size, more, inexact = _level(level)
            except (ValueError, ArithmeticError) as error:
                context.rejects.append((f"{where}.{name}[{index}]", str(error)))
                continue
            yield BookRow(
                symbol=symbol,
                ts_event=ts_event,
                is_snapshot=snapshot,
                side=side,
                price=price,
                size=size,
                level=index if snapshot else None,
                checksum=checksum,
                extra=extra if more is None else _both(extra, more),
                inexact={**found, **inexact} if inexact else found,
            )
    if empty:
        yield BookRow(
            symbol=symbol,
            ts_event=ts_event,
            is_snapshot=snapshot,
            checksum=checksum,
            extra=extra,
            inexact=found,
        )


def _level(
    level: object,
) -> tuple[Decimal | None, Decimal | None, str | None, dict[str, str] | None]:
    """Price and size of a level, what nobody reads of it, and what no column can hold."""
    if type(level) is dict and len(level) == _LEVEL_FIELDS:  # as every level recorded
        price, size = level.get("price"), level.get("qty")
        if type(price) is Decimal and type(size) is Decimal and _fits(price) and _fits(size):
            return price, size, None, None
    fields = Fields(level)
    need(fields, "price", "qty")
    number, amount = fields.number("price"), fields.number("qty", "size")
    return number, amount, fields.extra(), fields.inexact


def _fits(value: Decimal) -> bool:
    return fits(value, NUMBER_SCALE)


def _both(extra: str | None, more: str) -> str:
    """What nobody reads of a book, and of one of its levels as `$level`."""
    return f'{{"$level":{more}' + (f",{extra[1:]}" if extra else "}")
