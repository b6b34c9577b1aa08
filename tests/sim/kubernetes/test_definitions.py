"""Definitions of custom kinds: what they serve, check, fill in and drop."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import cel
import pytest

from ssmd.runtime.clock import SystemClock
from ssmd.sim.kubernetes import FakeApi
from ssmd.sim.kubernetes.shapes import Value
from tests.sim.kubernetes.client import Answer, Client
from tests.sim.kubernetes.conftest import until
from tests.sim.kubernetes.samples import Object, definition, thing

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCHEMA: Object = {
    "type": "object",
    "required": ["feed"],
    "properties": {
        "feed": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 9, "default": 1},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "spool": {
            "type": "object",
            "default": {},
            "properties": {"size": {"type": "string", "default": "1Gi"}},
        },
        "maybe": {"type": "string", "nullable": True},
        "words": {
            "type": "array",
            "maxItems": 3,
            "x-kubernetes-list-type": "set",
            "items": {"type": "string"},
        },
        "shares": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            },
        },
    },
}


@dataclass
class Things:
    """Our own kind, served."""

    cluster: Client
    group: str

    @property
    def path(self) -> str:
        """Where they are."""
        return f"{self.group}/v1:things"

    async def make(self, name: str = "t", **spec: Value) -> Answer:
        """Create one."""
        return await self.cluster.post(self.path, thing(self.group, name, **spec))

    async def apply(self, manager: str, **spec: Value) -> Answer:
        """Apply one."""
        return await self.cluster.apply(f"{self.path}/t", thing(self.group, **spec), manager)


async def served(cluster: Client, body: Object) -> None:
    """Install a definition and wait until its kind is there."""
    made = await cluster.post(DEFINITIONS, body)
    assert made.status == 201, made.body
    spec = body["spec"]
    path = f"{spec['group']}/{spec['versions'][0]['name']}:{spec['names']['plural']}"

    async def there() -> bool:
        return (await cluster.get(path)).status == 200

    await until(there)


@pytest.fixture
async def things(cluster: Client) -> AsyncIterator[Things]:
    """A kind of our own, in a group that no other test has."""
    group = f"{cluster.namespace}.example.com"
    await served(cluster, definition(group, SCHEMA))
    yield Things(cluster, group)
    await cluster.delete(f"{DEFINITIONS}/things.{group}")


async def test_a_definition_serves_its_kind(things: Things) -> None:
    """Established, discovered, and gone with its definition, objects and all."""
    cluster = things.cluster
    read = await cluster.get(f"{DEFINITIONS}/things.{things.group}")
    conditions = {c["type"]: c["status"] for c in read.body["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert read.body["spec"]["names"]["listKind"] == "ThingList"
    found = (await cluster.get(f"/apis/{things.group}/v1")).body["resources"]
    assert {each["name"]: each.get("shortNames") for each in found} == {
        "things": ["th"],
        "things/status": None,
    }
    assert (await things.make(feed="a")).status == 201
    await cluster.delete(f"{DEFINITIONS}/things.{things.group}")

    async def gone() -> bool:
        return (await cluster.get(things.path)).status == 404

    await until(gone)


async def test_defaults_are_filled_in(things: Things) -> None:
    """Of parts too; null says nothing where null is not allowed."""
    made = await things.make(feed="a", replicas=None, mode=None, maybe=None)
    assert made.status == 201, made.body
    expected = {"feed": "a", "replicas": 1, "spool": {"size": "1Gi"}, "maybe": None}
    assert made.body["spec"] == expected


async def test_unknown_fields_are_dropped(things: Things) -> None:
    """At any depth, unless the schema keeps them."""
    free = {"a": {"b": [1, {"c": None}]}}
    made = await things.make(feed="a", colour="red", spool={"no": 1}, free=free)
    assert "colour" not in made.body["spec"]
    assert made.body["spec"]["spool"] == {"size": "1Gi"}
    assert made.body["spec"]["free"] == free
    strict = await things.cluster.post(
        things.path, thing(things.group, "u", feed="a", colour="red"), fieldValidation="Strict"
    )
    assert (strict.status, 'unknown field "spec.colour"' in strict.message) == (400, True)


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({}, ("spec.feed", "FieldValueRequired")),
        ({"feed": 1}, ("spec.feed", "FieldValueTypeInvalid")),
        ({"feed": ""}, ("spec.feed", "FieldValueInvalid")),
        ({"feed": "abcdef"}, ("spec.feed", "FieldValueTooLong")),
        ({"feed": "A"}, ("spec.feed", "FieldValueInvalid")),
        ({"feed": "a\n"}, ("spec.feed", "FieldValueInvalid")),
        ({"feed": "a", "replicas": -1}, ("spec.replicas", "FieldValueInvalid")),
        ({"feed": "a", "replicas": 10}, ("spec.replicas", "FieldValueInvalid")),
        ({"feed": "a", "replicas": True}, ("spec.replicas", "FieldValueTypeInvalid")),
        ({"feed": "a", "mode": "odd"}, ("spec.mode", "FieldValueNotSupported")),
        ({"feed": "a", "port": []}, ("spec.port", "FieldValueTypeInvalid")),
        ({"feed": "a", "labels": {"x": 1}}, ("spec.labels.x", "FieldValueTypeInvalid")),
        ({"feed": "a", "words": ["x", "x"]}, ("spec.words[1]", "FieldValueDuplicate")),
        ({"feed": "a", "words": list("wxyz")}, ("spec.words", "FieldValueTooMany")),
        ({"feed": "a", "shares": [{}]}, ("spec.shares[0].name", "FieldValueRequired")),
        (
            {"feed": "a", "shares": [{"name": "x"}, {"name": "x"}]},
            ("spec.shares[1]", "FieldValueDuplicate"),
        ),
    ],
    ids=str,
)
async def test_what_the_schema_refuses(
    things: Things, spec: Object, cause: tuple[str, str]
) -> None:
    """422, with the field and the reason."""
    answer = await things.make(**spec)
    assert (answer.status, answer.reason) == (422, "Invalid"), answer.body
    assert cause in answer.causes
    assert answer.message.startswith(f'Thing.{things.group} "t" is invalid: ')


@pytest.mark.parametrize("port", [80, "80%"])
async def test_a_number_or_a_text(things: Things, port: object) -> None:
    """What is either stays what it is."""
    assert (await things.make(feed="a", port=port)).body["spec"]["port"] == port


async def test_an_update_of_a_custom_object_names_its_version(things: Things) -> None:
    """422 without one; 409 with an old one."""
    made = await things.make(feed="a")
    without = await things.cluster.put(f"{things.path}/t", thing(things.group, feed="b"))
    assert without.causes == {("metadata.resourceVersion", "FieldValueInvalid")}
    body = {**made.body, "spec": {"feed": "b"}}
    assert (await things.cluster.put(f"{things.path}/t", body)).meta["generation"] == 2
    assert (await things.cluster.put(f"{things.path}/t", body)).status == 409


async def test_the_status_of_a_custom_object_is_apart(things: Things) -> None:
    """When its definition says so; its generation counts the spec alone."""
    cluster, path = things.cluster, f"{things.path}/t"
    made = await things.make(feed="a")
    ignored = await cluster.patch(path, {"status": {"x": 1}})
    assert ignored.version == made.version
    told = await cluster.patch(f"{path}/status", {"status": {"x": 1}, "spec": {"feed": "z"}})
    assert (told.body["status"], told.body["spec"]["feed"]) == ({"x": 1}, "a")
    assert told.meta["generation"] == 1
    labelled = await cluster.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled.meta["generation"] == 1
    changed = await cluster.patch(path, {"spec": {"feed": "b"}})
    assert (changed.meta["generation"], changed.body["status"]) == (2, {"x": 1})


async def test_a_strategic_patch_is_not_for_custom_objects(things: Things) -> None:
    """415: only built-in kinds say how their lists merge."""
    await things.make(feed="a")
    media = "application/strategic-merge-patch+json"
    answer = await things.cluster.patch(f"{things.path}/t", {"spec": {}}, media)
    assert answer.status == 415


async def test_keyed_lists_of_custom_objects_have_owners(things: Things) -> None:
    """By the keys that the schema names; sets by value."""
    one, two = {"name": "x", "size": 1}, {"name": "y", "size": 2}
    await things.apply("a", feed="a", shares=[one], words=["w"])
    both = await things.apply("b", feed="a", shares=[two], words=["v"])
    assert both.status == 200, both.body
    assert both.body["spec"]["shares"] == [one, two]
    assert both.body["spec"]["words"] == ["w", "v"]
    owned = both.managers["b"]["f:spec"]
    assert owned["f:shares"] == {'k:{"name":"y"}': {".": {}, "f:name": {}, "f:size": {}}}
    assert owned["f:words"] == {'v:"v"': {}}
    answer = await things.apply("b", feed="a", shares=[{"name": "x", "size": 5}])
    assert answer.causes == {('.spec.shares[name="x"].size', "FieldManagerConflict")}
    left = await things.apply("a", feed="a")
    assert left.body["spec"]["shares"] == [two]
    assert left.body["spec"]["words"] == ["v"]


async def test_defaults_belong_to_nobody(things: Things) -> None:
    """An applier owns what it says; a default goes back when what was said is said no more."""
    await things.apply("a", feed="a", replicas=3)
    left = await things.apply("a", feed="a")
    assert left.body["spec"]["replicas"] == 1
    assert left.managers == {"a": {"f:spec": {"f:feed": {}}}}


async def test_scale_of_a_custom_object(cluster: Client) -> None:
    """Where its definition says that the number is."""
    group = f"scale-{cluster.namespace}.example.com"
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    below = {"status": {}, "scale": scale}
    await served(cluster, definition(group, SCHEMA, subresources=below))
    path = f"{group}/v1:things"
    await cluster.post(path, thing(group, feed="a"))
    assert (await cluster.get(f"{path}/t/scale")).body["spec"] == {"replicas": 1}
    body = {"spec": {"replicas": 4}}
    assert (await cluster.patch(f"{path}/t/scale", body)).body["spec"] == {"replicas": 4}
    assert (await cluster.get(f"{path}/t")).body["spec"]["replicas"] == 4
    other = {**thing(group), "spec": {"replicas": 2}}
    assert (await cluster.patch(f"{path}/t/scale", other)).status == 422
    await cluster.delete(f"{DEFINITIONS}/things.{group}")


async def test_versions_of_one_kind(cluster: Client) -> None:
    """Each is served in its own name; the objects are the same."""
    group = f"versions-{cluster.namespace}.example.com"
    body = definition(group)
    old = {**body["spec"]["versions"][0], "name": "v1alpha1", "storage": False}
    unserved = {**old, "name": "v1alpha0", "served": False}
    body["spec"]["versions"] += [old, unserved]
    await served(cluster, body)
    await cluster.post(f"{group}/v1:things", thing(group, x=1))
    read = await cluster.get(f"{group}/v1alpha1:things/t")
    assert read.body["apiVersion"] == f"{group}/v1alpha1"
    changed = await cluster.patch(f"{group}/v1alpha1:things/t", {"spec": {"x": 2}})
    assert changed.body["apiVersion"] == f"{group}/v1alpha1"
    assert (await cluster.get(f"{group}/v1:things/t")).body["spec"] == {"x": 2}
    assert (await cluster.get(f"{group}/v1alpha0:things/t")).status == 404
    told = (await cluster.get(f"/apis/{group}")).body
    assert [each["version"] for each in told["versions"]] == ["v1", "v1alpha1"]
    await cluster.delete(f"{DEFINITIONS}/things.{group}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "object", "properties": {"a": {"description": "no type"}}},
        {"type": "object", "properties": {"a": {"type": "array"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/x", "type": "string"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "additionalProperties": {"type": "string"},
        },
        {"type": "object", "properties": {"a": {"type": "string", "default": 1}}},
        {
            "type": "object",
            "properties": {
                "a": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["k"],
                    "items": {"type": "object", "properties": {"k": {"type": "string"}}},
                }
            },
        },
        {"type": "object", "anyOf": [{"type": "object"}]},
    ],
    ids=range(7),
)
async def test_a_schema_must_be_structural(cluster: Client, wrong: Object) -> None:
    """422 for one that says too little, or in the wrong place."""
    answer = await cluster.post(DEFINITIONS, definition("bad.example.com", wrong))
    assert (answer.status, answer.reason) == (422, "Invalid"), answer.body


async def test_a_definition_is_named_for_what_it_defines(cluster: Client) -> None:
    """422 for another name, or two versions that objects are kept in."""
    body = definition("named.example.com")
    body["metadata"]["name"] = "other.example.com"
    answer = await cluster.post(DEFINITIONS, body)
    assert ("metadata.name", "FieldValueInvalid") in answer.causes
    body = definition("named.example.com")
    body["spec"]["versions"] += [{**body["spec"]["versions"][0], "name": "v2"}]
    assert (await cluster.post(DEFINITIONS, body)).status == 422


def _rule(expression: str, value: object, old: object) -> bool:
    """CEL, by the library that our tests have."""
    return bool(cel.evaluate(expression, {"self": value, "oldSelf": old}))


@pytest.fixture
async def ruled(cluster: Client) -> AsyncIterator[Things]:
    """A kind with rules; of the fake API, which is given an evaluator for them."""
    rules = [
        {"rule": "self.least <= self.most", "message": "least is more than most"},
        {"rule": "oldSelf.most <= self.most", "message": "most may only grow"},
    ]
    numbers = {"type": "integer"}
    schema = {
        "type": "object",
        "required": ["least", "most"],
        "properties": {"least": numbers, "most": numbers},
        "x-kubernetes-validations": rules,
    }
    group = f"ruled-{cluster.namespace}.example.com"
    if cluster.real:
        await served(cluster, definition(group, schema))
        yield Things(cluster, group)
        await cluster.delete(f"{DEFINITIONS}/things.{group}")
        return
    async with FakeApi(SystemClock(), rule=_rule) as api, Client(api.config()) as client:
        await served(client, definition(group, schema))
        yield Things(client, group)


async def test_rules_are_judged(ruled: Things) -> None:
    """Of the object as it is, and of what changed; not of what the schema refuses already."""
    answer = await ruled.make(least=2, most=1)
    assert answer.causes == {("spec", "FieldValueInvalid")}
    assert answer.message.endswith("spec: Invalid value: least is more than most")
    wrong = await ruled.make(least="x", most=1)
    assert ("<nil>", "FieldValueInvalid") in wrong.causes
    assert ("spec", "FieldValueInvalid") not in wrong.causes
    assert (await ruled.make(least=1, most=5)).status == 201
    less = await ruled.cluster.patch(f"{ruled.path}/t", {"spec": {"most": 4}})
    assert less.message.endswith("spec: Invalid value: most may only grow")
    assert (await ruled.cluster.patch(f"{ruled.path}/t", {"spec": {"most": 6}})).status == 200
