"""New identities: the randomness and the time that make an id unique."""

import secrets

from ssmd.model.timestamp import connection_id
from ssmd.runtime.clock import Clock

_ENTROPY_BITS = 74
"""What a UUID version 7 has room for: RFC 9562 section 5.7."""


def entropy() -> int:
    """74 random bits, fit for `model.timestamp.connection_id`."""
    return secrets.randbits(_ENTROPY_BITS)


def new_connection_id(feed: str, shard: int | str, clock: Clock) -> str:
    """Id of a connection that begins now, `{feed}-{shard}-{UUIDv7}`."""
    return connection_id(feed, shard, clock.wall(), entropy())
