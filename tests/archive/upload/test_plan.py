"""Which files may go: only those that may, the oldest first, and no more than was asked for."""

from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive.upload.plan import Candidate, plan
from ssmd.feeds.upload import Retention
from ssmd.model.timestamp import SECOND_NS

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        name=st.text("abc", min_size=1, max_size=3),
        size=st.integers(0, 1000),
        ended=st.integers(0, 100).map(lambda s: s * SECOND_NS),
        is_raw=st.booleans(),
        may_go=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.name,
)
NOW = 100 * SECOND_NS


@given(candidates=CANDIDATES, keep_s=st.none() | st.integers(0, 120))
def test_by_age_exactly_the_old_ones_go(candidates: list[Candidate], keep_s: int | None) -> None:
    """Neither a younger one, nor one that nobody proved."""
    going = plan(candidates, Retention(keep_s=keep_s), NOW)
    assert {each.name for each in going} == {
        each.name
        for each in candidates
        if keep_s is not None and each.may_go and NOW - each.ended >= keep_s * SECOND_NS
    }


@given(candidates=CANDIDATES, most=st.integers(0, 5000))
def test_by_size_the_oldest_go_and_no_more_than_needed(
    candidates: list[Candidate], most: int
) -> None:
    """What is left fits, or nothing more may go; without the last one it would not have fitted."""
    going = plan(candidates, Retention(max_bytes=most), NOW)
    assert all(each.may_go for each in going)
    left = sum(each.size for each in candidates) - sum(each.size for each in going)
    staying = [each for each in candidates if each not in going and each.may_go]
    assert left <= most or not staying
    if going:
        assert left + going[-1].size > most
        newest = max(each.ended for each in going)
        assert all(each.ended >= newest for each in staying)
    ages = [(each.ended, not each.is_raw) for each in going]
    assert ages == sorted(ages)


@given(
    candidates=CANDIDATES,
    keep_s=st.none() | st.integers(0, 120),
    most=st.none() | st.integers(0, 5000),
)
def test_a_second_look_finds_nothing_more(
    candidates: list[Candidate], keep_s: int | None, most: int | None
) -> None:
    """What was let go once settles it; nothing goes when nothing was asked for."""
    retention = Retention(keep_s=keep_s, max_bytes=most)
    going = plan(candidates, retention, NOW)
    assert plan([each for each in candidates if each not in going], retention, NOW) == []
    if keep_s is None and most is None:
        assert going == []
