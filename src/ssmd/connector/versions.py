"""Whether the version of the feed that a connector began with is still the one that holds."""

from datetime import date
from typing import Final

from ssmd.feeds.feed import FeedConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime.clock import Clock, today
from ssmd.runtime.health import Health
from ssmd.runtime.tasks import Factory, Stop

_LOOK_S: Final = 30.0
_GRACE_S: Final = 300.0
"""A deployer that replaces a connector with an overlap has so long to do it first, in seconds."""


class Versions:
    """Ends a connector when another version of its feed has come into effect: it begins anew with it.

    When none holds any more the connector goes on, and says so: what was right yesterday may still
    be, and what is not recorded is lost.

    Args:
        feed: What is recorded.
        at: The day it began, UTC.

    Raises:
        ConfigError: No version holds on that day.
    """

    def __init__(self, feed: FeedConfig, at: date) -> None:
        self._feed = feed
        self._began = feed.effective(at)

    def follow(self, clock: Clock, health: Health, stop: Stop) -> Factory:
        """What looks at the calendar, for ever."""
        return lambda: self._follow(clock, health, stop)

    async def _follow(self, clock: Clock, health: Health, stop: Stop) -> None:
        since: float | None = None
        while True:
            replaced, words = self._look(today(clock))
            health.warn("version", words)
            if not replaced:
                since = None
            elif since is None:
                since = clock.mono()
            elif clock.mono() - since >= _GRACE_S:
                stop.request(words)
            await clock.sleep(_LOOK_S)

    def _look(self, day: date) -> tuple[bool, str]:
        """Whether another version holds on a day, and what is to be said of it."""
        try:
            version = self._feed.effective(day)
        except ConfigError as error:
            return False, f"{error.message} Recording goes on with {self._began.version}."
        if version is self._began:
            return False, ""
        return True, (
            f"since {version.effective_from} the version {version.version} holds, and not"
            f" {self._began.version} any more: the connector ends, to begin anew with it"
        )
