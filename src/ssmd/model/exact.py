"""Numbers in JSON that no reader rounds. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

_EXACT: Final = 1 << 53
"""Beyond this an integer is written as text: many readers of JSON hold numbers as doubles."""


def spelled(value: object) -> object:
    """The same with every number that JSON's readers may round as text."""
    match value:
        case Decimal():
            return f"{value:f}"
        case bool():
            return value
        case int():
            return value if -_EXACT <= value <= _EXACT else str(value)
        case Mapping():
            return {key: spelled(each) for key, each in value.items()}
        case list() | tuple():
            return [spelled(each) for each in value]
    return value
