"""What a venue's listings say beside instruments: what groups them, costs, funding, rejects."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What recurs: every hour, every game, every election.

    Attributes:
        venue: Which venue lists it.
        symbol: The venue's own id of it.
        title: Its name for people.
        category: The venue's division of its listings; None when it states none.
        tags: The venue's labels; None when it states none at all.
        frequency: How often it recurs, in the venue's words.
        details: What else the venue states of it for good: JSON values, numbers as exact texts.
        payload: The venue's own JSON object, as it came.
    """

    venue: str
    symbol: str
    title: str = ""
    category: str | None = None
    tags: tuple[str, ...] | None = None
    frequency: str | None = None
    details: Mapping[str, Any] = {}
    payload: bytes = b"{}"


class ListedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One question, whose outcomes are instruments.

    Attributes:
        venue: Which venue lists it.
        symbol: The venue's own id of it, as `Instrument.event` names it.
        series: The venue's id of the series it is one of.
        title: Its name for people.
        category: The venue's division of its listings.
        tags: The venue's labels; None when it states none at all.
        mutually_exclusive: Whether at most one of its instruments wins; None when not stated.
        strike_ts: When it is decided, ns since the Unix epoch, UTC.
        details: What else the venue states of it for good: JSON values, numbers as exact texts.
        payload: The venue's own JSON object without its markets, as it came otherwise.
    """

    venue: str
    symbol: str
    series: str | None = None
    title: str = ""
    category: str | None = None
    tags: tuple[str, ...] | None = None
    mutually_exclusive: bool | None = None
    strike_ts: int | None = None
    details: Mapping[str, Any] = {}
    payload: bytes = b"{}"


class FeeStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a fee ladder.

    Attributes:
        volume: Traded in the venue's window, at least, for this step to hold.
        rate: What is charged, in percent of the notional.
    """

    volume: Decimal
    rate: Decimal


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """What trading costs, over a stretch of time.

    Attributes:
        venue: Whose fee.
        scope: Whether `symbol` names an instrument, a series, an event, or a schedule.
        symbol: The venue's own id of what the fee is of.
        kind: How it is computed: `ladder`, or the venue's word (`quadratic`, `flat`).
        currency: In which the volumes of its ladders are counted; None when not stated.
        multiplier: A factor of the venue's formula; None where there is none.
        maker: The steps for who rests, the lowest volume first.
        taker: The steps for who takes, the lowest volume first.
        effective_ts: Since when, ns; None when the venue does not say: since we first saw it.
        source_id: The venue's id of the change that this is from; None when it has none.
    """

    venue: str
    scope: Literal["instrument", "series", "event", "schedule"]
    symbol: str
    kind: str
    currency: str | None = None
    multiplier: Decimal | None = None
    maker: tuple[FeeStep, ...] = ()
    taker: tuple[FeeStep, ...] = ()
    effective_ts: int | None = None
    source_id: str | None = None


class FundingState(msgspec.Struct, frozen=True, kw_only=True):
    """What holding a perpetual costs at a moment, as a listing states it.

    Attributes:
        venue: Whose.
        symbol: The instrument.
        ts: When the venue said so, ns; None when it did not state a time.
        rate: The present rate, in the venue's own unit.
        prediction: The next rate.
        mark_price: In quote currency.
        index_price: In quote currency.
        open_interest: Contracts outstanding.
    """

    venue: str
    symbol: str
    ts: int | None = None
    rate: Decimal | None = None
    prediction: Decimal | None = None
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    open_interest: Decimal | None = None


RejectKind = Literal["unreadable", "unknown_status", "duplicate", "orphan", "absurd", "doubtful"]
"""Why something of a listing is set aside; `doubtful` is only remarked upon: it stands."""


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a listing that cannot be taken as it is; its neighbours stand.

    Attributes:
        reason: What is wrong, and where, in one sentence.
        kind: Why it is set aside.
        entity: What sort of entry it is.
        symbol: The venue's own id of it; None when that cannot be read either.
        raw_status: Its state in the venue's words, where that is what is wrong.
        payload: The entry as it came.
    """

    reason: str
    kind: RejectKind = "unreadable"
    entity: Literal["instrument", "series", "event", "fee", "funding"] = "instrument"
    symbol: str | None = None
    raw_status: str | None = None
    payload: bytes = b""

    def __str__(self) -> str:
        return self.reason
