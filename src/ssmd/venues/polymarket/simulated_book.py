"""The book of one condition: two tokens that mirror each other, prices on a grid of ticks."""

import hashlib
from random import Random
from typing import Final

_DEPTH: Final = 12
_LEAST: Final = 6
_FEWEST: Final = 3
_SIZE_DECIMALS: Final = 2
_GONE_SHARE: Final = 0.25
_WALL_SHARE: Final = 0.15


def fixed(value: int, decimals: int) -> str:
    """A number of units of the last decimal, as the venue writes it: no trailing zeros."""
    whole, rest = divmod(value, 10**decimals)
    digits = f"{rest:0{decimals}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


class Touched:
    """A level that changed, seen from the first token.

    Attributes:
        is_bid: On which side.
        tick: Where.
        size: What is there now, in hundredths of a share; 0 when nothing is.
    """

    __slots__ = ("is_bid", "size", "tick")

    def __init__(self, tick: int, size: int, *, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.tick = tick
        self.size = size


class Book:
    """Bids and asks for the first token; the second token's are the same orders, mirrored.

    Args:
        decimals: 2 for ticks of a cent, 3 for tenths of one.
        rng: Where chance comes from.
    """

    def __init__(self, decimals: int, rng: Random) -> None:
        self.decimals = decimals
        self.top = 10**decimals
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self._rng = rng
        middle = rng.randint(self.top // 5, self.top * 4 // 5)
        self.last = middle
        for step in range(_DEPTH):
            self.bids[middle - 1 - step] = self._size()
            self.asks[middle + 1 + step] = self._size()

    @property
    def best_bid(self) -> int:
        """Highest bid for the first token, in ticks."""
        return max(self.bids)

    @property
    def best_ask(self) -> int:
        """Lowest ask for the first token, in ticks."""
        return min(self.asks)

    def touch(self, token: int) -> tuple[str, str]:
        """Best bid and best ask of a token, as text."""
        bid, ask = self.best_bid, self.best_ask
        return (
            (self.price(bid, 0), self.price(ask, 0))
            if token == 0
            else (self.price(ask, 1), self.price(bid, 1))
        )

    def price(self, tick: int, token: int) -> str:
        """A price of the first token as one of the given token."""
        return fixed(tick if token == 0 else self.top - tick, self.decimals)

    def tick_size(self) -> str:
        """The price step."""
        return fixed(1, self.decimals)

    def stir(self) -> Touched:
        """Let an order come or go somewhere near the touch."""
        is_bid = self._rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        side = self.bids if is_bid else self.asks
        if len(side) > _LEAST and self._rng.random() < _GONE_SHARE:
            tick = self._rng.choice(sorted(side))
            del side[tick]
            return Touched(tick, 0, is_bid=is_bid)
        distance = int(self._rng.expovariate(0.3))
        tick = self.best_ask - 1 - distance if is_bid else self.best_bid + 1 + distance
        tick = min(max(tick, 1), self.top - 1)
        if (is_bid and tick >= self.best_ask) or (not is_bid and tick <= self.best_bid):
            tick = self.best_bid if is_bid else self.best_ask
        side[tick] = self._size()
        return Touched(tick, side[tick], is_bid=is_bid)

    def take(self, *, buys: bool) -> tuple[int, int]:
        """A trade at the touch, seen from the first token; gives tick and size.

        A thin side is never emptied: what is left of its best order stays.
        """
        side = self.asks if buys else self.bids
        tick = self.best_ask if buys else self.best_bid
        taken = min(side[tick], self._rng.randint(100, 20_000))
        if len(side) <= _FEWEST:
            taken = min(taken, (side[tick] + 1) // 2)
        side[tick] -= taken
        if not side[tick]:
            del side[tick]
        if not side:
            side[tick] = taken  # another order was there
        self.last = tick
        return tick, taken

    def ranked(self, token: int) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Bids and asks of a token: price and size, the best first."""
        bids, asks = (self.bids, self.asks) if token == 0 else (self.asks, self.bids)
        return tuple(
            tuple(
                (self.price(tick, token), fixed(side[tick], _SIZE_DECIMALS))
                for tick in sorted(side, reverse=is_downward)
            )
            for side, is_downward in ((bids, token == 0), (asks, token == 1))
        )

    def levels(self, token: int) -> tuple[str, str]:
        """Bids and asks of a token as JSON, worst price first, as the venue lists them."""
        bids, asks = (self.bids, self.asks) if token == 0 else (self.asks, self.bids)
        descending = token == 1  # the mirror turns the order round
        return (
            ",".join(
                self._level(tick, bids[tick], token) for tick in sorted(bids, reverse=descending)
            ),
            ",".join(
                self._level(tick, asks[tick], token)
                for tick in sorted(asks, reverse=not descending)
            ),
        )

    def _level(self, tick: int, size: int, token: int) -> str:
        return f'{{"price":"{self.price(tick, token)}","size":"{fixed(size, _SIZE_DECIMALS)}"}}'

    def _size(self) -> int:
        if self._rng.random() < _WALL_SHARE:
            return self._rng.randint(100_000, 50_000_000)
        return self._rng.randint(5, 2_000) * 100


def digest(fields: str) -> str:
    """The venue's figure of a book: SHA-1 of its compact JSON, the figure itself being empty."""
    return hashlib.sha1(fields.encode(), usedforsecurity=False).hexdigest()
