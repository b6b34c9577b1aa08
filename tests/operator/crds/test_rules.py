"""What may not change, and what must not stand together: rules that only the API server can hold to."""

import json

import pytest

from ssmd.operator.crds.definitions import resource_schema
from ssmd.operator.crds.rules import rules_of
from ssmd.operator.names import KINDS, Kind
from ssmd.operator.spec.connector import SpoolVolume
from tests.operator.crds.made import SMALLEST, Spec, complaints

CLAIM = {"type": "persistentVolumeClaim", "size": "10Gi", "storageClassName": "fast"}
CHANGES: list[tuple[Kind, str, Spec, Spec, bool]] = [
    ("Connector", "feed", {}, {"feed": "south"}, False),
    ("Connector", "environment", {}, {"environment": "test"}, False),
    ("Connector", "replicas", {}, {"replicas": 3}, True),
    ("Connector", "categories", {}, {"categories": ["a"]}, True),
    ("Connector", "class", {"spool": CLAIM}, {"spool": CLAIM | {"storageClassName": "x"}}, False),
    (
        "Connector",
        "no class",
        {"spool": CLAIM},
        {"spool": {**CLAIM, "storageClassName": None}},
        False,
    ),
    ("Connector", "smaller", {"spool": CLAIM}, {"spool": CLAIM | {"size": "9Gi"}}, False),
    ("Connector", "larger", {"spool": CLAIM}, {"spool": CLAIM | {"size": "0.1Ti"}}, True),
    ("Connector", "smaller, emptied", {}, {"spool": {"size": "1Gi"}}, True),
    ("Connector", "onto a claim", {}, {"spool": CLAIM | {"size": "1Gi"}}, True),
    ("Archiver", "environment", {}, {"environment": "test"}, False),
    ("Archiver", "smaller", {}, {"storage": {"size": "1Gi"}}, False),
    ("Archiver", "larger", {}, {"storage": {"size": "1Ti"}}, True),
    ("Archiver", "class", {}, {"storage": {"storageClassName": "fast"}}, False),
    ("Archiver", "mode", {}, {"storage": {"accessMode": "ReadWriteMany"}}, False),
    ("Archiver", "another claim", {}, {"storage": {"existingClaim": "mine"}}, False),
    ("Archiver", "kept", {}, {"storage": {"onDelete": "delete"}}, True),
    (
        "Archiver",
        "size of a claim of one's own",
        {"storage": {"existingClaim": "mine"}},
        {"storage": {"existingClaim": "mine", "size": "1Gi"}},
        True,
    ),
    ("SecmasterSync", "environment", {}, {"environment": "test"}, True),
    ("QualityCheck", "schedule", {}, {"schedule": "@hourly"}, True),
    ("Api", "archive", {}, {"archive": {"claim": "another"}}, True),
    ("Api", "replicas", {}, {"replicas": 3}, True),
]
SIDES: list[tuple[Kind, Spec, str]] = [
    ("Connector", {"env": {"A-B": "1"}}, "no name of a variable"),
    (
        "Connector",
        {"env": {"A": "1"}, "secretEnv": [{"name": "A", "secret": "s", "key": "k"}]},
        "`env` and in `secretEnv`",
    ),
    ("Connector", {"secretFiles": [{"secret": "s", "path": "/data/x"}]}, "in, or above"),
    ("Connector", {"secretFiles": [{"secret": "s", "path": "/etc"}]}, "in, or above"),
    ("Connector", {"secretFiles": [{"secret": "s", "path": "/a/../data"}]}, "upwards"),
    (
        "Connector",
        {"secretFiles": [{"secret": "s", "path": "/a"}, {"secret": "t", "path": "/a"}]},
        "one `path`",
    ),
    ("Archiver", {"tables": False, "upload": {}}, "needs `tables: true`"),
    ("Archiver", {"sources": [{"feed": "x"}, {"feed": "x"}]}, "stands twice in `sources`"),
    (
        "Archiver",
        {"sources": [{"feed": "x", "categories": ["a"]}, {"feed": "x", "categories": ["b", "a"]}]},
        "category of a feed stands twice",
    ),
    (
        "Archiver",
        {"sources": [{"feed": "x", "categories": ["a", "b"], "stream": "S"}]},
        "one category at most",
    ),
    ("QualityCheck", {"archive": {}}, "one of them"),
    ("Api", {"httpPort": 9000, "port": 9000}, "a port each"),
    ("Api", {"identityHeader": "X-User"}, "believed of nobody"),
    ("Api", {"archive": {"archiver": "a", "claim": "b"}}, "one of them"),
    ("QualityCheck", {"archive": {"archiver": "a", "claim": "b"}}, "one of them"),
]


@pytest.mark.parametrize(
    ("kind", "before", "change", "fine"),
    [(kind, before, change, fine) for kind, _, before, change, fine in CHANGES],
    ids=[f"{kind}: {name}" for kind, name, *_ in CHANGES],
)
def test_only_what_can_change_changes(kind: Kind, before: Spec, change: Spec, fine: bool) -> None:
    """A change that cannot be made is refused when it is asked for, not half made afterwards."""
    old = SMALLEST[kind] | before
    assert complaints(kind, old) == []
    found = complaints(kind, old | change, old)
    assert (found == []) is fine, found


@pytest.mark.parametrize(("kind", "more", "words"), SIDES, ids=[words for *_, words in SIDES])
def test_what_contradicts_itself_is_refused(kind: Kind, more: Spec, words: str) -> None:
    """Two fields that are fine alone, and not together: the message says which."""
    found = complaints(kind, SMALLEST[kind] | more)
    assert len(found) == 1
    assert words in found[0]


def test_every_rule_is_broken_once_above() -> None:
    """A rule nobody has seen refuse anything may be one that never does."""
    seen = {
        message.partition(": ")[2]
        for kind, _, before, change, fine in CHANGES
        if not fine
        for message in complaints(kind, SMALLEST[kind] | before | change, SMALLEST[kind] | before)
    } | {each for kind, more, _ in SIDES for each in complaints(kind, SMALLEST[kind] | more)}
    text = "\n".join(seen)
    messages = [
        rule["message"]
        for kind in KINDS
        for rule in _rules(json.loads(json.dumps(resource_schema(kind))))
    ]
    assert len(set(messages)) > 15
    assert [message for message in messages if message not in text] == []


def _rules(node: Spec) -> list[dict[str, str]]:
    inner = [
        *node.get("properties", {}).values(),
        node.get("items"),
        node.get("additionalProperties"),
    ]
    below = [rule for each in inner if isinstance(each, dict) for rule in _rules(each)]
    return [*node.get("x-kubernetes-validations", ()), *below]


def test_a_blamed_field_exists() -> None:
    """The server refuses a definition whose rule blames a field that is not there."""
    paths = [rule["fieldPath"] for rule in rules_of(SpoolVolume) if "fieldPath" in rule]
    assert paths == [".size"]
