"""Reads the fields of a JSON object exactly: what is missing, null, 0 or empty stays so.

Nothing is rounded and nothing vanishes: a value that its column cannot hold is given as None and
kept as text in `inexact`; a field that nobody asked for is kept in `extra`.
"""

from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Final

import msgspec

from ssmd.model.timestamp import SECOND_NS, parse_rfc3339

_DIGITS: Final = 38
NUMBER_SCALE: Final = 10
"""Decimal places of prices, sizes and amounts."""
RATE_SCALE: Final = 24
"""Decimal places of rates."""
_LONGEST_TEXT: Final = 200
_wide: Final = Context(prec=2 * _DIGITS, traps=[])
_steps: Final = {scale: Decimal(1).scaleb(-scale) for scale in (NUMBER_SCALE, RATE_SCALE)}
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def decode(payload: bytes) -> object:
    """JSON with numbers exact: `int`, or `Decimal` where there is a point or an exponent.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, InvalidOperation, RecursionError) as error:
        raise ValueError(f"not readable JSON: {error}") from error


def encode(value: object) -> str:
    """The JSON text of what `decode` gave; numbers keep their digits."""
    return _encoder.encode(value).decode()


class Fields:
    """The fields of one object, each asked for by name; what was not asked for is `extra`.

    Args:
        value: What should be an object.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"not an object: {_shown(value)}")
        self._values: dict[str, object] = value
        self._asked: set[str] = set()
        self.inexact: dict[str, str] = {}
        """Exact text of what a column could not hold, by column."""

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> object:
        """The value as it came; None when it is missing or null."""
        self._asked.add(name)
        return self._values.get(name)

    def ignore(self, *names: str) -> None:
        """These are known and say nothing new: they are no `extra`."""
        self._asked.update(names)

    def text(self, name: str) -> str | None:
        """A string; a number is taken as its text."""
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValueError(f"`{name}` is not a text: {_shown(value)}")
        return str(value)

    def need_text(self, name: str) -> str:
        """A string that must be there and hold something."""
        value = self.text(name)
        if not value:
            raise ValueError(f"`{name}` is missing")
        return value

    def flag(self, name: str) -> bool | None:
        """A truth value, also as the text of one."""
        match self.raw(name):
            case None:
                return None
            case bool() as value:
                return value
            case "true" | "True":
                return True
            case "false" | "False":
                return False
            case value:
                raise ValueError(f"`{name}` is neither true nor false: {_shown(value)}")

    def integer(self, name: str, column: str | None = None) -> int | None:
        """A whole number that fits 64 bits, as number or text."""
        exact = self._decimal(name, column)
        if exact is None:
            return None
        if not _in_64_bits(exact) or exact != exact.to_integral_value():
            self.inexact[column or name] = spelled(self._values[name])
            return None
        return int(exact)

    def number(self, name: str, column: str | None = None, *, divide: int = 1) -> Decimal | None:
        """A price, size or amount, as number or text.

        Args:
            name: The field.
            column: The column it goes to, when that has another name.
            divide: A power of ten it is divided by: 100 for cents.
        """
        return self._fitting(name, column, NUMBER_SCALE, divide)

    def rate(self, name: str, column: str | None = None) -> Decimal | None:
        """A small share, as number or text."""
        return self._fitting(name, column, RATE_SCALE, 1)

    def seconds(self, name: str, column: str | None = None) -> int | None:
        """Unix seconds, whole or with a fraction, as ns."""
        return self._since_epoch(name, column, SECOND_NS)

    def millis(self, name: str, column: str | None = None) -> int | None:
        """Unix milliseconds as ns."""
        return self._since_epoch(name, column, SECOND_NS // 1000)

    def moment(self, name: str, column: str | None = None) -> int | None:
        """An RFC 3339 time as ns."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            if isinstance(value, str) and _in_64_bits(moment := parse_rfc3339(value)):
                return moment
        except ValueError:
            pass
        self.inexact[column or name] = spelled(value)
        return None

    def items(self, name: str) -> list[object]:
        """A list; missing or null is an empty one."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"`{name}` is not a list: {_shown(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings; None when it is missing or null."""
        if self.raw(name) is None:
            return None
        return tuple(
            value if isinstance(value, str) else spelled(value) for value in self.items(name)
        )

    def json(self, name: str) -> str | None:
        """Whatever it is, as JSON text."""
        value = self.raw(name)
        return None if value is None else encode(value)

    def extra(self) -> str | None:
        """JSON object of everything nobody asked for; None when there is nothing."""
        rest = {name: value for name, value in self._values.items() if name not in self._asked}
        return encode(rest) if rest else None

    def found(self) -> Mapping[str, str]:
        """What was inexact so far, as a row keeps it."""
        return dict(self.inexact)

    def _since_epoch(self, name: str, column: str | None, unit: int) -> int | None:
        exact = self._decimal(name, column)
        if exact is None:
            return None
        value = _shifted(exact, len(str(unit)) - 1) if _in_64_bits(exact) else None
        if value is None or not _in_64_bits(value) or value != value.to_integral_value():
            self.inexact[column or name] = spelled(self._values[name])
            return None
        return int(value)

    def _fitting(self, name: str, column: str | None, scale: int, divide: int) -> Decimal | None:
        exact = self._decimal(name, column)
        if exact is None:
            return None
        shifted = exact if divide == 1 else _shifted(exact, 1 - len(str(divide)))
        if shifted is None or not fits(shifted, scale):
            self.inexact[column or name] = spelled(self._values[name])
            return None
        return shifted

    def _decimal(self, name: str, column: str | None) -> Decimal | None:
        value = self.raw(name)
        if value is None:
            return None
        exact = exactly(value)
        if exact is None:
            self.inexact[column or name] = spelled(value)
        return exact


def exactly(value: object) -> Decimal | None:
    """The finite number a value stands for, as number or text; None when it stands for none."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    if isinstance(value, str) and (not value or len(value) > _LONGEST_TEXT or "_" in value):
        return None
    try:
        exact = Decimal(value)
    except InvalidOperation:
        return None
    return exact if exact.is_finite() else None


def fits(value: Decimal, scale: int) -> bool:
    """Whether a number can rest in a `decimal128(38, scale)` without being changed.

    Args:
        value: The number.
        scale: `NUMBER_SCALE` or `RATE_SCALE`.
    """
    if value.adjusted() >= _DIGITS - scale:
        return not value
    return _wide.quantize(value, _steps[scale]) == value


def _in_64_bits(value: int | Decimal) -> bool:
    return -(1 << 63) <= value < 1 << 63


def _shifted(value: Decimal, places: int) -> Decimal | None:
    """Times a power of ten, digit for digit: arithmetic would round, or overflow."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - a finite number has one
    try:
        return Decimal((sign, digits, exponent + places))
    except InvalidOperation:
        return None


def spelled(value: object) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else encode(value)


def _shown(value: object) -> str:
    return spelled(value)[:60]
