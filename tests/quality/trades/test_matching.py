"""Which trade is which: by id where there is one, by what else tells them where there is none."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.rest import Retold
from ssmd.model.timestamp import SECOND_NS
from ssmd.quality.trades.comparison import Comparison, compare
from ssmd.quality.trades.matching import Trade, match, silences

S = SECOND_NS
IDS = Retold()
NO_IDS = Retold(by_id=False, early_s=2, late_s=10, smallest=Decimal("0.01"))


def trade(at: float, number: int | None = None, size: str = "1", **more: object) -> Trade:
    told = {"price": Decimal(5), "side": "buy", "id": None if number is None else str(number)}
    return msgspec.convert({"ts": round(at * S), "size": Decimal(size), **told, **more}, Trade)


def compared(
    ours: list[Trade], theirs: list[Trade], how: Retold = IDS, **more: object
) -> Comparison:
    """A window from 100 s to 200 s, of which REST told everything, margins included."""
    told = {"settled": [(90 * S, 215 * S)], **more}
    return compare(ours, theirs, (100 * S, 200 * S), how=how, **told)  # type: ignore[arg-type]


def test_equal_ids_are_one_trade() -> None:
    """Whatever the two clocks say of it."""
    found = compared([trade(110.2, 1), trade(120, 2)], [trade(110, 1), trade(120.4, 2)])
    assert (found.status, found.matched, found.match_rate) == ("OK", 2, 1.0)
    assert (found.size.api, found.size.archive) == (Decimal(2), Decimal(2))


def test_what_only_rest_tells_is_missing() -> None:
    """That trade, and no other; it weighs in the venue's size alone."""
    found = compared([trade(110, 1)], [trade(110, 1), trade(120, 2, "3")])
    assert (found.status, found.api, found.archive) == ("WARN(missing)", 2, 1)
    (listed,) = found.trades
    assert (listed.what, listed.id, listed.size) == ("missing", "2", Decimal(3))
    assert (found.match_rate, found.size.api, found.size.archive) == (0.5, Decimal(4), Decimal(1))


def test_what_only_we_have_is_extra() -> None:
    """It lowers no rate: nothing of the venue's is lacking."""
    found = compared([trade(110, 1), trade(120, 2)], [trade(110, 1)])
    assert (found.status, found.extra, found.match_rate) == ("WARN(extra)", 1, 1.0)
    assert [(each.what, each.id) for each in found.trades] == [("extra", "2")]


@pytest.mark.parametrize(
    ("name", "value"), [("size", Decimal(2)), ("price", Decimal(6)), ("side", "sell")]
)
def test_one_id_with_another_value_is_a_mismatch(name: str, value: object) -> None:
    """It is named, with both words for it; it is neither missing nor extra."""
    found = compared([trade(110, 1, **{name: value})], [trade(110, 1)])  # type: ignore[arg-type]
    assert (found.status, found.missing, found.extra) == ("WARN(mismatched)", 0, 0)
    assert (found.mismatched, found.matched, found.match_rate) == (1, 0, 0.0)
    assert [each.archived for each in found.trades] == [{name: value}]


def test_what_nobody_states_is_no_mismatch() -> None:
    """A venue may leave the side out of one of its words."""
    assert compared([trade(110, 1, side=None)], [trade(110, 1)]).status == "OK"


def test_an_id_counts_once_on_either_side() -> None:
    """A trade that stands in two pages, or two rows, is one."""
    found = compared([trade(110, 1), trade(110, 1)], [trade(110, 1), trade(110, 1)])
    assert (found.status, found.api, found.matched, found.repeated) == ("OK", 1, 1, 1)


def test_a_trade_without_its_id_is_found_by_the_rest() -> None:
    """Either side may have lost it."""
    found = compared([trade(110, 1), trade(120)], [trade(110), trade(120.5, 2)])
    assert (found.status, found.matched) == ("OK", 2)


def test_the_margins_belong_to_nobody() -> None:
    """A trade just outside, by either clock, is neither counted nor missed, nor makes one missed."""
    ours = [trade(99.9, 1), trade(150, 2), trade(200.1, 3)]
    theirs = [trade(100.1, 1), trade(150, 2), trade(199.9, 3), trade(98, 7), trade(201, 8)]
    found = compared([*ours, trade(97, 9), trade(203, 10)], theirs)
    assert (found.status, found.api, found.archive) == ("OK", 3, 3)


def test_a_window_is_half_open() -> None:
    """Windows side by side count each trade once."""
    theirs = [trade(100, 1), trade(200, 2)]
    found = compared([], theirs)
    assert [each.id for each in found.trades] == ["1"]


def test_equal_trades_are_counted() -> None:
    """Three told and two archived: one is missing; which one, nobody can say."""
    ours = [trade(110), trade(110.5)]
    found = compared(ours, [trade(112), trade(112), trade(112)], NO_IDS)
    assert (found.matched, found.missing, found.extra) == (2, 1, 0)
    again = compared([*ours, trade(111), trade(111)], [trade(112)] * 3, NO_IDS)
    assert (again.matched, again.missing, again.extra) == (3, 0, 1)


def test_time_tells_equal_trades_apart() -> None:
    """One too far from any of the other side is not it; ids say nothing where they are no ids."""
    found = compared([trade(110, 1)], [trade(121, 1)], NO_IDS)
    assert (found.missing, found.extra) == (1, 1)
    assert compared([trade(110, 1)], [trade(119.9, 2)], NO_IDS).status == "OK"
    assert compared([trade(110, 1)], [trade(107.9, 1)], NO_IDS).missing == 1


def test_another_size_without_an_id_is_another_trade() -> None:
    """One missing and one extra: nothing tells that they were one."""
    found = compared([trade(110, size="2")], [trade(110)], NO_IDS)
    assert (found.missing, found.extra, found.mismatched) == (1, 1, 0)


def test_an_unstated_side_may_be_either() -> None:
    """Where the stream leaves it out, price and size have to do."""
    assert compared([trade(110, side=None)], [trade(111)], NO_IDS).status == "OK"


def test_what_is_too_small_for_the_history_is_not_extra() -> None:
    """And is said: nobody can compare it."""
    found = compared([trade(110, size="0.009"), trade(120)], [trade(121)], NO_IDS)
    assert (found.status, found.untold, found.archive) == ("OK", 1, 1)


def test_what_rest_did_not_settle_is_not_judged() -> None:
    """Neither missing nor extra: half a window is compared, and said to be half."""
    ours, theirs = [trade(110, 1), trade(190, 2), trade(149.5, 4)], [trade(110, 1), trade(120, 3)]
    found = compared(ours, theirs, settled=[(90 * S, 150 * S)], why="it is away")
    assert (found.api, found.missing, found.extra, found.why) == (2, 1, 0, "it is away")


def test_nothing_settled_is_unknown_with_the_silences() -> None:
    """The count, and every stretch of more than a minute without a trade."""
    found = compared([trade(110, 1), trade(190, 2)], [], settled=[], why="it is away")
    assert (found.status, found.archive, found.missing, found.match_rate) == ("UNKNOWN", 2, 0, None)
    assert found.silences == [["1970-01-01T00:01:50.000000000Z", "1970-01-01T00:03:10.000000000Z"]]
    assert found.why == "it is away"


def test_silences_reach_to_the_bounds() -> None:
    """The time before the first trade and after the last counts, and a minute is none."""
    assert silences([trade(160)], 100 * S, 221 * S, 60) == [[160 * S, 221 * S]]
    assert silences([], 100 * S, 161 * S, 60) == [[100 * S, 161 * S]]


def test_nothing_traded_is_fine() -> None:
    """A quiet window was compared as well."""
    found = compared([], [])
    assert (found.status, found.match_rate) == ("OK", None)


def test_a_loss_on_record_is_told_from_one_that_nobody_knew() -> None:
    """The second is what one has to look into."""
    theirs = [trade(110, 1), trade(120, 2)]
    found = compared([], theirs, lost=[(105 * S, 115 * S)])
    assert (found.missing, found.missing_on_record) == (2, 1)
    assert [each.on_record for each in found.trades] == [True, False]


few = st.lists(
    st.builds(
        trade,
        st.integers(0, 12),
        st.none(),
        st.sampled_from(["1", "2"]),
        side=st.sampled_from(["buy", "sell"]),
    ),
    max_size=5,
)


def _best(ours: list[Trade], theirs: list[Trade]) -> int:
    """The most pairs there can be, by trying everything."""
    if not ours:
        return 0
    first, rest = ours[0], ours[1:]
    best = _best(rest, theirs)
    for at, each in enumerate(theirs):
        same = (each.price, each.size, each.side) == (first.price, first.size, first.side)
        if same and first.ts - 2 * S <= each.ts <= first.ts + 3 * S:
            best = max(best, 1 + _best(rest, theirs[:at] + theirs[at + 1 :]))
    return best


@given(ours=few, theirs=few)
def test_as_many_are_paired_as_can_be(ours: list[Trade], theirs: list[Trade]) -> None:
    """No greedy choice costs a pair; every trade is in one place, and each pair is lawful."""
    found = match(ours, theirs, Retold(by_id=False, early_s=2, late_s=3))
    assert len(found.pairs) == _best(ours, theirs)
    for pair in found.pairs:
        assert -2 * S <= pair.theirs.ts - pair.ours.ts <= 3 * S
    assert Counter([*(p.ours for p in found.pairs), *found.extra]) == Counter(ours)
    assert Counter([*(p.theirs for p in found.pairs), *found.missing]) == Counter(theirs)
