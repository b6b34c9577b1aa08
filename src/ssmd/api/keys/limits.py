"""How often a key may ask, and an address may guess: in memory, of this process alone. Pure."""

import ipaddress
import math
from collections import OrderedDict
from typing import Final

import msgspec

from ssmd.feeds.api import KeyLimits
from ssmd.runtime.bucket import Bucket
from ssmd.secmaster.keyring.record import KeyRecord

_REMEMBERED: Final = 10_000
"""So many keys, and addresses; what was not heard of for longest is forgotten first."""
_TRUSTED_S: Final = 3_600.0
_NETWORK: Final = 64
"""Bits of an IPv6 address that are one client's: it has all the others to choose from."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a key has left.

    Attributes:
        limit: Requests at once, when it was left alone.
        left: Requests that it has left.
        reset_s: Until it has all of them again, in whole seconds.
        wait_s: Until the next one is answered, in whole seconds; 0 when this one is.
    """

    limit: int
    left: int
    reset_s: int
    wait_s: int

    @property
    def headers(self) -> dict[str, str]:
        """The same for the answer."""
        told = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.reset_s),
        }
        return told | ({"Retry-After": str(self.wait_s)} if self.wait_s else {})


class Rates:
    """The buckets of keys.

    Args:
        limits: What holds for keys that name no rate.
    """

    def __init__(self, limits: KeyLimits) -> None:
        self._limits = limits
        self._buckets: OrderedDict[str, tuple[float, int, Bucket]] = OrderedDict()

    def take(self, key: KeyRecord, mono: float) -> Allowance:
        """Take one request from a key, if it has one.

        Args:
            key: Which.
            mono: The monotonic clock, in seconds.
        """
        rate = key.terms.rate or self._limits.rate
        burst = key.terms.burst or self._limits.burst
        known = self._buckets.get(key.id)
        if known is None or known[:2] != (rate, burst):
            known = (rate, burst, Bucket(rate, burst, mono))
        self._buckets[key.id] = known
        self._buckets.move_to_end(key.id)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        bucket = known[2]
        wait_s = bucket.spare_s(1, mono)
        if not wait_s:
            bucket.take(1, mono)
        left = bucket.left(mono)
        return Allowance(
            limit=burst,
            left=math.floor(left),
            reset_s=math.ceil((burst - left) / rate),
            wait_s=math.ceil(wait_s),
        )


class Guesses:
    """What addresses guessed wrong.

    A client that was let in with a key is not kept out, with that key, by others behind its address.

    Args:
        limits: How many wrong ones are answered, and until when.
    """

    def __init__(self, limits: KeyLimits) -> None:
        self._limits = limits
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], float] = OrderedDict()

    def wait_s(self, address: str, key: str, mono: float) -> float:
        """How long an address must wait before it may try a key; 0 when it may now.

        Args:
            address: Whence it comes.
            key: The id of the key that it shows.
            mono: The monotonic clock, in seconds.
        """
        client = client_of(address)
        bucket = self._buckets.get(client)
        if bucket is None or mono - self._good.get((client, key), -math.inf) < _TRUSTED_S:
            return 0.0
        return bucket.spare_s(1, mono)

    def wrong(self, address: str, mono: float) -> None:
        """An address showed a key that is none."""
        client = client_of(address)
        pace = self._limits.guesses / self._limits.guesses_s
        bucket = self._buckets.setdefault(client, Bucket(pace, self._limits.guesses, mono))
        bucket.take(1, mono)
        self._buckets.move_to_end(client)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def right(self, address: str, key: str, mono: float) -> None:
        """An address showed a key that is one."""
        pair = (client_of(address), key)
        self._good[pair] = mono
        self._good.move_to_end(pair)
        while len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)


def client_of(address: str) -> str:
    """Whose an address is: itself, or of IPv6 the network it chooses from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((int(known), _NETWORK), strict=False))
    return address
