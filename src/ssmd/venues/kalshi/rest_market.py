"""One market of a REST listing as an `Instrument`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.fields import decode
from ssmd.model.instrument import Instrument, PriceRange, Status
from ssmd.model.listing import Reject
from ssmd.model.plausible import absurdity, exact
from ssmd.venues.kalshi.quantities import Quantities

_CENT: Final = Decimal("0.01")
_WHOLE: Final = Decimal(1)

_STATUS: Final[Mapping[str, Status]] = {
    "initialized": "pre_open",
    "active": "active",
    "open": "active",
    "inactive": "paused",
    "closed": "closed",
    # The result is contested, so that none stands: what is certain is that trading is over.
    "disputed": "closed",
    # The contested result was put right, and stands again until it is paid.
    "amended": "determined",
    "determined": "determined",
    "settled": "settled",
    "finalized": "settled",
}
"""The venue's words of answers; those of its `status` filter differ (`open`, `unopened`)."""

_UNKNOWN: Final[Status] = "paused"
"""What a word nobody knows becomes: listed, and not taken for a market that trades."""

_DETAILS: Final = (
    "floor_strike",
    "cap_strike",
    "strike_type",
    "functional_strike",
    "custom_strike",
    "rules_primary",
    "rules_secondary",
    "market_type",
    "subtitle",
    "yes_sub_title",
    "no_sub_title",
    "can_close_early",
    "early_close_condition",
    "expiration_value",
    "latest_expiration_time",
    "occurrence_datetime",
    "settlement_timer_seconds",
    "settlement_ts",
    "notional_value_dollars",
    "price_level_structure",
    "fee_waiver_expiration_time",
    "exchange_index",
    "mve_collection_ticker",
    "mve_selected_legs",
    "is_provisional",
    "primary_participant_key",
)
"""What of a market is kept beside the fields that all venues share."""
_BINDING: Final = ("tick_size", "settlement_value", "open_time", "close_time")
"""Fields without which, when they are stated, a market is not what it says."""
_UNSTATED: Final = ("", "0001-01-01T00:00:00Z")
"""How a time is written that is none."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a market's series and event say about it; a market does not say it itself.

    Attributes:
        series: The series' ticker; None when it was not told.
        title: The event's title, for a market without its own.
        category: The venue's division of its listings.
        tags: The series' labels; None when it has none.
    """

    series: str | None = None
    title: str = ""
    category: str | None = None
    tags: tuple[str, ...] | None = None


def instrument(raw: bytes, origin: Origin) -> tuple[Instrument, Reject | None]:
    """A market, and what is strange about it: one whose status is unknown is listed as paused.

    Args:
        raw: Its JSON object, as it came.
        origin: What is known from elsewhere.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    return _read(Quantities(decode(raw)), raw, origin)


def judged(raw: bytes, origin: Origin) -> tuple[Instrument | None, Reject | None]:
    """A market for those who keep it: none when its status is unknown, or a number absurd.

    Whoever keeps it is told its details as well.

    Args:
        raw: Its JSON object, as it came.
        origin: What is known from elsewhere.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    market = Quantities(decode(raw))
    found, reject = _read(market, raw, origin)
    if reject is not None:
        why = f"{found.symbol}: its status {found.raw_status[:60]!r} is unknown"
        return None, msgspec.structs.replace(reject, reason=why)
    why_not = _strange(market, found) or absurdity(found)
    if why_not is None:
        details = {name: exact(market.peek(name)) for name in _DETAILS}
        return msgspec.structs.replace(found, details=details), None
    reason = f"{found.symbol}: {why_not}"
    return None, Reject(reason=reason, kind="absurd", symbol=found.symbol, payload=raw)


def _strange(market: Quantities, found: Instrument) -> str | None:
    """Which field of a market states what it cannot be."""
    for name in _BINDING:
        stated = market.inexact.get(name)
        if stated is not None and stated not in _UNSTATED:
            return f"its `{name}` cannot be {stated[:60]!r}"
    if market.peek("price_ranges") and not found.price_ranges:
        return "its `price_ranges` cannot be read"
    return None


def _read(market: Quantities, raw: bytes, origin: Origin) -> tuple[Instrument, Reject | None]:
    ticker = market.need_text("ticker")
    event = market.words("event_ticker") or None
    series = origin.series or series_of(event or ticker)
    raw_status = market.words("status") or ""
    status = _STATUS.get(raw_status)
    complaint = None
    if status is None:
        complaint = Reject(
            reason=f"{ticker}: its status {raw_status[:60]!r} is unknown; it is listed as paused",
            kind="unknown_status",
            symbol=ticker,
            raw_status=raw_status,
            payload=raw,
        )
    ranges = _ranges(market)
    found = Instrument(
        venue="kalshi",
        symbol=ticker,
        kind="event",
        status=status or _UNKNOWN,
        raw_status=raw_status,
        title=market.words("title") or origin.title,
        quote="USD",
        event=event,
        series=series,
        outcome=market.words("yes_sub_title"),
        category=origin.category,
        tags=origin.tags,
        tick_size=_tick(market, ranges),
        price_ranges=ranges,
        lot_size=_lot(market),
        open_ts=market.moment("open_time"),
        close_ts=market.moment("close_time"),
        expiry_ts=_expiry(market),
        result=market.words("result"),
        settlement_value=market.price(
            "settlement_value", "settlement_value_dollars", "settlement_value"
        ),
        volume=market.count("volume", "volume_fp", "volume"),
        volume_24h=market.count("volume_24h", "volume_24h_fp", "volume_24h"),
        liquidity=_liquidity(market),
        open_interest=market.count("open_interest", "open_interest_fp", "open_interest"),
        aliases=_aliases(market, ticker, event, series),
        payload=raw,
    )
    return found, complaint


def series_of(ticker: str) -> str:
    """The series an event or market should belong to, by its name.

    True of most: 58 of 1,911 events of 2025-02 have another series (`EUCLIMATE` is one of
    `KXEUCLIMATE`), so what the venue says outranks it.
    """
    return ticker.partition("-")[0]


def _aliases(market: Quantities, ticker: str, event: str | None, series: str) -> dict[str, str]:
    names = {
        "ticker": ticker,
        "event_ticker": event,
        "series_ticker": series,
        "market_id": market.words("market_id"),
    }
    return {scheme: name for scheme, name in names.items() if name}


def _ranges(market: Quantities) -> tuple[PriceRange, ...]:
    """The price steps; none at all when one cannot be read, as half of them would mislead."""
    ranges: list[PriceRange] = []
    stated = market.peek("price_ranges")
    for item in stated if isinstance(stated, list) else []:
        stretch = Quantities(item if isinstance(item, dict) else {})
        start, end, step = (stretch.number(name) for name in ("start", "end", "step"))
        if start is None or end is None or step is None or step <= 0:
            return ()
        ranges.append(PriceRange(start=start, end=end, step=step))
    return tuple(ranges)


def _tick(market: Quantities, ranges: tuple[PriceRange, ...]) -> Decimal | None:
    """The finest step of the ranges; `tick_size` was whole cents, and stayed 1 on finer grids."""
    if ranges:
        return min(stretch.step for stretch in ranges)
    return market.number("tick_size", divide=100)


def _lot(market: Quantities) -> Decimal | None:
    match market.truth("fractional_trading_enabled"):
        case True:
            return _CENT
        case False:
            return _WHOLE
        case None:
            return None


def _expiry(market: Quantities) -> int | None:
    """When the result is expected; else the last day it can come."""
    names = ("expected_expiration_time", "expiration_time", "latest_expiration_time")
    return next((ts for name in names if (ts := market.moment(name)) is not None), None)


def _liquidity(market: Quantities) -> Decimal | None:
    """Dollars; None when the venue no longer counts it.

    Since it was retired, `liquidity_dollars` is always zero, and says nothing.
    """
    found = market.amount("liquidity", "liquidity_dollars", "liquidity", divide=100)
    return None if not found and market.peek("liquidity") is None else found
