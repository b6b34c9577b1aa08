"""A rollout never uncovers what is recorded, whatever fails in between, and comes to rest."""

import itertools
from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ssmd.operator.manifests.facts import Place, Share
from ssmd.operator.spec.status import RolloutStatus
from tests import tier
from tests.operator.rollout.model import CATEGORIES, Cluster, There


class Rolling(RuleBasedStateMachine):
    """Anything that can happen between two looks, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()

    @rule(replicas=st.integers(0, 4))
    def scale(self, replicas: int) -> None:
        """Somebody asks for another number."""
        self.cluster.replicas = replicas

    @rule(categories=st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=2))
    def divide(self, categories: list[str]) -> None:
        """Somebody asks for other categories."""
        self.cluster.categories = tuple(sorted(categories))

    @rule(content=st.integers(0, 2))
    def configure(self, content: int) -> None:
        """Somebody asks for another configuration, or for an earlier one."""
        self.cluster.content = content

    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """The operator looks, and may end after any of its actions."""
        actions = self.cluster.look().actions
        self.cluster.do(actions[: data.draw(st.integers(0, len(actions)), label="done")])

    @rule()
    def look_well(self) -> None:
        """The operator looks, and does everything."""
        self.cluster.do(self.cluster.look().actions)

    @rule(seconds=st.sampled_from((1.0, 5.0, 20.0, 61.0)))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.cluster.now += seconds

    @precondition(lambda self: self.cluster.there)
    @rule(data=st.data())
    def become_ready(self, data: st.DataObject) -> None:
        """A pod becomes ready."""
        each = self.cluster.there[self._one(data)]
        if each.running and each.ready_since is None:
            each.ready_since = self.cluster.now

    @precondition(lambda self: self.cluster.there)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A pod ends, and is started again."""
        each = self.cluster.there[self._one(data)]
        each.ready_since = None
        each.restarts += 1

    @precondition(lambda self: self.cluster.there)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        """A pod that was asked to drain has."""
        each = self.cluster.there[self._one(data)]
        if not each.running:
            each.pods = 0

    def _one(self, data: st.DataObject) -> Place:
        return data.draw(st.sampled_from(sorted(self.cluster.there)), label="place")

    @invariant()
    def tries_are_bounded(self) -> None:
        """No more tries than are allowed, and the pauses between them grow."""
        cluster = self.cluster
        assert cluster.taken_back <= cluster.rules.attempts

    def teardown(self) -> None:
        """Once all pods behave, and somebody asks anew, exactly what is wanted runs."""
        self.cluster.content = 7
        assert self.cluster.settle().stage == "complete"
        there = self.cluster.there.values()
        assert {each.place.share: each.revision for each in there} == self.cluster.wanted
        assert len(there) == len(self.cluster.wanted), "a share is recorded twice for ever"
        quiet = self.cluster.look()
        assert [each for each in quiet.actions if each.reason] == []


TestRolling: Any = Rolling.TestCase
TestRolling.settings = settings(
    max_examples=tier.scale(gate=20, full=1500), stateful_step_count=tier.scale(gate=40, full=80)
)


def settled(replicas: int = 1) -> Cluster:
    """A cluster that runs what is wanted."""
    cluster = Cluster(replicas=replicas)
    cluster.settle()
    return cluster


def reasons(cluster: Cluster) -> list[tuple[str, str]]:
    """What one look changes, by place; done."""
    made = cluster.look()
    cluster.do(made.actions)
    return [(each.place.name("k"), each.reason) for each in made.actions if each.reason]


def ready(cluster: Cluster) -> None:
    """All pods are ready, for long enough."""
    for each in cluster.there.values():
        if each.running:
            each.ready_since = cluster.now
        else:
            each.pods = 0
    cluster.now += cluster.rules.ready_s


def test_a_twin_takes_over_only_when_it_is_ready() -> None:
    """Another revision: the other slot first; the elder drains, then goes."""
    cluster = settled()
    cluster.content += 1
    assert reasons(cluster) == [("k-connector-0-b", "TwinStarted")]
    assert reasons(cluster) == []
    ready(cluster)
    assert reasons(cluster) == [("k-connector-0-a", "Drained")]
    assert reasons(cluster) == [], "it is not removed before its pod is gone"
    ready(cluster)
    assert reasons(cluster) == [("k-connector-0-a", "Removed")]
    assert cluster.look().stage == "complete"


def test_a_twin_has_to_be_ready_for_a_while() -> None:
    """A twin that is ready for a moment replaces nobody yet."""
    cluster = settled()
    cluster.content += 1
    reasons(cluster)
    cluster.there[Place(share=Share(replica=0), slot="b")].ready_since = cluster.now
    made = cluster.look()
    assert [each.reason for each in made.actions] == ["", ""][: len(made.actions)]
    assert made.wake == cluster.now + cluster.rules.ready_s


def test_more_replicas_bring_the_new_ones_first() -> None:
    """From 1 to 3: two new shares at once, and the elder's twin when both record."""
    cluster = settled()
    cluster.replicas = 3
    assert reasons(cluster) == [("k-connector-1-a", "Started"), ("k-connector-2-a", "Started")]
    assert reasons(cluster) == []
    ready(cluster)
    assert reasons(cluster) == [("k-connector-0-b", "TwinStarted")]


def test_an_elder_stays_while_a_new_share_is_not_recorded() -> None:
    """From 1 to 2: half of what the elder holds goes to the new share, so its twin is not enough."""
    cluster = settled()
    cluster.replicas = 2
    reasons(cluster)
    ready(cluster)
    assert reasons(cluster) == [("k-connector-0-b", "TwinStarted")]
    ready(cluster)
    new = cluster.there[Place(share=Share(replica=1), slot="a")]
    new.ready_since = None
    assert reasons(cluster) == []
    ready(cluster)
    assert reasons(cluster) == [("k-connector-0-a", "Drained")]


def test_of_two_that_are_not_wanted_the_one_that_holds_less_goes() -> None:
    """A change in the middle of a take-over: the whole stays, the half makes room."""
    cluster = Cluster(replicas=3)
    share = Share(replica=0)
    for slot, of, started in (("a", 1, 2.0), ("b", 2, 1.0)):
        place = Place(share=share, slot="a" if slot == "a" else "b")
        cluster.there[place] = There(place, f"old-{of}", of, started, ready_since=3.0)
    assert ("k-connector-0-b", "Drained") in reasons(cluster)
    assert cluster.there[Place(share=share, slot="a")].running


def test_fewer_replicas_drain_the_surplus_last() -> None:
    """From 2 to 1: the one that stays takes everything before the other goes."""
    cluster = settled(replicas=2)
    cluster.replicas = 1
    seen = []
    while (made := cluster.look()).stage != "complete":
        seen += [each.place.name("k") for each in made.actions if each.verb == "down"]
        cluster.do(made.actions)
        ready(cluster)
    assert seen == ["k-connector-0-a", "k-connector-1-a"], "the surplus goes last"


def test_twins_come_one_after_the_other() -> None:
    """Of three shares never two have a twin at once."""
    cluster = settled(replicas=3)
    cluster.content += 1
    while (made := cluster.look()).stage != "complete":
        cluster.do(made.actions)
        shares = Counter(each.place.share for each in cluster.there.values())
        assert sum(number - 1 for number in shares.values()) <= 1
        ready(cluster)


def test_a_twin_that_fails_is_taken_back_less_and_less_often() -> None:
    """Pauses double; after the last try only another configuration tries again."""
    cluster = settled()
    cluster.content += 1
    at = []
    for _ in range(2000):
        made = cluster.look()
        at += [cluster.now for each in made.actions if each.reason == "TwinStarted"]
        cluster.do(made.actions)
        for each in cluster.there.values():
            if not each.running:
                each.pods = 0
        cluster.now += 1.0
    attempts, deadline, backoff = 3, cluster.rules.deadline_s, cluster.rules.backoff_s
    assert len(at) == attempts
    pauses = [after - before - deadline for before, after in itertools.pairwise(at)]
    assert [round(pause / backoff) for pause in pauses] == [1, 2]
    assert cluster.look().stage == "given_up"
    assert cluster.memory.attempts == attempts
    assert len(cluster.there) == 1
    cluster.content += 1
    assert reasons(cluster) == [("k-connector-0-b", "TwinStarted")]


def test_a_twin_that_ends_again_and_again_is_not_waited_for() -> None:
    """Three starts of its container are enough to know."""
    cluster = settled()
    cluster.content += 1
    reasons(cluster)
    cluster.there[Place(share=Share(replica=0), slot="b")].restarts = 3
    assert reasons(cluster) == [("k-connector-0-b", "TakenBack")]


def test_a_twin_is_not_blamed_while_nobody_is_ready() -> None:
    """A venue that is away makes neither ready: that is no reason to take the twin back."""
    cluster = settled()
    cluster.content += 1
    reasons(cluster)
    for each in cluster.there.values():
        each.ready_since = None
    cluster.now += 10 * cluster.rules.deadline_s
    assert reasons(cluster) == []


def test_none_are_wanted() -> None:
    """Zero replicas: everything drains at once, and goes."""
    cluster = settled(replicas=2)
    cluster.replicas = 0
    assert [reason for _, reason in reasons(cluster)] == ["Drained", "Drained"]
    assert cluster.settle().stage == "complete"
    assert cluster.there == {}


def test_what_is_remembered_is_of_one_revision() -> None:
    """Failed tries of one revision do not count against the next."""
    cluster = settled()
    cluster.memory = RolloutStatus(revision="another", attempts=3, reason="It was not ready.")
    assert cluster.look().memory.attempts == 0
