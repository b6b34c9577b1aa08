"""How old what is kept of each venue is, when that is too old, and whether the database answers."""

from collections.abc import Iterable
from typing import Final

from ssmd.model.errors import SsmdError
from ssmd.runtime.clock import Clock
from ssmd.runtime.health import Health
from ssmd.secmaster import telemetry
from ssmd.secmaster.statement import Statement

_ROUNDS: Final = 3
"""So many intervals without a good round are too many: one that fails is tried again at once."""


class Freshness:
    """Knows when the last good round of each venue ended, through every loss of the database.

    Args:
        venues: Which.
        clock: What time it is.
        interval_s: From one round to the next, in seconds.
        health: Shows `sync {venue}`: a condition while there is no good round, or none lately; a
            warning while the last one failed and what is kept is young enough.
    """

    def __init__(
        self, venues: Iterable[str], clock: Clock, interval_s: float, health: Health
    ) -> None:
        self._clock = clock
        self._stale_s = _ROUNDS * interval_s
        self._health = health
        self._began = clock.mono()
        self._good: dict[str, float | None] = dict.fromkeys(venues)
        self._error: dict[str, str] = {}
        self.look()

    def heard(self, venue: str, outcome: Statement | SsmdError) -> None:
        """A round ended."""
        if isinstance(outcome, SsmdError):
            self._error[venue] = str(outcome)
        else:
            self._good[venue] = self._clock.mono()
            self._error.pop(venue, None)
        self.look()

    def database(self, trouble: str) -> None:
        """The database was asked; `trouble` says why it does not answer, empty when it does."""
        self._health.set("database", ok=not trouble, reason=trouble)

    def look(self) -> None:
        """Show how old everything is now."""
        now = self._clock.mono()
        for venue, good in self._good.items():
            age_s = now - (self._began if good is None else good)
            error = self._error.get(venue, "")
            telemetry.sync_age(venue, age_s)
            reason = ""
            if good is None:
                reason = f"no round was good yet: {error}" if error else "the first round runs"
            elif age_s > self._stale_s:
                reason = f"the last good round ended {age_s:.0f} s ago"
                reason += f": {error}" if error else ""
            self._health.set(f"sync {venue}", ok=not reason, reason=reason)
            self._health.warn(f"sync {venue}", "" if reason else error)
