"""The plan: which connection carries what."""

from hypothesis import given
from hypothesis import strategies as st

from ssmd.model.subscription import Limits, Shard, Subscription, plan

ROOM = 4
LIMITS = Limits(subscriptions_per_connection=ROOM, sends_per_second=5.0)
SUBSCRIPTION = st.builds(
    Subscription,
    st.sampled_from(["book", "trade", "ticker"]),
    st.none() | st.text("abc", min_size=1, max_size=2),
)
SETS = st.frozensets(SUBSCRIPTION, max_size=25)


def carried(shards: tuple[Shard, ...]) -> list[Subscription]:
    return [item for shard in shards for item in shard.subscriptions]


@given(wanted=SETS, before=SETS)
def test_everything_wanted_is_carried_exactly_once_within_the_limit(
    wanted: frozenset[Subscription], before: frozenset[Subscription]
) -> None:
    """Left out is a silent loss; twice is a duplicate; too many is refused by the venue."""
    shards = plan("kraken", wanted, LIMITS, plan("kraken", before, LIMITS))
    assert sorted(carried(shards), key=repr) == sorted(wanted, key=repr)
    assert all(len(shard.subscriptions) <= ROOM for shard in shards)
    assert [shard.index for shard in shards] == list(range(len(shards)))


@given(before=SETS, new=SUBSCRIPTION)
def test_one_listing_disturbs_one_shard_at_most(
    before: frozenset[Subscription], new: Subscription
) -> None:
    """The other connections keep running."""
    old = plan("kraken", before, LIMITS)
    assert len(set(plan("kraken", before | {new}, LIMITS, old)) - set(old)) <= 1


@given(before=SETS, data=st.data())
def test_one_delisting_disturbs_one_shard_at_most(
    before: frozenset[Subscription], data: st.DataObject
) -> None:
    """Nothing is moved to fill the room it leaves."""
    old = plan("kraken", before, LIMITS)
    gone = data.draw(st.sampled_from(sorted(before, key=repr))) if before else None
    new = plan("kraken", before - {gone}, LIMITS, old)
    assert len(set(old) - set(new)) <= 1
    assert len(set(new) - set(old)) <= 1


@given(before=SETS, wanted=SETS)
def test_what_stays_wanted_stays_where_it_is(
    before: frozenset[Subscription], wanted: frozenset[Subscription]
) -> None:
    """Moving a subscription costs an outage."""
    old = plan("kraken", before, LIMITS)
    place = {item: shard.index for shard in old for item in shard.subscriptions}
    for shard in plan("kraken", wanted, LIMITS, old):
        for item in shard.subscriptions & before:
            assert place[item] == shard.index


@given(wanted=st.lists(SUBSCRIPTION, max_size=30))
def test_a_plan_does_not_depend_on_the_order_of_wishes(wanted: list[Subscription]) -> None:
    """A restart must come to the same plan; duplicates count once."""
    assert plan("kraken", wanted, LIMITS) == plan("kraken", wanted[::-1] + wanted, LIMITS)


def test_a_lowered_limit_moves_only_what_no_longer_fits() -> None:
    """The excess goes elsewhere, the rest stays."""
    wanted = {Subscription("book", f"s{n}") for n in range(4)}
    old = plan("kraken", wanted, LIMITS)
    new = plan("kraken", wanted, Limits(subscriptions_per_connection=3, sends_per_second=1), old)
    assert new[0].subscriptions < old[0].subscriptions
    assert sorted(len(shard.subscriptions) for shard in new) == [1, 3]


def test_a_shard_is_named_by_feed_and_number() -> None:
    """It stands in connection ids."""
    assert Shard("kraken", 2, frozenset()).id == "kraken-2"
