"""One figure for a day: how much of what was wanted was covered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive.ledger.entries import Coverage, Entry, Intent, Ledger
from ssmd.archive.ledger.share import covered

_TIMES = st.tuples(st.integers(-5, 45), st.integers(1, 20))
_STRETCHES = st.lists(st.tuples(st.sampled_from(["A", "B", None]), _TIMES), max_size=6)


def _intent(symbol: str | None, since: int, until: int | None) -> Intent:
    return Intent(
        feed="f", since=since, until=until, reason="start", connection="c", record=0, file="",
        channel="trade", symbol=symbol, ended="",
    )  # fmt: skip


def _coverage(symbol: str | None, since: int, until: int | None) -> Coverage:
    return Coverage(
        feed="f", since=since, until=until, reason="subscribed", connection="c", record=1, file="",
        channel="trade", symbol=symbol, ordinal=None, ended="",
    )  # fmt: skip


def _ledger(*entries: Entry) -> Ledger:
    return Ledger(feed="f", venue="v", since=0, until=40, entries=entries, activity=())


def test_nothing_wanted_is_no_share() -> None:
    """Neither all nor nothing: there is nothing to have a share of."""
    assert covered(_ledger()) is None
    assert covered(_ledger(_coverage("A", 0, 10))) is None


def test_what_is_not_over_reaches_to_the_horizon() -> None:
    """Half of the time wanted, then all that was wanted."""
    assert covered(_ledger(_intent("A", 0, None), _coverage("A", 20, None))) == pytest.approx(0.5)
    assert covered(_ledger(_intent("A", 20, None), _coverage("A", 0, None))) == 1


@given(wanted=_STRETCHES, held=_STRETCHES)
def test_it_is_what_counting_every_moment_gives(
    wanted: list[tuple[str | None, tuple[int, int]]], held: list[tuple[str | None, tuple[int, int]]]
) -> None:
    """Overlaps count once, what lies outside of the ledger's time not at all."""

    def moments(stretches: list[tuple[str | None, tuple[int, int]]]) -> set[tuple[str | None, int]]:
        return {
            (symbol, at)
            for symbol, (since, length) in stretches
            for at in range(max(0, since), min(40, since + length))
        }

    entries = [_intent(symbol, since, since + n) for symbol, (since, n) in wanted]
    found = covered(_ledger(*entries, *(_coverage(s, at, at + n) for s, (at, n) in held)))
    whole = moments(wanted)
    expected = len(whole & moments(held)) / len(whole) if whole else None
    assert found == (None if expected is None else pytest.approx(expected))
