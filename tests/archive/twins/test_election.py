"""One primary connection per instrument and time, changed only where a state begins."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive.twins.election import (
    SLACK_NS,
    Primary,
    Run,
    anchors,
    elect,
    primaries,
    runs,
)
from tests.archive.twins.made import A, B, C, S, covered, gap, level, trade

HORIZON = 1000 * S


def elected(stretches: list[Run]) -> list[tuple[str, int, int]]:
    return [(p.connection, p.since, p.until) for p in elect("X", stretches)]


def test_a_twin_takes_over_at_its_last_state_before_the_other_ends() -> None:
    """In hindsight: nothing of the primary is wasted, and no state is missing at the change."""
    first, second = Run(0, 100, A, (0, 40)), Run(10, 300, B, (10, 60, 90, 200))
    assert elected([second, first]) == [(A, 0, 90), (B, 90, 300)]


def test_a_twin_that_ends_sooner_is_never_primary() -> None:
    """Changing costs something and would bring nothing."""
    assert elected([Run(0, 100, A, (0,)), Run(10, 90, B, (10,))]) == [(A, 0, 100)]


def test_without_a_state_to_enter_at_there_is_no_primary() -> None:
    """A book cannot be begun in the middle: better nothing than something wrong."""
    assert elected([Run(0, 100, A, (0,)), Run(120, 300, B, (150,))]) == [(A, 0, 100), (B, 150, 300)]


def test_facts_that_need_no_state_change_hands_at_the_end() -> None:
    """Trades can be read from anywhere."""
    assert elected([Run(0, 100, A), Run(50, 300, B)]) == [(A, 0, 100), (B, 100, 300)]


def test_nobody_there_nobody_elected() -> None:
    """No coverage, no primary."""
    assert elected([]) == []


RUNS = st.lists(
    st.builds(
        lambda since, length, connection, offsets: Run(
            since,
            since + length,
            connection,
            tuple(sorted({since + offset for offset in offsets if offset < length})),
        ),
        st.integers(0, 60),
        st.integers(1, 40),
        st.sampled_from([A, B, C]),
        st.lists(st.integers(0, 39), min_size=1, max_size=4),
    ).filter(lambda run: bool(run.anchors)),
    max_size=6,
)


@given(RUNS)
def test_an_election_is_sound(stretches: list[Run]) -> None:
    """Never two at once, always inside a stretch, entered at a state, and nothing left unread."""
    primaries = elect("X", stretches)
    for before, after in pairwise(primaries):
        assert before.until <= after.since
    for primary in primaries:
        assert primary.since < primary.until
        assert any(
            run.connection == primary.connection
            and run.since <= primary.since
            and primary.until <= run.until
            and primary.since in run.anchors
            for run in stretches
        )
    for moment in range(110):
        read = any(p.since <= moment < p.until for p in primaries)
        readable = any(
            run.anchors[0] <= moment < run.until and _needed(run, primaries, moment)
            for run in stretches
        )
        assert read or not readable


def _needed(run: Run, primaries: list[Primary], moment: int) -> bool:
    """Whether a stretch could have been entered after the primary before this moment."""
    ended = max((p.until for p in primaries if p.until <= moment), default=0)
    return any(ended <= at <= moment for at in run.anchors)


def test_stretches_end_at_gaps_and_begin_at_repairs() -> None:
    """While a book is broken its connection is not to be read."""
    rows = [level(1, snapshot=True), level(50, snapshot=True), level(51)]
    found = runs("X", [covered(A, 1, 100)], [gap(A, 30, 50)], anchors(rows), HORIZON)
    assert found == [
        Run(1 * S - SLACK_NS, 30 * S, A, (1 * S,)),
        Run(50 * S, 100 * S, A, (50 * S,)),
    ]


def test_a_gap_of_another_instrument_or_connection_ends_nothing() -> None:
    """One book's trouble is its own; a gap that names nobody is everybody's."""
    states = anchors([level(1, snapshot=True)])
    others = [gap(B, 30, 50), gap(A, 30, 50, ["Y"])]
    (whole,) = runs("X", [covered(A, 1, None)], others, states, HORIZON)
    assert whole.until == HORIZON
    (cut,) = runs("X", [covered(A, 1, None)], [gap(A, 30, None, [])], states, HORIZON)
    assert cut.until == 30 * S


def test_who_was_there_is_primary_where_nobody_can_be_read() -> None:
    """Its rows are facts all the same: a lone connection's are not dropped, nor a late twin's."""
    rows = [level(1, A, snapshot=True), level(1, B, snapshot=True)]
    covers = [covered(A, 1, 300), covered(B, 1, 200)]
    found = primaries("X", covers, [gap(A, 100, None)], anchors(rows), HORIZON)
    told = [(p.connection, p.since // S, p.until // S, p.is_sound) for p in found]
    before, *rest = told
    assert before == (A, 0, 1, False)  # between its acknowledgement's slack and its first state
    assert rest == [(B, 1, 200, True), (A, 200, 300, False)]
    for moment in (50, 150, 199, 200, 299):
        assert any(p.since <= moment * S < p.until for p in found), moment


def test_a_connection_is_entered_when_its_last_kind_of_snapshot_has_come() -> None:
    """Book and trades begin apart: with only one of them the state is half."""
    book = [level(1, snapshot=True), level(1.5, snapshot=True), level(3), level(9, snapshot=True)]
    assert anchors([*book, trade(2)]) == {(A, "X"): [1 * S, round(1.5 * S), 9 * S]}
    assert anchors([*book, trade(1.2, snapshot=True)]) == {
        (A, "X"): [round(1.2 * S), round(1.5 * S), 9 * S]
    }
    assert anchors([*book, trade(4, snapshot=True)]) == {(A, "X"): [4 * S, 9 * S]}
