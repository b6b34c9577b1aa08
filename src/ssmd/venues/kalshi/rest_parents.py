"""What groups markets, and what they cost: a series, an event, a change of fees, as REST says it.

https://docs.kalshi.com/openapi.yaml
"""

from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode
from ssmd.model.listing import Fee, ListedEvent, Reject, Series
from ssmd.model.plausible import exact
from ssmd.venues.kalshi.listing_pages import fields_of
from ssmd.venues.kalshi.rest_market import Origin, series_of

_SERIES_DETAILS: Final = (
    "fee_type",
    "fee_multiplier",
    "settlement_sources",
    "contract_url",
    "contract_terms_url",
    "additional_prohibitions",
    "product_metadata",
    "exchange_index",
)
_EVENT_DETAILS: Final = (
    "sub_title",
    "collateral_return_type",
    "strike_date",
    "strike_period",
    "available_on_brokers",
    "settlement_sources",
    "product_metadata",
    "exchange_index",
)
_MARKETS: Final = "markets"


def series(raw: bytes) -> Series:
    """A series.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    fields = Fields(decode(raw))
    return Series(
        venue="kalshi",
        symbol=fields.need_text("ticker"),
        title=fields.text("title") or "",
        category=fields.text("category"),
        tags=fields.texts("tags"),
        frequency=fields.text("frequency"),
        details=_details(fields, _SERIES_DETAILS),
        payload=raw,
    )


def doubts(listed: Series) -> Reject | None:
    """What a series should state and does not: filters by it would find nothing of it."""
    lacking = [name for name in ("category", "tags") if not getattr(listed, name)]
    if not lacking:
        return None
    return Reject(
        reason=f"series {listed.symbol}: it states no {' and no '.join(lacking)}",
        kind="doubtful",
        entity="series",
        symbol=listed.symbol,
        payload=listed.payload,
    )


def fee(raw: bytes) -> Fee:
    """What a series costs at present; since when, the venue does not say.

    Raises:
        ValueError: It cannot be read, or states no fee.
    """
    return _fee(Fields(decode(raw)), "ticker")


def fee_change(raw: bytes) -> Fee:
    """What a series cost, costs or will cost from a time on.

    Raises:
        ValueError: It cannot be read, or states no fee or no time.
    """
    fields = Fields(decode(raw))
    since = fields.moment("scheduled_ts")
    if since is None:
        raise ValueError("`scheduled_ts` is no time")
    found = _fee(fields, "series_ticker")
    return msgspec.structs.replace(found, effective_ts=since, source_id=fields.need_text("id"))


def event(raw: bytes, series_listed: Series | None) -> tuple[ListedEvent, Origin]:
    """An event, and what is to be known of it to read its markets.

    Args:
        raw: Its JSON object, as it came.
        series_listed: Its series, when that is known: it knows the category better.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    every = fields_of(raw, "an event")
    bare = {name: msgspec.Raw(value) for name, value in every.items() if name != _MARKETS}
    payload = msgspec.json.encode(bare) if _MARKETS in every else raw
    fields = Fields(decode(payload))
    symbol = fields.need_text("event_ticker")
    parent = fields.text("series_ticker") or series_of(symbol)
    known = series_listed or Series(venue="kalshi", symbol=parent)
    found = ListedEvent(
        venue="kalshi",
        symbol=symbol,
        series=parent,
        title=fields.text("title") or "",
        category=known.category or fields.text("category"),
        tags=known.tags,
        mutually_exclusive=fields.flag("mutually_exclusive"),
        strike_ts=fields.moment("strike_date"),
        details=_details(fields, _EVENT_DETAILS),
        payload=payload,
    )
    return found, Origin(series=parent, title=found.title, category=found.category, tags=found.tags)


def named_series(raw: bytes) -> str:
    """The series that an event says it belongs to.

    Raises:
        ValueError: It cannot be read, or has no ticker.
    """
    told = {
        name: decode(value)
        for name, value in fields_of(raw, "an event").items()
        if name in {"event_ticker", "series_ticker"}
    }
    fields = Fields(told)
    symbol = fields.need_text("event_ticker")
    return fields.text("series_ticker") or series_of(symbol)


def _fee(fields: Fields, symbol: str) -> Fee:
    kind = fields.need_text("fee_type")
    multiplier = fields.number("fee_multiplier")
    if multiplier is None or multiplier < 0:
        raise ValueError(f"`fee_multiplier` cannot be {fields.raw('fee_multiplier')!r}")
    return Fee(
        venue="kalshi",
        scope="series",
        symbol=fields.need_text(symbol),
        kind=kind,
        multiplier=multiplier,
    )


def _details(fields: Fields, names: tuple[str, ...]) -> dict[str, object]:
    return {name: exact(fields.raw(name)) for name in names}
