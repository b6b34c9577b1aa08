"""Kraken Futures, WebSocket version 1: public market data, no credentials.

https://docs.kraken.com/exchange/api-reference/futures-websocket/
"""

import difflib
from collections.abc import Mapping

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.venue import Handshake, SessionOptions, Venue
from ssmd.venues.kraken_futures.booking import KrakenFuturesBooks
from ssmd.venues.kraken_futures.facts import TELLS, facts
from ssmd.venues.kraken_futures.messages import FEEDS, TYPES, canonical
from ssmd.venues.kraken_futures.rest import REST
from ssmd.venues.kraken_futures.rows import TABLES, rows
from ssmd.venues.kraken_futures.session import KrakenFuturesSession
from ssmd.venues.kraken_futures.simulated import simulated
from ssmd.venues.kraken_futures.statuses import CLOCKED


def handshake(endpoint: str, shard: Shard, secrets: Mapping[str, str], now: Now) -> Handshake:
    """The upgrade request: the public feeds ask for nothing."""
    return Handshake(endpoint)


def session(shard: Shard, options: SessionOptions) -> Session:
    """The conversation of a shard."""
    return KrakenFuturesSession(shard, options)


def subscriptions(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription per feed and product, products in the venue's own spelling.

    Raises:
        ConfigError: There is no such feed.
    """
    wanted: set[Subscription] = set()
    for channel in channels:
        if channel not in FEEDS:
            near = difflib.get_close_matches(channel, FEEDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"Kraken Futures has no channel {channel!r}.{hint}",
                remedy=f"Use some of: {', '.join(sorted(FEEDS))}.",
            )
        wanted.update(Subscription(channel, canonical(symbol)) for symbol in symbols)
    return frozenset(wanted)


def check(parameters: Mapping[str, object]) -> list[str]:
    """Complaints about a feed's parameters: there are none to be set."""
    return [f"`{name}` is not a parameter of Kraken Futures; it has none." for name in parameters]


def pause(ts: int) -> str | None:
    """It trades around the clock."""
    return None


VENUE = Venue(
    id="kraken-futures",
    title="Kraken Futures",
    channels=FEEDS,
    types=TYPES,
    limits=Limits(
        # No limit is documented. 200 keep the share lost with one connection small.
        subscriptions_per_connection=200,
        # 100 requests a second are allowed (guides/futures/ratelimits); the pace leaves most of
        # them free, because answers that name nobody are told apart by their order.
        sends_per_second=20.0,
        # The heartbeat feed speaks about every ten seconds, whatever the market does.
        silence_s=90.0,
        # A ping is demanded every 60 seconds at least; with one every 30 connections were still
        # reset about once an hour, with one every 15 no longer.
        ping_interval_s=15.0,
        # Answers come within a tenth of a second; the sooner an unanswered request is given up,
        # the sooner what it left open is asked for one by one.
        ack_timeout_s=15.0,
        # 100 connections are allowed (guides/futures/ratelimits); this leaves room for others.
        connections=20,
        connect_interval_s=2.0,
    ),
    handshake=handshake,
    session=session,
    subscriptions=subscriptions,
    check=check,
    rest=REST,
    rows=rows,
    tables=TABLES,
    facts=facts,
    tells=TELLS,
    snapshots={"trade_snapshot": b"", "book_snapshot": b""},
    pause=pause,
    anew={"book": ("book_snapshot", b"")},
    simulated=simulated,
    books=KrakenFuturesBooks,
    categories="one",
    clocked=CLOCKED,
)
