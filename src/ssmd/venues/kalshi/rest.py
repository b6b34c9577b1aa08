"""What the venue offers over REST, and how it is to be asked.

https://docs.kalshi.com/getting_started/rate_limits
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from ssmd.model.fields import Fields, decode, exactly
from ssmd.model.rest import Complaint, Request, Rest, Retold, Service, Witness
from ssmd.venues.kalshi.catalog import catalog
from ssmd.venues.kalshi.history import history
from ssmd.venues.kalshi.listing_pages import COST
from ssmd.venues.kalshi.lookup import lookup
from ssmd.venues.kalshi.reference import reference
from ssmd.venues.kalshi.saved import saved

_BOOK: Final = "orderbook_delta"
_TICKER: Final = "ticker"
_TRADE: Final = "trade"

_STATED: Final = (
    ("yes_bid", "yes_bid_dollars"),
    ("yes_ask", "yes_ask_dollars"),
    ("last_price", "last_price_dollars"),
    ("volume", "volume_fp"),
)
"""What of a market a ticker tells, each under its old and its new name."""
_SIZES: Final = (("yes_bid_size", "yes_bid_size_fp"), ("yes_ask_size", "yes_ask_size_fp"))
"""Contracts at the best prices: what is public of the rest of a book."""

_PASSING: Final = frozenset(
    f"{name}{spelling}"
    for name, spellings in {
        "yes_bid": ("", "_dollars"),
        "yes_ask": ("", "_dollars"),
        "no_bid": ("", "_dollars"),
        "no_ask": ("", "_dollars"),
        "last_price": ("", "_dollars"),
        "previous_yes_bid": ("", "_dollars"),
        "previous_yes_ask": ("", "_dollars"),
        "previous_price": ("", "_dollars"),
        "yes_bid_size": ("", "_fp"),
        "yes_ask_size": ("", "_fp"),
        "volume": ("", "_fp"),
        "volume_24h": ("", "_fp"),
        "open_interest": ("", "_fp"),
        "liquidity": ("", "_dollars"),
        "updated_time": ("",),
        "last_updated_ts": ("",),
    }.items()
    for spelling in spellings
)
"""Prices, sizes, totals and times of change: in both spellings, as they state the moment."""

_LASTING: Final = frozenset(
    {
        "authentication_error",
        "bad_request",
        "forbidden",
        "invalid_parameter",
        "invalid_parameters",
        "not_found",
        "unauthorized",
    }
)
"""Error codes that asking again does not cure."""


class _Said(msgspec.Struct):
    """What an answer holds when it is a complaint, in the two shapes there are."""

    error: Any = None
    code: Any = None
    message: Any = None
    details: Any = None


def complaint(body: bytes) -> Complaint | None:
    """Errors have a status of their own here; one in a body of status 200 is a gateway's doing.

    So is a body that is not JSON (a page for people): both are worth asking again, unless the
    code says that the request itself is wrong.
    """
    try:
        said = msgspec.json.decode(body, type=_Said)
    except msgspec.ValidationError:
        return None  # JSON of another shape: whoever asked will say so
    except (msgspec.DecodeError, RecursionError) as problem:
        return Complaint(f"not readable JSON: {problem}", retryable=True)
    code, words = said.code, [said.message, said.details]
    if isinstance(said.error, dict):
        code = said.error.get("code")
        words = [said.error.get(name) for name in ("message", "details")]
    elif said.error is not None:
        words = [said.error]
    elif said.code is None or said.message is None:
        return None
    reason = ": ".join(str(part) for part in (code, *words) if part)
    lasting = isinstance(code, str) and code in _LASTING
    return Complaint(reason[:300] or "an error without words", retryable=not lasting)


def witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
    """How a market stands, as far as the subscribed channels would have told of a change.

    The market's own record, public, holds what a ticker tells and the top of the book; the newest
    trade is asked for where only trades are heard. Answers to people without a key are kept at
    the edge for 15 seconds, so that each request carries a parameter which no cache has seen.

    What this cannot see: the whole book is given to signed requests alone, and ours are not. A
    book that changes below its best prices only, with no trade, passes for one where nothing
    happened, so that its silence is not held against its subscription.
    """
    if not channels & {_BOOK, _TICKER, _TRADE}:
        return None
    return _witness(symbol, channels, nonce)


def _witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness:
    if channels & {_BOOK, _TICKER}:
        body = yield _ask(f"/markets/{quote(symbol, safe='')}", nonce)
        return _standing(body, sizes=_BOOK in channels).encode()
    body = yield _ask("/markets/trades", nonce, ("ticker", symbol), ("limit", "1"))
    return _newest(body).encode()


def _ask(path: str, nonce: str, *query: tuple[str, str]) -> Request:
    return Request(path, (*query, ("nonce", nonce)), cost=COST)


def _standing(body: bytes, *, sizes: bool) -> str:
    """Best prices, last price and volume; for books also how much there is at the best prices.

    Sizes are left out for a ticker alone: nobody promises that it tells of each change of them.

    Raises:
        ValueError: It is no market.
    """
    market = Fields(Fields(decode(body)).raw("market"))
    stated: list[str] = []
    for name, new in (*_STATED, *(_SIZES if sizes else ())):
        value = market.raw(new if new in market else name)
        stated.append(f"{name} {'-' if value is None else _plain(value)}")
    return "\n".join(stated)


def _newest(body: bytes) -> str:
    """The id of the newest trade.

    Raises:
        ValueError: It is no list of trades.
    """
    fields = Fields(decode(body))
    if "trades" not in fields:
        raise ValueError("`trades` is missing")
    trades = fields.items("trades")
    return f"trade {Fields(trades[0]).need_text('trade_id')}" if trades else "trade -"


def _plain(value: object) -> str:
    """A number without the zeros at its end: `0.50` and `0.5` are one price."""
    exact = exactly(value)
    if exact is None or exact.adjusted() not in range(-20, 20):
        raise ValueError("a price, size or total cannot be read")
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


REST: Final = Rest(
    services={
        "main": Service(
            base="https://external-api.kalshi.com/trade-api/v2",
            # The smallest account has 200 tokens a second, a request takes 10. An earlier system
            # was throttled at five requests a second, and was well at three: so are we.
            tokens_per_second=30.0,
            burst=30.0,
        )
    },
    complaint=complaint,
    catalog=catalog,
    witness=witness,
    history=history,
    # Answers without a signature come from a cache that keeps them for up to 15 seconds.
    retold=Retold(settles_s=20.0),
    reference=reference,
    lookup=lookup,
    saved=saved,
    identifying=frozenset({"ticker", "market_id"}),
    passing=_PASSING,
    tells_changes=True,
)
"""Only what needs no key is asked for."""
