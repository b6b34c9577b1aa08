"""Which messages state anew what the messages of a channel build, as the venues tell it."""

from collections.abc import Mapping
from functools import cache

from ssmd import venues
from ssmd.model.errors import ConfigError


@cache
def signs() -> Mapping[str, tuple[tuple[bytes, str], ...]]:
    """By message type: bytes that such a message has, and the channel whose state it is.

    A segment does not tell which venue it is of, unless a connection begins in it: these are the
    signs of all venues, of which none is another's.
    """
    found: dict[str, tuple[tuple[bytes, str], ...]] = {}
    for name in venues.names():
        for channel, (kind, sign) in venues.load(name).anew.items():
            found[kind] = tuple(sorted({*found.get(kind, ()), (sign, channel)}))
    return found


@cache
def channels(venue: str) -> frozenset[str]:
    """The channels of a venue whose messages build on each other; none of an unknown one."""
    try:
        return frozenset(venues.load(venue).anew)
    except ConfigError:
        return frozenset()
