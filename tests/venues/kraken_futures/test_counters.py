"""The venue's counters: every jump is told once, and only a snapshot that covers it ends a gap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.event import Gap, Repaired
from ssmd.venues.kraken_futures.counters import Counters
from tests.venues.kraken_futures.frames import XBT, gap

REPAIRED = Repaired("book", (XBT,), "snapshot")


@given(first=st.integers(0, 10**9), count=st.integers(1, 50))
def test_a_contiguous_counter_has_no_gap_wherever_it_begins(first: int, count: int) -> None:
    """Recordings begin in mid-stream."""
    counters = Counters("book")
    assert [counters.follow(XBT, first + at) for at in range(count)] == [None] * count
    assert not counters.is_broken(XBT)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_the_gaps_are_exactly_the_steps_that_are_not_one(numbers: list[int]) -> None:
    """Forward is a loss of so many, backward is a reset, and each is judged from where it led."""
    counters = Counters("trade")
    found = [counters.follow(XBT, number) for number in numbers]
    expected: list[Gap | None] = [None]
    for earlier, later in pairwise(numbers):
        expected.append(None if later == earlier + 1 else gap("trade", earlier + 1, later))
    assert found == expected


def test_a_reset_is_a_matter_of_its_own() -> None:
    """A counter that went back proves no loss and excludes none."""
    counters = Counters("book")
    counters.follow(XBT, 10)
    again = counters.follow(XBT, 10)
    assert again == Gap("book", (XBT,), "sequence_reset", 11, 10)
    assert counters.follow(XBT, 3) == Gap("book", (XBT,), "sequence_reset", 11, 3)
    assert counters.follow(XBT, 4) is None
    assert counters.is_broken(XBT)


def test_products_and_feeds_count_by_themselves() -> None:
    """Trades of a product have nothing to do with changes of its book."""
    books, trades = Counters("book"), Counters("trade")
    books.follow(XBT, 10)
    assert trades.follow(XBT, 500) is None
    assert books.follow("PF_ETHUSD", 77) is None
    assert books.follow(XBT, 11) is None


def test_a_book_snapshot_ends_the_gap_and_sets_the_counter() -> None:
    """It stands for everything before it, whatever its number."""
    counters = Counters("book")
    counters.follow(XBT, 10)
    counters.follow(XBT, 12)
    assert counters.is_broken(XBT)
    assert counters.snapshot(XBT, 40) == [REPAIRED]
    assert counters.follow(XBT, 41) is None
    assert counters.snapshot(XBT, 90) == []


def test_what_comes_before_a_promised_snapshot_shows_that_it_is_missing() -> None:
    """The snapshot bears the number before the first change: in all ten recorded books."""
    counters = Counters("book")
    counters.promise(XBT)
    assert counters.follow(XBT, 50) == gap("book", 49, 50)
    assert counters.follow(XBT, 51) is None
    assert counters.snapshot(XBT, 60) == [REPAIRED]
    counters.promise(XBT)
    assert counters.snapshot(XBT, 70) == []
    assert counters.follow(XBT, 71) is None


def test_a_trade_snapshot_repairs_only_what_it_reaches_back_to() -> None:
    """It tells the last hundred trades; what was lost before them stays lost."""
    repaired = Repaired("trade", (XBT,), "snapshot")
    counters = Counters("trade")
    counters.follow(XBT, 10)
    counters.follow(XBT, 20)
    counters.follow(XBT, 23)
    assert counters.snapshot(XBT, newest=25, oldest=11) == [repaired]
    counters.follow(XBT, 28)
    counters.follow(XBT, 60)
    assert counters.snapshot(XBT, newest=60, oldest=27) == []
    counters.follow(XBT, 65)
    assert counters.snapshot(XBT, newest=70, oldest=62) == []
    assert not counters.is_broken(XBT)
    assert counters.follow(XBT, 71) is None


def test_a_trade_snapshot_that_does_not_reach_what_was_heard_shows_a_gap() -> None:
    """After a pause in the subscription more may have happened than it tells."""
    counters = Counters("trade")
    counters.follow(XBT, 10)
    assert counters.snapshot(XBT, newest=200, oldest=101) == [gap("trade", 11, 101)]
    assert counters.follow(XBT, 201) is None
    assert counters.snapshot(XBT, newest=250, oldest=151) == []


def test_after_the_end_of_a_subscription_nothing_need_follow() -> None:
    """What happened meanwhile was not asked for."""
    counters = Counters("book")
    counters.follow(XBT, 10)
    counters.ended(XBT)
    assert counters.follow(XBT, 99) is None
