"""What the simulated exchange's REST service says of a market, an event, a series, a trade."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS, format_rfc3339
from ssmd.venues.kalshi.simulated_book import DOLLAR, count, dollars
from ssmd.venues.kalshi.simulated_fees import FeeChange
from ssmd.venues.kalshi.simulated_lifecycle import strike, words
from ssmd.venues.kalshi.simulated_listing import Listing, Trade
from ssmd.venues.kalshi.simulated_series import Series

_DAYS: Final = ("friday", "monday", "saturday", "sunday", "tuesday", "wednesday")
_EXPIRY_S: Final = 7 * 86_400
_SETTLEMENT_S: Final = 60


def market(listing: Listing) -> dict[str, object]:
    """A market."""
    bid, bid_size, ask, ask_size = listing.touch()
    wording = words(listing)
    close = listing.close_ts
    body: dict[str, object] = {
        "can_close_early": True,
        "close_time": _time(close),
        "created_time": _time(listing.created_ts),
        "early_close_condition": "This market closes as soon as its result is known.",
        "event_ticker": listing.event,
        "exchange_index": 0,
        "expected_expiration_time": _time(close + 300),
        "expiration_time": _time(close + _EXPIRY_S),
        "expiration_value": wording.name if listing.result else "",
        "last_price_dollars": dollars(listing.last),
        "latest_expiration_time": _time(close + _EXPIRY_S),
        "liquidity_dollars": "0.0000",
        "market_type": "binary",
        "no_ask_dollars": dollars(DOLLAR - bid),
        "no_bid_dollars": dollars(DOLLAR - ask),
        "no_sub_title": wording.name,
        "notional_value_dollars": "1.0000",
        "occurrence_datetime": _time(close),
        "open_interest_fp": count(listing.interest),
        "open_time": _time(listing.open_ts),
        "previous_price_dollars": dollars(listing.last),
        "previous_yes_ask_dollars": dollars(ask),
        "previous_yes_bid_dollars": dollars(bid),
        "price_level_structure": listing.grid.name,
        "price_ranges": listing.grid.ranges,
        "result": listing.result,
        "rules_primary": wording.rules,
        "rules_secondary": "",
        "settlement_timer_seconds": _SETTLEMENT_S,
        "status": listing.status,
        **strike(listing),
        "ticker": listing.ticker,
        "title": wording.title,
        "updated_time": _time(listing.updated_ts),
        "volume_24h_fp": count(listing.volume // 3),
        "volume_fp": count(listing.volume),
        "yes_ask_dollars": dollars(ask),
        "yes_ask_size_fp": count(ask_size),
        "yes_bid_dollars": dollars(bid),
        "yes_bid_size_fp": count(bid_size),
        "yes_sub_title": wording.name,
    }
    if listing.settled_ts:
        body["settlement_ts"] = _time(listing.settled_ts)
    if listing.result:
        body["settlement_value_dollars"] = "1.0000" if listing.result == "yes" else "0.0000"
    return body


def event(markets: Sequence[Listing], *, nested: bool) -> dict[str, object]:
    """An event, from all its markets; it has no status of its own."""
    first = markets[0]
    body: dict[str, object] = {
        "available_on_brokers": True,
        "category": first.series.category,
        "collateral_return_type": "",
        "event_ticker": first.event,
        "exchange_index": 0,
        "last_updated_ts": _time(event_updated_s(markets)),
        "mutually_exclusive": False,
        "product_metadata": {},
        "series_ticker": first.series.ticker,
        "settlement_sources": _sources(),
        "strike_period": "",
        "sub_title": first.event.partition("-")[2],
        "title": first.series.title,
    }
    if nested:
        body["markets"] = [market(one) for one in markets]
    return body


def event_updated_s(markets: Sequence[Listing]) -> int:
    """When an event itself last changed: what becomes of its markets is no change of it."""
    return min(one.created_ts for one in markets)


def series(described: Series, fee: FeeChange, volume: int | None) -> dict[str, object]:
    """A series, with what it costs at present; its volume only when that was asked for."""
    body: dict[str, object] = {
        "additional_prohibitions": ["Nobody is to trade on what does not exist."],
        "category": described.category,
        "contract_terms_url": f"https://example.invalid/terms/{described.ticker}.pdf",
        "contract_url": f"https://example.invalid/contracts/{described.ticker}.pdf",
        "exchange_index": 0,
        "fee_multiplier": msgspec.Raw(fee.multiplier.encode()),
        "fee_type": fee.kind,
        "frequency": described.frequency,
        "last_updated_ts": "2026-08-07T18:41:03.95073Z",
        "product_metadata": {},
        "settlement_sources": _sources(),
        "tags": list(described.tags) or None,
        "ticker": described.ticker,
        "title": described.title,
    }
    if volume is not None:
        body["volume_fp"] = count(volume)
    return body


def fee_change(change: FeeChange) -> dict[str, object]:
    """A change of what a series costs."""
    return {
        "fee_multiplier": msgspec.Raw(change.multiplier.encode()),
        "fee_type": change.kind,
        "id": change.id,
        "scheduled_ts": _time(change.scheduled_s),
        "series_ticker": change.series,
    }


def trade(done: Trade, listing: Listing) -> dict[str, object]:
    """A trade."""
    return {
        "count_fp": count(done.size),
        "created_time": done.moment.text.decode(),
        "no_price_dollars": dollars(DOLLAR - done.price),
        "taker_side": done.taker,
        "ticker": listing.ticker,
        "trade_id": done.id,
        "yes_price_dollars": dollars(done.price),
    }


def cutoff(seconds: int) -> dict[str, object]:
    """From when on records are among the recent ones, s since the epoch."""
    fields = ("market_settled_ts", "orders_updated_ts", "trades_created_ts")
    return dict.fromkeys(fields, _time(seconds))


def status() -> dict[str, object]:
    """The exchange is open."""
    return {
        "exchange_active": True,
        "exchange_estimated_resume_time": None,
        "trading_active": True,
    }


def schedule() -> dict[str, object]:
    """Its hours: always, but for two hours on Thursdays."""
    whole = [{"close_time": "00:00", "open_time": "00:00"}]
    hours: dict[str, object] = dict.fromkeys(_DAYS, whole)
    hours["thursday"] = [
        {"close_time": "03:00", "open_time": "00:00"},
        {"close_time": "00:00", "open_time": "05:00"},
    ]
    hours["start_time"] = "2024-12-01T00:00:00Z"
    hours["end_time"] = "2200-12-01T00:00:00Z"
    return {"schedule": {"maintenance_windows": [], "standard_hours": [hours]}}


def _sources() -> list[dict[str, str]]:
    return [{"name": "a made-up source", "url": "https://example.invalid/"}]


def _time(seconds: int) -> str:
    return f"{format_rfc3339(seconds * SECOND_NS)[:19]}Z"
