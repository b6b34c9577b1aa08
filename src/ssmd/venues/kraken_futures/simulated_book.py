"""A simulated order book: whole ticks and whole lots, one level changed at a time."""

from bisect import bisect_left, insort
from random import Random
from typing import Final

DEPTH: Final = 240
"""Levels of a side to begin with; a book breathes around it."""

_NEAR: Final = 12
"""Most changes happen among so many levels next to the touch."""
_REMOVED: Final = 0.3
_ADDED: Final = 0.3


class Side:
    """One side of a book, best level first.

    Keys rise away from the touch: prices of asks, negated prices of bids.
    """

    def __init__(self, best: int, rng: Random) -> None:
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}
        key = best
        while len(self.keys) < DEPTH:
            self.put(key, rng.randint(1, 50_000))
            key += rng.randint(1, 4)

    def put(self, key: int, size: int) -> None:
        """Let this much rest at a price; 0 removes the level."""
        if size and key not in self.sizes:
            insort(self.keys, key)
        if size:
            self.sizes[key] = size
        elif key in self.sizes:
            del self.sizes[key]
            del self.keys[bisect_left(self.keys, key)]


class Book:
    """Both sides of a product's book.

    Args:
        anchor: About where the price stands, in ticks.
        rng: Where chance comes from.
    """

    def __init__(self, anchor: int, rng: Random) -> None:
        self._rng = rng
        self.bids = Side(-anchor, rng)
        self.asks = Side(anchor + 1, rng)

    @property
    def bid(self) -> int:
        """The best bid, in ticks."""
        return -self.bids.keys[0]

    @property
    def ask(self) -> int:
        """The best ask, in ticks."""
        return self.asks.keys[0]

    def stir(self) -> tuple[str, int, int]:
        """Change one level; gives its side in the venue's words, its price and its new size."""
        rng = self._rng
        buys = rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        side, other = (self.bids, self.asks) if buys else (self.asks, self.bids)
        at = min(int(rng.expovariate(1 / _NEAR)), len(side.keys) - 1)
        key, size, chance = side.keys[at], rng.randint(1, 50_000), rng.random()
        # Both sides' keys together say how wide the spread is: it is one tick at least.
        if chance < _ADDED or len(side.keys) < DEPTH // 2:
            key = max(key - rng.randint(1, 3), 1 - other.keys[0])
        elif chance < _ADDED + _REMOVED:
            size = 0
        side.put(key, size)
        return "buy" if buys else "sell", abs(key), size

    def take(self) -> tuple[str, int, int, int]:
        """Trade at the touch: the aggressor's side, price, size, and what is left at that price."""
        buys = self._rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        side = self.asks if buys else self.bids
        key = side.keys[0]
        resting = side.sizes[key]
        size = resting if self._rng.random() < 0.3 else self._rng.randint(1, resting)  # noqa: PLR2004
        side.put(key, resting - size)
        return "buy" if buys else "sell", abs(key), size, resting - size
