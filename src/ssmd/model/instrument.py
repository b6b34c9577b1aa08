"""What is listed: one instrument of any venue, as its catalog states it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

Status = Literal["pre_open", "active", "paused", "closed", "determined", "settled", "void"]
"""The one vocabulary; each venue maps its own words to it in one place."""

Kind = Literal["spot", "perpetual", "future", "option", "event"]
"""What sort of contract it is; `event` is one outcome of a question."""


class PriceRange(msgspec.Struct, frozen=True):
    """A stretch of prices with one step between them.

    Attributes:
        start: Its lowest price.
        end: Its highest price.
        step: The tick between them.
    """

    start: Decimal
    end: Decimal
    step: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be traded.

    A field is None when the venue did not state it; 0 and the empty string are statements.
    Quantities are in the venue's own units (contracts, base currency), money in the quote
    currency unless said otherwise; times are ns since the Unix epoch, UTC.

    Attributes:
        venue: Which venue lists it.
        symbol: The venue's own string for it, as subscriptions use it.
        kind: What sort of contract it is.
        status: Its state in our vocabulary.
        raw_status: Its state in the venue's words; empty when the venue has none.
        restricted: Whether only some orders are accepted (post only, say).
        title: Its name for people.
        base: What is bought, in the venue's own asset names; None for events.
        quote: What it is paid in.
        underlying: What a contract is about.
        event: The venue's id of the event or question it is an outcome of.
        series: The venue's id of what recurs, when its events do.
        outcome: Which answer it stands for.
        category: The venue's division of its listings.
        tags: The venue's labels; None when it states none at all.
        tick_size: Smallest price step; see `price_ranges` where it varies.
        price_ranges: Price steps by stretch, when there are several.
        lot_size: Smallest quantity step.
        min_size: Smallest order.
        max_size: Largest position or order.
        min_notional: Smallest order in quote currency.
        contract_size: Units of the underlying in one contract.
        open_ts: When trading begins.
        close_ts: When trading ends.
        expiry_ts: When it is (expected to be) settled.
        result: How it was decided, in the venue's words.
        settlement_value: What one contract paid.
        volume: Traded since it was listed.
        volume_24h: Traded in the last day.
        liquidity: What rests in its book, as the venue counts it.
        open_interest: Contracts outstanding.
        aliases: Its other names: scheme to value.
        details: What else the venue states of it for good (margins, decimals, strikes): JSON
            values, numbers as exact texts; what it does not state is null, never 0.
        payload: The venue's own JSON object, as it came.
    """

    venue: str
    symbol: str
    kind: Kind
    status: Status
    raw_status: str = ""
    restricted: bool = False
    title: str = ""
    base: str | None = None
    quote: str | None = None
    underlying: str | None = None
    event: str | None = None
    series: str | None = None
    outcome: str | None = None
    category: str | None = None
    tags: tuple[str, ...] | None = None
    tick_size: Decimal | None = None
    price_ranges: tuple[PriceRange, ...] = ()
    lot_size: Decimal | None = None
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    min_notional: Decimal | None = None
    contract_size: Decimal | None = None
    open_ts: int | None = None
    close_ts: int | None = None
    expiry_ts: int | None = None
    result: str | None = None
    settlement_value: Decimal | None = None
    volume: Decimal | None = None
    volume_24h: Decimal | None = None
    liquidity: Decimal | None = None
    open_interest: Decimal | None = None
    aliases: Mapping[str, str] = {}
    details: Mapping[str, Any] = {}
    payload: bytes = b"{}"

    @property
    def id(self) -> str:
        """`venue:native`, unique over all venues."""
        return f"{self.venue}:{self.symbol}"
