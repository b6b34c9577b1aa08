"""Atlantis: an exchange that does not exist; a token opens its door.

https://atlantis.localhost/docs
"""

import difflib
from collections.abc import Mapping
from typing import Final

from ssmd.model.errors import ConfigError
from ssmd.model.frame import Now
from ssmd.model.session import Session
from ssmd.model.subscription import Limits, Shard, Subscription
from ssmd.model.venue import Account, Credential, Handshake, SessionOptions, Venue
from ssmd.venues.atlantis.booking import AtlantisBooks
from ssmd.venues.atlantis.facts import TELLS, facts
from ssmd.venues.atlantis.messages import CHANNELS, FIELD, HEADER, KINDS, WHOLE, is_token
from ssmd.venues.atlantis.rest import REST
from ssmd.venues.atlantis.rows import TABLES, rows
from ssmd.venues.atlantis.session import AtlantisSession
from ssmd.venues.atlantis.simulated import simulated

WHERE: Final = "Ask the harbour master of Atlantis for a token, and set ATLANTIS_TOKEN to it."


def complaints(secrets: Mapping[str, str]) -> list[str]:
    """Complaints about the credentials, never quoting them."""
    if is_token(secrets.get(FIELD, "").strip()):
        return []
    return [f"`{FIELD}` is missing, or holds characters that no token has."]


def handshake(endpoint: str, shard: Shard, secrets: Mapping[str, str], now: Now) -> Handshake:
    """The upgrade request, with the token.

    Raises:
        ConfigError: There is no token, or none that can be.
    """
    if told := complaints(secrets):
        raise ConfigError(f"Atlantis lets nobody in without a token: {told[0]}", remedy=WHERE)
    return Handshake(endpoint, {HEADER: secrets[FIELD].strip()})


def session(shard: Shard, options: SessionOptions) -> Session:
    """The conversation of a shard."""
    return AtlantisSession(shard, options)


def subscriptions(channels: tuple[str, ...], symbols: tuple[str, ...]) -> frozenset[Subscription]:
    """One subscription per channel and market.

    Raises:
        ConfigError: There is no such channel.
    """
    for channel in set(channels) - CHANNELS:
        near = difflib.get_close_matches(channel, CHANNELS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"Atlantis has no channel {channel!r}.{hint}",
            remedy=f"Use some of: {', '.join(sorted(CHANNELS))}.",
        )
    return frozenset(Subscription(channel, symbol) for channel in channels for symbol in symbols)


def check(parameters: Mapping[str, object]) -> list[str]:
    """Complaints about a feed's parameters: there are none to be set."""
    return [f"`{name}` is not a parameter of Atlantis; it has none." for name in parameters]


def pause(ts: int) -> str | None:
    """It trades around the clock."""
    return None


VENUE = Venue(
    id="atlantis",
    title="Atlantis",
    channels=CHANNELS,
    types=frozenset(KINDS.values()),
    limits=Limits(
        # "Guests", section 2: 200 may be held on a connection.
        subscriptions_per_connection=150,
        # "Guests", section 2: five commands a second; each carries the whole set.
        sends_per_second=4.0,
        # A heartbeat comes every five seconds ("Tides"): four are missed.
        silence_s=21.0,
        ping_interval_s=10.0,
        # Answers come within a second.
        ack_timeout_s=10.0,
        # "Guests", section 3.
        connections=8,
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
    snapshots={WHOLE: b"", "deal": b"true"},
    pause=pause,
    account=Account(credentials=(Credential(FIELD),), where=WHERE, check=complaints),
    simulated=simulated,
    books=AtlantisBooks,
    categories="one",
)
