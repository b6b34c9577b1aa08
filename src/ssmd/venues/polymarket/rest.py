"""What Polymarket offers over REST: Gamma lists, the order book's own service tells books.

Rate limits (docs.polymarket.com/api-reference/rate-limits): over 10 s, Gamma 4,000 requests in
all, 900 for listings, 500 for events; the order book service about 9,000; the data service 1,000,
200 for trades. What is too much is delayed, not refused. A tenth of that is taken here.
"""

import hashlib
from collections.abc import Generator
from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.fields import decode
from ssmd.model.rest import Complaint, Request, Rest, Retold, Service, Witness
from ssmd.venues.polymarket.catalog import catalog
from ssmd.venues.polymarket.history import CLOB, DATA, history
from ssmd.venues.polymarket.lookup import lookup
from ssmd.venues.polymarket.reference import reference
from ssmd.venues.polymarket.saved import saved
from ssmd.venues.polymarket.subscriptions import CHANNEL

_CURABLE: Final = ("timeout", "timed out", "try again", "rate", "internal", "unavailable")

_PASSING: Final = frozenset(
    {
        *(
            f"volume{span}{where}"
            for span in ("", "24hr", "1wk", "1mo", "1yr")
            for where in ("", "Amm", "Clob")
        ),
        *(f"liquidity{where}" for where in ("", "Amm", "Clob", "Num")),
        *(f"one{span}PriceChange" for span in ("Hour", "Day", "Week", "Month", "Year")),
        "volumeNum",
        "openInterest",
        "outcomePrices",
        "bestBid",
        "bestAsk",
        "lastTradePrice",
        "spread",
        "competitive",
        "commentCount",
        "tweetCount",
        "score",
        "updatedAt",
        "updatedBy",
        # What groups a market is told by itself, with all its own counters.
        "events",
    }
)
"""Prices, totals, counters, times of change; what an answer paid in the end is a field of its own."""


class _Said(msgspec.Struct, gc=False):
    error: str | None = None


_said: Final = msgspec.json.Decoder(_Said)


def complaint(body: bytes) -> Complaint | None:
    """The `error` of an object, where an answer was expected."""
    if body.lstrip()[:1] != b"{":
        return None
    try:
        reason = _said.decode(body).error
    except (msgspec.DecodeError, RecursionError):
        return None
    if not reason:
        return None
    return Complaint(reason, any(word in reason.casefold() for word in _CURABLE))


def witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
    """The book of a token as it stands, without its time and its `hash`, which counts the time."""
    return _book(symbol, nonce) if CHANNEL in channels else None


def _book(symbol: str, nonce: str) -> Generator[Request, bytes, bytes]:
    body = yield Request("/book", (("token_id", symbol), ("nonce", nonce)), CLOB)
    book = decode(body)
    if not isinstance(book, dict):
        raise ValueError("the book is not an object")
    digest = hashlib.sha256()
    for side in (b"bids", b"asks"):
        levels = book.get(side.decode())
        if not isinstance(levels, list):
            raise ValueError(f"the book has no {side.decode()}")
        digest.update(side)
        digest.update(b"".join(sorted(_level(level) for level in levels)))
    return digest.digest()


def _level(level: object) -> bytes:
    if not isinstance(level, dict):
        raise ValueError("a level of the book is not an object")
    return f"{level.get('price')}:{level.get('size')};".encode()


_RETOLD: Final = Retold(
    by_id=False,
    early_s=5.0,
    # The time of a block: some seconds after the match that the stream tells of.
    late_s=60.0,
    settles_s=120.0,
    smallest=Decimal("0.01"),
    caveats=(
        "Trades have no id here: of those equal in price, size and side, only the number counts.",
        "The history's times are those of blocks, in whole seconds, some seconds after the match.",
        "The history never tells of less than 0.01 shares.",
    ),
)


REST: Final = Rest(
    services={
        "main": Service(base="https://gamma-api.polymarket.com", tokens_per_second=5.0, burst=5.0),
        CLOB: Service(base="https://clob.polymarket.com", tokens_per_second=10.0, burst=10.0),
        DATA: Service(base="https://data-api.polymarket.com", tokens_per_second=2.0, burst=2.0),
    },
    complaint=complaint,
    catalog=catalog,
    witness=witness,
    history=history,
    partial=frozenset({"market"}),
    retold=_RETOLD,
    reference=reference,
    lookup=lookup,
    saved=saved,
    passing=_PASSING,
)
