"""Times as people type them."""

import re
from datetime import UTC, date, datetime
from typing import Final

import click

from ssmd.model.timestamp import SECOND_NS, parse_rfc3339

_SHORT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?(Z|[+-]\d\d:\d\d)?)?"
)
_NANOSECONDS: Final = re.compile(r"\d{19}")
_LATEST: Final = (1 << 63) - 1
_SECONDS: Final = re.compile(r"\d{10}")
FORMS: Final = "2026-11-23T12:34:56.5Z, 2026-11-23T12:34, 2026-11-23, or ns since 1970"


class MomentType(click.ParamType[int]):
    """A time in UTC: RFC 3339, shortened as one likes; a date; seconds or ns since 1970."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Nanoseconds since the Unix epoch; what is no time is refused with the forms there are."""
        if isinstance(value, int):
            return value
        try:
            return moment(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write {FORMS}; without a zone it is UTC.", param, ctx)


def moment(text: str) -> int:
    """Nanoseconds of a time as people type it.

    Raises:
        ValueError: It is none, or beyond what 64 bits of nanoseconds can say (1970 to 2262).
    """
    ts = _moment(text.strip())
    if not 0 <= ts <= _LATEST:
        raise ValueError(text)
    return ts


def _moment(text: str) -> int:
    if _NANOSECONDS.fullmatch(text):
        return int(text)
    if _SECONDS.fullmatch(text):
        return int(text) * SECOND_NS
    match = _SHORT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, minute, second, zone = match.groups()
    date.fromisoformat(day)
    seconds = (second or ":00").replace(",", ".")
    return parse_rfc3339(f"{day}T{minute or '00:00'}{seconds}{zone or 'Z'}")


def shown(ts: int | None, digits: int = 3) -> str:
    """A time for a person, UTC; `now` for an end that has not come."""
    if ts is None:
        return "now"
    seconds, rest = divmod(ts, SECOND_NS)
    fraction = f"{rest:09d}"[:digits]
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{fraction}"


def lasting(seconds: float) -> str:
    """A duration for a person."""
    if seconds < 120:  # noqa: PLR2004 - two minutes still read well in seconds
        return f"{seconds:.3f} s" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
