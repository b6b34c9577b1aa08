"""What is worth seeing of a universe out of the security master: one function per moment."""

import structlog

from ssmd.model.timestamp import SECOND_NS
from ssmd.runtime import meters
from ssmd.runtime import universe_metrics as metrics
from ssmd.runtime.logging import incident

log = structlog.get_logger("ssmd.universe")


class Telemetry:
    """The moments of one feed's universe.

    Args:
        feed: The feed's name.
        category: Its division, when it has one.
    """

    def __init__(self, feed: str, category: str | None = None) -> None:
        self._feed = feed
        self._labels = (feed, category or "")
        meters.touch_feed(feed, category)
        self._given_up: tuple[str, ...] = ()

    def snapshot(self, source: str, listed: int | None, change: int) -> None:
        """Everything was read anew, from the `database` or the `stream`."""
        metrics.SNAPSHOTS.labels(*self._labels, source).inc()
        metrics.FOLLOWING.labels(*self._labels).set(1)
        log.info("universe.snapshot", feed=self._feed, source=source, listed=listed, change=change)

    def change(self, outcome: str, delay_ns: int) -> None:
        """A change of the venue was looked at, so long after its commit."""
        metrics.CHANGES.labels(*self._labels, outcome).inc()
        if outcome == "applied":
            metrics.DELAY.labels(*self._labels).observe(max(0.0, delay_ns / SECOND_NS))

    def unreadable(self, reason: str) -> None:
        """A change cannot be taken: what is wanted may not be what it should be."""
        metrics.CHANGES.labels(*self._labels, "unreadable").inc()
        incident("universe.change_unreadable", feed=self._feed, reason=reason)

    def wanted(self, wanted: int, given_up: tuple[str, ...], waiting: int) -> None:
        """What is wanted now, what finds no room, and what may come."""
        metrics.WANTED.labels(*self._labels).set(wanted)
        metrics.GIVEN_UP.labels(*self._labels).set(len(given_up))
        metrics.WAITING.labels(*self._labels).set(waiting)
        new = sorted(set(given_up) - set(self._given_up))
        self._given_up = given_up
        if new:
            metrics.DROPPED.labels(*self._labels).inc(len(new))
            incident("universe.given_up", feed=self._feed, instruments=len(given_up), some=new[:5])

    def again(self, reason: str, error: str, pause_s: float) -> None:
        """Following was ended, and begins again; what was wanted is wanted meanwhile."""
        metrics.RESTARTS.labels(*self._labels, reason).inc()
        metrics.FOLLOWING.labels(*self._labels).set(0)
        if reason == "database":
            metrics.LOOKUP_FAILURES.labels(*self._labels).inc()
        log.warning(
            "universe.begins_again",
            feed=self._feed,
            reason=reason,
            error=error,
            pause_s=round(pause_s, 3),
        )
