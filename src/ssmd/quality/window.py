"""Of which time quality is judged: one UTC day, closed or still running. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.timestamp import SECOND_NS

_DAY_NS: Final = 86_400 * SECOND_NS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC day, as much of it as is over.

    Attributes:
        date: The day.
        since: Its first moment, ns.
        until: Its end, ns, or now while it runs; not included.
        running: Whether it is not over.
    """

    date: date
    since: int
    until: int
    running: bool

    @property
    def seconds(self) -> float:
        """How long it is, or has been."""
        return (self.until - self.since) / SECOND_NS


def day(text: str | None, now: int) -> Window:
    """The window that is asked for.

    Args:
        text: `YYYY-MM-DD`, `today` or `yesterday`; None for yesterday, the last closed day.
        now: What time it is, ns.

    Raises:
        ConfigError: It is no day, or one that has not begun.
    """
    today = of(now)
    wanted = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        None: today - timedelta(days=1),
    }
    try:
        chosen = wanted[text] if text in wanted else date.fromisoformat(text or "")
    except ValueError as error:
        message = f"{text!r} is no day."
        raise ConfigError(
            message, remedy="Write it as 2026-11-23, `today` or `yesterday`."
        ) from error
    if chosen > today:
        message = f"{chosen} has not begun: it is {today} (UTC)."
        raise ConfigError(message, remedy="Give a day that is over, or `today`.")
    if chosen < _EPOCH.date():
        message = f"{chosen} is before 1970: nothing was recorded then."
        raise ConfigError(message, remedy="Give the day of a recording.")
    since = begin(chosen)
    until = min(since + _DAY_NS, now)
    return Window(date=chosen, since=since, until=until, running=chosen == today)


def of(ts: int) -> date:
    """The UTC day that a time (ns) lies in."""
    return (_EPOCH + timedelta(seconds=ts // SECOND_NS)).date()


def begin(chosen: date) -> int:
    """A UTC day's first moment, ns."""
    return (chosen - _EPOCH.date()).days * _DAY_NS
