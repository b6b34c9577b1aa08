"""How the simulated exchange filters and pages its lists."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from ssmd.venues.kalshi.simulated_listing import Listing

_STATUSES: Final = {
    "unopened": {"initialized"},
    "open": {"active"},
    "paused": {"inactive"},
    "closed": {"closed", "determined", "disputed", "amended"},
    "settled": {"finalized"},
}
"""What is asked for, and what the answers then say: two vocabularies."""
_COMPATIBLE: Final = {
    "created": {"", "unopened", "open"},
    "close": {"", "closed"},
    "settled": {"", "settled"},
    "updated": {""},
}
"""The statuses each pair of times may be asked with (GetMarkets, table of filters)."""
_TIMES: Final[dict[str, Callable[[Listing], int]]] = {
    "created": lambda listing: listing.created_ts,
    "close": lambda listing: listing.close_ts,
    "settled": lambda listing: listing.settled_ts,
    "updated": lambda listing: listing.updated_ts,
}

Item = TypeVar("Item")


class Refusal(Exception):
    """A parameter is not acceptable."""


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A parameter that is a whole number."""
    text = query.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        message = f"invalid {name}"
        raise Refusal(message) from None


def chosen(listings: Sequence[Listing], query: Mapping[str, str]) -> list[Listing]:
    """Those that pass the filters; none at all, and no word of it, when two do not go together."""
    status = query.get("status", "")
    if status and status not in _STATUSES:
        message = "invalid status filter"
        raise Refusal(message)
    asked = {
        (bound, time): number(query, f"{bound}_{time}_ts", 0)
        for time in _TIMES
        for bound in ("min", "max")
        if query.get(f"{bound}_{time}_ts")
    }
    if not _compatible({time for _, time in asked}, status, query):
        return []
    tickers = set(filter(None, query.get("tickers", "").split(",")))
    combined = {"only": True, "exclude": False}.get(query.get("mve_filter", ""))
    return [
        listing
        for listing in listings
        if (not status or listing.status in _STATUSES[status])
        and query.get("series_ticker") in {None, "", listing.series.ticker}
        and query.get("event_ticker") in {None, "", listing.event}
        and (not tickers or listing.ticker in tickers)
        and combined in {None, listing.multivariate}
        and all(_within(listing, *which, limit) for which, limit in asked.items())
    ]


def page(
    items: Sequence[Item],
    query: Mapping[str, str],
    default: int,
    most: int,
    name: Callable[[Item], str],
) -> tuple[Sequence[Item], str]:
    """One page and the cursor of the next, which is empty after the last page.

    The cursor names the last item shown, so what is listed meanwhile does not shift the pages.
    """
    limit = number(query, "limit", default) or default
    if not 0 < limit <= most:
        message = "invalid limit"
        raise Refusal(message)
    begin = 0
    if query.get("cursor"):
        last = _opened(query["cursor"])
        places = [place for place, item in enumerate(items) if name(item) == last]
        if not places:
            message = "invalid cursor"
            raise Refusal(message)
        begin = places[0] + 1
    shown = items[begin : begin + limit]
    more = begin + limit < len(items)
    return shown, _sealed(name(shown[-1])) if more else ""


def _compatible(times: set[str], status: str, query: Mapping[str, str]) -> bool:
    if len(times) > 1:
        return False
    if "updated" in times:
        others = ("status", "series_ticker", "event_ticker", "tickers")
        alone = not any(query.get(other) for other in others)
        return alone and query.get("mve_filter", "") in {"", "exclude"}
    return all(status in _COMPATIBLE[time] for time in times)


def _within(listing: Listing, bound: str, time: str, limit: int) -> bool:
    ts = _TIMES[time](listing)
    if not ts:
        return False
    return ts >= limit if bound == "min" else ts <= limit


def _sealed(last: str) -> str:
    return base64.urlsafe_b64encode(b"\n\x06" + last.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.urlsafe_b64decode(padded).removeprefix(b"\n\x06").decode()
    except (ValueError, binascii.Error):
        message = "invalid cursor"
        raise Refusal(message) from None
