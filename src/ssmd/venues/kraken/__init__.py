"""Kraken spot, WebSocket v2: public market data, no credentials.

https://docs.kraken.com/api/docs/guides/spot-ws-intro
"""

import difflib
from collections.abc import Mapping

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.venue import Handshake, SessionOptions, Venue
from ssmd.venues.kraken.booking import KrakenBooks
from ssmd.venues.kraken.books import DEPTHS
from ssmd.venues.kraken.facts import TELLS, facts
from ssmd.venues.kraken.messages import CHANNELS
from ssmd.venues.kraken.rest import REST
from ssmd.venues.kraken.rows import rows
from ssmd.venues.kraken.session import INTERVALS, KrakenSession
from ssmd.venues.kraken.simulated import simulated
from ssmd.venues.kraken.tables import TABLES


def handshake(endpoint: str, shard: Shard, secrets: Mapping[str, str], now: Now) -> Handshake:
    """The upgrade request: the public endpoint asks for nothing."""
    return Handshake(endpoint)


def session(shard: Shard, options: SessionOptions) -> Session:
    """The conversation of a shard."""
    return KrakenSession(shard, options)


def subscriptions(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription per channel and symbol; the instrument channel has one for all.

    Raises:
        ConfigError: There is no such channel.
    """
    wanted: set[Subscription] = set()
    for channel in channels:
        if channel not in CHANNELS:
            near = difflib.get_close_matches(channel, CHANNELS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"Kraken spot has no channel {channel!r}.{hint}",
                remedy=f"Use some of: {', '.join(sorted(CHANNELS))}.",
            )
        if channel == "instrument":
            wanted.add(Subscription(channel))
        else:
            wanted.update(Subscription(channel, symbol) for symbol in symbols)
    return frozenset(wanted)


def check(parameters: Mapping[str, object]) -> list[str]:
    """Complaints about a feed's parameters."""
    choices = {"depth": DEPTHS, "interval": INTERVALS}
    complaints = [
        f"`{name}` is not a parameter of Kraken spot; there are `depth` and `interval`."
        for name in parameters
        if name not in choices
    ]
    for name, accepted in choices.items():
        value = parameters.get(name, accepted[0])
        if type(value) is not int or value not in accepted:
            allowed = ", ".join(map(str, accepted))
            complaints.append(f"`{name}` is {value!r}, but the venue accepts only {allowed}.")
    return complaints


def pause(ts: int) -> str | None:
    """The venue trades day and night; its maintenance is announced, not scheduled."""
    return None


VENUE = Venue(
    id="kraken",
    title="Kraken spot",
    channels=CHANNELS,
    types=CHANNELS,
    limits=Limits(
        # No limit is documented. 200 keep the share lost with one connection small, and its
        # answers to one burst of requests well inside the answer time-out.
        subscriptions_per_connection=200,
        # Not documented for public channels either; fifty symbols go in each request.
        sends_per_second=5.0,
        # Heartbeats come about once a second while anything is subscribed.
        silence_s=90.0,
        ping_interval_s=30.0,
        # About 150 attempts in ten minutes from one address bring a ban of ten minutes
        # (spot-ws-intro, general considerations); this leaves room for other clients.
        connections=20,
        connect_interval_s=5.0,
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
    snapshots=dict.fromkeys(CHANNELS, b"snapshot"),
    checksummed=True,
    pause=pause,
    anew={"book": ("book", b'"snapshot"')},
    simulated=simulated,
    books=KrakenBooks,
    categories="one",
)
