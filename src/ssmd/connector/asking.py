"""What a connector asks its venue over REST, and with what: one client, one record of it."""

import ssl
from collections.abc import Mapping
from datetime import date
from typing import Final

from ssmd.connector.absence import Before
from ssmd.connector.backfill import Backfill
from ssmd.connector.discovery import DiscoveryUniverse
from ssmd.connector.inquiry import Statement
from ssmd.connector.rest import RestConnection
from ssmd.connector.settings import Tuning
from ssmd.connector.shard import Feed
from ssmd.connector.spool.spool import Spool
from ssmd.connector.telemetry import Telemetry
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.universe import Discovery
from ssmd.model.errors import Unavailable
from ssmd.model.rest import Witness
from ssmd.model.venue import Venue
from ssmd.runtime.clock import Clock
from ssmd.runtime.driver import drive
from ssmd.runtime.health import Health
from ssmd.runtime.http import Http

_LOOKED_AT: Final = 1000
"""Most of what was spooled last that is read again, to find when something was last received."""


def addresses(feed: FeedConfig, venue: Venue, at: date) -> Mapping[str, str]:
    """Where a venue's REST services are on a day, UTC, by name.

    Raises:
        ConfigError: No version of the feed is effective.
    """
    others = feed.rest(at)
    return {name: others.get(name, service.base) for name, service in venue.rest.services.items()}


class Asking:
    """The REST side of a connector; nothing is asked, and nothing opened, before it is needed.

    Attributes:
        http: What asks; `http.fetcher("witness")`, say.
    """

    def __init__(
        self,
        feed: Feed,
        services: Mapping[str, str],
        *,
        spool: Spool,
        clock: Clock,
        telemetry: Telemetry,
        tls: ssl.SSLContext | None,
    ) -> None:
        """Ask nothing yet.

        Args:
            feed: Whose venue is asked.
            services: Addresses of its REST services, by name.
            spool: Where requests and answers are kept.
            clock: The time.
            telemetry: Told of everything.
            tls: Whom to trust; None trusts whom the system trusts.
        """
        self._feed = feed
        self._clock = clock
        self._telemetry = telemetry
        self._discovered: DiscoveryUniverse | None = None
        self._backfill: Backfill | None = None
        self._spool = spool
        self._record = RestConnection(
            feed.name,
            feed.category,
            feed.venue.id,
            services,
            spool=spool,
            clock=clock,
            telemetry=telemetry,
            partial=feed.venue.rest.partial,
            timekeeper=feed.timekeeper,
            share=feed.share,
        )
        self.http = Http(
            feed.share.asks(feed.venue.rest),
            clock=clock,
            addresses=services,
            recorder=self._record,
            tls=tls,
        )

    def discover(
        self, discovery: Discovery, channels: tuple[str, ...], health: Health
    ) -> DiscoveryUniverse:
        """A universe that is asked of the venue."""
        self._discovered = DiscoveryUniverse(
            discovery,
            channels,
            self._feed.venue,
            lambda: self.http.fetcher("discovery"),
            clock=self._clock,
            telemetry=self._telemetry,
            health=health,
        )
        return self._discovered

    def backfill(self, tuning: Tuning) -> Backfill:
        """What asks for what is missing; also for what the process before this one left."""
        self._backfill = Backfill(
            self._feed.venue.rest,
            self.http,
            self._record,
            clock=self._clock,
            telemetry=self._telemetry,
            tuning=tuning,
            before=before(self._spool),
        )
        return self._backfill

    async def testify(self, witness: Witness) -> Statement:
        """Ask a witness.

        Raises:
            SsmdError: REST does not answer, or not as documented.
        """
        fetch = self.http.fetcher("witness")
        try:
            digest = await drive(witness, fetch)
        except ValueError as error:
            raise Unavailable(
                f"The witness cannot be understood: {error}",
                remedy="Look at its answers in the archive: frames of type `_rest`.",
            ) from error
        places = ", ".join(f"{asked.connection} r{asked.record}" for asked in fetch.asked)
        return Statement(digest, places)

    def report(self) -> None:
        """Make visible how things are; to be called every second."""
        if self._discovered is not None:
            self._discovered.report(self._record.trouble)
        if self._backfill is not None:
            self._backfill.report()

    def finish(self) -> None:
        """Whoever asked has ended: the record is closed."""
        self._record.close("shutdown")

    async def close(self) -> None:
        """Let go of all sockets."""
        await self.http.close()


def before(spool: Spool) -> Before | None:
    """What the spool knows of the process that wrote it before; None when it does not.

    Only its last frames are looked at: a shard that was silent longer than the others when the
    process ended is left to `ssmd backfill`.
    """
    shards = frozenset(
        connection
        for shard, connection in spool.lives.latest.items()
        if shard.rpartition("-")[2].isdigit()
    )
    for position in range(spool.written, max(-1, spool.written - _LOOKED_AT), -1):
        envelope = spool.find(position)
        if envelope is None or envelope.ts_recv is None or envelope.ordinal is None:
            continue
        if envelope.connection in shards:
            return Before(heard_until=envelope.ts_recv, connections=shards)
    return None
