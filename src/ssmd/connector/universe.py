"""Where the wanted set comes from when the feed's own file names it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.feed import FeedConfig
from ssmd.model.subscription import Subscription
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
