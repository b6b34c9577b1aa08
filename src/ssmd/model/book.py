"""An order book in the venue's own spelling: decimal text kept verbatim, ordered exactly."""

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache

Level = tuple[str, str]
"""A price and the quantity resting there, both as the venue spelled them."""


# Prices come again and again: three quarters of the time for a change went into reading them.
@lru_cache(maxsize=1 << 14)
def exact(text: str) -> Decimal:
    """The number a decimal text stands for, nothing rounded.

    Raises:
        ValueError: The text is not a finite decimal number.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        message = f"not a finite decimal number: {text[:40]!r}"
        raise ValueError(message)
    return value


def _is_something(qty: str) -> bool:
    """Whether a quantity is not zero.

    Raises:
        ValueError: The text is not a finite decimal number.
    """
    digits = qty.replace(".", "", 1)
    return bool(digits.strip("0")) if digits.isdecimal() else bool(exact(qty))


class Side:
    """One side of a book: at most one level per price, whatever the price's spelling."""

    __slots__ = ("_bids", "_levels", "_prices")

    def __init__(self, *, bids: bool) -> None:
        self._bids = bids
        # Both ascending and parallel, so that a change costs one search and one insertion; the
        # best bid is therefore at the end, the best ask at the beginning.
        self._prices: list[Decimal] = []
        self._levels: list[Level] = []

    def __len__(self) -> int:
        return len(self._levels)

    def put(self, price: str, qty: str) -> None:
        """State what rests at a price now; a quantity of zero removes the level.

        Raises:
            ValueError: One of the two is not a finite decimal number; nothing was changed.
        """
        key = exact(price)
        rests = _is_something(qty)
        prices = self._prices
        at = bisect_left(prices, key)
        known = at < len(prices) and prices[at] == key
        if not rests:
            if known:
                del prices[at], self._levels[at]
        elif known:
            self._levels[at] = (price, qty)
        else:
            prices.insert(at, key)
            self._levels.insert(at, (price, qty))

    def best(self, count: int) -> list[Level]:
        """At most `count` levels, the best first."""
        if not self._bids:
            return self._levels[:count]
        return self._levels[: -count - 1 : -1]

    def held(self, price: str) -> str | None:
        """What rests at a price; None when nothing does.

        Raises:
            ValueError: The price is not a finite decimal number.
        """
        key = exact(price)
        at = bisect_left(self._prices, key)
        known = at < len(self._prices) and self._prices[at] == key
        return self._levels[at][1] if known else None

    def truncate(self, depth: int) -> list[Level]:
        """Let go of everything beyond the best `depth` levels, and give it."""
        extra = len(self._levels) - depth
        if extra <= 0:
            return []
        gone = slice(None, extra) if self._bids else slice(depth, None)
        levels = self._levels[gone]
        del self._prices[gone], self._levels[gone]
        return levels


class Book:
    """Both sides of one instrument's book.

    Attributes:
        depth: How many levels a side keeps at most; None keeps them all. Venues that publish the
            best N levels never say which level fell out of them.
        bids: What is offered to be bought at.
        asks: What is offered to be sold at.
    """

    __slots__ = ("asks", "bids", "depth")

    def __init__(self, depth: int | None = None) -> None:
        self.depth = depth
        self.bids = Side(bids=True)
        self.asks = Side(bids=False)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Take in one message: all its levels, absolute quantities, then cut to `depth`.

        Raises:
            ValueError: A level is not a pair of finite decimal numbers; the ones before it hold.
        """
        for price, qty in bids:
            self.bids.put(price, qty)
        for price, qty in asks:
            self.asks.put(price, qty)
        if self.depth is not None:
            self.bids.truncate(self.depth)
            self.asks.truncate(self.depth)

    @classmethod
    def snapshot(
        cls, bids: Iterable[Level], asks: Iterable[Level], depth: int | None = None
    ) -> "Book":
        """A book that holds exactly this.

        Raises:
            ValueError: A level is not a pair of finite decimal numbers.
        """
        book = cls(depth)
        book.apply(bids, asks)
        return book
