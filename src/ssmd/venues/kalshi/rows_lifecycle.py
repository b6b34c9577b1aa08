"""Rows of what becomes of markets and events: created, paused, determined, settled."""

from typing import ClassVar, Final

from ssmd.model.fields import encode
from ssmd.model.row import Number, Row, Time
from ssmd.venues.kalshi.quantities import Quantities
from ssmd.venues.kalshi.rows_message import Message

_METADATA: Final = "additional_metadata"


class MarketLifecycle(Row, frozen=True, kw_only=True):
    """Something happened to a market, or was decided about it.

    A field is there only when `event_type` brings it along. `ts_event` is the message's own
    time, else the time of the determination or settlement that it tells of.

    Attributes:
        table: `market_lifecycle_v2`.
        sid: The venue's number of the subscription.
        event_type: What happened, in the venue's words.
        open_ts: When trading begins.
        close_ts: When trading ends.
        determination_ts: When the result was found.
        settled_ts: When it was paid.
        result: The result, in the venue's words.
        settlement_value: What YES paid, dollars.
        is_deactivated: Whether trading is paused.
        event_ticker: The event it is an outcome of.
        name: Its short name.
        title: Its name for people.
        yes_sub_title: What YES stands for.
        no_sub_title: What NO stands for.
        rules_primary: How it is decided.
        rules_secondary: How it is decided in special cases.
        can_close_early: Whether trading may end before `close_ts`.
        expected_expiration_ts: When the result is expected.
        strike_type: How the strikes below are meant.
        floor_strike: The lower strike.
        cap_strike: The upper strike.
        custom_strike: Another kind of strike, JSON.
        price_level_structure: The venue's name for its price steps.
        price_ranges: Its price steps, JSON.
        exchange_index: Which part of the exchange trades it.
    """

    table: ClassVar[str] = "market_lifecycle_v2"

    sid: int | None = None
    event_type: str
    open_ts: Time | None = None
    close_ts: Time | None = None
    determination_ts: Time | None = None
    settled_ts: Time | None = None
    result: str | None = None
    settlement_value: Number | None = None
    is_deactivated: bool | None = None
    event_ticker: str | None = None
    name: str | None = None
    title: str | None = None
    yes_sub_title: str | None = None
    no_sub_title: str | None = None
    rules_primary: str | None = None
    rules_secondary: str | None = None
    can_close_early: bool | None = None
    expected_expiration_ts: Time | None = None
    strike_type: str | None = None
    floor_strike: Number | None = None
    cap_strike: Number | None = None
    custom_strike: str | None = None
    price_level_structure: str | None = None
    price_ranges: str | None = None
    exchange_index: int | None = None


class MultivariateLifecycle(MarketLifecycle, frozen=True, kw_only=True):
    """The same, of a market that combines others.

    Attributes:
        table: `multivariate_market_lifecycle`.
    """

    table: ClassVar[str] = "multivariate_market_lifecycle"


class EventLifecycle(Row, frozen=True, kw_only=True):
    """An event was created; it is no instrument itself, so `symbol` is None.

    Attributes:
        table: `event_lifecycle`.
        sid: The venue's number of the subscription.
        event_ticker: The event.
        series_ticker: The series it belongs to.
        event_type: What happened, where it says so.
        title: Its name for people.
        subtitle: The rest of its name.
        collateral_return_type: How collateral of exclusive outcomes is given back.
        strike_date: The time that its outcomes are about.
        strike_period: The period that they are about, in words.
        exchange_index: Which part of the exchange trades it.
    """

    table: ClassVar[str] = "event_lifecycle"

    sid: int | None = None
    event_ticker: str
    series_ticker: str | None = None
    event_type: str | None = None
    title: str | None = None
    subtitle: str | None = None
    collateral_return_type: str | None = None
    strike_date: Time | None = None
    strike_period: str | None = None
    exchange_index: int | None = None


class EventFeeUpdate(Row, frozen=True, kw_only=True):
    """The fees of one event were set apart from its series', or put back (both None).

    Attributes:
        table: `event_fee_update`.
        sid: The venue's number of the subscription.
        event_ticker: The event.
        fee_type_override: The fee formula, in the venue's words.
        fee_multiplier_override: What the formula is multiplied by.
        exchange_index: Which part of the exchange trades it.
    """

    table: ClassVar[str] = "event_fee_update"

    sid: int | None = None
    event_ticker: str
    fee_type_override: str | None = None
    fee_multiplier_override: Number | None = None
    exchange_index: int | None = None


def market(message: Message) -> Row:
    """The row of a `market_lifecycle_v2` message.

    Raises:
        ValueError: It names no market, or does not say what happened.
    """
    return _market(message, MarketLifecycle)


def multivariate(message: Message) -> Row:
    """The row of a `multivariate_market_lifecycle` message.

    Raises:
        ValueError: It names no market, or does not say what happened.
    """
    return _market(message, MultivariateLifecycle)


def event(message: Message) -> Row:
    """The row of an `event_lifecycle` message.

    Raises:
        ValueError: It names no event.
    """
    return EventLifecycle(
        symbol=None,
        event_ticker=message.need_text("event_ticker"),
        ts_event=message.happened(),
        sid=message.sid,
        series_ticker=message.words("series_ticker"),
        event_type=message.words("event_type"),
        title=message.words("title"),
        subtitle=message.words("subtitle" if "subtitle" in message else "sub_title", "subtitle"),
        collateral_return_type=message.words("collateral_return_type"),
        strike_date=message.seconds("strike_date"),
        strike_period=message.words("strike_period"),
        exchange_index=message.integer("exchange_index"),
        extra=message.extra(),
        inexact=message.found(),
    )


def fees(message: Message) -> Row:
    """The row of an `event_fee_update` message.

    Raises:
        ValueError: It names no event.
    """
    return EventFeeUpdate(
        symbol=None,
        event_ticker=message.need_text("event_ticker"),
        ts_event=message.happened(),
        sid=message.sid,
        fee_type_override=message.words("fee_type_override"),
        fee_multiplier_override=message.number("fee_multiplier_override"),
        exchange_index=message.integer("exchange_index"),
        extra=message.extra(),
        inexact=message.found(),
    )


def _market(message: Message, table: type[MarketLifecycle]) -> MarketLifecycle:
    symbol = message.need_text("market_ticker")
    event_type = message.need_text("event_type")
    happened = message.happened()
    determined, settled = message.seconds("determination_ts"), message.seconds("settled_ts")
    metadata = message.nested(_METADATA)

    def at(name: str) -> Quantities:
        # Updates of the metadata name at the top what creation names inside.
        return metadata if name in metadata else message

    return table(
        symbol=symbol,
        ts_event=next((ts for ts in (happened, determined, settled) if ts is not None), None),
        sid=message.sid,
        event_type=event_type,
        open_ts=message.seconds("open_ts"),
        close_ts=message.seconds("close_ts"),
        determination_ts=determined,
        settled_ts=settled,
        result=message.words("result"),
        settlement_value=_settlement(message),
        is_deactivated=message.truth("is_deactivated"),
        event_ticker=at("event_ticker").words("event_ticker"),
        name=at("name").words("name"),
        title=at("title").words("title"),
        yes_sub_title=at("yes_sub_title").words("yes_sub_title"),
        no_sub_title=at("no_sub_title").words("no_sub_title"),
        rules_primary=at("rules_primary").words("rules_primary"),
        rules_secondary=at("rules_secondary").words("rules_secondary"),
        can_close_early=at("can_close_early").truth("can_close_early"),
        expected_expiration_ts=at("expected_expiration_ts").seconds("expected_expiration_ts"),
        strike_type=at("strike_type").words("strike_type"),
        floor_strike=at("floor_strike").number("floor_strike"),
        cap_strike=at("cap_strike").number("cap_strike"),
        custom_strike=at("custom_strike").json("custom_strike"),
        price_level_structure=at("price_level_structure").words("price_level_structure"),
        price_ranges=at("price_ranges").json("price_ranges"),
        exchange_index=at("exchange_index").integer("exchange_index"),
        extra=_extra(message, metadata),
        inexact={**metadata.inexact, **message.inexact},
    )


def _settlement(message: Message) -> Number | None:
    """Dollars as text since 2026; before, whole cents as a number: the name did not change."""
    name, value = "settlement_value", message.raw("settlement_value")
    spelled = Quantities({"dollars" if isinstance(value, str) else "cents": value})
    found = spelled.price(name, "dollars", "cents")
    message.inexact.update(spelled.inexact)
    return found


def _extra(message: Message, metadata: Quantities) -> str | None:
    rest = message.unread()
    if inside := metadata.unread():
        rest[_METADATA] = inside
    return encode(rest) if rest else None
