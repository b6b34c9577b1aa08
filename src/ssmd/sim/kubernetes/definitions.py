"""CustomResourceDefinitions: what is acceptable, and the kinds one adds.

Source: Kubernetes' documentation of CustomResourceDefinitions.
"""

from collections.abc import Iterator
from typing import Final

from ssmd.sim.kubernetes import structural, validation
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.refusal import Cause, bad_value, required
from ssmd.sim.kubernetes.shapes import Object

_FORBIDDEN: Final = ("$ref", "definitions", "dependencies", "patternProperties", "deprecated", "id")
_NO_STRUCTURE: Final = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-preserve-unknown-fields",
)
_TYPES: Final = {"array", "boolean", "integer", "number", "object", "string"}


def fill(value: Object) -> None:
    """What the server fills in of a definition; it is changed in place."""
    spec = value.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})


def acceptable(value: Object) -> Iterator[Cause]:
    """What is wrong with a definition."""
    spec = value.get("spec", {})
    names = spec.get("names", {})
    for name in ("plural", "kind"):
        if not names.get(name):
            yield required(f"spec.names.{name}")
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if value["metadata"].get("name") != wanted:
        why = 'must be spec.names.plural+"."+spec.group'
        yield bad_value("metadata.name", value["metadata"].get("name"), why)
    if "." not in spec.get("group", ""):
        why = "should be a domain with at least one dot"
        yield bad_value("spec.group", spec.get("group", ""), why)
    if spec.get("scope") not in {"Namespaced", "Cluster"}:
        yield required("spec.scope")
    versions = spec.get("versions") or []
    if sum(bool(each.get("storage")) for each in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield bad_value("spec.versions", str([each.get("name") for each in versions]), why)
    for number, version in enumerate(versions):
        yield from _version(version, f"spec.versions[{number}]")


def _version(version: Object, at: str) -> Iterator[Cause]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    path = f"{at}.schema.openAPIV3Schema"
    if not schema:
        yield ("FieldValueRequired", "Required value: schemas are required", path)
        return
    if schema.get("type") != "object":
        yield bad_value(f"{path}.type", schema.get("type", ""), "must be object at the root")
    yield from _structural(schema, path)


def _structural(schema: Object, at: str) -> Iterator[Cause]:
    """What makes a schema not structural."""
    yield from _words(schema, at)
    if schema.get("properties") and schema.get("additionalProperties"):
        why = "Forbidden: additionalProperties and properties are mutual exclusive"
        yield ("FieldValueForbidden", why, f"{at}.additionalProperties")
    if schema.get("type") == "array":
        yield from _items(schema, at)
    for word in ("allOf", "anyOf", "oneOf"):
        for number, each in enumerate(schema.get(word) or ()):
            yield from _junctor(each, f"{at}.{word}[{number}]", schema)
    if "default" in schema:
        yield from _default(schema, at)
    yield from _below(schema, at)


def _words(schema: Object, at: str) -> Iterator[Cause]:
    """Words that may not be, and the type that must."""
    for word in _FORBIDDEN:
        if word in schema:
            yield ("FieldValueForbidden", f"Forbidden: {word} is not supported", f"{at}.{word}")
    if schema.get("uniqueItems"):
        why = (
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity is quadratic"
        )
        yield ("FieldValueForbidden", why, f"{at}.uniqueItems")
    loose = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if not schema.get("type") and not loose:
        why = "Required value: must not be empty for specified object fields"
        yield ("FieldValueRequired", why, f"{at}.type")
    elif schema.get("type") and schema["type"] not in _TYPES:
        yield bad_value(f"{at}.type", schema["type"], "must be one of the types of JSON")


def _default(schema: Object, at: str) -> Iterator[Cause]:
    """A default must itself be acceptable, with the defaults below it."""
    value = structural.defaulted(schema, schema["default"])
    yield from validation.problems(schema, value, f"{at}.default")
    for path in structural.unknown_fields(structural.shape_inside(schema), value):
        yield bad_value(f"{at}.default", path, "must not have unknown fields")


def _below(schema: Object, at: str) -> Iterator[Cause]:
    for name, each in (schema.get("properties") or {}).items():
        yield from _structural(each, f"{at}.properties[{name}]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _structural(schema["additionalProperties"], f"{at}.additionalProperties")
    if isinstance(schema.get("items"), dict):
        yield from _structural(schema["items"], f"{at}.items")


def _items(schema: Object, at: str) -> Iterator[Cause]:
    items = schema.get("items")
    if not isinstance(items, dict):
        yield ("FieldValueRequired", "Required value: must be specified", f"{at}.items")
        return
    how = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if how == "map" and not keys:
        why = "Required value: must not be empty if x-kubernetes-list-type is map"
        yield ("FieldValueRequired", why, f"{at}.x-kubernetes-list-map-keys")
    properties = items.get("properties") or {}
    for key in keys:
        if key not in properties:
            why = "entries must all be names of item properties"
            yield bad_value(f"{at}.x-kubernetes-list-map-keys", key, why)
        elif key not in (items.get("required") or ()) and "default" not in properties[key]:
            why = (
                "Required value: this property is in x-kubernetes-list-map-keys, so it must have a"
                " default or be a required property"
            )
            yield ("FieldValueRequired", why, f"{at}.items.properties[{key}].default")


def _junctor(schema: Object, at: str, parent: Object) -> Iterator[Cause]:
    """Inside of allOf and the like values are judged, structure is not described."""
    for word in _NO_STRUCTURE:
        if word in schema and not (word == "type" and parent.get("x-kubernetes-int-or-string")):
            why = "Forbidden: must be empty to be structural"
            yield ("FieldValueForbidden", why, f"{at}.{word}")


def kinds(value: Object) -> list[Kind]:
    """The kinds a definition adds, one for each version."""
    spec = value["spec"]
    names = spec["names"]
    result: list[Kind] = []
    for version in spec["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        below = version.get("subresources") or {}
        scale = below.get("scale")
        result.append(
            Kind(
                group=spec["group"],
                version=version["name"],
                kind=names["kind"],
                plural=names["plural"],
                namespaced=spec["scope"] == "Namespaced",
                shape=structural.shape_of(schema),
                short=tuple(names.get("shortNames") or ()),
                status="status" in below,
                scale=None
                if scale is None
                else {
                    "spec": scale["specReplicasPath"],
                    "status": scale["statusReplicasPath"],
                    "selector": scale.get("labelSelectorPath", ""),
                },
                generation="spec" if "status" in below else "all",
                schema=schema,
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                singular=names["singular"],
                categories=tuple(names.get("categories") or ()),
                served=bool(version.get("served")),
                storage=bool(version.get("storage")),
            )
        )
    return result


def established(value: Object, now: str) -> Object:
    """The definition with the status of one that is served."""
    names = value["spec"]["names"]
    conditions = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    status = {
        "acceptedNames": dict(names),
        "storedVersions": [v["name"] for v in value["spec"]["versions"] if v.get("storage")],
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": now,
            }
            for kind, reason, message in conditions
        ],
    }
    if value.get("status", {}).get("conditions"):
        status["conditions"] = value["status"]["conditions"]
    return {**value, "status": status}
