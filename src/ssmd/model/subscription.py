"""What we ask a venue for, and how the asking is divided over connections."""

from collections.abc import Iterable, Sequence

import msgspec


class Subscription(msgspec.Struct, frozen=True, order=True, gc=False):
    """One channel for one symbol, or for all of them.

    Attributes:
        channel: The venue's own name of the kind of stream.
        symbol: The venue's own string for the instrument; None asks for all.
    """

    channel: str
    symbol: str | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue tolerates from one client, from its documentation and from observation.

    Attributes:
        subscriptions_per_connection: Most subscriptions one connection may hold, head-room
            already taken off.
        sends_per_second: Most messages we may send on one connection, per second.
        silence_s: Longest healthy silence before a connection is called dead, in seconds.
        ping_interval_s: Pause between our own keepalives, in seconds.
        pong_intervals: A pong older than this many ping intervals ends the connection.
        ack_timeout_s: Longest wait for the answer to a subscribe request, in seconds.
        connections: Most connections to the venue at once, over all shards.
        connect_interval_s: Shortest pause between two connection attempts, in seconds.
    """

    subscriptions_per_connection: int
    sends_per_second: float
    silence_s: float = 90.0
    ping_interval_s: float = 30.0
    pong_intervals: float = 2.0
    ack_timeout_s: float = 30.0
    connections: int = 10
    connect_interval_s: float = 1.0


class Shard(msgspec.Struct, frozen=True):
    """The share of a feed's subscriptions that one connection carries.

    Attributes:
        feed: The feed's name.
        index: The shard's number within the feed, from 0.
        subscriptions: What this connection is to hold.
    """

    feed: str
    index: int
    subscriptions: frozenset[Subscription]

    @property
    def id(self) -> str:
        """`{feed}-{index}`, as it stands in connection ids, logs and metrics."""
        return f"{self.feed}-{self.index}"


def plan(
    feed: str,
    wanted: Iterable[Subscription],
    limits: Limits,
    previous: Sequence[Shard] = (),
) -> tuple[Shard, ...]:
    """Divide what is wanted over shards, moving nothing that need not move.

    A subscription stays where `previous` had it; a new one goes to the first shard with room, by
    symbol order; a shard is opened only when all are full. A shard left without subscriptions
    stays, empty, so that its index is not reused while others run; trailing empty shards go.

    Args:
        feed: The feed's name.
        wanted: Everything that should be subscribed; duplicates count once.
        limits: The venue's limits; only `subscriptions_per_connection` is read.
        previous: The shards as they are now.

    Returns:
        Shards by ascending index. One listing or delisting changes at most one of them.
    """
    room = limits.subscriptions_per_connection
    pending = set(wanted)
    shares: list[set[Subscription]] = []
    for shard in previous:
        kept = {item for item in shard.subscriptions if item in pending}
        while len(kept) > room:
            kept.remove(max(kept, key=_order))
        pending -= kept
        shares.append(kept)
    target = 0
    for item in sorted(pending, key=_order):
        while target < len(shares) and len(shares[target]) >= room:
            target += 1
        if target == len(shares):
            shares.append(set())
        shares[target].add(item)
    while shares and not shares[-1]:
        shares.pop()
    return tuple(Shard(feed, index, frozenset(share)) for index, share in enumerate(shares))


def _order(item: Subscription) -> tuple[bool, str, str]:
    """Symbols together, so that one instrument's channels share a connection; all-symbols first."""
    return (item.symbol is not None, item.symbol or "", item.channel)
