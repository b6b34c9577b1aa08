"""A simulated order book of bids for yes and bids for no, which never meet.

Prices are counted in 1/10,000 of a dollar and sizes in 1/100 of a contract. A level's key is the
position of its price on the market's grid, its tick: the ticks of a yes and of a no price that
make a whole dollar add up to the last tick.
"""

from random import Random
from typing import Final

DOLLAR: Final = 10_000
CONTRACT: Final = 100
YES: Final = 0
NO: Final = 1
SIDES: Final = (b"yes", b"no")

_RANGES: Final = {
    "linear_cent": ((0, DOLLAR, 100),),
    "deci_cent": ((0, DOLLAR, 10),),
    "tapered_deci_cent": ((0, 1_000, 10), (1_000, 9_000, 100), (9_000, DOLLAR, 10)),
}
_SIZES: Final = 512
_DEPTH: Final = 14
_DRIFT: Final = 0.02
_CHANGE: Final = 0.5
_REMOVE: Final = 0.4

Delta = tuple[int, int, int]
"""Side, tick and signed change of size."""


def dollars(price: int) -> str:
    """A price as the venue writes it: four decimals."""
    return f"{price // DOLLAR}.{price % DOLLAR:04d}"


def count(size: int) -> str:
    """A number of contracts as the venue writes it: two decimals, signed when below zero."""
    return amount(size).decode()


def amount(size: int) -> bytes:
    """The same as bytes."""
    if size < 0:
        return b"-%d.%02d" % divmod(-size, CONTRACT)
    return b"%d.%02d" % divmod(size, CONTRACT)


class Grid:
    """The prices one market allows, and their texts.

    Attributes:
        name: The venue's name of it.
        prices: In ascending order, by tick.
        texts: The same as they stand in messages.
        last: The greatest tick.
    """

    __slots__ = ("last", "name", "prices", "texts")

    def __init__(self, name: str) -> None:
        self.name = name
        allowed = {price for start, end, step in _RANGES[name] for price in range(start, end, step)}
        self.prices = sorted(allowed - {0})
        self.texts = [dollars(price).encode() for price in self.prices]
        self.last = len(self.prices) - 1

    @property
    def ranges(self) -> list[dict[str, str]]:
        """As REST tells them."""
        return [
            {"end": dollars(end), "start": dollars(start), "step": dollars(step)}
            for start, end, step in _RANGES[self.name]
        ]


GRIDS: Final = {name: Grid(name) for name in _RANGES}


def _draw(rng: Random) -> int:
    """A size: mostly whole contracts, some in hundredths."""
    size = 1 + int(rng.lognormvariate(8.5, 1.4))
    return size if rng.random() < 0.3 else size // CONTRACT * CONTRACT + CONTRACT  # noqa: PLR2004


def _draws() -> tuple[int, ...]:
    rng = Random(_SIZES)  # noqa: S311 - which of them is taken is the seed's matter
    return tuple(_draw(rng) for _ in range(_SIZES))


_PICKS: Final = _draws()


class Book:
    """Both sides, and their random walk around a fair value.

    Attributes:
        grid: What prices there are.
        sides: Sizes by tick, of yes and of no.
        best: The best tick of yes and of no; -1 when the side is empty.
    """

    __slots__ = ("_fair", "_rng", "_window", "best", "grid", "sides")

    def __init__(self, grid: Grid, rng: Random) -> None:
        self.grid = grid
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.best = [-1, -1]
        self._rng = rng
        self._fair = rng.randint(grid.last // 5, grid.last - grid.last // 5)
        self._window = max(_DEPTH, grid.last // 12)

    def fill(self) -> None:
        """Let the first orders come in."""
        for side in (YES, NO):
            top = self._top(side)
            for tick in range(max(0, top - self._window), top + 1):
                if self._rng.random() < 0.7:  # noqa: PLR2004 - some levels stay empty
                    self.change(side, tick, self._pick())

    def clear(self) -> None:
        """All orders are gone."""
        for side in (YES, NO):
            self.sides[side].clear()
            self.best[side] = -1

    def change(self, side: int, tick: int, delta: int) -> Delta:
        """Change the size of a level; one that comes to nothing is gone."""
        sizes = self.sides[side]
        size = sizes.get(tick, 0) + delta
        if size:
            sizes[tick] = size
            self.best[side] = max(self.best[side], tick)
        else:
            del sizes[tick]
            if tick == self.best[side]:
                self.best[side] = max(sizes, default=-1)
        return side, tick, delta

    def stir(self) -> Delta:
        """An order comes or goes near the fair value."""
        random = self._rng.random
        if random() < _DRIFT:
            step = 1 if random() < 0.5 else -1  # noqa: PLR2004 - a fair coin
            self._fair = min(max(2, self._fair + step), self.grid.last - 2)
        side = YES if random() < 0.5 else NO  # noqa: PLR2004
        top = self._top(side)
        tick = max(0, top - int(random() * random() * self._window))
        for held in (1 - side, side):
            # The fair value moved on: what a bid here would meet goes first.
            best = self.best[held]
            if best > self._top(held):
                return self.change(held, best, -self.sides[held][best])
        size = self.sides[side].get(tick, 0)
        if not size or random() < _CHANGE:
            return self.change(side, tick, self._pick())
        part = size if random() < _REMOVE else 1 + int(random() * (size - 1))
        return self.change(side, tick, -part)

    def take(self) -> Delta | None:
        """An order meets the best level of one side; None when there is nothing to meet."""
        random = self._rng.random
        side = YES if random() < 0.5 else NO  # noqa: PLR2004
        tick = self.best[side]
        if tick < 0:
            return None
        taken = min(self.sides[side][tick], self._pick() // 4 + 1)
        return self.change(side, tick, -taken)

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Price and size of every level of a side, prices ascending."""
        return [(self.grid.prices[tick], size) for tick, size in sorted(self.sides[side].items())]

    def _top(self, side: int) -> int:
        """The best tick this side may have: both together stay below a dollar."""
        return self._fair - 1 if side == YES else self.grid.last - self._fair

    def _pick(self) -> int:
        return _PICKS[int(self._rng.random() * _SIZES)]
