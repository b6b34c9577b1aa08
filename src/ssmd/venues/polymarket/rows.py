"""Typed rows of an envelope: which reader reads which message, in all formats there were."""

from collections.abc import Callable, Mapping
from typing import Final

from ssmd.model.envelope import BACKFILL, Envelope
from ssmd.model.fields import decode
from ssmd.model.row import Decoded, Reject, Row
from ssmd.venues.polymarket import rows_book, rows_market
from ssmd.venues.polymarket.rows_message import TOO_DEEP, Found, Message, Problem

_READERS: Final[Mapping[str, Callable[[Message], Found]]] = {
    "book": rows_book.book,
    "price_change": rows_book.price_change,
    "last_trade_price": rows_market.last_trade_price,
    "best_bid_ask": rows_market.best_bid_ask,
    "tick_size_change": rows_market.tick_size_change,
    "new_market": rows_market.new_market,
    "market_resolved": rows_market.market_resolved,
}


def rows(envelope: Envelope) -> Decoded:
    """Everything a data message states, exactly; never raises, whatever the bytes.

    A message gives at least one row or one reject. Our own records and talk about the connection
    (types that begin with an underscore) give neither. A page of past trades gives a row for each
    trade of the envelope's tokens; what else was answered on the way to it gives nothing.
    """
    if envelope.type == BACKFILL:
        items = _past(envelope)
    elif envelope.type.startswith("_"):
        return Decoded()
    else:
        items = _read(envelope.payload)
    found: list[Row] = []
    rejects: list[Reject] = []
    for item in items:
        if isinstance(item, Problem):
            rejects.append(Reject(envelope.message_id, item.where, item.reason))
        else:
            found.append(item)
    return Decoded(tuple(found), tuple(rejects))


def _past(envelope: Envelope) -> Found:
    """The trades of a page, the one kind of answer whose `data` is a list."""
    try:
        body = decode(envelope.payload)
    except ValueError:
        return  # a page for people, where an answer was expected
    data = body.get("data") if isinstance(body, dict) else None
    for index, element in enumerate(data if isinstance(data, list) else ()):
        try:
            row = rows_market.past_trade(element)
        except (ValueError, RecursionError) as error:
            yield Problem(f"data[{index}]", str(error) or TOO_DEEP)
            continue
        if row.symbol in envelope.symbols:
            yield row


def _read(payload: bytes) -> Found:
    """One message, or every message of an array that stayed whole."""
    try:
        value = decode(payload)
    except ValueError as error:
        yield Problem("", str(error))
        return
    if not isinstance(value, list):
        yield from _message("", value)
    elif not value:
        yield Problem("", "an array without messages")
    else:
        for index, element in enumerate(value):
            yield from _message(f"[{index}]", element)


def _message(where: str, value: object) -> Found:
    """The rows of one message; what is wrong with it hurts no other."""
    try:
        message = Message(value)
        for item in _reader(message)(message):
            yield (
                Problem(_join(where, item.where), item.reason)
                if isinstance(item, Problem)
                else item
            )
    # A text may be just shallow enough to be read, and just too deep to be written again.
    except (ValueError, RecursionError) as error:
        yield Problem(where, str(error) or TOO_DEEP)


def _reader(message: Message) -> Callable[[Message], Found]:
    """Who reads it: by the discriminator; only the first books may come without one."""
    kind = message.kind
    if kind is None and rows_book.has_levels(message):
        return rows_book.book
    reader = _READERS.get(kind or "")
    if reader is None:
        raise ValueError(f"there is no table for messages of type {str(kind)[:60]!r}")
    return reader


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner
