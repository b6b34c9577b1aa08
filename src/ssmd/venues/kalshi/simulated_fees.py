"""What trading costs at a simulated exchange, and when that changes."""

import uuid
from typing import Final

import msgspec

_DAY_S: Final = 86_400
_USUAL: Final = (
    ("KXFED", "quadratic_with_maker_fees", "1", -30 * _DAY_S),
    ("KXNBAGAME", "quadratic", "0.5", -90 * _DAY_S),
    ("KXNBAGAME", "quadratic_with_maker_fees", "1", 2 * _DAY_S),
)
"""Series, kind, multiplier, and when, in seconds after the first moment."""


class FeeChange(msgspec.Struct, frozen=True):
    """A change of what a series costs.

    Attributes:
        series: Its ticker.
        kind: How the fee is computed.
        multiplier: A factor of that, as a number's text.
        scheduled_s: From when on, s since the epoch.
    """

    series: str
    kind: str
    multiplier: str
    scheduled_s: int

    @property
    def id(self) -> str:
        """The exchange's id of it."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.series}/{self.scheduled_s}"))


class Fees:
    """All changes there ever were, and those announced."""

    def __init__(self) -> None:
        self._changes: list[FeeChange] = []

    def begin(self, now_s: int) -> None:
        """Lay the usual changes around the first moment."""
        for series, kind, multiplier, after_s in _USUAL:
            self.change(FeeChange(series, kind, multiplier, now_s + after_s))

    def change(self, change: FeeChange) -> None:
        """Announce a change."""
        self._changes.append(change)
        self._changes.sort(key=lambda one: (one.scheduled_s, one.series))

    def current(self, series: str, now_s: int) -> FeeChange:
        """What a series costs at a time."""
        begun = [one for one in self._of(series) if one.scheduled_s <= now_s]
        return begun[-1] if begun else FeeChange(series, "quadratic", "1", 0)

    def listed(self, series: str, now_s: int, *, past: bool) -> list[FeeChange]:
        """The changes of a series, or of all when that is empty; past ones on demand."""
        every = self._of(series) if series else self._changes
        return [one for one in every if past or one.scheduled_s > now_s]

    def _of(self, series: str) -> list[FeeChange]:
        return [one for one in self._changes if one.series == series]
