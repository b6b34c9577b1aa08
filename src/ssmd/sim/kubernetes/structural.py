"""Structural schemas of custom resources: their shape, defaults, what is pruned.

Source: Kubernetes' documentation of CustomResourceDefinitions.
"""

import copy
from typing import Final

from ssmd.sim.kubernetes.shapes import ANY, Object, Shape, Value, builtin

_SCALARS: Final = {"string", "integer", "number", "boolean"}


def shape_of(schema: Object) -> Shape:
    """The shape of a whole object of this schema: with apiVersion, kind and metadata."""
    inside = shape_inside(schema)
    fields = {
        **inside.fields,
        "apiVersion": Shape("scalar", "string"),
        "kind": Shape("scalar", "string"),
        "metadata": builtin("meta.v1.ObjectMeta"),
    }
    return Shape("object", fields=fields, open=inside.open or inside.kind == "any")


def shape_inside(schema: Object) -> Shape:
    """The shape of a part of an object."""
    if schema.get("x-kubernetes-int-or-string"):
        return Shape("scalar", "intstr")
    kind = schema.get("type", "")
    if kind in _SCALARS:
        return Shape("scalar", kind)
    if kind == "array":
        return _list(schema)
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    if isinstance(schema.get("additionalProperties"), dict):
        return Shape("map", item=shape_inside(schema["additionalProperties"]), atomic=atomic)
    keep = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    if schema.get("additionalProperties") is True:
        keep = True
    if not kind or (keep and "properties" not in schema):
        return ANY if not atomic else Shape("any", atomic=True)
    fields = {name: shape_inside(each) for name, each in (schema.get("properties") or {}).items()}
    if schema.get("x-kubernetes-embedded-resource"):
        fields.setdefault("apiVersion", Shape("scalar", "string"))
        fields.setdefault("kind", Shape("scalar", "string"))
        fields.setdefault("metadata", builtin("meta.v1.ObjectMeta"))
    return Shape("object", fields=fields, open=keep, atomic=atomic)


def _list(schema: Object) -> Shape:
    how = schema.get("x-kubernetes-list-type", "atomic")
    items = schema.get("items") or {}
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ()) if how == "map" else ()
    inner = items.get("properties") or {}
    defaults = {key: inner[key]["default"] for key in keys if "default" in inner.get(key, {})}
    return Shape(
        "list",
        item=shape_inside(items),
        atomic=how == "atomic",
        keys=keys,
        unique=how == "set",
        defaults=defaults,
    )


def defaulted(schema: Object, value: Value) -> Value:
    """The value with what the schema says where nothing is said.

    Null says nothing, unless the schema takes null.
    """
    if isinstance(value, dict):
        return _defaulted_object(schema, value)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [defaulted(schema["items"], each) for each in value]
    return value


def _defaulted_object(schema: Object, value: Object) -> Object:
    result = dict(value)
    properties: dict[str, Object] = schema.get("properties") or {}
    for name, inner in properties.items():
        if name in result and result[name] is None and not inner.get("nullable"):
            del result[name]
        if name not in result and "default" in inner:
            result[name] = copy.deepcopy(inner["default"])
        if name in result:
            result[name] = defaulted(inner, result[name])
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for name in result.keys() - properties.keys():
            result[name] = defaulted(extra, result[name])
    return result


def pruned(shape: Shape, value: Value) -> Value:
    """The value without fields nobody declared, at any depth."""
    if isinstance(value, dict) and shape.kind in {"object", "map"}:
        pairs = ((name, shape.at(name), inner) for name, inner in value.items())
        return {name: pruned(below, inner) for name, below, inner in pairs if below is not None}
    if isinstance(value, list) and shape.kind == "list":
        return [pruned(shape.items, each) for each in value]
    return value


def unknown_fields(shape: Shape, value: Value, at: str = "") -> list[str]:
    """Paths of fields nobody declared, such as `spec.colour`."""
    found: list[str] = []
    if isinstance(value, dict) and shape.kind in {"object", "map"}:
        for name, inner in value.items():
            path = f"{at}.{name}" if at else name
            below = shape.at(name)
            found += [path] if below is None else unknown_fields(below, inner, path)
    elif isinstance(value, list) and shape.kind == "list":
        for number, inner in enumerate(value):
            found += unknown_fields(shape.items, inner, f"{at}[{number}]")
    return found
