"""Polymarket, market channel of its order book: public market data, no credentials.

https://docs.polymarket.com/market-data/websocket/market-channel
"""

import difflib
from collections.abc import Mapping

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.venue import Handshake, SessionOptions, Venue
from ssmd.venues.polymarket.booking import PolymarketBooks
from ssmd.venues.polymarket.facts import TELLS, facts
from ssmd.venues.polymarket.messages import TYPES
from ssmd.venues.polymarket.rest import REST
from ssmd.venues.polymarket.rows import rows
from ssmd.venues.polymarket.session import PolymarketSession
from ssmd.venues.polymarket.simulated import simulated
from ssmd.venues.polymarket.subscriptions import CHANNEL
from ssmd.venues.polymarket.tables import TABLES


def handshake(endpoint: str, shard: Shard, secrets: Mapping[str, str], now: Now) -> Handshake:
    """The upgrade request: the public endpoint asks for nothing."""
    return Handshake(endpoint)


def session(shard: Shard, options: SessionOptions) -> Session:
    """The conversation of a shard."""
    return PolymarketSession(shard, options)


def subscriptions(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription per token.

    Raises:
        ConfigError: There is no such channel.
    """
    for channel in channels:
        if channel != CHANNEL:
            near = difflib.get_close_matches(channel, TYPES, n=1, cutoff=0.5)
            hint = f" Its frames bring {near[0]!r} too." if near else ""
            raise ConfigError(
                f"Polymarket has no channel {channel!r}; there is only {CHANNEL!r}.{hint}",
                remedy=f"Use channels: [{CHANNEL}].",
            )
    return frozenset(Subscription(channel, symbol) for channel in channels for symbol in symbols)


def check(parameters: Mapping[str, object]) -> list[str]:
    """Complaints about a feed's parameters."""
    return [
        f"`{name}` is not a parameter of Polymarket; there are none: leave `parser_config` out."
        for name in parameters
    ]


def pause(ts: int) -> str | None:
    """It trades around the clock; maintenance is announced, not scheduled."""
    return None


VENUE = Venue(
    id="polymarket",
    title="Polymarket",
    numbered=False,
    channels=frozenset({CHANNEL}),
    types=TYPES,
    limits=Limits(
        # Beyond 500 tokens the venue silently sends nothing (nautilus_trader issue 2915, which
        # settled on 200): the share lost with one connection stays small.
        subscriptions_per_connection=200,
        # Not documented for the socket. A hundred tokens go in each later request.
        sends_per_second=5.0,
        # PING is answered every ten seconds: nine answers are missed. Others settled on two
        # minutes; ours is below the shell's own watchdog.
        silence_s=90.0,
        # Text PING every ten seconds (market-channel, heartbeats).
        ping_interval_s=10.0,
        pong_intervals=6.0,
        # The first answer is one list of all books (494 books, 0.9 MB, were seen).
        ack_timeout_s=30.0,
        # About ten sockets from one address are tolerated; ten to thirteen opened at once were
        # thrown out again and again. Two seconds apart they stay.
        connections=10,
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
    snapshots={"book": b""},
    pause=pause,
    anew={CHANNEL: ("book", b'"asset_id"')},
    simulated=simulated,
    books=PolymarketBooks,
    categories="several",
)
