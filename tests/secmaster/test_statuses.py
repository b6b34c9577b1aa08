"""The status machine: what may follow on what, and whose word counts."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from ssmd.model.instrument import Status
from ssmd.secmaster.statuses import (
    ENDS,
    REST_LAG,
    STATUSES,
    Said,
    Source,
    Standing,
    judge,
    may_follow,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def standing(status: Status, source: Source = "ws", at: datetime | None = NOON) -> Standing:
    """An instrument in a state since noon."""
    return Standing(status=status, raw_status=f"raw {status}", source=source, at=at)


def said(
    status: Status,
    source: Source = "ws",
    at: datetime = NOON + 3600 * SECOND,
    *,
    postponed: bool = False,
) -> Said:
    """Somebody says so, an hour after noon."""
    return Said(
        status=status, raw_status=f"raw {status}", source=source, at=at, postponed=postponed
    )


@pytest.mark.parametrize(("end", "after"), list(product(sorted(ENDS), STATUSES)))
@pytest.mark.parametrize("source", ["rest", "ws", "clock"])
def test_an_end_is_an_end_for_all_but_an_operator(
    end: Status, after: Status, source: Source
) -> None:
    """Nothing but an amendment takes an instrument out of `settled` or `void`."""
    found = judge(standing(end), said(after, source))
    assert found.judgement == ("unchanged" if after == end else "refused")
    assert judge(standing(end), said(after, "sql")).judgement != "refused"


@pytest.mark.parametrize("source", ["rest", "ws"])
@pytest.mark.parametrize("after", ["active", "paused"])
def test_a_closed_market_opens_again_when_the_venue_says_so(source: Source, after: Status) -> None:
    """It moved the time of closing: that is its right, not our clock's."""
    assert judge(standing("closed"), said(after, source)).judgement == "applied"
    assert judge(standing("closed"), said(after, "clock")).judgement == "refused"


def test_a_pause_is_no_end() -> None:
    """Trading goes on after it, any number of times."""
    assert may_follow("active", "paused", "ws")
    assert may_follow("paused", "active", "ws")


def test_nothing_goes_back_before_its_opening() -> None:
    """No state but itself leads to `pre_open`, for anybody but an operator."""
    for before, source in product(STATUSES, ("rest", "ws", "clock")):
        assert may_follow(before, "pre_open", source) == (before == "pre_open")  # type: ignore[arg-type]


def test_a_dispute_closes_what_was_determined() -> None:
    """It is not active again, and may be decided anew."""
    assert may_follow("determined", "closed", "ws")
    assert not may_follow("determined", "active", "ws")


def test_every_state_can_reach_an_end() -> None:
    """From each there is a way to `settled`, and one to `void`, in one step."""
    for before in set(STATUSES) - ENDS:
        assert may_follow(before, "settled", "rest")
        assert may_follow(before, "void", "rest")


def test_late_news_is_not_held_against_later_news() -> None:
    """An event that happened before what is known is no refusal, and changes nothing."""
    assert judge(standing("closed"), said("active", at=NOON - SECOND)).judgement == "stale"
    assert judge(standing("settled"), said("active", at=NOON - SECOND)).judgement == "stale"


@pytest.mark.parametrize("source", ["ws", "clock"])
def test_a_page_may_be_as_old_as_a_cache(source: Source) -> None:
    """Within the lag it does not take back what a WebSocket, or the clock, said; beyond it, it does."""
    now = standing("paused", source)
    assert judge(now, said("active", "rest", NOON + REST_LAG - SECOND)).judgement == "stale"
    assert judge(now, said("active", "rest", NOON + REST_LAG + SECOND)).judgement == "applied"


def test_a_page_that_is_further_along_is_no_cache() -> None:
    """What comes later in an instrument's life cannot be old."""
    now = standing("closed")
    assert judge(now, said("settled", "rest", NOON + SECOND)).judgement == "applied"
    assert judge(now, said("settled", "rest", NOON - SECOND)).judgement == "stale"


def test_an_event_just_before_a_page_was_fetched_is_news() -> None:
    """The page may not have shown it yet; one from long before it had."""
    now = standing("active", "rest")
    assert judge(now, said("paused", at=NOON - SECOND)).judgement == "applied"
    assert judge(now, said("paused", at=NOON - REST_LAG - SECOND)).judgement == "stale"


def test_the_venue_takes_back_what_only_the_clock_said() -> None:
    """At once when it moves the time; else when no cache can explain it any more."""
    now = standing("active", "clock")
    soon, later = NOON + SECOND, NOON + REST_LAG + SECOND
    assert judge(now, said("pre_open", "rest", soon, postponed=True)).judgement == "applied"
    assert judge(now, said("pre_open", "rest", soon)).judgement == "stale"
    assert judge(now, said("pre_open", "rest", later)).judgement == "applied"
    assert judge(standing("active"), said("pre_open", "rest", later)).judgement == "refused"


def test_other_words_for_the_same_state_are_kept() -> None:
    """The venue's own word is news even when ours is the same; no word is none."""
    now = standing("paused")
    other = Said(status="paused", raw_status="halted", source="rest", at=NOON + 3600 * SECOND)
    assert judge(now, other).judgement == "applied"
    assert judge(now, said("paused")).judgement == "unchanged"
    silent = Said(status="paused", raw_status="", source="ws", at=NOON + SECOND)
    assert judge(now, silent).judgement == "unchanged"


def test_a_refusal_says_what_never_becomes_what() -> None:
    """Both states stand in the reason."""
    assert judge(standing("settled"), said("active")).why == "settled never becomes active"
