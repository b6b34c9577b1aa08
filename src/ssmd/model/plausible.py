"""What no instrument can be: numbers that nothing can hold or mean, times that exclude each other.

A listing with such a number is not guessed at: whoever keeps instruments sets it aside.
"""

from decimal import Decimal
from typing import Final

from ssmd.model.fields import NUMBER_SCALE, encode, fits
from ssmd.model.instrument import Instrument
from ssmd.model.timestamp import SECOND_NS

_LASTING: Final = (
    "tick_size",
    "lot_size",
    "min_size",
    "max_size",
    "min_notional",
    "contract_size",
    "settlement_value",
)
"""Numbers that are kept for good, in columns of fixed width."""
_CENTURY_NS: Final = 36_525 * 86_400 * SECOND_NS
_EXPONENT: Final = 28
"""Numbers from 10 to this power on are not spelled out."""


def absurdity(one: Instrument) -> str | None:
    """Why an instrument cannot be as it is stated; None when it can.

    Counters of the moment (volumes, open interest) are not looked at: they fit no column, and what
    they say is over soon.
    """
    for name in _LASTING:
        value: Decimal | None = getattr(one, name)
        if value is None:
            continue
        if not fits(value, NUMBER_SCALE):
            return f"its `{name}` has too many digits: {str(value)[:60]}"
        if value < 0 or (name == "tick_size" and not value):
            return f"its `{name}` is {value}"
    for stretch in one.price_ranges:
        numbers = (stretch.start, stretch.end, stretch.step)
        if not all(fits(number, NUMBER_SCALE) for number in numbers) or stretch.step <= 0:
            return "its price ranges cannot be held"
    if None not in (one.open_ts, one.close_ts) and _lasts(one) < -_CENTURY_NS:
        return "it closes more than a century before it opens"
    return None


def _lasts(one: Instrument) -> int:
    """How long it is traded, ns."""
    return (one.close_ts or 0) - (one.open_ts or 0)


def exact(value: object) -> object:
    """What `fields.decode` gave, with every number as the exact text of it."""
    match value:
        case bool():
            return value
        case Decimal():
            return f"{value:f}" if abs(value.adjusted()) < _EXPONENT else encode(value)
        case int():
            return str(value)
        case dict():
            return {name: exact(inner) for name, inner in value.items()}
        case list():
            return [exact(inner) for inner in value]
        case _:
            return value
