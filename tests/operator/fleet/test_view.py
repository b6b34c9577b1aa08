"""What a person sees of a resource."""

from typing import Any

import pytest

from ssmd.model.errors import SsmdError
from ssmd.model.timestamp import SECOND_NS, parse_rfc3339
from ssmd.operator.fleet import view
from ssmd.operator.spec.status import CONDITIONS, Condition

NOW = parse_rfc3339("2026-11-23T12:00:00Z")


def connector(**status: object) -> dict[str, Any]:
    """A Connector as the API has it."""
    return {
        "kind": "Connector",
        "metadata": {
            "name": "spot",
            "namespace": "ssmd",
            "generation": 3,
            "creationTimestamp": "2026-11-20T12:00:00Z",
        },
        "spec": {"feed": "spot", "replicas": 2},
        "status": status,
    }


def test_a_new_resource_has_a_line() -> None:
    """The operator has not looked at it yet: pending, and nothing is claimed."""
    line = view.line(connector())
    assert (line.phase, line.ready, line.wanted, line.connected) == ("Pending", 0, 0, "Unknown")
    assert line.trouble == ()


def test_what_is_not_as_it_should_be_is_named() -> None:
    """A condition that holds may be good or bad; an unknown one and a take-over are no trouble."""
    conditions = [
        {"type": kind, "status": str(not healthy), "reason": "Because"}
        for kind, healthy in CONDITIONS.items()
    ]
    assert set(view.line(connector(conditions=conditions)).trouble) == set(CONDITIONS) - {
        "Progressing"
    }
    for kind, healthy in CONDITIONS.items():
        assert not Condition(type=kind, status="Unknown", reason="NotAsked").is_trouble
        well = Condition(type=kind, status="True" if healthy else "False", reason="Well")
        assert not well.is_trouble


def test_one_that_is_being_deleted_says_so() -> None:
    """Whatever its phase was."""
    found = connector(phase="Running")
    found["metadata"]["deletionTimestamp"] = "2026-11-23T11:59:00Z"
    assert view.line(found).phase == "Deleting"


def test_an_archivers_feeds_are_named_once() -> None:
    """Two categories of a feed are one feed to a reader."""
    found = {
        "kind": "Archiver",
        "metadata": {"name": "a", "namespace": "n", "generation": 1},
        "spec": {"sources": [{"feed": "x", "categories": ["p"]}, {"feed": "x"}, {"feed": "y"}]},
        "status": {"sources": [{"feed": "x", "stream": "S", "messages": 7}], "drain": "waiting"},
    }
    assert view.line(found).feeds == ("x", "y")
    detail = view.detail(found, [])
    assert detail.sources == (("x", "S", 7),)
    assert (detail.drain, detail.is_current) == ("waiting", False)


def test_events_are_told_in_order_of_time() -> None:
    """Both of the API's spellings are read."""
    events = [
        {"eventTime": "2026-11-23T11:00:02Z", "reason": "B", "note": "second"},
        {"lastTimestamp": "2026-11-23T11:00:01Z", "reason": "A", "message": "first"},
    ]
    detail = view.detail(connector(observedGeneration=3), events)
    assert [event[2] for event in detail.events] == ["first", "second"]
    assert detail.is_current


def test_a_status_of_another_version_is_refused_with_the_place() -> None:
    """Nothing is guessed."""
    with pytest.raises(SsmdError, match=r"spot.*messages"):
        view.line(connector(messages="many"))


@pytest.mark.parametrize(
    ("passed_s", "shown"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d")],
)
def test_ages_are_short(passed_s: int, shown: str) -> None:
    """As `kubectl` shows them."""
    assert view.age("2026-11-23T12:00:00Z", NOW + passed_s * SECOND_NS) == shown


def test_an_age_nobody_knows_is_a_dash() -> None:
    """And one that lies in the future is none."""
    assert view.age(None, NOW) == "-"
    assert view.age("2026-11-23T12:00:09Z", NOW) == "0s"


@pytest.mark.parametrize(
    ("seen", "conditions", "well"),
    [
        (3, [("Ready", "True"), ("Degraded", "False")], True),
        (2, [("Ready", "True"), ("Degraded", "False")], False),
        (3, [("Ready", "True"), ("Degraded", "True")], False),
        (3, [("Ready", "False")], False),
        (3, [], False),
    ],
    ids=["well", "an older spec", "in trouble", "not ready", "nothing said"],
)
def test_well_is_ready_of_the_newest_spec_and_without_trouble(
    seen: int, conditions: list[tuple[str, str]], well: bool
) -> None:
    """Each of the three alone makes it not so."""
    told = [{"type": kind, "status": status, "reason": "X"} for kind, status in conditions]
    found = view.detail(connector(observedGeneration=seen, conditions=told), [])
    assert view.is_well(found) is well
