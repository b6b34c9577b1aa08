"""Times as researchers give them. Pure."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS, format_rfc3339, parse_rfc3339

Moment = str | int | datetime | date
"""A time: ISO text, ns since 1970, an aware datetime, a date, or `-1h` before now."""

FORMS: Final = (
    "Write 2026-11-23, 2026-11-23T12:34:56.5Z, `-1h`, `now`, ns since 1970, a date, or a datetime "
    "with a time zone; text without a zone is UTC."
)
_SHORT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_AGO: Final = re.compile(r"-(\d+)(ms|s|m|h|d|w)", re.ASCII)
_WIDTH: Final = re.compile(r"(\d+)(ms|s|m|h|d|w)", re.ASCII)
_LATEST: Final = (1 << 63) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {
    "ms": SECOND_NS // 1000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
    "w": 7 * 86_400 * SECOND_NS,
}


class Range(msgspec.Struct, frozen=True):
    """From when to when, half-open.

    Attributes:
        since: The first ns; None for the beginning.
        until: The first ns that is no longer part of it; None for the end.
    """

    since: int | None = None
    until: int | None = None

    def shared(self, other: "Range") -> "Range":
        """What lies in both."""
        since = [each for each in (self.since, other.since) if each is not None]
        until = [each for each in (self.until, other.until) if each is not None]
        return Range(max(since, default=None), min(until, default=None))

    def both(self, other: "Range") -> "Range":
        """The least range that holds both."""
        return Range(
            None if self.since is None or other.since is None else min(self.since, other.since),
            None if self.until is None or other.until is None else max(self.until, other.until),
        )

    def __str__(self) -> str:
        since = "the beginning" if self.since is None else format_rfc3339(self.since)
        until = "now" if self.until is None else format_rfc3339(self.until)
        return f"{since} to {until}"


def instant(value: Moment, now: int) -> int:
    """Nanoseconds of a time.

    Args:
        value: A `Moment`.
        now: What time it is, ns.

    Raises:
        ConfigError: It is no time, has no time zone, or lies outside of 1970 to 2262.

    >>> instant("2026-11-23T12:00:00.000000001Z", 0)
    1795435200000000001
    >>> instant("-1h", 7_200_000_000_000)
    3600000000000
    """
    try:
        ts = _instant(value, now)
    except ValueError as error:
        raise ConfigError(f"{value!r} is no time.", remedy=FORMS) from error
    if not 0 <= ts <= _LATEST:
        raise ConfigError(f"{value!r} is outside of 1970 to 2262.", remedy=FORMS)
    return ts


def span(start: Moment | None, end: Moment | None, now: int) -> Range:
    """The range [start, end).

    Raises:
        ConfigError: One of them is no time, or the end is not after the start.
    """
    since = None if start is None else instant(start, now)
    until = None if end is None else instant(end, now)
    if since is not None and until is not None and until <= since:
        message = f"The end {end!r} is not after the start {start!r}."
        raise ConfigError(message, remedy="A range is [start, end): give a later end.")
    return Range(since, until)


def width_ns(value: str | int | timedelta) -> int:
    """Nanoseconds of a duration: `250ms`, `1s`, `5m`, `1h`, `1d`, `1w`, ns, or a timedelta.

    Raises:
        ConfigError: It is none, or not positive.

    >>> width_ns("5m")
    300000000000
    """
    match value:
        case timedelta():
            found = value // timedelta(microseconds=1) * 1000
        case int():
            found = value
        case _:
            match = _WIDTH.fullmatch(value)
            found = 0 if match is None else int(match[1]) * _UNITS[match[2]]
    if found <= 0:
        message = f"{value!r} is no width."
        raise ConfigError(message, remedy="Write 250ms, 1s, 5m, 1h, 1d, 1w, ns, or a timedelta.")
    return found


def _instant(value: Moment, now: int) -> int:
    match value:
        case bool():
            raise ValueError
        case int():
            return value
        case datetime():
            if value.tzinfo is None:
                message = f"{value!r} has no time zone, so nobody knows when it is."
                raise ConfigError(message, remedy="Give it one: `.replace(tzinfo=timezone.utc)`.")
            past = value - _EPOCH
            return (past.days * 86_400 + past.seconds) * SECOND_NS + past.microseconds * 1000
        case date():
            return (value - _EPOCH.date()).days * 86_400 * SECOND_NS
    return _text(value.strip(), now)


def _text(text: str, now: int) -> int:
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    match = _SHORT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, minute, second, zone = match.groups()
    seconds = (second or ":00").replace(",", ".")
    return parse_rfc3339(f"{day}T{minute or '00:00'}{seconds}{zone or 'Z'}")
