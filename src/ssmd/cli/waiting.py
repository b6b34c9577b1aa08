"""Waiting for a time of day: a schedule without cron."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime.clock import Clock

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)Z?")
_STEP_S: Final = 30.0
"""The wall clock is looked at this often, in seconds: it may be stepped, and a machine may sleep."""
_DAY_S: Final = 86_400


class TimeOfDayType(click.ParamType[int]):
    """A time of day in UTC, `HH:MM` or `HH:MMZ`, as seconds after midnight."""

    name = "HH:MMZ"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it; what is no time of a day is refused."""
        if isinstance(value, int):
            return value
        found = _TIME.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no time of day in UTC, as in 06:00Z.", param, ctx)
        return int(found[1]) * 3600 + int(found[2]) * 60


def next_time(after_midnight_s: int, now: int) -> int:
    """The next moment, ns, that has this time of day in UTC; never now."""
    seconds = now // SECOND_NS
    begun = seconds - seconds % _DAY_S + after_midnight_s
    return (begun if begun * SECOND_NS > now else begun + _DAY_S) * SECOND_NS


async def wait_until(ts: int, clock: Clock) -> None:
    """Return when a moment (ns) has come, by the wall clock."""
    while (left_s := (ts - clock.wall()) / SECOND_NS) > 0:
        await clock.sleep(min(left_s, _STEP_S))


def in_words(ts: int, now: int) -> str:
    """When that is, and how long it takes."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts // SECOND_NS)
    minutes = max(0, ts - now) // SECOND_NS // 60
    return f"{at:%Y-%m-%d %H:%M} UTC, in {minutes // 60} h {minutes % 60:02d} min"
