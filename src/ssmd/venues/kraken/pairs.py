"""One entry of `AssetPairs`: the pair, what trading it costs, and what is wrong with it.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Final

import msgspec

from ssmd.model.fields import NUMBER_SCALE, Fields, decode, exactly, fits
from ssmd.model.instrument import Instrument
from ssmd.model.listing import Fee, FeeStep, Reject, RejectKind
from ssmd.model.plausible import absurdity, exact
from ssmd.venues.kraken.names import v2_symbol
from ssmd.venues.kraken.statuses import STATUSES

VENUE_ID: Final = "kraken"
_DECIMALS: Final = ("pair_decimals", "lot_decimals", "cost_decimals")
_AMOUNTS: Final = (
    "lot_multiplier", "margin_call", "margin_stop", "long_position_limit", "short_position_limit",
)  # fmt: skip
_LISTS: Final = ("leverage_buy", "leverage_sell")
_TEXTS: Final = ("aclass_base", "aclass_quote", "lot", "fee_volume_currency", "execution_venue")
_MOST_DECIMALS: Final = 38
_MOST_PERCENT: Final = 100
_wide: Final = Context(prec=2 * _MOST_DECIMALS, traps=[])
_LONGEST: Final = 60
"""So much of a name is quoted in a sentence."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry held.

    Attributes:
        instrument: The pair; None when it cannot be read.
        fee: What it costs; None when the venue states nothing, or nothing that can be read.
        names: What the entry itself calls its assets, by their codes.
        rejects: What is wrong with it. One of the kinds `unknown_status` and `absurd` about the
            instrument leaves it here all the same, for whoever only wants to subscribe to it.
    """

    instrument: Instrument | None = None
    fee: Fee | None = None
    names: Mapping[str, str] = {}
    rejects: tuple[Reject, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with the pair itself."""
        return not any(reject.entity == "instrument" for reject in self.rejects)


class _Absurd(ValueError):
    """It can be read, and cannot be."""


def read(key: str, payload: bytes, names: Mapping[str, str], *, priced: bool) -> Entry:
    """Read an entry; never raises.

    Args:
        key: What `AssetPairs` calls it.
        payload: Its object.
        names: What WebSocket v2 calls the assets, by their codes; the entry tells the others.
        priced: Read what it costs, too.
    """
    symbol = key
    try:
        fields = Fields(decode(payload))
        wsname = fields.need_text("wsname")
        symbol = v2_symbol(wsname)
        instrument = _instrument(key, wsname, fields, names, payload)
        _require_numbers(fields)
    except ValueError as error:
        reason = f"The pair {key[:_LONGEST]!r} cannot be read: {error}."
        return Entry(rejects=(Reject(reason=reason, symbol=symbol, payload=payload),))
    rejects = list(_doubts(key, instrument, fields))
    fee = _fee(key, symbol, fields, payload) if priced else None
    if isinstance(fee, Reject):
        rejects.append(fee)
        fee = None
    base, _, quote = symbol.partition("/")
    own = {fields.text("base") or "": base, fields.text("quote") or "": quote}
    return Entry(instrument=instrument, fee=fee, names=own, rejects=tuple(rejects))


def _instrument(
    key: str, wsname: str, fields: Fields, names: Mapping[str, str], payload: bytes
) -> Instrument:
    """The pair.

    Raises:
        ValueError: It is not as documented.
    """
    symbol = v2_symbol(wsname)
    base, _, quote = symbol.partition("/")
    raw_status = fields.text("status") or ""
    status, restricted = STATUSES.get(raw_status, ("paused", False))
    tick_size = fields.number("tick_size")
    lot_size = _step(fields.integer("lot_decimals"))
    multiplier = fields.number("lot_multiplier")
    return Instrument(
        venue=VENUE_ID,
        symbol=symbol,
        kind="spot",
        status=status,
        raw_status=raw_status,
        restricted=restricted,
        title=symbol,
        base=names.get(fields.text("base") or "", base),
        quote=names.get(fields.text("quote") or "", quote),
        category=fields.text("aclass_base"),
        tick_size=tick_size if tick_size is not None else _step(fields.integer("pair_decimals")),
        lot_size=_wide.multiply(lot_size, multiplier) if lot_size and multiplier else lot_size,
        min_size=fields.number("ordermin"),
        min_notional=fields.number("costmin"),
        aliases={
            "rest_key": key,
            "altname": fields.need_text("altname"),
            "wsname": wsname,
            "v2": symbol,
        },
        details=_details(fields),
        payload=payload,
    )


def _details(fields: Fields) -> dict[str, object]:
    """What has no column; absent is null, and 0 is a statement.

    Raises:
        ValueError: A field is of another type.
    """
    numbers = {name: fields.integer(name) for name in _DECIMALS} | {
        name: fields.number(name) for name in _AMOUNTS
    }
    return {
        **{name: exact(value) for name, value in numbers.items()},
        **{name: _numbers(name, fields) for name in _LISTS},
        **{name: fields.text(name) for name in _TEXTS},
    }


def _numbers(name: str, fields: Fields) -> object:
    """A list of numbers as texts; None when it is missing.

    Raises:
        ValueError: It is none.
    """
    if any(exactly(value) is None for value in fields.items(name)):
        raise ValueError(f"`{name}` is not a list of numbers")
    return exact(fields.raw(name))


def _require_numbers(fields: Fields) -> None:
    """Refuse what should be a number and is none.

    Raises:
        ValueError: One is not.
    """
    bad = {name: text for name, text in fields.inexact.items() if exactly(text) is None}
    if bad:
        message = f"no such number: {bad}"
        raise ValueError(message[:200])


def _doubts(key: str, instrument: Instrument, fields: Fields) -> Iterator[Reject]:
    """What keeps a pair that was read from being believed."""
    name = key[:_LONGEST]
    if instrument.raw_status not in STATUSES:
        yield Reject(
            reason=f"The pair {name!r} has an unknown status {instrument.raw_status[:_LONGEST]!r}: "
            "it is taken for paused until somebody maps it.",
            kind="unknown_status",
            symbol=instrument.symbol,
            raw_status=instrument.raw_status,
            payload=instrument.payload,
        )
    absurd = _absurd(instrument, fields)
    if absurd:
        yield Reject(
            reason=f"The pair {name!r} states what cannot be: {absurd}.",
            kind="absurd",
            symbol=instrument.symbol,
            payload=instrument.payload,
        )


def _absurd(instrument: Instrument, fields: Fields) -> str:
    """The first number that cannot be; empty when all can."""
    for name, text in fields.inexact.items():
        return f"`{name}` is {text[:_LONGEST]}"
    for name in _DECIMALS:
        decimals = fields.integer(name)
        if decimals is not None and not 0 <= decimals <= _MOST_DECIMALS:
            return f"`{name}` is {decimals}"
    for name in _AMOUNTS:
        amount = fields.number(name)
        if amount is not None and (amount < 0 or (name == "lot_multiplier" and not amount)):
            return f"`{name}` is {amount}"
    return absurdity(instrument) or ""


def _step(decimals: int | None) -> Decimal | None:
    """The smallest step of a number with so many decimals; None for what no column holds."""
    if decimals is None or not 0 <= decimals <= _MOST_DECIMALS:
        return None
    return Decimal(1).scaleb(-decimals)


def _fee(key: str, symbol: str, fields: Fields, payload: bytes) -> Fee | Reject | None:
    """Both ladders; None when the venue states neither, as since 2026 for who has no account."""
    try:
        taker, maker = _ladder("fees", fields), _ladder("fees_maker", fields)
    except ValueError as error:
        reason = f"The fees of the pair {key[:_LONGEST]!r} are set aside: {error}."
        kind: RejectKind = "absurd" if isinstance(error, _Absurd) else "unreadable"
        return Reject(reason=reason, kind=kind, entity="fee", symbol=symbol, payload=payload)
    if not taker and not maker:
        return None
    return Fee(
        venue=VENUE_ID,
        scope="instrument",
        symbol=symbol,
        kind="ladder",
        currency=fields.text("fee_volume_currency"),
        taker=taker,
        maker=maker,
    )


def _ladder(name: str, fields: Fields) -> tuple[FeeStep, ...]:
    """Its steps, the lowest volume first."""
    steps = []
    for entry in fields.items(name):
        if not isinstance(entry, list) or len(entry) != 2:  # noqa: PLR2004 - a volume and a rate
            raise ValueError(f"`{name}` holds what is no volume with its rate")
        volume, rate = map(exactly, entry)
        if volume is None or rate is None:
            raise ValueError(f"`{name}` holds what is no number")
        if volume < 0 or not fits(volume, NUMBER_SCALE) or not fits(rate, NUMBER_SCALE):
            raise _Absurd(f"`{name}` has a step at {volume} of {rate}")
        if abs(rate) > _MOST_PERCENT:
            raise _Absurd(f"`{name}` has a rate of {rate} percent")
        steps.append(FeeStep(volume=volume, rate=rate))
    steps.sort(key=lambda step: step.volume)
    if len({step.volume for step in steps}) < len(steps):
        raise _Absurd(f"`{name}` has two steps at one volume")
    return tuple(steps)
