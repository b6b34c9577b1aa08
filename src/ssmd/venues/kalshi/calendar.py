"""When the exchange stands still by its own timetable."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from ssmd.model.timestamp import SECOND_NS

_ZONE: Final = ZoneInfo("America/New_York")
_THURSDAY: Final = 3
_FROM_HOUR: Final = 3
_TO_HOUR: Final = 5
_HOUR_NS: Final = 3600 * SECOND_NS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAINTENANCE: Final = "thursday_maintenance"
"""Trading pauses each Thursday from 03:00 to 05:00 New York time, see `GET /exchange/schedule`."""


def pause(ts: int) -> str | None:
    """The name of the pause that a time (ns) lies in; None when markets trade.

    The clocks of New York differ from UTC by whole hours and change on Sundays, so a whole hour
    of UTC is in or out, and is looked up once.
    """
    return MAINTENANCE if _paused(ts // _HOUR_NS) else None


@lru_cache(maxsize=64)
def _paused(hour: int) -> bool:
    try:
        local = (_EPOCH + timedelta(hours=hour)).astimezone(_ZONE)
    except OverflowError:  # beyond the year 9999
        return False
    return local.weekday() == _THURSDAY and _FROM_HOUR <= local.hour < _TO_HOUR
