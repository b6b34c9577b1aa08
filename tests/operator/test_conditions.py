"""What is said of a resource, and since when; and what is heard from its pods."""

import asyncio

import msgspec
import pytest

from ssmd.model.errors import Unavailable
from ssmd.operator import conditions, pods
from ssmd.operator.conditions import Answer, Look
from ssmd.operator.fields import fingerprint, may_be_left, without
from ssmd.operator.manifests.complaint import Complaint
from ssmd.operator.observe import Observer, moment
from ssmd.operator.pods import PodFacts, PodWord
from ssmd.operator.spec.status import CONDITIONS, RolloutStatus, ShardStatus
from ssmd.runtime.clock import SystemClock
from ssmd.runtime.scrape import Readiness, Samples
from ssmd.sim.manual_clock import ManualClock

LIVE = ShardStatus(name="kraken-0", pod="p", connected=True)
WELL = PodWord(pod="p", answered=True, shards=(LIVE,))


PORTS = [{"name": "metrics", "containerPort": 8080}, {"name": "http", "containerPort": 8000}]


def said(look: Look) -> dict[str, tuple[str, str]]:
    """Status and reason of every condition of a Connector."""
    return {each.type: (each.status, each.reason) for each in conditions.of_connector(look)}


def test_a_connector_that_is_well_is_well_in_every_respect() -> None:
    """All seven conditions are given, and all are healthy."""
    found = said(Look(wanted=1, ready=1, words=[WELL]))
    assert set(found) == set(CONDITIONS)
    for word, healthy in CONDITIONS.items():
        assert found[word][0] == str(healthy), word


@pytest.mark.parametrize(
    ("change", "condition", "expected"),
    [
        ({"ready": 0, "troubles": ["p: CrashLoopBackOff"]}, "Ready", ("False", "NotReady")),
        ({"ready": 0, "wanted": 0}, "Ready", ("True", "NoneWanted")),
        ({"paused": True}, "Progressing", ("False", "Paused")),
        ({"words": [PodWord(pod="p")]}, "Connected", ("Unknown", "NobodyAnswers")),
        ({"words": [PodWord(pod="p")]}, "Lagging", ("Unknown", "NobodyAnswers")),
        ({"words": [PodWord(pod="p"), WELL]}, "Connected", ("Unknown", "SomeDoNotAnswer")),
        (
            {"words": [PodWord(pod="p", answered=True, shards=(ShardStatus(name="x", pod="p"),))]},
            "Connected",
            ("False", "Disconnected"),
        ),
        (
            {
                "words": [
                    msgspec.structs.replace(WELL, shards=(LIVE, ShardStatus(name="x", pod="p")))
                ]
            },
            "Connected",
            ("False", "PartlyConnected"),
        ),
        (
            {"words": [msgspec.structs.replace(WELL, reasons=("bus: it refuses",))]},
            "StreamReady",
            ("False", "BusRefuses"),
        ),
        (
            {"words": [msgspec.structs.replace(WELL, waiting_s=500.0)]},
            "Lagging",
            ("True", "SpoolWaits"),
        ),
        ({"words": [msgspec.structs.replace(WELL, full=True)]}, "Lagging", ("True", "SpoolFull")),
        (
            {"words": [msgspec.structs.replace(WELL, waiting=1e6)]},
            "Lagging",
            ("True", "BusWaits"),
        ),
        (
            {"words": [msgspec.structs.replace(WELL, warnings=("clock: it is wrong",))]},
            "Degraded",
            ("True", "Warnings"),
        ),
        ({"stage": "twin"}, "Progressing", ("True", "TakingOver")),
        ({"stage": "given_up"}, "Progressing", ("False", "GivenUp")),
        (
            {"stage": "waiting", "rollout": RolloutStatus(attempts=1)},
            "Degraded",
            ("True", "RolloutFailed"),
        ),
        (
            {"complaints": [Complaint(condition="StreamReady", reason="NoBus", message="m")]},
            "StreamReady",
            ("False", "NoBus"),
        ),
    ],
)
def test_every_reason(change: dict[str, object], condition: str, expected: tuple[str, str]) -> None:
    """What is found leads to its condition and reason."""
    usual = {"wanted": 1, "ready": 1, "words": [WELL]}
    look = msgspec.convert({}, Look)
    for key, value in (usual | change).items():
        look = msgspec.structs.replace(look, **{key: value})
    assert said(look)[condition] == expected


def test_a_complaint_says_that_what_runs_goes_on() -> None:
    """Not ready, degraded, and yet recording: all three are said."""
    wrong = Complaint(condition="FeedConfigValid", reason="FeedInvalid", message="Line 3.")
    look = Look(wanted=1, ready=1, words=[WELL], complaints=[wrong])
    answers = {each.type: each for each in conditions.of_connector(look)}
    assert answers["Ready"].reason == "FeedInvalid"
    assert "last good configuration (1 ready)" in answers["Ready"].message
    assert answers["Degraded"].reason == "LastGoodConfiguration"
    assert answers["Connected"].status == "True"


def test_time_moves_only_with_the_answer() -> None:
    """Another reason or message is no transition; another status is."""
    first = conditions.dated([Answer("Ready", "False", "A", "a")], (), 1, "t1")
    second = conditions.dated([Answer("Ready", "False", "B", "b")], first, 2, "t2")
    third = conditions.dated([Answer("Ready", "True", "C")], second, 3, "t3")
    times = [each[0].last_transition_time for each in (first, second, third)]
    assert times == ["t1", "t1", "t3"]
    assert [each[0].observed_generation for each in (first, second, third)] == [1, 2, 3]


def pod(name: str = "p", **more: object) -> PodFacts:
    """A pod with an address."""
    found = PodFacts(
        name=name,
        labels={},
        addresses={"metrics": f"http://127.0.0.1/{name}"},
        ready_since=None,
        draining=False,
        over=False,
        restarts=0,
        trouble="",
    )
    return msgspec.structs.replace(found, **more)


async def test_pods_are_heard() -> None:
    """Shards, messages and the last of them come from the pod's own metrics."""
    shard = {"feed": "kraken", "category": "", "shard": "0"}
    values = {
        "ssmd_connector_websocket_connected": [(shard, 1.0), (shard | {"shard": "1"}, 0.0)],
        "ssmd_connector_messages_total": [
            (shard | {"message_type": "trade"}, 5.0),
            (shard | {"message_type": "book"}, 7.0),
        ],
        "ssmd_connector_last_activity_timestamp": [(shard, 1_000_000_000.0)],
        "ssmd_spool_oldest_age_seconds": [({"feed": "kraken", "category": ""}, 3.0)],
    }

    async def ask(address: str) -> Readiness:
        return Readiness(reasons=["bus: it refuses"])

    async def read(address: str) -> Samples:
        return Samples(values)  # type: ignore[arg-type] # plain dicts are mappings

    word = (await Observer(SystemClock(), ask=ask, read=read).look([pod()]))["p"]
    assert word.reasons == ("bus: it refuses",)
    assert [(each.name, each.connected, each.messages) for each in word.shards] == [
        ("kraken-0", True, 12),
        ("kraken-1", False, 0),
    ]
    assert (word.messages, word.last, word.waiting_s) == (12, 1_000_000_000.0, 3.0)
    assert word.shards[0].last_message_time == "2001-09-09T01:46:40Z"
    assert moment(0.0) is None


async def test_pods_that_do_not_answer_are_unknown_and_hold_nobody_up() -> None:
    """Away, silent, or somebody else: not `disconnected`; never more than a few at once."""
    clock, busy, most = ManualClock(), 0, 0

    async def ask(address: str) -> Readiness:
        nonlocal busy, most
        busy, most = busy + 1, max(most, busy + 1)
        try:
            if address.endswith("away"):
                raise Unavailable("away", remedy="")
            await asyncio.Event().wait()
        finally:
            busy -= 1
        raise AssertionError

    observer = Observer(clock, ask=ask)
    looks = asyncio.create_task(
        observer.look([pod("away"), pod("none", addresses={}), *(pod(f"s{n}") for n in range(40))])
    )
    for _ in range(12):
        await clock.advance(1)
    words = await looks
    assert len(words) == 41, "what has no address was not asked"
    assert not any(word.answered for word in words.values())
    assert 1 < most <= 16


def test_what_the_api_server_says_of_a_pod() -> None:
    """Readiness, restarts, and why it does not run, with the container's last words."""
    found = pods.of(
        {
            "metadata": {"name": "p", "labels": {"a": "b"}},
            "spec": {"containers": [{"ports": PORTS}]},
            "status": {
                "podIP": "fd00::1",
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "lastTransitionTime": "2001-09-09T01:46:40Z",
                    }
                ],
                "containerStatuses": [
                    {
                        "restartCount": 2,
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        "lastState": {"terminated": {"message": "no key"}},
                    }
                ],
            },
        }
    )
    assert found.addresses == {
        "metrics": "http://[fd00::1]:8080"
    }  # clients have a port of their own
    assert (found.ready_since, found.restarts) == (1_000_000_000.0, 2)
    assert found.trouble == "CrashLoopBackOff: back-off no key"


def test_only_how_many_and_how_much_is_left_to_others() -> None:
    """Replicas and resources; never an image."""
    container = '.spec.template.spec.containers[name="connector"]'
    assert may_be_left(".spec.replicas")
    assert may_be_left(f"{container}.resources.requests.cpu")
    assert not may_be_left(f"{container}.image")


def test_a_field_that_is_left_is_the_only_one_that_goes() -> None:
    """By its path as the API server writes it, with keys that have dots themselves."""
    one = {"name": "one", "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": "1"}}}
    other = {"name": "other", "resources": {"limits": {"cpu": "1"}}}
    manifest = {"spec": {"replicas": 1, "containers": [other, one]}}
    where = '.spec.containers[name="one"].resources.limits'
    found = without(without(manifest, f"{where}.cpu"), f"{where}.nvidia.com/gpu")
    assert found["spec"]["containers"][1] == {"name": "one", "resources": {"limits": {}}}
    assert found["spec"]["containers"][0] == other
    assert without(manifest, ".spec.replicas")["spec"] == {"containers": [other, one]}
    assert without(manifest, ".spec.nothing.there") == manifest


def test_only_what_is_asked_for_counts_as_a_change() -> None:
    """A status, a version, a controller's note: nothing changed. A label: something did."""
    live = {
        "metadata": {"name": "x", "resourceVersion": "1", "annotations": {"a": "1"}},
        "spec": {},
    }
    note = {"annotations": {"a": "1", "deployment.kubernetes.io/revision": "2"}}
    later = {
        "metadata": {**live["metadata"], "resourceVersion": "2", "generation": 3, **note},
        "spec": {},
        "status": {"replicas": 1},
    }
    assert fingerprint(live) == fingerprint(later)
    labelled = {**live, "metadata": {**live["metadata"], "labels": {"x": "y"}}}
    assert fingerprint(live) != fingerprint(labelled)
