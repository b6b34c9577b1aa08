"""Entries of the venue's listings as instruments."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from ssmd.model.fields import Fields, decode
from ssmd.model.instrument import Instrument, Kind, Status
from ssmd.model.rest import Page
from ssmd.venues.kraken_futures.messages import canonical

_VENUE: Final = "kraken-futures"
_FINEST: Final = 30
"""No quantity has more decimals, nor more zeros before its point."""


def instruments(listed: Sequence[bytes], tickers: Sequence[bytes]) -> Page:
    """All entries of the two listings, joined by symbol whatever its case.

    Args:
        listed: The objects of `/instruments`.
        tickers: The objects of `/tickers`; those of indices have no instrument.
    """
    rejects: list[str] = []
    standing: dict[str, Fields] = {}
    for at, entry in enumerate(tickers):
        try:
            fields = Fields(decode(entry))
            standing[fields.need_text("symbol").upper()] = fields
        except (ValueError, ArithmeticError) as error:
            rejects.append(f"tickers[{at}]: {error}")
    found: list[Instrument] = []
    for at, entry in enumerate(listed):
        try:
            fields = Fields(decode(entry))
            symbol = fields.need_text("symbol")
            found.append(_instrument(symbol, fields, standing.get(symbol.upper()), entry))
        except (ValueError, ArithmeticError) as error:
            rejects.append(f"instruments[{at}]: {error}")
    return Page(tuple(found), tuple(rejects))


def _instrument(symbol: str, fields: Fields, ticker: Fields | None, payload: bytes) -> Instrument:
    """One entry.

    Raises:
        ValueError: It cannot be read.
    """
    now = ticker or Fields({})
    pair = fields.text("pair") or now.text("pair") or ""
    base, _, quote = pair.partition(":")
    ends = fields.moment("lastTradingTime")
    status, raw_status = _status(fields, now)
    base, quote = fields.text("base") or base, fields.text("quote") or quote
    kind = _kind(fields.text("type") or "", ends)
    names = {"pair": pair, "isin": fields.text("isin") or ""}
    return Instrument(
        venue=_VENUE,
        symbol=canonical(symbol),
        kind=kind,
        status=status,
        raw_status=raw_status,
        restricted=_either("postOnly", fields, now),
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
        payload=payload,
    )


def _title(symbol: str, base: str, quote: str, kind: Kind, ends: str | None) -> str:
    """A name for people, which the venue does not give."""
    words = ["/".join(filter(None, (base, quote))) or canonical(symbol), kind, (ends or "")[:10]]
    return " ".join(filter(None, words))


def _kind(kind: str, ends: int | None) -> Kind:
    words = kind.casefold()
    if "option" in words:
        return "option"
    if "spot" in words:  # indices: listed, never traded
        return "spot"
    return "perpetual" if ends is None else "future"


def _status(fields: Fields, ticker: Fields) -> tuple[Status, str]:
    """Our word and the venue's: it has three truth values instead of one word."""
    if fields.flag("isExpired"):
        return "closed", "expired"
    if _either("suspended", fields, ticker):
        return "paused", "suspended"
    if fields.flag("tradeable") is False:
        return "paused", "not tradeable"
    return "active", "post only" if _either("postOnly", fields, ticker) else "tradeable"


def _either(name: str, fields: Fields, ticker: Fields) -> bool:
    """Whether the listing or the ticker says so; the ticker is the fresher of the two."""
    return bool(fields.flag(name)) or bool(ticker.flag(name))


def _lot(fields: Fields) -> Decimal | None:
    """The smallest quantity step: decimals of a quantity, negative for whole powers of ten."""
    decimals = fields.integer("contractValueTradePrecision")
    if decimals is None or abs(decimals) > _FINEST:
        return None
    return Decimal(1).scaleb(-decimals)
