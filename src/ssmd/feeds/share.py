"""A feed over several connectors: which of them holds what. Pure, and the same for ever.

Every connector is told the whole and takes its share by itself: nobody has to divide anything, and
nothing is to be agreed on. Rendezvous hashing: each share bids for a symbol, and the highest bid has
it. A share that comes outbids others here and there and moves nothing else; one that goes leaves
only what it held.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from ssmd.model.errors import ConfigError
from ssmd.model.rest import Rest
from ssmd.model.subscription import Limits, Subscription

SHARDS: Final = 1000
"""Shards are numbered by these: those of share `i` from `i` times so many."""
MOST: Final = 100
"""Most shares of a feed."""

_REMEMBERED: Final = 1 << 17
"""Instruments whose share is remembered: a universe that changes is narrowed again and again."""
_TEXT: Final = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


class Share(msgspec.Struct, frozen=True):
    """One of several connectors of a feed, and what of it is its own.

    Attributes:
        index: Which, from 0.
        of: How many there are.

    Raises:
        ValueError: There is no such share.
    """

    index: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.of <= MOST:
            raise ValueError(f"a feed is divided into 1 to {MOST} shares, not {self.of}")
        if not 0 <= self.index < self.of:
            raise ValueError(f"shares count from 0: of {self.of} the last is {self.of - 1}")

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def holds(self, symbol: str | None) -> bool:
        """Whether an instrument is this share's; all its channels are together.

        Args:
            symbol: The venue's string for it. None stands for a subscription to all of them at
                once, which only the first share makes: it would come as often as it was asked for.
        """
        return self.index == (0 if symbol is None else owner(symbol, self.of))

    def narrow(self, wanted: Iterable[Subscription]) -> frozenset[Subscription]:
        """What is this share's of what the feed wants."""
        if self.of == 1:
            return frozenset(wanted)
        held: dict[str | None, bool] = {}
        kept = []
        for item in wanted:
            if item.symbol not in held:
                held[item.symbol] = self.holds(item.symbol)
            if held[item.symbol]:
                kept.append(item)
        return frozenset(kept)

    @property
    def first(self) -> int:
        """The number of its first shard: no two shares of a feed have shards of one number."""
        return self.index * SHARDS

    @property
    def rest(self) -> str:
        """What stands in the ids of its REST connections where others have their shard's number."""
        return f"rest{self.index or ''}"

    def is_mine(self, shard: str) -> bool:
        """Whether the part of a connection's id that names its shard is one of this share's.

        Args:
            shard: The number of a shard, or `rest`, as in ids.
        """
        if shard.isascii() and shard.isdigit():
            return int(shard) // SHARDS == self.index
        return shard == self.rest

    def limits(self, limits: Limits) -> Limits:
        """Its part of what the venue tolerates from one client, over all connections.

        Raises:
            ConfigError: There are more shares than connections.
        """
        if self.of == 1:
            return limits
        connections = limits.connections // self.of + (self.index < limits.connections % self.of)
        if not connections:
            raise ConfigError(
                f"The share {self} can have no connection: the venue tolerates"
                f" {limits.connections} from one client, and every share needs one.",
                remedy=f"Use {limits.connections} shares at most.",
            )
        return msgspec.structs.replace(
            limits,
            connections=min(connections, SHARDS),
            connect_interval_s=limits.connect_interval_s * self.of,
        )

    def asks(self, rest: Rest) -> Rest:
        """Its part of what the venue's REST services answer one client."""
        if self.of == 1:
            return rest
        services = {
            name: msgspec.structs.replace(
                service, tokens_per_second=service.tokens_per_second / self.of
            )
            for name, service in rest.services.items()
        }
        return msgspec.structs.replace(rest, services=services)

    def window(self, window: int) -> int:
        """Its part of the messages that may be outstanding on the stream of all shares."""
        return max(1, window // self.of)


WHOLE: Final = Share()
"""The share of the only connector of a feed: everything."""


def parse(text: str) -> Share:
    """A share as people write it: `0/3` is the first of three.

    Raises:
        ConfigError: It is none.
    """
    remedy = "Write INDEX/COUNT, counted from 0: 0/3, 1/3 and 2/3 are the shares of three."
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"{text!r} is no share of a feed.", remedy=remedy)
    try:
        return Share(int(match[1]), int(match[2]))
    except ValueError as error:
        raise ConfigError(f"There is no share {text!r}: {error}.", remedy=remedy) from error


@lru_cache(maxsize=_REMEMBERED)
def owner(symbol: str, of: int) -> int:
    """Which of so many shares holds an instrument, from 0.

    Args:
        symbol: The venue's string for it.
        of: How many shares there are.
    """
    if of == 1:
        return 0
    return max(range(of), key=lambda index: _bid(index, symbol))


def _bid(index: int, symbol: str) -> bytes:
    """What a share bids; never change it: every instrument would move."""
    return hashlib.sha256(b"%d/" % index + symbol.encode("utf-8", "surrogatepass")).digest()
