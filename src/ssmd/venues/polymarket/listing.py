"""One market of Gamma as instruments: one for each answer to its question."""

from decimal import Decimal
from typing import Final

import msgspec

from ssmd.model.fields import Fields, decode, exactly
from ssmd.model.instrument import Instrument, Status
from ssmd.model.listing import ListedEvent
from ssmd.model.plausible import absurdity, exact
from ssmd.model.timestamp import parse_rfc3339

CATEGORIES: Final = (
    "Crypto",
    "Sports",
    "Politics",
    "Science & Tech",
    "Finance",
    "Business",
    "Pop Culture",
    "Entertainment",
)
"""Tags that divide the listings, since `category` is always null.

Of several that an event has the first one here counts, or the first one that was asked for.
"""

_DETAILS: Final = (
    "resolutionSource",
    "groupItemTitle",
    "groupItemThreshold",
    "negRisk",
    "negRiskMarketID",
    "negRiskRequestID",
    "restricted",
    "feesEnabled",
    "feeType",
    "feeSchedule",
    "makerBaseFee",
    "takerBaseFee",
    "umaBond",
    "umaReward",
    "umaResolutionStatus",
    "umaResolutionStatuses",
    "resolvedBy",
    "closedTime",
    "rewardsMinSize",
    "rewardsMaxSpread",
    "eventStartTime",
    "line",
)
"""What of a market is kept beside the fields that all venues share."""


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """What all markets of an event share.

    Attributes:
        id: The event's number.
        slug: Its name in addresses.
        series: The slug of the series it recurs in; None when it does not.
        tags: Its labels; None when none are stated at all.
        end: When it ends, as the venue writes it.
        title: Its name for people.
        wanted: The categories that were asked for, in small letters; empty for all.
    """

    id: str
    slug: str
    series: str | None
    tags: tuple[str, ...] | None
    end: str | None
    title: str = ""
    wanted: frozenset[str] = frozenset()

    @property
    def category(self) -> str | None:
        """The division it belongs to: by a known tag (a wanted one first), else by its first one."""
        if not self.tags:
            return None
        labels = {label.casefold() for label in self.tags}
        known = [category for category in CATEGORIES if category.casefold() in labels]
        wanted = [category for category in known if category.casefold() in self.wanted]
        return next(iter((*wanted, *known)), self.tags[0])


def instruments(market: Fields, event: Grouping, payload: bytes) -> list[Instrument]:
    """An instrument per token; none while the market has no tokens yet.

    `event` of an instrument is the condition: the question whose answers exclude one another.
    What Gamma calls an event groups several questions, and is an alias.

    Raises:
        ValueError: A field is not what it should be.
    """
    tokens = _list(market, "clobTokenIds") or []
    outcomes = _list(market, "outcomes") or []
    prices = _list(market, "outcomePrices") or []
    status = _status(market)
    winner = _winner(market, outcomes, prices) if status == "settled" else None
    condition = market.text("conditionId") or None
    aliases = {
        "condition_id": condition,
        "slug": market.text("slug"),
        "question_id": market.text("questionID"),
        "market_id": market.text("id"),
        "event_id": event.id,
        "event_slug": event.slug,
    }
    return [
        Instrument(
            venue="polymarket",
            symbol=token,
            kind="event",
            status=status,
            raw_status=_raw_status(market),
            title=market.text("question") or "",
            event=condition,
            series=event.series,
            outcome=outcomes[index] if index < len(outcomes) else None,
            category=event.category,
            tags=event.tags,
            tick_size=_amount(market, "orderPriceMinTickSize"),
            min_size=_amount(market, "orderMinSize"),
            open_ts=market.moment("startDate"),
            close_ts=_close(market, event),
            expiry_ts=market.moment("umaEndDate"),
            result=winner,
            settlement_value=(
                exactly(prices[index]) if status == "settled" and index < len(prices) else None
            ),
            volume=_amount(market, "volume", "volumeNum", "volumeClob"),
            volume_24h=_amount(market, "volume24hr", "volume24hrClob"),
            liquidity=_amount(market, "liquidity", "liquidityNum", "liquidityClob"),
            aliases={scheme: value for scheme, value in aliases.items() if value},
            details=_details(market, index, len(tokens)),
            payload=payload,
        )
        for index, token in enumerate(tokens)
        if token
    ]


def question(market: Fields, event: Grouping) -> ListedEvent | None:
    """The condition whose answers are the tokens; None when it has no id.

    Raises:
        ValueError: A field is not what it should be.
    """
    condition = market.text("conditionId")
    if not condition:
        return None
    return ListedEvent(
        venue="polymarket",
        symbol=condition,
        series=event.series,
        title=market.text("question") or "",
        category=event.category,
        tags=event.tags,
        mutually_exclusive=True,
        strike_ts=_close(market, event),
        details={
            "event_id": event.id or None,
            "event_slug": event.slug or None,
            "event_title": event.title or None,
            "market_id": market.text("id"),
            "slug": market.text("slug"),
            "question_id": market.text("questionID"),
            "neg_risk": market.flag("negRisk"),
            "neg_risk_market_id": market.text("negRiskMarketID"),
            "group_item_title": market.text("groupItemTitle"),
            "resolution_source": market.text("resolutionSource"),
            "description": market.text("description"),
        },
    )


def strange(market: Fields, one: Instrument) -> str | None:
    """Which number or time of a market is stated, and cannot be; None when all can."""
    for name in ("orderPriceMinTickSize", "orderMinSize"):
        stated = market.raw(name)
        if stated not in (None, "") and exactly(stated) is None:
            return f"its `{name}` is no number: {str(stated)[:60]}"
    for name in ("startDate", "endDate"):
        stated = market.inexact.get(name)
        if stated:
            return f"its `{name}` is no time: {stated[:60]}"
    if one.settlement_value is not None and not 0 <= one.settlement_value <= 1:
        return f"it paid {one.settlement_value}"
    return absurdity(one)


def _details(market: Fields, index: int, tokens: int) -> dict[str, object]:
    stated = {name: exact(market.raw(name)) for name in _DETAILS}
    return {**stated, "outcome_index": str(index), "outcome_count": str(tokens)}


def _list(market: Fields, name: str) -> list[str] | None:
    """A list of texts, which Gamma writes as the JSON text of one."""
    value = market.raw(name)
    if isinstance(value, str) and value:
        value = decode(value.encode())
    if value is None or value == "":
        return None
    if not isinstance(value, list):
        raise ValueError(f"`{name}` is not a list: {str(value)[:60]}")
    return ["" if item is None else str(item) for item in value]


def _status(market: Fields) -> Status:
    """The state in our words; the venue has flags."""
    if market.flag("closed"):
        return "settled" if _is_resolved(market) else "closed"
    stopped = (
        market.flag("active") is False
        or market.flag("acceptingOrders") is False
        or market.flag("enableOrderBook") is False
    )
    return "paused" if stopped else "active"


def _is_resolved(market: Fields) -> bool:
    return bool(market.text("winningOutcome")) or market.text("umaResolutionStatus") == "resolved"


def _raw_status(market: Fields) -> str:
    """The flags that are set, and the oracle's word."""
    names = ("active", "closed", "archived", "acceptingOrders", "enableOrderBook")
    words = [name for name in names if market.flag(name)]
    oracle = market.text("umaResolutionStatus")
    return ",".join([*words, oracle] if oracle else words)


def _winner(market: Fields, outcomes: list[str], prices: list[str]) -> str | None:
    """The answer that won: as stated, else the one that pays a dollar."""
    stated = market.text("winningOutcome")
    if stated:
        return stated
    paying = [
        outcome
        for outcome, price in zip(outcomes, prices, strict=False)
        if exactly(price) == Decimal(1)
    ]
    return paying[0] if len(paying) == 1 else None


def _amount(market: Fields, *names: str) -> Decimal | None:
    """The first of some fields that holds a number, with all its digits."""
    for name in names:
        amount = exactly(market.raw(name))
        if amount is not None:
            return amount
    return None


def _close(market: Fields, event: Grouping) -> int | None:
    """When trading ends; the event's end where the market states none."""
    own = market.moment("endDate")
    if own is not None or event.end is None:
        return own
    try:
        return parse_rfc3339(event.end)
    except ValueError:
        return None
