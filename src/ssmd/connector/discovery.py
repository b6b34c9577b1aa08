"""Where the wanted set comes from when the venue is asked what it lists."""

import random
from collections.abc import AsyncIterator, Callable
from typing import Final

from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.universe import Discovery
from ssmd.model.errors import SsmdError
from ssmd.model.filters import Selection, Selector
from ssmd.model.rest import CatalogQuery
from ssmd.model.subscription import Subscription
from ssmd.model.timestamp import SECOND_NS
from ssmd.model.venue import Venue
from ssmd.runtime import backoff
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import Fetch, sift
from ssmd.runtime.health import Health

_TRADED: Final = frozenset({"pre_open", "active", "paused"})
"""States of what can be traded now, or soon."""
_BASE_S: Final = 5.0
_CAP_S: Final = 300.0
_MISSES: Final = 1
"""Good rounds in a row that may leave out a symbol before it is believed to be gone."""
_MISSES_UNREADABLE: Final = 8
"""The same when some entries could not be read: it may be one of them."""
_JITTER_RATIO: Final = 0.1
"""An interval is up to this much longer or shorter: many connectors do not ask all at once."""


class FilterWithoutField(SsmdError):
    """A filter asks about what this venue's listing never states."""

    def __init__(self, absent: tuple[str, ...]) -> None:
        names = " and ".join(f"`{name}`" for name in absent)
        super().__init__(
            f"No listed instrument states what the filter {names} asks about: it cannot be meant.",
            remedy="Remove it from `universe.discovery.filters` of feed.yaml, or use another.",
        )


class Unreadable(SsmdError):
    """Most of a listing could not be read."""

    def __init__(self, rejects: tuple[str, ...], listed: int) -> None:
        super().__init__(
            f"{len(rejects)} entries of the listing could not be read, and only {listed} could:"
            f" {rejects[0][:300]}",
            remedy="The venue may have changed its format: look for a newer version.",
        )


class DiscoveryUniverse:
    """What the venue lists and the filters keep, asked again and again. A `UniverseSource`.

    A round that fails, for whatever reason, changes nothing and is tried again. A symbol that a
    good round does not name at all is wanted until the next one does not name it either: a
    listing that moves while its pages are fetched may hide an entry once.

    Attributes:
        selection: What came of the last good round; None before the first.
    """

    def __init__(
        self,
        discovery: Discovery,
        channels: tuple[str, ...],
        venue: Venue,
        fetcher: Callable[[], Fetch],
        *,
        clock: Clock,
        telemetry: Telemetry,
        health: Health,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Ask nothing yet.

        Args:
            discovery: How often and how much to ask, and what to keep.
            channels: The channels of each symbol.
            venue: Who is asked.
            fetcher: Gives what fetches, for one round.
            clock: The time.
            telemetry: Told of every round.
            health: Shows it as `universe`.
            chance: Gives a number in 0..1, for jitter.
        """
        self.selection: Selection | None = None
        self._discovery = discovery
        self._channels = channels
        self._venue = venue
        self._fetcher = fetcher
        self._clock = clock
        self._telemetry = telemetry
        self._health = health
        self._chance = chance
        self._symbols: frozenset[str] = frozenset()
        self._wanted: frozenset[Subscription] = frozenset()
        self._missed: dict[str, int] = {}
        self._failures = 0
        self._since = clock.mono()
        health.set("universe", ok=False, reason="the venue has not been asked yet")

    async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        """The whole wanted set after the first good round, and again whenever it changed."""
        told: frozenset[Subscription] | None = None
        while True:
            error = await self._round()
            pause_s = self._pause_s()
            if error:
                self._failed(error, pause_s)
            elif self._wanted != told:
                told = self._wanted
                yield told
            await self._clock.sleep(pause_s)

    def report(self, trouble: str = "") -> None:
        """Make visible how old what we know is, and what the first round is waiting for.

        Args:
            trouble: What was wrong with the venue's last answer; empty when nothing was.
        """
        self._telemetry.discovery_age(self._clock.mono() - self._since)
        if self.selection is None and not self._failures:
            waiting = "the venue is being asked what it lists"
            told = f"; its last answer: {trouble}" if trouble else ""
            self._health.set("universe", ok=False, reason=waiting + told)

    async def _round(self) -> str:
        """Ask once; gives why that failed, empty when it did not."""
        try:
            selection = await self._ask()
        except Exception as error:  # noqa: BLE001 - a venue's parser may raise anything; what we have stays
            self._failures += 1
            return _sentence(error)
        self.selection = selection
        self._failures = 0
        self._since = self._clock.mono()
        self._health.set("universe", ok=True)
        self._health.warn("universe", "")
        return ""

    async def _ask(self) -> Selection:
        """Make a whole listing the new set, with what it may have left out by accident.

        Raises:
            SsmdError: It could not be had whole, or a filter cannot be meant.
            ValueError: It is not what the venue documents.
        """
        now = self._clock.now()
        filters = self._discovery.filters
        selector = Selector(filters, now.wall)
        _, rejects = await sift(
            self._venue.rest.catalog(query(self._venue, self._discovery, now.wall)),
            self._fetcher(),
            selector,
            self._discovery.max_pages,
            self._discovery.max_instruments,
        )
        selection = selector.selection()
        if len(rejects) > selection.listed:
            raise Unreadable(rejects, selection.listed)
        if selection.absent:
            raise FilterWithoutField(selection.absent)
        bound = _MISSES_UNREADABLE if rejects else _MISSES
        misses = {
            symbol: self._missed.get(symbol, 0) + 1 for symbol in self._symbols - selector.named
        }
        missed = {symbol: times for symbol, times in misses.items() if times <= bound}
        symbols = frozenset(item.symbol for item in selection.kept) | missed.keys()
        self._wanted = self._venue.subscriptions(self._channels, tuple(sorted(symbols)))
        self._symbols, self._missed = symbols, missed
        self._telemetry.discovered(selection, rejects, self._clock.mono() - now.mono)
        return selection

    def _failed(self, error: str, retry_s: float) -> None:
        self._telemetry.discovery_failed(error, retry_s)
        if self.selection is None:
            reason = f"no round of discovery has succeeded: {error}"
            self._health.set("universe", ok=False, reason=reason)
        else:
            age_s = self._clock.mono() - self._since
            self._health.warn(
                "universe",
                f"{self._failures} rounds of discovery failed, the last good one was {age_s:.0f} s"
                f" ago; what it found is recorded: {error}",
            )

    def _pause_s(self) -> float:
        interval_s = self._discovery.interval_s
        if not self._failures:
            return interval_s * (1 + _JITTER_RATIO * (2 * self._chance() - 1))
        return backoff.delay(self._failures - 1, _BASE_S, min(_CAP_S, interval_s), self._chance())


def query(venue: Venue, discovery: Discovery, now_ts: int) -> CatalogQuery:
    """What the venue may leave out of its listing, if it can: what the filters would exclude.

    Where an instrument is in several categories, it tells the one that was asked for. So every
    division of a feed asks for the same ones, and each instrument is in one of them.
    """
    filters = discovery.filters
    within_s = filters.close_within_s
    several = venue.categories == "several" and discovery.among
    return CatalogQuery(
        active=_TRADED.issuperset(filters.statuses),
        series=filters.series,
        categories=discovery.among if several else filters.categories,
        close_before_ts=None if within_s is None else now_ts + round(within_s * SECOND_NS),
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, SsmdError):
        return str(error)
    return f"{type(error).__name__}: {error}"[:500]
