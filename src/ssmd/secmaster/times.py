"""Times of the database: microseconds there, nanoseconds here."""

from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg.types.datetime import DatetimeDumper, TimestamptzLoader

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""What `infinity` is read as: a range that has not ended."""
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
"""What `-infinity` is read as: a range that always was."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_MICRO_NS: Final = 1_000


class EndlessLoader(TimestamptzLoader):
    """Reads the two ends of time, which Python has no words for."""

    def load(self, data: bytes | bytearray | memoryview) -> datetime:
        """A time; `FOREVER` or `ALWAYS` for the ends of time."""
        text = bytes(data)
        if text == b"infinity":
            return FOREVER
        if text == b"-infinity":
            return ALWAYS
        return super().load(data)


class EndlessDumper(DatetimeDumper):
    """Writes the two ends of time, which are no date there."""

    def dump(self, obj: datetime) -> bytes | bytearray | memoryview | None:
        """A time in PostgreSQL's words."""
        if obj in (FOREVER, ALWAYS):
            return b"infinity" if obj == FOREVER else b"-infinity"
        return super().dump(obj)


def moment(ns: int | None) -> datetime | None:
    """A time for the database, cut to microseconds; None stays None.

    Args:
        ns: Since the Unix epoch, UTC.

    Raises:
        ValueError: It lies beyond the years 1 to 9999.
    """
    if ns is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=ns // _MICRO_NS)
    except OverflowError as error:
        raise ValueError(f"no such time: {ns} ns") from error


def nanoseconds(at: datetime | None) -> int | None:
    """A time of the database as ns since the Unix epoch; None for none, and for the ends of time."""
    if at is None or at in (FOREVER, ALWAYS):
        return None
    return (at - _EPOCH) // _MICRO * _MICRO_NS


def written(at: datetime) -> str | None:
    """A time of the database as RFC 3339, to the microsecond; None for the ends of time."""
    if at in {FOREVER, ALWAYS}:
        return None
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
