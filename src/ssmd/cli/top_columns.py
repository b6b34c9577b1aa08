"""The columns of `ssmd top`: what each level shows, in which words, and how it is ordered. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from ssmd.cli.top_model import trouble
from ssmd.model.timestamp import SECOND_NS

Level = Literal["feeds", "shards", "instruments"]
LEVELS: Final[tuple[Level, ...]] = ("feeds", "shards", "instruments")
NONE: Final = "-"
"""Stands where there is no figure."""
_MINUTE_S: Final = 120
_HOUR_S: Final = 7200
_THOUSAND: Final = 10_000
_MILLION: Final = 10_000_000


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        title: What stands above it.
        cell: What a row shows in it.
        key: What rows are ordered by; None where a row has no such figure.
        falls: Whether the greatest comes first when it is chosen.
    """

    title: str
    cell: Callable[[Any], str]
    key: Callable[[Any], object]
    falls: bool = True


def rate(value: float | None) -> str:
    """Messages per second."""
    if value is None:
        return NONE
    return f"{value:.1f}" if value < _THOUSAND else count(round(value))


def age(seconds: float | None) -> str:
    """How long ago, as short as it can be said."""
    if seconds is None:
        return NONE
    if seconds < _MINUTE_S:
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"  # noqa: PLR2004 - two digits
    return f"{seconds / 60:.0f}m" if seconds < _HOUR_S else f"{seconds / 3600:.0f}h"


def count(number: int) -> str:
    """A number in at most six characters."""
    if number < _THOUSAND:
        return str(number)
    return f"{number / 1000:.0f}k" if number < _MILLION else f"{number / 1e6:.0f}M"


def state(row: Any) -> str:  # noqa: ANN401 - of any level
    """A state in words, with since when a shard is down."""
    since = getattr(row, "since_ts", None)
    if row.state == "down" and hasattr(row, "since_ts"):
        return f"down since {moment(since)}" if since is not None else "down, never up"
    if row.state == "partly down":
        return f"{row.planned - row.shards} of {row.planned} down"
    return str(row.state)


def moment(ts: int) -> str:
    """A time of the day, UTC."""
    return datetime.fromtimestamp(ts / SECOND_NS, UTC).strftime("%H:%M:%SZ")


def _number(title: str, field: str) -> Column:
    def value(row: Any) -> int:  # noqa: ANN401 - of any level
        return int(getattr(row, field))

    return Column(title, lambda row: count(value(row)), value)


def _text(title: str, field: str) -> Column:
    return Column(
        title, lambda row: str(getattr(row, field)), lambda row: getattr(row, field), falls=False
    )


_STATE: Final = Column("state", state, lambda row: trouble(row.state), falls=False)
_RATE: Final = Column("msg/s", lambda row: rate(row.rate), lambda row: row.rate)
_AGE: Final = Column("age", lambda row: age(row.age_s), lambda row: row.age_s)
_GAPS: Final = _number("gaps", "gaps")

COLUMNS: Final[Mapping[Level, tuple[Column, ...]]] = {
    "feeds": (
        _text("feed", "feed"),
        _STATE,
        Column("shards", lambda row: f"{row.shards}/{row.planned}", lambda row: row.shards),
        _RATE,
        _AGE,
        _GAPS,
        _number("lost", "lost"),
        _number("lag", "lag"),
    ),
    "shards": (
        Column("shard", lambda row: row.shard, lambda row: row.shard.rjust(9), falls=False),
        _STATE,
        _RATE,
        _AGE,
        _number("held", "held"),
        _GAPS,
        _number("ended", "ended"),
    ),
    "instruments": (
        _text("instrument", "instrument"),
        _STATE,
        _RATE,
        _AGE,
        _number("msgs", "messages"),
        _GAPS,
        _text("last", "kind"),
    ),
}
"""What each level shows."""

NAMES: Final[Mapping[Level, Callable[[Any], str]]] = {
    "feeds": lambda row: row.feed,
    "shards": lambda row: row.shard,
    "instruments": lambda row: row.instrument,
}
"""What a row is called: what the filter looks into, and what is drilled into."""
