"""The order of scaling, and what each object is asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmd.operator.fleet.stages import DOWN, Target, stages, target
from ssmd.operator.names import COMPONENT, SCALED_FROM


def deployment(name: str, component: str, *, replicas: int = 1) -> dict[str, Any]:
    """A Deployment as the API has it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "ssmd", "name": name, "labels": {COMPONENT: component}},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": replicas},
    }


def cron(name: str, component: str) -> dict[str, Any]:
    """A CronJob as the API has it."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"namespace": "ssmd", "name": name, "labels": {COMPONENT: component}},
        "spec": {},
        "status": {"active": [{"name": "a-run"}]},
    }


EVERYTHING = (
    deployment("archive-archiver", "archiver"),
    deployment("k-connector-0-a", "connector"),
    deployment("main-api", "api"),
    cron("daily-qualitycheck", "qualitycheck"),
    deployment("ssmd-operator", "operator", replicas=2),
    deployment("master-secmastersync-cdc", "secmastersync"),
    cron("master-secmastersync", "secmastersync"),
    deployment("somebody-elses", ""),
)


def test_the_operator_goes_first_and_the_archiver_last() -> None:
    """Nobody undoes it, and everything that was recorded is archived."""
    names = [stage.name for stage in stages(EVERYTHING, up=False)]
    assert names == ["operator", "API", "connectors", "security master", "quality", "archivers"]
    assert [stage.name for stage in stages(EVERYTHING, up=True)] == names[::-1]


def test_what_is_not_ours_is_left_alone() -> None:
    """Only what carries a component of ours is in any stage."""
    found = [each.name for stage in stages(EVERYTHING, up=False) for each in stage.targets]
    assert "somebody-elses" not in found
    assert len(found) == len(EVERYTHING) - 1


@given(st.integers(1, 20))
def test_down_and_up_again_is_where_it_was(replicas: int) -> None:
    """The number there was is remembered on the object, and taken from there."""
    before = deployment("x", "connector", replicas=replicas)
    down = target(before).down()
    assert down == {
        "metadata": {"annotations": {SCALED_FROM: str(replicas)}},
        "spec": {"replicas": 0},
    }
    asleep = before | {
        "metadata": before["metadata"] | {"annotations": down["metadata"]["annotations"]},
        "spec": down["spec"],
    }
    assert target(asleep).down() is None
    assert target(asleep).up() == {
        "metadata": {"annotations": {SCALED_FROM: None}},
        "spec": {"replicas": replicas},
    }


def test_what_was_down_before_stays_down() -> None:
    """Somebody meant it."""
    still = deployment("x", "connector", replicas=0)
    assert target(still).down() is None
    assert target(still).up() is None


def test_what_runs_by_the_clock_is_suspended() -> None:
    """A CronJob has no replicas; a run under way is waited for."""
    clock = target(cron("daily", "qualitycheck"))
    down = clock.down()
    assert down is not None
    assert down["spec"] == {"suspend": True}
    assert clock.ready == 1


def test_the_pods_of_a_deployment_are_found_by_its_selector() -> None:
    """One that drains is in no count of the Deployment's status, and is there still."""
    found = deployment("x", "connector")
    found["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    assert target(found).pods == {"a": "b"}
    assert target(cron("daily", "qualitycheck")).pods == {}


@pytest.mark.parametrize("component", [component for _, component in DOWN])
def test_every_component_has_its_stage(component: str) -> None:
    """And only one."""
    (stage,) = stages([deployment("x", component)], up=False)
    assert [type(each) for each in stage.targets] == [Target]


def test_a_deployment_that_says_nothing_wants_one_pod() -> None:
    """As Kubernetes has it."""
    found = deployment("x", "connector")
    del found["spec"]["replicas"]
    assert target(found).running == 1
