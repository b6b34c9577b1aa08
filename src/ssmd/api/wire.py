"""What answers are made of: exact numbers, times with nanoseconds, pages."""

from decimal import Decimal
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ssmd.model.timestamp import format_rfc3339

T = TypeVar("T")
_TIME: Final = "2026-11-24T03:35:47.123456789Z"


class Wire(BaseModel):
    """What every answer is: stated field by field, and nothing besides."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


def plain(number: Decimal) -> str:
    """Every digit of a number, without an exponent."""
    return format(number, "f")


Exact = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^-?\d+(\.\d+)?$",
            "examples": ["106.0000000300"],
            "description": "An exact decimal, as text.",
        },
        mode="serialization",
    ),
]
"""An exact decimal: text in JSON."""

Time = Annotated[
    int,
    PlainSerializer(format_rfc3339, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "examples": [_TIME],
            "description": "A time in UTC, to the nanosecond.",
        },
        mode="serialization",
    ),
]
"""A time, ns since the Unix epoch: RFC 3339 with nine digits in JSON."""

Big = Annotated[
    int,
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?\d+$", "examples": ["9007199254740993"]},
        mode="serialization",
    ),
]
"""An integer that may be beyond 2^53: text in JSON."""


class Page(Wire, Generic[T]):
    """Some of a list, and how to go on."""

    items: list[T] = Field(description="What there is, in a stable order.")
    next: str | None = Field(
        description="Give it as `cursor` to go on; null at the end.", examples=[None]
    )
