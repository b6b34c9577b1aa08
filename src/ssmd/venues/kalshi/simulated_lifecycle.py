"""What a simulated exchange says of the lives of its markets and events."""

from decimal import Decimal
from typing import Final

import msgspec

from ssmd.venues.kalshi.simulated_listing import Listing

_encode = msgspec.json.Encoder().encode

EVENT: Final = b"event_lifecycle"


def kind(listing: Listing) -> str:
    """The channel, and message type, that tells of this market: combinations have their own."""
    return "multivariate_market_lifecycle" if listing.multivariate else "market_lifecycle_v2"


def created(listing: Listing) -> bytes:
    """A market is listed."""
    wording = words(listing)
    metadata: dict[str, object] = {
        "name": wording.name,
        "title": wording.title,
        "yes_sub_title": wording.name,
        "no_sub_title": wording.name,
        "rules_primary": wording.rules,
        "rules_secondary": "",
        "can_close_early": True,
        "event_ticker": listing.event,
        "expected_expiration_ts": listing.close_ts + 300,
        **strike(listing),
    }
    fields = {
        "open_ts": listing.open_ts,
        "close_ts": listing.close_ts,
        "additional_metadata": metadata,
    }
    return _body(listing, "created", fields)


def determined(listing: Listing) -> bytes:
    """Its result is known."""
    value = "1.0000" if listing.result == "yes" else "0.0000"
    fields = {
        "determination_ts": listing.determined_ts,
        "result": listing.result,
        "settlement_value": value,
    }
    return _body(listing, "determined", fields)


def settled(listing: Listing) -> bytes:
    """It is paid."""
    return _body(listing, "settled", {"settled_ts": listing.settled_ts})


def paused(listing: Listing) -> bytes:
    """It is not traded for a while, or is again."""
    is_paused = listing.status == "inactive"
    event_type = "deactivated" if is_paused else "activated"
    return _body(listing, event_type, {"is_deactivated": is_paused})


def close_date_updated(listing: Listing) -> bytes:
    """It closes at another time."""
    return _body(listing, "close_date_updated", {"close_ts": listing.close_ts})


def event_created(listing: Listing) -> bytes:
    """The event of a market is new."""
    fields = {
        "event_ticker": listing.event,
        "title": listing.series.title,
        "subtitle": "",
        "collateral_return_type": "",
        "series_ticker": listing.series.ticker,
    }
    return _encode(fields) + b"}\n"


class Words(msgspec.Struct, frozen=True):
    """How a market is described.

    Attributes:
        name: Its outcome.
        title: The question.
        rules: What decides it.
    """

    name: str
    title: str
    rules: str


def words(listing: Listing) -> Words:
    """The description of a market."""
    if listing.strike is None:
        name = listing.ticker.rpartition("-")[2]
    else:
        kind_, number = listing.strike
        name = f"{number} or above" if kind_ == "greater" else f"around {number}"
    title = f"{listing.series.title} {name}"
    return Words(name, title, f"Made-up market {listing.ticker} resolves to Yes if: {name}.")


def strike(listing: Listing) -> dict[str, object]:
    """The fields that tell what a market's outcome is measured by."""
    if listing.strike is None:
        custom = {"outcome": listing.ticker.rpartition("-")[2]}
        return {"strike_type": "structured", "custom_strike": custom}
    kind_, number = listing.strike
    if kind_ == "greater":
        return {"strike_type": kind_, "floor_strike": msgspec.Raw(number.encode())}
    half = Decimal("0.5")
    return {
        "strike_type": kind_,
        "floor_strike": msgspec.Raw(str(Decimal(number) - half).encode()),
        "cap_strike": msgspec.Raw(str(Decimal(number) + half).encode()),
    }


def _body(listing: Listing, event_type: str, fields: dict[str, object]) -> bytes:
    message = {"market_ticker": listing.ticker, **fields, "event_type": event_type}
    return _encode(message) + b"}\n"
