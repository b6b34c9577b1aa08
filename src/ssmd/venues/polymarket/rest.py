"""What Polymarket offers over REST: Gamma lists, the order book's own service tells books.

Rate limits (docs.polymarket.com/api-reference/rate-limits): over 10 s, Gamma 4,000 requests in
all, 900 for listings, 500 for events; the order book service about 9,000; the data service 1,000,
200 for trades. What is too much is delayed, not refused. A tenth of that is taken here.
"""

import hashlib
from collections.abc import Generator
from typing import Final

import msgspec

from ssmd.model.fields import decode
from ssmd.model.rest import Complaint, Request, Rest, Service, Witness
from ssmd.venues.polymarket.catalog import catalog
from ssmd.venues.polymarket.history import CLOB, DATA, history
from ssmd.venues.polymarket.subscriptions import CHANNEL

_PASSING: Final = ("timeout", "timed out", "try again", "rate", "internal", "unavailable")


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
    return Complaint(reason, any(word in reason.casefold() for word in _PASSING))


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
)
