"""Each fact once, nothing merged by value, nothing left out."""

from hypothesis import given
from hypothesis import strategies as st

from ssmd.archive.twins.election import Primary
from ssmd.archive.twins.merge import flag
from ssmd.archive.twins.told import Told
from tests.archive.twins.made import A, B, S, level, trade


def taken(rows: list[Told], primaries: list[Primary]) -> list[Told]:
    return [each.told for each in flag(rows, primaries) if each.is_primary]


def test_a_trade_with_an_id_is_taken_once() -> None:
    """Told by both twins: the one on the primary connection counts, the other says where."""
    mine, theirs = trade(5, A, id_="7"), trade(4, B, id_="7")
    primaries = [Primary("X", 0, 10 * S, A)]
    flagged = {each.told.connection: each for each in flag([mine, theirs], primaries)}
    assert flagged[A].is_primary
    assert not flagged[B].is_primary
    assert flagged[B].repeats == (A, 0, 0, 0)


def test_a_trade_that_only_the_twin_heard_is_taken() -> None:
    """That is what the twin is for."""
    rows = [trade(5, A, id_="7"), trade(6, B, id_="8")]
    assert taken(rows, [Primary("X", 0, 10 * S, A)]) == rows


def test_a_captured_row_is_taken_before_a_fetched_one() -> None:
    """A backfill overlaps what was captured: its time of receipt means nothing."""
    live, fetched = trade(9, B, id_="7"), trade(3, "feed-rest-x", id_="7", source="rest")
    assert taken([fetched, live], [Primary("X", 0, 10 * S, A)]) == [live]
    assert taken([fetched], []) == [fetched]


def test_equal_trades_without_an_id_stay_two() -> None:
    """Two equal trades may be two trades: nothing is merged by value."""
    rows = [trade(5, A, ordinal=1), trade(5, A, ordinal=2)]
    assert taken(rows, [Primary("X", 0, 10 * S, A)]) == rows


def test_without_an_id_the_primary_connection_counts_alone() -> None:
    """The other's rows stay, flagged."""
    rows = [level(1, A), level(1.1, B), level(6, A), level(6.1, B)]
    primaries = [Primary("X", 0, 5 * S, A), Primary("X", 5 * S, 10 * S, B)]
    assert taken(rows, primaries) == [rows[0], rows[3]]
    assert len(list(flag(rows, primaries))) == 4


def test_outside_of_every_primary_the_nearest_one_counts() -> None:
    """What a lone connection says while its book is broken is not lost."""
    primaries = [Primary("X", 10 * S, 20 * S, A), Primary("X", 40 * S, 50 * S, B)]
    rows = [level(5, A), level(22, A), level(22, B), level(38, A), level(38, B), level(60, B)]
    assert taken(rows, primaries) == [rows[0], rows[1], rows[4], rows[5]]


def test_what_nobody_was_elected_for_is_taken() -> None:
    """One connector, no twin, no election: every row counts."""
    rows = [level(1, A), level(2, B, symbol="Y")]
    assert taken(rows, [Primary("Z", 0, 10 * S, A)]) == rows


@given(
    st.lists(
        st.builds(
            trade,
            st.integers(0, 9),
            st.sampled_from([A, B]),
            id_=st.sampled_from([None, "1", "2", "3"]),
            symbol=st.sampled_from(["X", "Y"]),
            source=st.sampled_from(["live", "rest"]),
        )
    )
)
def test_every_fact_is_taken_exactly_once(rows: list[Told]) -> None:
    """Whatever the order and the number of captures; and every row comes back."""
    primaries = [Primary("X", 0, 5 * S, A), Primary("X", 5 * S, 10 * S, B)]
    flagged = list(flag(rows, primaries))
    assert sorted(each.told.place for each in flagged) == sorted(told.place for told in rows)
    facts = [
        (each.told.row.symbol, each.told.row.native_id)
        for each in flagged
        if each.is_primary and each.told.row.native_id
    ]
    assert len(facts) == len(set(facts))
    assert set(facts) == {(t.row.symbol, t.row.native_id) for t in rows if t.row.native_id}
    assert all(each.is_primary or each.repeats for each in flagged if each.told.row.native_id)
