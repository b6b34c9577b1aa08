"""Sets of counter values as sorted, disjoint, inclusive intervals."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of non-negative integers, cheap when its members are mostly contiguous."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int] | list[int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add_range(first, last)

    def __contains__(self, value: int) -> bool:
        at = bisect_right(self._firsts, value) - 1
        return at >= 0 and value <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    @property
    def count(self) -> int:
        """How many integers are in the set."""
        return sum(last - first + 1 for first, last in self)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Intervals)
            and self._firsts == other._firsts
            and self._lasts == other._lasts
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Intervals({self.ranges()!r})"

    def add(self, value: int) -> bool:
        """Put a value in; False when it was there already."""
        if self._lasts and value == self._lasts[-1] + 1:  # the common case: the next one
            self._lasts[-1] = value
            return True
        if value in self:
            return False
        self.add_range(value, value)
        return True

    def add_range(self, first: int, last: int) -> None:
        """Put `first` to `last` in, both included; an empty range adds nothing."""
        if first > last:
            return
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def update(self, other: "Intervals") -> None:
        """Put everything of another set in."""
        for first, last in other:
            self.add_range(first, last)

    def copy(self) -> "Intervals":
        """An independent set with the same members."""
        return Intervals(self)

    def ranges(self) -> list[tuple[int, int]]:
        """The intervals, ascending, both ends included."""
        return list(self)

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """The intervals between `first` and `last`, both included, that are not in the set."""
        holes: list[tuple[int, int]] = []
        for at in range(bisect_left(self._lasts, first), len(self._firsts)):
            low = self._firsts[at]
            if low > last:
                break
            if low > first:
                holes.append((first, low - 1))
            first = self._lasts[at] + 1
        if first <= last:
            holes.append((first, last))
        return holes

    @property
    def last(self) -> int:
        """The greatest member; -1 when empty."""
        return self._lasts[-1] if self._lasts else -1

    @property
    def first(self) -> int:
        """The least member; -1 when empty."""
        return self._firsts[0] if self._firsts else -1
