"""Whether a value is unlike those before it: robust statistics of a few numbers. Pure.

The middle and the spread are medians, so a day that was far out neither moves them nor widens them:
it cannot hide the next one. A robust z-score is the distance from the median in units of 1.4826
times the median absolute deviation, which for a normal distribution is its standard deviation
(Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993; they recommend 3.5 as the limit).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Final, Literal

import msgspec

from ssmd.feeds.quality import Scale
from ssmd.feeds.quality import Trend as Limits

Direction = Literal["improving", "stable", "degrading", "unknown"]
"""What a day is, compared with those before it."""
Better = Literal["higher", "lower"]
"""Which values are the good ones."""

_NORMAL: Final = 1.4826
"""What makes a median absolute deviation comparable with a standard deviation."""
_WEEK: Final = 7
_HUNDREDTH: Final = 0.01


class Unlike(msgspec.Struct, frozen=True, kw_only=True):
    """How far a value is from others.

    Attributes:
        median: Of the others, in their unit.
        spread: What counts as one step from it, in their unit.
        z: How many steps the value is above the median; infinite when the others never differed, no
            least step was told, and it does.
        number: How many others there were.
    """

    median: float
    spread: float
    z: float
    number: int


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """What a day is, compared with those before it.

    Attributes:
        direction: The answer.
        value: The day's own; None when it is not known.
        recent: Compared with the days just before; None when they are too few.
        weekday: Compared with the same weekdays before; None when they are too few.
    """

    direction: Direction
    value: float | None
    recent: Unlike | None
    weekday: Unlike | None


def unlike(value: float, others: Sequence[float], *, floor: float = 0.0) -> Unlike:
    """How far a value is from others, of which there is at least one.

    When more than half of the others are the very same, their median absolute deviation is 0 and
    would make any difference endless. Then, and whenever it is less, `floor` counts instead.

    Args:
        value: What is judged; finite.
        others: What it is compared with; finite, in any order.
        floor: The least that counts as one step, in their unit.
    """
    middle = median(others)
    spread = max(floor, _NORMAL * median(abs(each - middle) for each in others))
    distance = value - middle
    z = math.copysign(math.inf, distance) if distance else 0.0
    if spread > 0:
        z = distance / spread
    return Unlike(median=middle, spread=spread, z=z, number=len(others))


def trend(
    day: date,
    value: float | None,
    history: Mapping[date, float],
    limits: Limits,
    *,
    floor: float = 0.0,
    better: Better = "higher",
) -> Trend:
    """What a day is, compared with the days just before it, and with the same weekdays before.

    It is unlike them when every comparison that can be made says so, in one direction: a quiet
    Sunday is like other Sundays, and one odd Sunday long ago makes no trend. With too few days
    before it, or without a value, nothing is known.

    Args:
        day: Which day.
        value: Its value; None when it is not known.
        history: Values by day; those of the day itself and later ones do not count.
        limits: How many days count, how few are too few, and from which z on a day is unlike them.
        floor: The least that counts as one step; see `unlike`.
        better: Which values are the good ones.
    """
    known = {each: one for each, one in history.items() if math.isfinite(one)}
    recent = [day - timedelta(days=back) for back in range(1, limits.days + 1)]
    weekdays = [day - timedelta(days=_WEEK * back) for back in range(1, limits.weekdays + 1)]
    if value is None or not math.isfinite(value):
        return Trend(direction="unknown", value=None, recent=None, weekday=None)
    compared = [
        _compared(value, [known[each] for each in days if each in known], fewest, floor)
        for days, fewest in (
            (recent, limits.fewest),
            (weekdays, min(limits.fewest, limits.weekdays)),
        )
    ]
    return Trend(
        direction=_direction([each.z for each in compared if each is not None], limits, better),
        value=value,
        recent=compared[0],
        weekday=compared[1],
    )


def reach(limits: Limits) -> int:
    """How many days before a day `trend` looks at."""
    return max(limits.days, _WEEK * limits.weekdays)


def step(scale: Scale) -> tuple[float, Better]:
    """What one point of the score is worth on a scale, in its unit, and which values are good.

    Of a scale in steps it is a hundredth of the first.
    """
    if scale.tiers is not None:
        return abs(scale.tiers[0].below) * _HUNDREDTH, "lower"
    assert scale.zero is not None  # noqa: S101 - the type says so
    assert scale.full is not None  # noqa: S101 - the type says so
    width = scale.full - scale.zero
    return abs(width) * _HUNDREDTH, "higher" if width > 0 else "lower"


def _compared(value: float, others: list[float], fewest: int, floor: float) -> Unlike | None:
    return unlike(value, others, floor=floor) if len(others) >= fewest else None


def _direction(z: list[float], limits: Limits, better: Better) -> Direction:
    if not z:
        return "unknown"
    if all(each >= limits.z for each in z):
        return "improving" if better == "higher" else "degrading"
    if all(each <= -limits.z for each in z):
        return "degrading" if better == "higher" else "improving"
    return "stable"
