"""How the venue words numbers and times."""

from decimal import Decimal
from typing import Final

from ssmd.model.timestamp import format_rfc3339

MILLISECOND_NS: Final = 1_000_000
_PLAIN: Final = -5
"""Smaller powers of ten are written with an exponent."""


def number(value: int, decimals: int) -> str:
    """A whole number of the last decimal as JSON number: with a point, or an exponent if tiny."""
    exact = Decimal(value).scaleb(-decimals).normalize()
    if exact.adjusted() < _PLAIN and exact:
        sign, digits, _ = exact.as_tuple()
        rest = "".join(map(str, digits[1:])) or "0"
        return f"{'-' * sign}{digits[0]}.{rest}e{exact.adjusted()}"
    text = f"{exact:f}"
    return text if "." in text else f"{text}.0"


def moment(millis: int) -> str:
    """Unix milliseconds as RFC 3339, as REST writes them."""
    return f"{format_rfc3339(millis * MILLISECOND_NS)[:23]}Z"


def flag(value: bool) -> str:
    """A truth value as JSON."""
    return "true" if value else "false"
