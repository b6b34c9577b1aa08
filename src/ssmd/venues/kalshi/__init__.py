"""Kalshi: event contracts; public market data, but nobody is let in without a signed request.

https://docs.kalshi.com/websockets/websocket-connection
"""

import difflib
from collections.abc import Mapping
from typing import Final

from ssmd.model.errors import ConfigError
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.venue import Clocked, SessionOptions, Venue
from ssmd.venues.kalshi.booking import KalshiBooks
from ssmd.venues.kalshi.calendar import pause
from ssmd.venues.kalshi.facts import TELLS, facts
from ssmd.venues.kalshi.messages import BOOKS, CHANNELS, TYPES, WHOLE
from ssmd.venues.kalshi.rest import REST
from ssmd.venues.kalshi.rows import TABLES, rows
from ssmd.venues.kalshi.session import KalshiSession
from ssmd.venues.kalshi.signing import ACCOUNT, handshake
from ssmd.venues.kalshi.simulated import simulated

EVERY: Final = "*"
"""The symbol that stands for all markets of a channel."""


def session(shard: Shard, options: SessionOptions) -> Session:
    """The conversation of a shard."""
    return KalshiSession(shard, options)


def subscriptions(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription per channel and market; one for all where no market is named.

    The lifecycle channels take no markets. Tickers and trades of all markets are one
    subscription, asked for by the symbol `*`.

    Raises:
        ConfigError: There is no such channel, or it cannot be had for all markets.
    """
    wanted: set[Subscription] = set()
    for channel in channels:
        if channel not in CHANNELS:
            near = difflib.get_close_matches(channel, CHANNELS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"Kalshi has no channel {channel!r} that is captured.{hint}",
                remedy=f"Use some of: {', '.join(sorted(CHANNELS))}.",
            )
        if channel in WHOLE:
            wanted.add(Subscription(channel))
        elif EVERY not in symbols:
            wanted.update(Subscription(channel, symbol) for symbol in symbols)
        elif channel != BOOKS:
            wanted.add(Subscription(channel))
        else:
            raise ConfigError(
                f"Kalshi does not give {BOOKS!r} of all markets at once.",
                remedy=f"Name the markets, or leave {BOOKS!r} to a feed with a narrower universe.",
            )
    return frozenset(wanted)


def check(parameters: Mapping[str, object]) -> list[str]:
    """Complaints about a feed's parameters."""
    complaints = [
        f"`{name}` is not a parameter of Kalshi; there is only `use_yes_price`."
        for name in parameters
        if name != "use_yes_price"
    ]
    stated = parameters.get("use_yes_price", False)
    if stated is True:
        complaints.append(
            "`use_yes_price: true` is not supported: frames do not tell which prices their no side"
            " has, so that rows of both kinds could not be told apart. Leave it `false`."
        )
    elif stated is not False:
        complaints.append("`use_yes_price` is not `false`, the only value it can have.")
    return complaints


VENUE = Venue(
    id="kalshi",
    title="Kalshi",
    channels=CHANNELS,
    types=TYPES,
    limits=Limits(
        # 500,000 market subscriptions per session since June 2026, by a second-hand account of
        # the changelog; recorders of early 2026 reckoned with 1,000 per connection, and 256 were
        # the most for one subscription before that. Three channels of 250 markets keep below all
        # of them, and the share that is lost with one connection small.
        subscriptions_per_connection=750,
        # 10,000 commands a second by the same account, and fewer for one subscription (code 27);
        # ten with 200 markets each are more than a universe needs.
        sends_per_second=10.0,
        # The venue pings every ten seconds (connection keep-alive), so that four are missed.
        silence_s=45.0,
        ping_interval_s=15.0,
        # No most is documented. Five thousand markets on three channels need twenty.
        connections=25,
        # Nor is this; each attempt costs the venue a signature to verify.
        connect_interval_s=1.0,
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
    snapshots={"orderbook_snapshot": b""},
    pause=pause,
    anew={BOOKS: ("orderbook_snapshot", b"")},
    account=ACCOUNT,
    simulated=simulated,
    books=KalshiBooks,
    categories="one",
    # A market that opens sends no message, and one that closes on time need not either. A paused
    # one closes as well; it does not open again by the clock.
    clocked=(
        Clocked("pre_open", "open_ts", "active"),
        Clocked("active", "close_ts", "closed"),
        Clocked("paused", "close_ts", "closed"),
    ),
)
