"""Typed rows of Kraken spot's messages; see `tables` for what they hold.

Recorded: `data` is an array of elements with a `symbol`, and of the instrument channel an object
of `assets` and `pairs`; numbers are JSON numbers, some with an exponent (`1E-8`).
"""

from collections.abc import Callable, Iterator
from typing import Final

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.fields import Fields, decode, encode
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kraken.book_rows import books
from ssmd.venues.kraken.past_rows import past_trades
from ssmd.venues.kraken.reading import Context, need, required
from ssmd.venues.kraken.tables import AssetRow, InstrumentRow, OhlcRow, TickerRow, TradeRow

_KINDS: Final = ("update", "snapshot")
_MESSAGE: Final = frozenset({"channel", "type", "data"})


def rows(envelope: Envelope) -> Decoded:
    """The rows of a message, by its type and then by what it holds, or of a page of REST."""
    if envelope.type.startswith("_") and envelope.type != BACKFILL:
        return Decoded()
    context = Context(snapshot=False, extra=None, rejects=[])
    made: list[Row] = []
    try:
        if envelope.type == BACKFILL:
            made.extend(past_trades(envelope.payload, envelope.symbols, context))
        else:
            made.extend(_reader(envelope.type)(_data(envelope, context), context))
    except (ValueError, ArithmeticError) as error:
        context.rejects.append(("", str(error)))
    identity = envelope.message_id
    rejects = tuple(Reject(identity, where, reason) for where, reason in context.rejects)
    return Decoded(tuple(made), rejects)


def _reader(name: str) -> "Callable[[Fields, Context], Iterator[Row]]":
    read = _READERS.get(name)
    if read is None:
        message = f"there are no rows of type {name[:60]!r}"
        raise ValueError(message)
    return read


def _data(envelope: Envelope, context: Context) -> Fields:
    """The message, with its context read from it.

    Raises:
        ValueError: It is not one of this type.
    """
    values = decode(envelope.payload)
    message = Fields(values)
    if isinstance(values, dict) and values.keys() == _MESSAGE:
        kind = values["type"]
        if values["channel"] == envelope.type and kind in _KINDS:
            context.snapshot = kind == "snapshot"
            return message  # as every message recorded
    channel = message.text("channel")
    if channel != envelope.type:
        text = f"`channel` is {(channel or '')[:60]!r}, not the type {envelope.type!r}"
        raise ValueError(text)
    kind = message.raw("type")
    context.snapshot = kind == "snapshot"
    message.raw("data")
    if channel == "ohlc":
        context.ts_event = message.moment("timestamp", "ts_event")
        context.inexact = message.found()
    context.extra = message.extra()
    if kind not in _KINDS:
        rest = f",{context.extra[1:]}" if context.extra else "}"
        context.extra = f'{{"type":{encode(kind)}' + rest
    return message


def _elements(
    read: Callable[[Fields, Context], Row], row: type[Row]
) -> Callable[[Fields, Context], Iterator[Row]]:
    """The reader of messages with one row per element; a row of nothing when there is none."""

    def rows_of(message: Fields, context: Context) -> Iterator[Row]:
        data = required(message, "data")
        if not data:
            yield row(symbol=None, is_snapshot=context.snapshot, extra=context.extra)
        yield from context.each(data, "data", read)

    return rows_of


def _ticker(item: Fields, context: Context) -> Row:
    return TickerRow(
        symbol=item.need_text("symbol"),
        ts_event=item.moment("timestamp", "ts_event"),
        is_snapshot=context.snapshot,
        bid=item.number("bid"),
        bid_size=item.number("bid_qty", "bid_size"),
        ask=item.number("ask"),
        ask_size=item.number("ask_qty", "ask_size"),
        last=item.number("last"),
        volume=item.number("volume"),
        vwap=item.number("vwap"),
        low=item.number("low"),
        high=item.number("high"),
        change=item.number("change"),
        change_pct=item.number("change_pct"),
        trades=item.integer("trades"),
        extra=context.extra_of(item),
        inexact=item.found(),
    )


def _trade(item: Fields, context: Context) -> Row:
    need(item, "price", "qty")
    return TradeRow(
        symbol=item.need_text("symbol"),
        ts_event=item.moment("timestamp", "ts_event"),
        native_id=item.text("trade_id"),
        is_snapshot=context.snapshot,
        side=item.text("side"),
        price=item.number("price"),
        size=item.number("qty", "size"),
        ord_type=item.text("ord_type"),
        trade_id=item.integer("trade_id"),
        extra=context.extra_of(item),
        inexact=item.found(),
    )


def _candle(item: Fields, context: Context) -> Row:
    return OhlcRow(
        symbol=item.need_text("symbol"),
        ts_event=context.ts_event,
        is_snapshot=context.snapshot,
        interval=item.integer("interval"),
        interval_begin=item.moment("interval_begin"),
        interval_end=item.moment("timestamp", "interval_end"),
        open=item.number("open"),
        high=item.number("high"),
        low=item.number("low"),
        close=item.number("close"),
        vwap=item.number("vwap"),
        volume=item.number("volume"),
        trades=item.integer("trades"),
        extra=context.extra_of(item),
        inexact={**context.inexact, **item.found()},
    )


def _instruments(message: Fields, context: Context) -> Iterator[Row]:
    """Pairs and assets, two kinds of fact in one message."""
    need(message, "data")
    data = Fields(message.raw("data"))
    pairs, assets = data.items("pairs"), data.items("assets")
    beside = data.extra()
    if beside is not None:
        context.extra = f'{{"data":{beside}' + (f",{context.extra[1:]}" if context.extra else "}")
    if not pairs and not assets:
        if "pairs" not in data and "assets" not in data:
            text = "neither `data.pairs` nor `data.assets` is there"
            raise ValueError(text)
        yield InstrumentRow(symbol=None, is_snapshot=context.snapshot, extra=context.extra)
    yield from context.each(pairs, "data.pairs", _pair)
    yield from context.each(assets, "data.assets", _asset)


def _pair(item: Fields, context: Context) -> Row:
    return InstrumentRow(
        symbol=item.need_text("symbol"),
        ts_event=item.moment("timestamp", "ts_event"),
        is_snapshot=context.snapshot,
        base=item.text("base"),
        quote=item.text("quote"),
        status=item.text("status"),
        qty_precision=item.integer("qty_precision"),
        qty_increment=item.number("qty_increment"),
        qty_min=item.number("qty_min"),
        price_precision=item.integer("price_precision"),
        price_increment=item.number("price_increment"),
        tick_size=item.number("tick_size"),
        cost_precision=item.integer("cost_precision"),
        cost_min=item.number("cost_min"),
        marginable=item.flag("marginable"),
        margin_initial=item.number("margin_initial"),
        position_limit_long=item.number("position_limit_long"),
        position_limit_short=item.number("position_limit_short"),
        has_index=item.flag("has_index"),
        execution_venue=item.text("execution_venue"),
        extra=context.extra_of(item),
        inexact=item.found(),
    )


def _asset(item: Fields, context: Context) -> Row:
    return AssetRow(
        symbol=None,
        ts_event=item.moment("timestamp", "ts_event"),
        is_snapshot=context.snapshot,
        asset=item.need_text("id"),
        status=item.text("status"),
        precision=item.integer("precision"),
        precision_display=item.integer("precision_display"),
        borrowable=item.flag("borrowable"),
        collateral_value=item.number("collateral_value"),
        margin_rate=item.number("margin_rate"),
        multiplier=item.number("multiplier"),
        extra=context.extra_of(item),
        inexact=item.found(),
    )


_READERS: Final[dict[str, Callable[[Fields, Context], Iterator[Row]]]] = {
    "ticker": _elements(_ticker, TickerRow),
    "trade": _elements(_trade, TradeRow),
    "ohlc": _elements(_candle, OhlcRow),
    "book": books,
    "instrument": _instruments,
}
