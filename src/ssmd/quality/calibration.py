"""What a day of a feed usually brings: baselines learned from the days before. Pure."""

from collections.abc import Sequence
from datetime import date
from statistics import median

import msgspec

from ssmd.feeds.quality import Calibration, Scale


class Baseline(msgspec.Struct, frozen=True):
    """The value of a whole day that scores 100.

    Attributes:
        full: That value; None where the policy's scale has none to be replaced.
        learned: Where it is from, a sentence, when it was learned; empty when it is the policy's.
    """

    full: float | None
    learned: str = ""


def baseline(
    name: str, scale: Scale, before: Sequence[tuple[date, float]], rules: Calibration
) -> Baseline:
    """The baseline of a check: the policy's, until there are enough days to learn one.

    Args:
        name: The check's name.
        scale: Its scale by the policy.
        before: What it measured on the last days, where that is known.
        rules: Which checks learn, and how.
    """
    if name not in rules.checks or scale.full is None or len(before) < rules.days:
        return Baseline(scale.full)
    values = [value for _, value in before[-rules.days :]]
    middle = median(values)
    full = rules.share * middle
    if scale.zero is None or (full > scale.zero) != (scale.full > scale.zero):
        return Baseline(scale.full)  # days of nothing teach nothing
    learned = f"Learned: {rules.share:g} of {middle:.0f}, the median of {rules.days} days."
    return Baseline(full, learned)
