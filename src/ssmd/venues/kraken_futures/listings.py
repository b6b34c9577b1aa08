"""The entries of `/instruments`, joined with their tickers.

https://docs.kraken.com/api/docs/futures-api/trading/get-instruments
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from ssmd.model.fields import Fields, decode, exactly
from ssmd.model.instrument import Instrument, Kind
from ssmd.model.listing import FundingState, Reject, RejectKind
from ssmd.model.plausible import absurdity, exact
from ssmd.model.rest import Page
from ssmd.venues.kraken_futures.messages import canonical
from ssmd.venues.kraken_futures.statuses import either, status
from ssmd.venues.kraken_futures.tickers import VENUE_ID, Tickers

_FINEST: Final = 30
"""No quantity has more decimals, nor more zeros before its point."""
_LONGEST: Final = 60
_LEVELS: Final = {"margin_levels": "marginLevels", "retail_margin_levels": "retailMarginLevels"}
_DETAILS: Final = {
    "type": "type",
    "margin_schedules": "marginSchedules",
    "impact_mid_size": "impactMidSize",
    "funding_rate_coefficient": "fundingRateCoefficient",
    "max_relative_funding_rate": "maxRelativeFundingRate",
    "contract_value_trade_precision": "contractValueTradePrecision",
    "fee_schedule_uid": "feeScheduleUid",
    "maker_protection_millis": "makerProtectionMillis",
    "tradeable": "tradeable",
    "post_only": "postOnly",
    "mtf": "mtf",
    "tradfi": "tradfi",
}
"""What has no column: our name, and the venue's."""


class _Absurd(ValueError):
    """It can be read, and cannot be."""


def instruments(
    listed: Sequence[bytes],
    tickers: Tickers,
    seen: set[str],
    *,
    believed: bool,
    where: str = "instruments",
) -> Page:
    """All entries of a listing.

    Args:
        listed: The objects of `/instruments`.
        tickers: How they stand.
        seen: Symbols that were told before; those of this page are added.
        believed: Leave out what cannot be believed, and tell what holding it costs.
        where: What the list is called in sentences.
    """
    found: list[Instrument] = []
    funding: list[FundingState] = []
    rejects: list[Reject] = []
    for at, entry in enumerate(listed):
        symbol = None
        try:
            fields = Fields(decode(entry))
            symbol = canonical(fields.need_text("symbol"))
            now = tickers.latest(symbol).fields
            instrument = _instrument(symbol, fields, now, entry)
            if symbol in seen:
                reason = f"{where}[{at}]: {symbol[:_LONGEST]!r} once more"
                again = Reject(reason=reason, kind="duplicate", symbol=symbol, payload=entry)
                rejects.append(again)
                continue
            seen.add(symbol)
            if believed:
                _believe(instrument, fields)
                rejects += _doubts(symbol, now, entry)
        except (ValueError, RecursionError) as error:
            kind: RejectKind = "absurd" if isinstance(error, _Absurd) else "unreadable"
            reason = f"{where}[{at}]: {error}"
            rejects.append(Reject(reason=reason, kind=kind, symbol=symbol, payload=entry))
            continue
        found.append(instrument)
        if believed and instrument.kind == "perpetual":
            states, refused = tickers.costs(symbol)
            funding += states
            rejects += refused
    return Page(tuple(found), tuple(rejects), funding=tuple(funding))


def _instrument(symbol: str, fields: Fields, now: Fields, payload: bytes) -> Instrument:
    """One entry.

    Raises:
        ValueError: It cannot be read.
    """
    pair = fields.text("pair") or now.text("pair") or ""
    base, _, quote = pair.partition(":")
    ends = fields.moment("lastTradingTime")
    state, raw_status = status(fields, now)
    base, quote = fields.text("base") or base, fields.text("quote") or quote
    kind = _kind(fields.text("type") or "", ends)
    names = {"pair": pair, "isin": fields.text("isin") or ""}
    return Instrument(
        venue=VENUE_ID,
        symbol=symbol,
        kind=kind,
        status=state,
        raw_status=raw_status,
        restricted=either("postOnly", fields, now),
        title=_title(symbol, base, quote, kind, fields.text("lastTradingTime")),
        base=base or None,
        quote=quote or None,
        underlying=fields.text("underlying"),
        category=fields.text("category"),
        tags=fields.texts("tags"),
        tick_size=fields.number("tickSize"),
        lot_size=_lot(fields),
        max_size=fields.number("maxPositionSize"),
        contract_size=fields.number("contractSize"),
        open_ts=fields.moment("openingDate"),
        close_ts=ends,
        expiry_ts=ends,
        volume_24h=now.number("vol24h"),
        open_interest=now.number("openInterest"),
        aliases={scheme: name for scheme, name in names.items() if name},
        details=_details(fields),
        payload=payload,
    )


def _details(fields: Fields) -> dict[str, object]:
    """What has no column; absent is null, and 0 is a statement."""
    named = _LEVELS | _DETAILS
    return {name: exact(fields.raw(theirs)) for name, theirs in named.items()}


def _believe(instrument: Instrument, fields: Fields) -> None:
    """Whether what was read can be.

    Raises:
        ValueError: A number or a time is none.
        _Absurd: It is one, and cannot be meant.
    """
    for name, text in fields.inexact.items():
        kind = ValueError if exactly(text) is None else _Absurd
        raise kind(f"`{name}` cannot be {text[:_LONGEST]}")
    decimals = fields.integer("contractValueTradePrecision")
    if decimals is not None and abs(decimals) > _FINEST:
        raise _Absurd(f"`contractValueTradePrecision` cannot be {decimals}")
    absurd = absurdity(instrument)
    if absurd or instrument.contract_size == 0:
        raise _Absurd(absurd or "its `contract_size` is 0")
    opens, closes = instrument.open_ts, instrument.close_ts
    if opens is not None and closes is not None and closes <= opens:
        raise _Absurd("it ends before it begins")
    for name in _LEVELS.values():
        _believe_levels(name, fields.items(name))


def _believe_levels(name: str, levels: Sequence[object]) -> None:
    """Whether a margin schedule can be.

    Raises:
        ValueError: It is no list of objects of numbers.
        _Absurd: One of them is negative.
    """
    for level in levels:
        if not isinstance(level, dict):
            raise ValueError(f"`{name}` holds what is no level")
        for key, value in level.items():
            number = exactly(value)
            if number is None:
                raise ValueError(f"`{name}` has a level whose `{key[:_LONGEST]}` is no number")
            if number < 0:
                raise _Absurd(f"`{name}` has a level whose `{key[:_LONGEST]}` is negative")


def _doubts(symbol: str, now: Fields, payload: bytes) -> Iterator[Reject]:
    """What the ticker says that no column holds: the instrument stands without it."""
    for name, text in now.inexact.items():
        reason = f"the ticker of {symbol[:_LONGEST]!r} has {name} {text[:_LONGEST]}"
        yield Reject(reason=reason, kind="doubtful", symbol=symbol, payload=payload)


def _title(symbol: str, base: str, quote: str, kind: Kind, ends: str | None) -> str:
    """A name for people, which the venue does not give."""
    words = ["/".join(filter(None, (base, quote))) or symbol, kind, (ends or "")[:10]]
    return " ".join(filter(None, words))


def _kind(kind: str, ends: int | None) -> Kind:
    words = kind.casefold()
    if "option" in words:
        return "option"
    if "spot" in words:  # indices: listed, never traded
        return "spot"
    return "perpetual" if ends is None else "future"


def _lot(fields: Fields) -> Decimal | None:
    """The smallest quantity step: decimals of a quantity, negative for whole powers of ten."""
    decimals = fields.integer("contractValueTradePrecision")
    if decimals is None or abs(decimals) > _FINEST:
        return None
    return Decimal(1).scaleb(-decimals)
