"""Sets of counter values, against a set."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.intervals import Intervals

VALUES = st.integers(0, 40)
RANGES = st.lists(st.tuples(VALUES, VALUES), max_size=12)


def members(ranges: list[tuple[int, int]]) -> set[int]:
    return {value for first, last in ranges for value in range(first, last + 1)}


def sound(intervals: Intervals) -> bool:
    """Sorted, disjoint, not even adjacent."""
    ranges = intervals.ranges()
    return all(first <= last for first, last in ranges) and all(
        earlier[1] + 1 < later[0] for earlier, later in pairwise(ranges)
    )


@given(ranges=RANGES)
def test_adding_ranges_is_a_union(ranges: list[tuple[int, int]]) -> None:
    """De-duplication rests on this; an inverted range is empty."""
    intervals = Intervals(ranges)
    wanted = members(ranges)
    assert members(intervals.ranges()) == wanted
    assert sound(intervals)
    assert intervals.count == len(wanted)
    assert bool(intervals) == bool(wanted)
    assert intervals.first == min(wanted, default=-1)
    assert intervals.last == max(wanted, default=-1)
    assert [value in intervals for value in range(42)] == [v in wanted for v in range(42)]


@given(values=st.lists(VALUES, max_size=60))
def test_adding_says_whether_the_value_is_new(values: list[int]) -> None:
    """The answer decides whether a frame is archived or counted as a duplicate."""
    intervals, seen = Intervals(), set[int]()
    for value in values:
        assert intervals.add(value) == (value not in seen)
        seen.add(value)
        assert sound(intervals)
    assert members(intervals.ranges()) == seen


@given(ranges=RANGES, first=VALUES, last=VALUES)
def test_missing_is_the_difference(ranges: list[tuple[int, int]], first: int, last: int) -> None:
    """A hole is declared for every missing ordinal and for no other."""
    intervals = Intervals(ranges)
    holes = intervals.missing(first, last)
    assert members(holes) == set(range(first, last + 1)) - members(ranges)
    assert sound(Intervals(holes))
    assert Intervals(holes).ranges() == holes


@given(one=RANGES, other=RANGES)
def test_update_is_a_union_and_a_copy_is_independent(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """Segments of one connection are added up; their own sets stay as they are."""
    left = Intervals(one)
    both = left.copy()
    both.update(Intervals(other))
    assert both == Intervals(one + other)
    assert left == Intervals(one)
    assert (left == both) == (members(one) == members(one + other))


def test_a_set_shows_its_ranges() -> None:
    """It stands in failure messages and logs."""
    assert repr(Intervals([(1, 2), (4, 4)])) == "Intervals([(1, 2), (4, 4)])"
    assert Intervals() != {}
