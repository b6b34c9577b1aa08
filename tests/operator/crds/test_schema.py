"""The schema and the typed spec are one: what one takes, the other takes, and means the same."""

import json
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssmd.model.errors import ConfigError
from ssmd.operator.crds import schema
from ssmd.operator.crds.definitions import COLUMNS, definition, definitions, resource_schema
from ssmd.operator.crds.rules import rules_of
from ssmd.operator.names import KINDS, Kind
from ssmd.operator.spec.archiver import ArchiverSpec
from ssmd.operator.spec.kinds import SPECS, STATUSES
from ssmd.operator.spec.parse import parse
from ssmd.sim.kubernetes import structural
from tests.operator.crds.made import SMALLEST, Spec, complaints, specs, taken

each_kind = pytest.mark.parametrize("kind", KINDS)
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]


def refusal(kind: Kind, spec: Spec) -> str | None:
    """What the typed spec has against it."""
    try:
        parse(kind, spec)
    except ConfigError as error:
        return str(error)
    return None


def nodes(value: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, with its path."""
    found = [(path, value)]
    for name, inner in value.get("properties", {}).items():
        found += nodes(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(value.get(word), dict):
            found += nodes(value[word], f"{path}[]")
    return found


@each_kind
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_kubernetes_knows_the_definition(kind: Kind, version: str) -> None:
    """A field that only some versions know is refused, or forgotten, by the others."""
    kubernetes_validate.validate(definition(kind), version, strict=True)


@each_kind
def test_the_schema_is_structural(kind: Kind) -> None:
    """An API server refuses what is not: references, preserved fields with a type, unions."""
    text = json.dumps(resource_schema(kind))
    assert "$ref" not in text
    assert '"null"' not in text
    for path, node in nodes(resource_schema(kind)):
        if node.get("x-kubernetes-int-or-string"):
            assert "type" not in node, path
        else:
            assert node.get("type"), path
        if node.get("x-kubernetes-list-type") == "map":
            item = node["items"]
            assert set(node["x-kubernetes-list-map-keys"]) <= set(item["required"]), path
        assert not ({"properties", "additionalProperties"} <= set(node)), path


@each_kind
def test_a_default_is_whole(kind: Kind) -> None:
    """A server judges a default by the rules of its part before it fills in what is inside."""
    defaults = [node for _, node in nodes(resource_schema(kind)) if node.get("properties")]
    parts = [node for node in defaults if "default" in node]
    assert len(parts) >= 2
    for node in parts:
        assert node["default"] == structural.defaulted(node, {})


def test_what_kubernetes_defines_is_kept_whole() -> None:
    """A toleration whose fields we do not know is still a toleration."""
    plain: Spec = {
        "affinity": {"nodeAffinity": {"any": [{"thing": 1}]}},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "envFrom": [{"secretRef": {"name": "x"}}],
        "network": {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
        "rotation": {"max_bytes": 1},
        "upload": {"url": "file:///copies"},
    }
    found = taken("Archiver", SMALLEST["Archiver"] | plain)
    assert {name: found[name] for name in plain} == plain | {
        "network": plain["network"] | {"enabled": True}
    }


@each_kind
def test_everything_people_write_is_bounded(kind: Kind) -> None:
    """Without bounds the cost of a rule has none, and the server refuses the definition."""
    unbounded = [
        path
        for path, node in nodes(resource_schema(kind)["properties"]["spec"])
        if (node.get("type") == "string" and not {"maxLength", "enum"} & set(node))
        or (node.get("type") == "array" and "maxItems" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
        or (node.get("type") == "integer" and not {"minimum", "maximum"} <= set(node))
    ]
    assert unbounded == []


@each_kind
def test_every_field_is_described(kind: Kind) -> None:
    """`kubectl explain` shows what the typed spec's docstring says."""
    silent = [
        path
        for path, node in nodes(resource_schema(kind))
        if path and path != ".metadata" and not path.endswith("[]") and not node.get("description")
    ]
    assert silent == []
    assert "None" not in [
        word
        for _, node in nodes(resource_schema(kind))
        for word in node.get("description", "").split()
    ]


@each_kind
@settings(max_examples=100)
@given(data=st.data())
def test_the_schema_and_the_typed_spec_agree(kind: Kind, data: st.DataObject) -> None:
    """What one refuses and the other takes is either stored in vain or never gets there."""
    spec = data.draw(specs(kind))
    ours, theirs = refusal(kind, taken(kind, spec)), complaints(kind, spec)
    assert bool(ours) == bool(theirs), (spec, ours, theirs)


@each_kind
@settings(max_examples=40)
@given(data=st.data())
def test_defaults_mean_the_same_on_both_sides(kind: Kind, data: st.DataObject) -> None:
    """What the server fills in is what the typed spec would have taken."""
    spec = data.draw(specs(kind).filter(lambda spec: refusal(kind, taken(kind, spec)) is None))
    known = json.loads(msgspec.json.encode(parse(kind, taken(kind, spec))))
    assert parse(kind, taken(kind, spec)) == parse(kind, known)


@each_kind
def test_the_least_is_enough(kind: Kind) -> None:
    """A resource of three lines is taken, and every default is the typed one."""
    assert complaints(kind, SMALLEST[kind]) == []
    assert parse(kind, taken(kind, SMALLEST[kind])) == parse(kind, SMALLEST[kind])


@each_kind
def test_nothing_of_the_least_can_be_left_out(kind: Kind) -> None:
    """What has no sensible default must be said, and the complaint names it."""
    for name in SMALLEST[kind]:
        less = {key: value for key, value in SMALLEST[kind].items() if key != name}
        assert any(name in each for each in complaints(kind, less))
        assert name in str(refusal(kind, less))


@each_kind
def test_the_columns_show_what_is_there(kind: Kind) -> None:
    """A column whose path leads nowhere stays empty for ever."""
    paths = {path for path, _ in nodes(resource_schema(kind))}
    for column in COLUMNS[kind]:
        path = column.path.partition("[?")[0]
        assert path in paths | {".metadata.creationTimestamp"}, column.name


SCALED: tuple[Kind, ...] = ("Connector", "Api")


@pytest.mark.parametrize("kind", SCALED)
def test_what_has_replicas_can_be_scaled(kind: Kind) -> None:
    """`kubectl scale` writes the replicas: the paths it goes by exist; no other kind has any."""
    paths = {path for path, _ in nodes(resource_schema(kind))}
    scale = definition(kind)["spec"]["versions"][0]["subresources"]["scale"]
    assert set(scale.values()) <= paths
    assert "default" in resource_schema(kind)["properties"]["spec"]["properties"]["replicas"]
    others = [each for each in definitions() if each["spec"]["names"]["kind"] not in SCALED]
    assert all(each["spec"]["versions"][0]["subresources"] == {"status": {}} for each in others)


def test_names_are_not_taken_twice() -> None:
    """Two kinds with one short name: one of them cannot be reached by it."""
    names = [definition(kind)["spec"]["names"] for kind in KINDS]
    every = [
        word for each in names for word in (*each["shortNames"], each["plural"], each["singular"])
    ]
    assert len(every) == len(set(every))


def test_a_status_is_never_refused() -> None:
    """What the operator says fits the schema, and needs nothing that it may leave out."""
    for kind in KINDS:
        found = schema.of(STATUSES[kind])
        assert "required" not in found
        assert all("default" not in node for _, node in nodes(found))


def test_a_type_no_schema_can_hold_is_refused() -> None:
    """A spec that grows a choice of types must be thought about, not guessed at."""

    class Choice(msgspec.Struct):
        """Either."""

        either: int | str

    class Raw(msgspec.Struct):
        """Bytes."""

        raw: bytes

    for struct in (Choice, Raw):
        with pytest.raises(TypeError, match="custom resource"):
            schema.of(struct)


def test_the_rules_of_a_base_come_first() -> None:
    """A kind has the rules of every workload, and its own."""
    found = [each["rule"] for each in rules_of(ArchiverSpec)]
    assert found[: len(rules_of(SPECS["Connector"])) - 2] == [
        each["rule"] for each in rules_of(SPECS["SecmasterSync"])
    ]
    assert len(found) > len(rules_of(SPECS["SecmasterSync"]))
