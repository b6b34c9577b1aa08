"""What Kraken spot offers over REST: its limits, its errors, a second opinion on silence, missed trades.

https://docs.kraken.com/api/docs/guides/spot-rest-intro
"""

from collections.abc import Callable
from typing import Final

import msgspec

from ssmd.model.fields import decode, encode
from ssmd.model.rest import Complaint, Request, Rest, Service, Witness
from ssmd.venues.kraken.catalog import catalog, reference, saved
from ssmd.venues.kraken.history import history
from ssmd.venues.kraken.names import altname

_LEVELS: Final = 10
_PASSING: Final = (
    "EAPI:Rate limit exceeded",
    "EGeneral:Too many requests",
    "EGeneral:Temporary lockout",
    "EGeneral:Internal error",
    "EService:",
)
"""How errors begin that go away by themselves."""


class _Errors(msgspec.Struct):
    error: list[object] = []
    result: msgspec.Raw = msgspec.Raw()


class _Result(msgspec.Struct):
    result: dict[str, msgspec.Raw]


_result: Final = msgspec.json.Decoder(_Result)
_errors: Final = msgspec.json.Decoder(_Errors)


def complaint(body: bytes) -> Complaint | None:
    """What the `error` array says; a body that has none, or no JSON, is the reader's to judge.

    Errors begin with `E`; a warning (`W`) beside a result is none.
    """
    try:
        answer = _errors.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = [error if isinstance(error, str) else encode(error) for error in answer.error]
    if bytes(answer.result):
        said = [error for error in said if not error.startswith("W")]
    if not said:
        return None
    return Complaint("; ".join(said)[:500], all(error.startswith(_PASSING) for error in said))


def witness(symbol: str, channels: frozenset[str], nonce: str) -> Witness | None:
    """The book where it is subscribed, else the latest trade.

    The ticker and the candles speak when there is a trade (docs.kraken.com,
    spot-websocket-v2/ticker, `event_trigger`), so trades are their witness too: the figures of `/0/public/Ticker`
    change by the clock alone. The nonce goes unused: no parameter is documented that could carry
    it, and answers are said to be cached for a second or so, less than two looks are apart.
    """
    pair = altname(symbol)
    if pair is None:
        return None
    if "book" in channels:
        query = (("pair", pair), ("count", str(_LEVELS)))
        return _witness(Request("/0/public/Depth", query), _book)
    if channels & {"trade", "ticker", "ohlc"}:
        return _witness(Request("/0/public/Trades", (("pair", pair),)), _latest_trade)
    return None


def _witness(request: Request, digest: Callable[[object], object]) -> Witness:
    body = yield request
    try:
        result = _result.decode(body).result
        # The answer's key may be another name of the pair; `last` belongs to the trades.
        (found,) = [value for key, value in result.items() if key != "last"]
        return encode(digest(decode(bytes(found)))).encode()
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, RecursionError) as error:
        message = f"{request.path} is not as documented: {error}"
        raise ValueError(message) from error


def _book(found: object) -> object:
    """Prices and sizes of the best levels; their times say nothing about now."""
    if not isinstance(found, dict):
        message = "no book"
        raise TypeError(message)
    return [[level[:2] for level in found[side][:_LEVELS]] for side in ("asks", "bids")]


def _latest_trade(found: object) -> object:
    """The id of the latest trade; null where there never was one."""
    if not isinstance(found, list):
        message = "no list of trades"
        raise TypeError(message)
    return max((int(trade[6]) for trade in found), default=None)


REST: Final = Rest(
    services={
        "main": Service(
            base="https://api.kraken.com",
            # One public request per second and address is always within the limits
            # (support.kraken.com, 206548367); some is left to whoever else is behind the address.
            tokens_per_second=0.8,
            # What bursts are borne is only known of private calls (a counter of 15 or 20).
            burst=2.0,
        )
    },
    complaint=complaint,
    catalog=catalog,
    witness=witness,
    history=history,
    reference=reference,
    # No `lookup`: one answer lists all there is, so whatever it does not name is gone. Nothing is
    # `passing`: the fields of a pair are its terms, prices are told elsewhere.
    saved=saved,
    identifying=frozenset({"rest_key", "altname", "wsname", "v2"}),
)
