"""How long something lasts, as a person writes it."""

import re
from typing import Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONGEST_S: Final = 366 * 86_400.0


class DurationType(click.ParamType[float]):
    """`30s`, `5m`, `1h`, `1d`; a number alone counts seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it as seconds; nothing, less than nothing, and more than a year are refused."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip())
        seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
        if not 0 < seconds <= _LONGEST_S:
            self.fail(f"{value!r} is no duration, as in 30s, 5m, 1h or 1d.", param, ctx)
        return seconds
