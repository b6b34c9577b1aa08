"""What twins disagree on is found; what the edge of a common stretch explains is not."""

from ssmd.archive.twins.findings import Difference, differences
from ssmd.archive.twins.told import Told
from tests.archive.twins.made import A, B, covered, level, trade

BOTH = [covered(A, 0, 100), covered(B, 0, 100)]


def found(rows: list[Told]) -> list[Difference]:
    return list(differences(rows, BOTH))


def test_twins_that_agree_give_no_finding() -> None:
    """Received at different times and in another order: the same facts."""
    rows = [trade(t, c, id_=str(t)) for t in (10, 20) for c in (A, B)]
    rows += [level(30, A, price=5), level(30.2, B, price=5)]
    assert found(rows) == []


def test_a_trade_that_one_twin_did_not_hear_is_found() -> None:
    """The other held the instrument: somebody lost it."""
    (lost,) = found([trade(10, A, id_="1"), trade(10, B, id_="1"), trade(20, B, id_="2")])
    assert (lost.kind, lost.native_id, lost.connections) == ("absent", "2", (B, A))


def test_one_id_with_two_contents_is_found() -> None:
    """The venue told two things, or one of us reads wrongly."""
    (wrong,) = found([trade(10, A, id_="1", price=5), trade(10, B, id_="1", price=6)])
    assert wrong.kind == "value"
    assert "price 5 and 6" in wrong.detail


def test_facts_without_an_id_are_counted() -> None:
    """Three levels here and two there: one is missing, whichever it is."""
    rows = [level(t, A, price=5) for t in (10, 11, 12)] + [level(t, B, price=5) for t in (10, 11)]
    (fewer,) = found(rows)
    assert (fewer.kind, fewer.connections) == ("count", (A, B))
    assert "3 times by the one, 2 by the other" in fewer.detail


def test_the_edges_of_a_common_stretch_prove_nothing() -> None:
    """The same message reaches two sockets at two times."""
    late = [covered(A, 0, 100), covered(B, 50, 100)]
    rows = [trade(49, A, id_="1"), trade(51, A, id_="2"), trade(99, A, id_="3"), level(51, A)]
    assert list(differences(rows, late)) == []
    assert [d.native_id for d in differences([trade(60, A, id_="4")], late)] == ["4"]


def test_only_channels_that_both_hold_are_compared() -> None:
    """A channel that joined later restricts the comparison to when both had it."""
    later = [*BOTH, covered(A, 0, 100, channel="trade"), covered(B, 70, 100, channel="trade")]
    assert list(differences([trade(60, A, id_="1")], later)) == []
    assert len(list(differences([trade(80, A, id_="1")], later))) == 1


def test_snapshots_and_fetched_rows_are_not_compared() -> None:
    """They repeat what is known, on whoever asked."""
    rows = [level(10, A, snapshot=True), trade(20, A, id_="1", source="rest")]
    assert found(rows) == []
