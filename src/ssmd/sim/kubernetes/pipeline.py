"""What happens to an object between the request and the store: decoding, defaults, admission, checks."""

import base64
import copy
from collections.abc import Callable, Iterator
from typing import Final

from ssmd.sim.kubernetes import checks, defaults, definitions, refusal, structural, validation
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.fieldset import dumped
from ssmd.sim.kubernetes.kinds import Kind
from ssmd.sim.kubernetes.refusal import Cause
from ssmd.sim.kubernetes.shapes import ANY, Object, Shape, Value, builtin, fits, is_time
from ssmd.sim.kubernetes.validation import Rule

Mutates = Callable[[Object], Object | None]
"""Admission: changes an object in place or gives another."""

DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")
_GO: Final = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}


def decoded(asked: Asked, body: Value) -> Object:
    """What was sent, as an object of the kind: its type right, its fields known and of their types.

    Raises:
        Refusal: 400, it is not.
    """
    kind = asked.kind
    if not isinstance(body, dict):
        raise refusal.bad_request("the object provided is unrecognized (must be of type object)")
    value: Object = copy.deepcopy(body)
    given = (value.get("apiVersion") or kind.api_version, value.get("kind") or kind.kind)
    if given[0] != kind.api_version:
        message = (
            f"the API version in the data ({given[0]}) does not match the expected API version"
            f" ({kind.api_version})"
        )
        raise refusal.bad_request(message)
    if given[1] != kind.kind:
        message = f'{given[1]} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise refusal.bad_request(message)
    value["apiVersion"], value["kind"] = given
    if not isinstance(value.setdefault("metadata", {}), dict):
        raise refusal.bad_request("metadata must be an object")
    if not kind.custom:
        _check_types(kind, value)
        value = _without_null(value)
    unknown = structural.unknown_fields(kind.shape, value)
    if unknown and asked.strict:
        told = ", ".join(f'unknown field "{path}"' for path in unknown)
        cannot = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}:'
        raise refusal.bad_request(f"{cannot} strict decoding error: {told}")
    asked.warnings.extend(f'unknown field "{path}"' for path in unknown)
    result: Object = structural.pruned(kind.shape, value) if unknown else value
    return result


def _without_null(value: Value) -> Value:
    """Go knows no null in a field: it is the same as nothing said."""
    if isinstance(value, dict):
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    return value


def _check_types(kind: Kind, value: Object) -> None:
    """Raise 400 when a field of a built-in kind has a value of another type."""
    for path, shape, inner in _mistyped(kind.shape, value, ""):
        cannot = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}:'
        if isinstance(inner, str) and fits(shape, inner):
            raise refusal.bad_request(
                f'{cannot} parsing time "{inner}": cannot parse as {shape.scalar}'
            )
        got = "object" if isinstance(inner, dict) else type(inner).__name__
        got = {"str": "string", "int": "number", "float": "number", "list": "array"}.get(got, got)
        message = (
            f"{cannot} json: cannot unmarshal {got} into Go struct field {kind.kind}.{path} of type"
            f" {_GO.get(shape.scalar, shape.kind)}"
        )
        raise refusal.bad_request(message)


def _mistyped(shape: Shape, value: Value, at: str) -> Iterator[tuple[str, Shape, Value]]:
    if value is None:
        return
    if not fits(shape, value) or (isinstance(value, str) and not is_time(shape, value)):
        yield at, shape, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            below = shape.at(name)
            if below is not None:
                yield from _mistyped(below, inner, f"{at}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _mistyped(shape.items, inner, at)


def filled(kind: Kind, value: Object) -> Object:
    """The object with its defaults."""
    if kind.schema is not None:
        meta = compact(builtin("meta.v1.ObjectMeta"), value["metadata"])
        result: Object = structural.defaulted(kind.schema, value)
        return {**result, "metadata": meta}
    result = copy.deepcopy(compact(kind.shape, value))
    if kind.key == DEFINITIONS:
        definitions.fill(result)
    elif kind.key == ("", "secrets") and result.get("stringData"):
        plain = result.pop("stringData")
        data = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
        result["data"] = {**(result.get("data") or {}), **data}
    defaults.fill(kind.key, result)
    return result


def compact(shape: Shape, value: Value) -> Value:
    """The value without empty lists and maps, which Go's types leave out when they are written.

    Parts with named fields stay when they are empty: there it says something.
    """
    if isinstance(value, dict) and shape.kind in {"object", "map"}:
        below = {name: (shape.at(name) or ANY, inner) for name, inner in value.items()}
        return {
            name: compact(inside, inner)
            for name, (inside, inner) in below.items()
            if inner not in ({}, []) or inside.kind not in {"list", "map"}
        }
    if isinstance(value, list) and shape.kind == "list":
        return [compact(shape.items, each) for each in value]
    return value


def check(kind: Kind, old: Object | None, new: Object, rule: Rule | None) -> None:
    """Raise 422 when the object is not acceptable, or changes what must not change."""
    causes = list(checks.metadata(kind.key, new))
    if old is not None:
        causes += _finalizers(old, new)
    if kind.schema is not None:
        plain = {**new, "metadata": {}}
        before = validation.NOTHING if old is None else old
        causes += validation.problems(kind.schema, plain, "", before)
        if not causes:
            causes += validation.problems(kind.schema, plain, "", before, rule)
        elif rule is not None and validation.has_rules(kind.schema):
            causes.append(validation.UNCHECKED)
    elif kind.key == DEFINITIONS:
        causes += definitions.acceptable(new)
    else:
        causes += checks.complete(kind.shape, new)
        causes += checks.acceptable(kind.key, new)
        if old is not None:
            causes += checks.unchanged(kind.key, old, new)
    if causes:
        unique = list(dict.fromkeys(causes))
        raise refusal.invalid(kind.kind, kind.group, new["metadata"].get("name", ""), unique)


def _finalizers(old: Object, new: Object) -> Iterator[Cause]:
    """Who is being deleted gets no new finalizers."""
    if not old["metadata"].get("deletionTimestamp"):
        return
    before = old["metadata"].get("finalizers") or ()
    added = [each for each in new["metadata"].get("finalizers") or () if each not in before]
    if added:
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted, found new"
            f" finalizers []string{{{', '.join(dumped(each) for each in added)}}}"
        )
        yield ("FieldValueForbidden", message, "metadata.finalizers")
