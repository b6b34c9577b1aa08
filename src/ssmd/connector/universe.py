"""Where the wanted set comes from: what the feed's own file names, and the share of whatever there is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.share import Share
from ssmd.model.subscription import Subscription
from ssmd.model.universe import UniverseSource
from ssmd.model.venue import Venue


class StaticUniverse:
    """The symbols and channels of feed.yaml: said once, never changed. A `UniverseSource`."""

    def __init__(self, feed: FeedConfig, venue: Venue, telemetry: Telemetry) -> None:
        symbols = feed.universe.symbols
        repeated = tuple(sorted(name for name, times in Counter(symbols).items() if times > 1))
        if repeated:
            telemetry.duplicates_wanted(repeated)
        self.wanted: frozenset[Subscription] = venue.subscriptions(
            feed.universe.channels, tuple(sorted(set(symbols)))
        )

    async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        """The whole wanted set, once; then nothing, for ever."""
        yield self.wanted
        await asyncio.get_running_loop().create_future()


class SharedUniverse:
    """The share of a universe that this connector has. A `UniverseSource`.

    The one place where what a feed wants is narrowed, wherever it comes from. Every replica is told
    the whole (so each of them asks a venue what it lists), and takes what is its own; channels
    about all symbols are the first one's alone.
    """

    def __init__(self, source: UniverseSource, share: Share) -> None:
        self._source = source
        self._share = share

    async def watch(self) -> AsyncIterator[frozenset[Subscription]]:
        """The share of the wanted set, and again after every change of it."""
        told: frozenset[Subscription] | None = None
        async for wanted in self._source.watch():
            mine = self._share.narrow(wanted)
            if mine != told:
                told = mine
                yield mine
