"""What Kraken Futures offers over REST, version 3: listings, how things stand, missed trades.

https://docs.kraken.com/exchange/api-reference/futures-rest/
"""

import hashlib
from typing import Any, Final

import msgspec

from ssmd.model.fields import encode
from ssmd.model.rest import Complaint, Request, Rest, Service, Witness
from ssmd.venues.kraken_futures.catalog import catalog, reference, saved
from ssmd.venues.kraken_futures.history import history

_PASSING: Final = ("limit", "unavailable", "server error", "internal", "timeout", "busy")
"""What the venue's words have in common when asking again later can succeed."""


_NOTHING: Final = msgspec.Raw(b"null")


class _Verdict(msgspec.Struct):
    """What tells an answer from a complaint, of which two shapes are in use."""

    result: str | None = None
    error: Any = None
    errors: Any = None


class _Stand(msgspec.Struct, rename="camel"):
    """Of any answer about one instrument, the part that changes only when it does."""

    order_book: msgspec.Raw = _NOTHING
    ticker: msgspec.Raw = _NOTHING
    history: msgspec.Raw = _NOTHING


class _Touch(msgspec.Struct, rename="camel"):
    """Of a ticker, what the short feed tells too."""

    bid: msgspec.Raw = _NOTHING
    ask: msgspec.Raw = _NOTHING
    vol24h: msgspec.Raw = _NOTHING


_verdict: Final = msgspec.json.Decoder(_Verdict)
_stand: Final = msgspec.json.Decoder(_Stand)
_touch: Final = msgspec.json.Decoder(_Touch)


def complaint(body: bytes) -> Complaint | None:
    """What a body complains of: `{"error": "..."}` or `{"errors": [...]}`."""
    try:
        verdict = _verdict.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if verdict.result != "error" and not verdict.error and not verdict.errors:
        return None
    told = verdict.errors if isinstance(verdict.errors, list) else [verdict.errors]
    words = [_words(part) for part in (verdict.error, *told) if part]
    reason = "; ".join(words) or "error"
    passing = any(word in reason.casefold() for word in _PASSING)
    return Complaint(reason[:300], retryable=passing)


def _words(part: object) -> str:
    """The sentence in one error, however it is wrapped."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        for name in ("message", "msg", "error"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    return encode(part)


def witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
    """How an instrument stands, judged by the feed that tells most of what is subscribed."""
    if "book" in channels:
        return _digest("order_book", Request("/orderbook", (("symbol", symbol), ("_", nonce))))
    if "ticker" in channels or "ticker_lite" in channels:
        return _digest(
            "ticker" if "ticker" in channels else "touch",
            Request(f"/tickers/{symbol}", (("_", nonce),)),
        )
    if "trade" in channels:
        return _digest("history", Request("/history", (("symbol", symbol), ("_", nonce))))
    return None


def _digest(part: str, request: Request) -> Witness:
    body = yield request
    try:
        stand = _stand.decode(body)
        told = {"order_book": stand.order_book, "history": stand.history}.get(part, stand.ticker)
        if part == "touch":
            touch = _touch.decode(told)
            told = msgspec.Raw(msgspec.json.encode([touch.bid, touch.ask, touch.vol24h]))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the answer is not as documented: {error}") from error
    if bytes(told) == bytes(_NOTHING):
        raise ValueError("the answer lacks what was asked for")
    return hashlib.sha256(bytes(told)).digest()


REST: Final = Rest(
    services={
        "main": Service(
            # Public requests cost nothing of the 500 tokens that refill every ten seconds
            # (guides/futures/ratelimits); five a second are what others live with.
            base="https://futures.kraken.com/derivatives/api/v3",
            tokens_per_second=5.0,
            burst=10.0,
        )
    },
    complaint=complaint,
    catalog=catalog,
    witness=witness,
    history=history,
    reference=reference,
    # No `lookup`: the venue tells nothing of a single product beyond its listing, least of all of
    # one that ended. Nothing is `passing`: what moves stands in the tickers, not in the listing.
    saved=saved,
    # Nothing is `identifying`: a pair has several products, and the ISIN of a product on a share is
    # that of the share.
)
