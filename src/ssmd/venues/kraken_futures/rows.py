"""Typed rows of what the session gave: every field, exactly.

The format is the one of 2021 to this day; what was added since (quote volume, the day's open, high
and low, relative funding) is None where it is missing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.fields import Fields, decode, encode
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.kraken_futures.history import listed
from ssmd.venues.kraken_futures.messages import canonical
from ssmd.venues.kraken_futures.tables import BookLevel, Ticker, TickerLite, Trade

TABLES: Final = (Ticker, TickerLite, Trade, BookLevel)

_SIDES: Final = {"buy": "bid", "sell": "ask"}


class _Reading:
    """The rows of one envelope so far, and what gave none."""

    def __init__(self, envelope: Envelope) -> None:
        self.rows: list[Row] = []
        self.rejects: list[Reject] = []
        self._id = envelope.message_id

    def each(self, name: str, items: list[object], read: Callable[[int, object], Row]) -> None:
        """Read the elements of a list; a bad one leaves its neighbours alone."""
        for at, item in enumerate(items):
            try:
                self.rows.append(read(at, item))
            except (ValueError, ArithmeticError) as error:
                self.reject(f"{name}[{at}]", error)

    def reject(self, where: str, error: Exception) -> None:
        """Note a piece that gave no row."""
        self.rejects.append(Reject(self._id, where, str(error)))


def rows(envelope: Envelope) -> Decoded:
    """Typed rows of an envelope; never raises."""
    if envelope.type.startswith("_") and envelope.type != BACKFILL:
        return Decoded()
    reading = _Reading(envelope)
    try:
        if envelope.type == BACKFILL:
            _past(envelope.payload, _only(envelope.symbols), reading)
        else:
            fields = _fields(decode(envelope.payload))
            read = _READERS.get(envelope.type, _stranger)
            read(fields, canonical(fields.need_text("product_id")), reading)
    except (ValueError, ArithmeticError) as error:
        reading.reject("", error)
    return Decoded(tuple(reading.rows), tuple(reading.rejects))


def _fields(value: object) -> Fields:
    """The fields of a message or a trade, less what says nothing.

    Raises:
        ValueError: It is no object.
    """
    fields = Fields(value)
    fields.ignore("feed")
    told: dict[str, object] = value if isinstance(value, dict) else {}
    if told.get("tickSize") is None:  # of book snapshots, and null ever since it exists
        fields.ignore("tickSize")
    if told.get("fundingRatePrediction") == told.get("funding_rate_prediction"):
        fields.ignore("fundingRatePrediction")  # two spellings of one figure
    return fields


def _ticker(fields: Fields, symbol: str, reading: _Reading) -> None:
    stated = "funding_rate_prediction" in fields
    prediction = "funding_rate_prediction" if stated else "fundingRatePrediction"
    reading.rows.append(
        Ticker(
            symbol=symbol,
            ts_event=fields.millis("time", "ts_event"),
            bid=fields.number("bid"),
            bid_size=fields.number("bid_size"),
            ask=fields.number("ask"),
            ask_size=fields.number("ask_size"),
            last=fields.number("last"),
            volume=fields.number("volume"),
            volume_quote=fields.number("volumeQuote", "volume_quote"),
            open=fields.number("open"),
            high=fields.number("high"),
            low=fields.number("low"),
            change=fields.rate("change"),
            premium=fields.rate("premium"),
            index=fields.rate("index"),
            mark_price=fields.rate("markPrice", "mark_price"),
            open_interest=fields.number("openInterest", "open_interest"),
            funding_rate=fields.rate("funding_rate"),
            funding_rate_prediction=fields.rate(prediction, "funding_rate_prediction"),
            relative_funding_rate=fields.rate("relative_funding_rate"),
            relative_funding_rate_prediction=fields.rate("relative_funding_rate_prediction"),
            next_funding_rate_time=fields.millis("next_funding_rate_time"),
            suspended=fields.flag("suspended"),
            post_only=fields.flag("post_only"),
            leverage=fields.text("leverage"),
            tag=fields.text("tag"),
            pair=fields.text("pair"),
            days_to_maturity=fields.integer("dtm", "days_to_maturity"),
            maturity_time=fields.millis("maturityTime", "maturity_time"),
            extra=fields.extra(),
            inexact=fields.found(),
        )
    )


def _ticker_lite(fields: Fields, symbol: str, reading: _Reading) -> None:
    reading.rows.append(
        TickerLite(
            symbol=symbol,
            bid=fields.number("bid"),
            ask=fields.number("ask"),
            volume=fields.number("volume"),
            volume_quote=fields.number("volumeQuote", "volume_quote"),
            change=fields.rate("change"),
            premium=fields.rate("premium"),
            tag=fields.text("tag"),
            pair=fields.text("pair"),
            days_to_maturity=fields.integer("dtm", "days_to_maturity"),
            maturity_time=fields.millis("maturityTime", "maturity_time"),
            extra=fields.extra(),
            inexact=fields.found(),
        )
    )


def _trade(fields: Fields, symbol: str, reading: _Reading) -> None:
    reading.rows.append(_one_trade(fields, symbol, snapshot=False))


def _trade_snapshot(fields: Fields, symbol: str, reading: _Reading) -> None:
    def trade(_: int, item: object) -> Row:
        inner = _fields(item)
        return _one_trade(inner, canonical(inner.text("product_id") or symbol), snapshot=True)

    trades = fields.items("trades")
    reading.each("trades", trades, trade)
    if not trades:
        reading.rows.append(Trade(symbol=symbol, is_snapshot=True))
    _keep(fields.extra(), reading)


def _past(payload: bytes, symbol: str, reading: _Reading) -> None:
    """The trades of a page of `/history`.

    Its `uid`, side and type are documented in the words of the trade feed, so they are taken for
    the same, though no recording has one trade from both. Its `trade_id` counts fills, while `seq`
    counts messages: it stays in `extra`.
    """

    def trade(_: int, item: object) -> Row:
        fields = Fields(item)
        side = _side(fields)
        _demand(fields, "size")
        return Trade(
            symbol=symbol,
            ts_event=fields.moment("time", "ts_event"),
            native_id=fields.text("uid"),
            side=side,
            price=fields.number("price"),
            size=fields.number("size"),
            trade_type=fields.text("type"),
            extra=fields.extra(),
            inexact=fields.found(),
        )

    reading.each("history", listed(payload), trade)


def _only(symbols: tuple[str, ...]) -> str:
    """The one product a page is of.

    Raises:
        ValueError: It is none, or several.
    """
    if len(symbols) != 1:
        raise ValueError("a page of trades is of one product")
    return symbols[0]


def _one_trade(fields: Fields, symbol: str, *, snapshot: bool) -> Trade:
    """One trade, alone or out of a snapshot.

    Raises:
        ValueError: It is none.
    """
    side = _side(fields)
    _demand(fields)
    return Trade(
        symbol=symbol,
        ts_event=fields.millis("time", "ts_event"),
        native_id=fields.text("uid"),
        is_snapshot=snapshot,
        side=side,
        price=fields.number("price"),
        size=fields.number("qty", "size"),
        trade_type=fields.text("type"),
        seq=fields.integer("seq"),
        extra=fields.extra(),
        inexact=fields.found(),
    )


def _book(fields: Fields, symbol: str, reading: _Reading) -> None:
    side = _side(fields)
    _demand(fields)
    reading.rows.append(
        BookLevel(
            symbol=symbol,
            ts_event=fields.millis("timestamp", "ts_event"),
            side=_SIDES[side],
            price=fields.number("price"),
            size=fields.number("qty", "size"),
            seq=fields.integer("seq"),
            extra=fields.extra(),
            inexact=fields.found(),
        )
    )


def _book_snapshot(fields: Fields, symbol: str, reading: _Reading) -> None:
    empty = BookLevel(
        symbol=symbol,
        ts_event=fields.millis("timestamp", "ts_event"),
        is_snapshot=True,
        seq=fields.integer("seq"),
        inexact=fields.found(),
    )

    def level(side: str, at: int, item: object) -> Row:
        inner = Fields(item)
        _demand(inner)
        return BookLevel(
            symbol=symbol,
            ts_event=empty.ts_event,
            is_snapshot=True,
            side=side,
            price=inner.number("price"),
            size=inner.number("qty", "size"),
            level=at,
            seq=empty.seq,
            extra=inner.extra(),
            inexact={**empty.inexact, **inner.inexact},
        )

    bids, asks = fields.items("bids"), fields.items("asks")
    reading.each("bids", bids, partial(level, "bid"))
    reading.each("asks", asks, partial(level, "ask"))
    if not bids and not asks:
        reading.rows.append(empty)
    _keep(fields.extra(), reading)


def _stranger(fields: Fields, symbol: str, reading: _Reading) -> None:
    raise ValueError("no rows are known of this type")


def _side(fields: Fields) -> str:
    """The side of a level or a trade.

    Raises:
        ValueError: It is none.
    """
    side = fields.need_text("side")
    if side not in _SIDES:
        raise ValueError(f"`side` is neither buy nor sell: {side[:60]}")
    return side


def _demand(fields: Fields, size: str = "qty") -> None:
    """A level or a trade without price or size is none.

    Raises:
        ValueError: One of them is missing.
    """
    for name in ("price", size):
        if fields.raw(name) is None:
            raise ValueError(f"`{name}` is missing")


def _keep(extra: str | None, reading: _Reading) -> None:
    """Keep what a snapshot says beside its list with the first of its rows."""
    if extra is None or not reading.rows:
        return
    first = reading.rows[0]
    if first.extra is not None:
        extra = encode([decode(extra.encode()), decode(first.extra.encode())])
    reading.rows[0] = msgspec.structs.replace(first, extra=extra)


_READERS: Final[Mapping[str, Callable[[Fields, str, _Reading], None]]] = {
    "ticker": _ticker,
    "ticker_lite": _ticker_lite,
    "trade": _trade,
    "trade_snapshot": _trade_snapshot,
    "book": _book,
    "book_snapshot": _book_snapshot,
}
