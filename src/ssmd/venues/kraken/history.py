"""Missed trades of a pair, from `Trades`: oldest first, a page of at most a thousand at a time.

https://docs.kraken.com/api/docs/rest-api/get-recent-trades

The venue keeps every trade there ever was (support.kraken.com, 218198197). `since` is in ns and was
seen to bring what happened at that very moment too; whether it always does is not written, so each
page is asked for from a little earlier. Trades have times of their own to the nanosecond; `Trades`
states them in seconds with the digits a binary fraction of 64 bits has, 120 ns off at most, in the
right order: a recorded page has up to 17 trades of one such time. `last` is not used: it was seen
to be missing.
"""

from itertools import pairwise
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.rest import History, Request, Span
from ssmd.venues.kraken.names import altname

PAGE: Final = 1000
"""The most trades a page can have."""
_BLUR_NS: Final = 1_000
"""More than a stated time is off."""
_NAMES: Final = ("price", "qty", "time", "side", "ord_type", "misc", "trade_id")


def history(channel: str, symbol: str, since: int, until: int) -> History | None:
    """The trades of a pair from a time up to another, ns; no other channel has a past."""
    pair = altname(symbol)
    return trades(pair, since, until) if channel == "trade" and pair is not None else None


def trades(pair: str, since: int, until: int, *, page: int = PAGE) -> History:
    """The trades of a pair as REST names it, `page` of them at a time.

    A page is whole up to its last time and not further: more trades may share it. A short page
    is no proof of the end; one that brings nothing later than was known already is.
    """
    at, known = since, None
    while at < until:
        begin = str(max(at - _BLUR_NS, 0))
        query = (("pair", pair), ("since", begin), ("count", str(page)))
        found = listed((yield Request("/0/public/Trades", query)))
        if known is not None and known not in found:
            message = "a page does not contain the last trade of the page before it"
            raise ValueError(message)
        times = [_time(trade) for trade in found]
        if any(later < earlier for earlier, later in pairwise(times)):
            message = "a page of trades is not in the order of time"
            raise ValueError(message)
        end = until
        if times and times[-1] > at:
            end = min(times[-1], until)
        elif len(times) >= page:
            message = f"more trades than a page holds at one moment: {times[-1]} ns"
            raise ValueError(message)
        yield Span(at, end, facts=sum(at <= time < end for time in times))
        at, known = end, found[-1] if found else None


def listed(body: bytes) -> list[object]:
    """The trades of a page, as they came; the pair's key may be another of its names.

    Raises:
        ValueError: It is no page of trades.
    """
    result = Fields(decode(body)).raw("result")
    values = {} if not isinstance(result, dict) else {**result}
    values.pop("last", None)
    if len(values) != 1:
        message = f"`result` is not the trades of one pair but has {len(values)}"
        raise ValueError(message)
    (found,) = values.values()
    if not isinstance(found, list):
        message = "the trades are not a list"
        raise ValueError(message)
    return found


def fields_of(trade: object) -> Fields:
    """A trade of a page, by the names that the WebSocket gives its fields.

    Raises:
        ValueError: It is no list of so many.
    """
    if not isinstance(trade, list) or len(trade) < len(_NAMES):
        message = f"a trade is not a list of {len(_NAMES)}"
        raise ValueError(message)
    values = dict(zip(_NAMES, trade, strict=False))
    if values["misc"] == "":
        del values["misc"]  # as of every trade recorded
    if trade[len(_NAMES) :]:
        values["more"] = trade[len(_NAMES) :]
    return Fields(values)


def _time(trade: object) -> int:
    time = fields_of(trade).seconds("time")
    if time is None:
        message = "a trade has no readable time"
        raise ValueError(message)
    return time
