"""Structural OpenAPI schemas of our resources, out of the typed specs and statuses. Pure."""

from typing import Any, Final

import msgspec
from msgspec import inspect

from ssmd.feeds.schema import meaning, sentences
from ssmd.operator.crds.rules import rules_of
from ssmd.operator.spec.status import Condition
from ssmd.operator.spec.workload import Part

Schema = dict[str, Any]
"""A schema, as a CustomResourceDefinition holds it."""

_LIST_KEYS: Final[dict[type[msgspec.Struct], tuple[str, ...]]] = {Condition: ("type",)}
"""What tells the members of a list apart: others than the typed spec says it of."""
_TEXT_BOUNDS: Final = {"min_length": "minLength", "max_length": "maxLength"}
_NUMBER_BOUNDS: Final = {"ge": "minimum", "le": "maximum"}
_LIST_BOUNDS: Final = {"min_length": "minItems", "max_length": "maxItems"}
_MAP_BOUNDS: Final = {"min_length": "minProperties", "max_length": "maxProperties"}


def of(struct: type[msgspec.Struct]) -> Schema:
    """The schema of a typed spec or status: no references, and a bound wherever the type has one.

    Nothing is nullable: an API server drops a null before it looks, so a null is a field left out.
    """
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - a Struct was given
    return _of_struct(info)


def _of_struct(info: inspect.StructType) -> Schema:
    told = sentences(info.cls)
    strict = issubclass(info.cls, Part)
    properties = {}
    for field in info.fields:
        found = _of(field.type)
        if field.name in told:
            found["description"] = told[field.name]
        if strict and (default := _default(field)) is not None:
            found["default"] = default
        properties[field.encode_name] = found
    schema: Schema = {
        "type": "object",
        "description": meaning(info.cls),
        "properties": properties,
    }
    if required := [field.encode_name for field in info.fields if field.required]:
        schema["required"] = required
    if rules := rules_of(info.cls):
        schema["x-kubernetes-validations"] = rules
    return schema


def _default(field: inspect.Field) -> Any:  # noqa: ANN401 - a plain value, whatever its type
    """What the server fills in; None when leaving out means the same as the empty default does.

    A part's default is written out: the server judges it by the part's rules before it fills in
    what is inside.
    """
    if isinstance(field.default, msgspec.Struct):
        info = inspect.type_info(type(field.default))
        assert isinstance(info, inspect.StructType)  # noqa: S101 - it is the type of a Struct
        inside = {each.encode_name: _default(each) for each in info.fields}
        return {name: default for name, default in inside.items() if default is not None}
    return field.default if isinstance(field.default, str | int | bool) else None


def _of(info: inspect.Type) -> Schema:
    if isinstance(info, inspect.Metadata):
        return _more(_of(info.type), info.extra_json_schema or {})
    if isinstance(info, inspect.StructType):
        return _of_struct(info)
    if isinstance(info, inspect.UnionType):
        return _of_union(info)
    if isinstance(info, inspect.DictType):
        return _of_map(info)
    if isinstance(info, inspect.VarTupleType):
        return _of_list(info)
    return _of_scalar(info)


def _of_scalar(info: inspect.Type) -> Schema:
    if isinstance(info, inspect.LiteralType):
        return {"type": "string", "enum": list(info.values)}
    if isinstance(info, inspect.StrType):
        schema = {"type": "string"} | _bounds(info, _TEXT_BOUNDS)
        if info.pattern is not None:
            schema["pattern"] = info.pattern.replace(r"\Z", "$")
        return schema
    if isinstance(info, inspect.IntType):
        return {"type": "integer", "format": "int64"} | _bounds(info, _NUMBER_BOUNDS)
    if isinstance(info, inspect.FloatType):
        return {"type": "number", "format": "double"}
    if isinstance(info, inspect.BoolType):
        return {"type": "boolean"}
    raise TypeError(f"a custom resource cannot hold {info}")


def _of_union(info: inspect.UnionType) -> Schema:
    """A type that may be None: what may be left out, and no more."""
    members = [each for each in info.types if not isinstance(each, inspect.NoneType)]
    if len(members) != 1:
        raise TypeError(f"a custom resource cannot choose between types: {info}")
    return _of(members[0])


def _of_map(info: inspect.DictType) -> Schema:
    """A map of values of one type; one of Kubernetes' own shapes is taken as it is."""
    if isinstance(info.value_type, inspect.AnyType):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "type": "object",
        "additionalProperties": _of(info.value_type),
        **_bounds(info, _MAP_BOUNDS),
    }


def _of_list(info: inspect.VarTupleType) -> Schema:
    item = info.item_type
    schema = {"type": "array", "items": _of(item), **_bounds(info, _LIST_BOUNDS)}
    if isinstance(item, inspect.StructType) and (keys := _LIST_KEYS.get(item.cls)):
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    return schema


def _bounds(info: inspect.Type, names: dict[str, str]) -> Schema:
    found = {word: getattr(info, name) for name, word in names.items()}
    return {word: bound for word, bound in found.items() if bound is not None}


def _more(schema: Schema, extra: dict[str, Any]) -> Schema:
    """The schema with what the typed spec says beyond types."""
    if extra.get("x-kubernetes-int-or-string"):  # such a value has no type of its own
        schema = {key: value for key, value in schema.items() if key != "type"}
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return schema | extra
