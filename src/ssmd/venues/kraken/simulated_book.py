"""A simulated order book that moves at random, with the view each subscribed depth has of it.

Prices are counted in units of the pair's last decimal and sizes in 1e-8, so that their digits are
the checksum's digits: no leading zero, no point.
"""

from bisect import bisect_left
from random import Random
from typing import Final
from zlib import crc32

QTY_DECIMALS: Final = 8
_QTY_ONE: Final = 10**QTY_DECIMALS
_CHECKED: Final = 10
_MARGIN: Final = 24
_SIZES: Final = 512
_WIDE: Final = 6
_DUST: Final = 10_000

Change = tuple[list[bytes], list[bytes]]
"""Level texts to send, bids then asks, in the order in which a client must apply them."""


def fixed(units: int, decimals: int) -> str:
    """A number with exactly this many decimals, from its count of units of the last one."""
    if not decimals:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}"


class Side:
    """One side of a book, best level first.

    A level's key is its price in units for asks and minus that for bids, so that keys ascend from
    the best level on both sides.
    """

    __slots__ = ("_decimals", "_sign", "digits", "keys", "sizes", "texts")

    def __init__(self, sign: int, decimals: int) -> None:
        self._sign = sign
        self._decimals = decimals
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}
        self.texts: dict[int, bytes] = {}
        self.digits: dict[int, bytes] = {}

    def set(self, key: int, size: int) -> tuple[int, bool]:
        """Put a level in or change its size; gives its position and whether it is new."""
        at = bisect_left(self.keys, key)
        new = key not in self.sizes
        if new:
            self.keys.insert(at, key)
        price = key * self._sign
        self.sizes[key] = size
        self.texts[key] = self.text(key, size)
        self.digits[key] = b"%d%d" % (price, size)
        return at, new

    def remove(self, key: int) -> int:
        """Take a level out; gives the position it had."""
        at = bisect_left(self.keys, key)
        del self.keys[at], self.sizes[key], self.texts[key], self.digits[key]
        return at

    def text(self, key: int, size: int) -> bytes:
        """A level as it stands in a message."""
        price = fixed(key * self._sign, self._decimals)
        return f'{{"price":{price},"qty":{fixed(size, QTY_DECIMALS)}}}'.encode()

    def levels(self, depth: int) -> tuple[tuple[str, str], ...]:
        """The best levels: price and size as they stand in messages."""
        return tuple(
            (fixed(self.price(key), self._decimals), fixed(self.sizes[key], QTY_DECIMALS))
            for key in self.keys[:depth]
        )

    def price(self, key: int) -> int:
        """The price of a key, in units."""
        return key * self._sign


class Book:
    """Both sides, their random walk, and what changed in the view of each depth.

    A price of fewer than 10,000 units could run out of prices below it.
    """

    def __init__(self, anchor: int, decimals: int, rng: Random) -> None:
        self._rng = rng
        self._anchor = anchor
        self._step = max(1, anchor // 60_000)
        self._pending: dict[int, Change] = {}
        self._room = _CHECKED + _MARGIN
        self._sizes = [self._size() for _ in range(_SIZES)]
        self.bids = Side(-1, decimals)
        self.asks = Side(1, decimals)
        self.bids.set(-anchor, self._pick())
        self.asks.set(anchor + 1, self._pick())
        self._fill()

    def deepen(self, depth: int) -> None:
        """Hold enough levels for a view of this depth; no existing view is touched."""
        self._room = max(self._room, depth + _MARGIN)
        self._fill()

    def view(self, depth: int) -> Change:
        """All level texts of a view, best first."""
        bids, asks = self.bids, self.asks
        return (
            [bids.texts[key] for key in bids.keys[:depth]],
            [asks.texts[key] for key in asks.keys[:depth]],
        )

    def checksum(self) -> int:
        """CRC32 of the ten best levels: asks from low to high, then bids from high to low."""
        bids, asks = self.bids, self.asks
        return crc32(
            b"".join(
                [asks.digits[key] for key in asks.keys[:_CHECKED]]
                + [bids.digits[key] for key in bids.keys[:_CHECKED]]
            )
        )

    def begin(self, depths: tuple[int, ...]) -> dict[int, Change]:
        """Start a message: what changes from now on is noted for these depths."""
        self._pending = {depth: ([], []) for depth in depths}
        return self._pending

    def stir(self, within: int) -> None:
        """Let one thing happen at random among the `within` best levels."""
        roll = self._rng.random()
        rising = self._rng.random() < self._upward()
        spread = self.asks.keys[0] + self.bids.keys[0]
        if roll < 0.12 or spread > _WIDE * self._step:  # noqa: PLR2004 - shares of one roll
            self._improve(self.bids if rising else self.asks, spread)
        elif roll < 0.24:  # noqa: PLR2004
            self._drop(self.asks if rising else self.bids, within)
        elif roll < 0.42:  # noqa: PLR2004
            self._move(self.bids if rising else self.asks, within)
        else:
            side = self.bids if roll < 0.71 else self.asks  # noqa: PLR2004
            self._set(side, side.keys[self._position(within)], self._pick())
        self._fill()

    def take(self, buyer: bool) -> tuple[int, int]:
        """Trade against the best level; gives price and size in units."""
        side = self.asks if buyer else self.bids
        key = side.keys[0]
        held = side.sizes[key]
        whole = held < _DUST or self._rng.random() < 0.3  # noqa: PLR2004
        size = held if whole else max(1, int(held * self._rng.random()))
        if size == held:
            self._remove(side, key)
        else:
            self._set(side, key, held - size)
        self._fill()
        return side.price(key), size

    def _improve(self, side: Side, spread: int) -> None:
        """A better price than the best, if there is room between the sides."""
        if spread < 2:  # noqa: PLR2004 - one unit apart: nothing fits between
            self._set(side, side.keys[0], self._pick())
            return
        better = self._rng.randint(1, min(spread - 1, 4 * self._step))
        self._set(side, side.keys[0] - better, self._pick())

    def _drop(self, side: Side, within: int) -> None:
        self._remove(side, side.keys[self._position(within)])

    def _move(self, side: Side, within: int) -> None:
        """A resting order jumps to another price: one removal and one level in one message."""
        key = side.keys[self._position(within)]
        target = side.keys[self._position(within)] + 1
        size = side.sizes[key]
        self._remove(side, key)
        if target != key:
            self._set(side, target, size)

    def _set(self, side: Side, key: int, size: int) -> None:
        at, _ = side.set(key, size)
        for depth, change in self._pending.items():
            if at < depth:
                change[side is self.asks].append(side.texts[key])

    def _remove(self, side: Side, key: int) -> None:
        text = side.text(key, 0)
        at = side.remove(key)
        keys = side.keys
        for depth, change in self._pending.items():
            if at < depth:
                out = change[side is self.asks]
                out.append(text)
                if len(keys) >= depth:  # the level that now stands last in the view enters it
                    out.append(side.texts[keys[depth - 1]])

    def _fill(self) -> None:
        """Keep the far end, below every view, at its length."""
        for side in (self.bids, self.asks):
            keys = side.keys
            while len(keys) < self._room:
                side.set(keys[-1] + self._rng.randint(1, 4 * self._step), self._pick())
            while len(keys) > self._room + _MARGIN:
                side.remove(keys[-1])

    def _position(self, within: int) -> int:
        """A level near the top, rarely far from it."""
        return int(self._rng.random() ** 3 * min(within, len(self.bids.keys), len(self.asks.keys)))

    def _upward(self) -> float:
        """How likely the next move is up: pulled back to where the walk began, within 1 %."""
        away = (self.asks.keys[0] - self._anchor) / (0.01 * self._anchor)
        return min(0.95, max(0.05, 0.5 - away / 2))

    def _pick(self) -> int:
        return self._sizes[int(self._rng.random() * _SIZES)]

    def _size(self) -> int:
        """A size in 1e-8: small and large ones, and round ones as people and robots like them."""
        size = int(10 ** self._rng.uniform(3.7, 9.3))
        return size - size % 10**6 or 10**6 if self._rng.random() < 0.25 else size  # noqa: PLR2004
