"""JSON patches (RFC 6902), merge patches (RFC 7386) and strategic merge patches.

Strategic merge takes lists by their merge key, `$patch: delete|replace|merge`, and
`$deleteFromPrimitiveList/...`, `$retainKeys`; `$setElementOrder/...` is heeded as to order.
Source: the RFCs; Kubernetes' documentation, Strategic Merge Patch.
"""

import copy
from typing import Final

from ssmd.sim.kubernetes import refusal
from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.refusal import Refusal
from ssmd.sim.kubernetes.shapes import Object, Shape, Value

JSON: Final = "application/json-patch+json"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"


def patched(asked: Asked, old: Object) -> Value:
    """An object with a patch laid over it.

    Raises:
        Refusal: 400, 415 or 422.
    """
    match asked.media:
        case "application/json-patch+json":
            return json_patch(old, asked.body)
        case "application/merge-patch+json":
            return merge(old, asked.body)
        case "application/strategic-merge-patch+json" if not asked.kind.custom:
            return strategic(asked.kind.shape, old, asked.body)
        case _:
            known = [JSON, MERGE, APPLY] if asked.kind.custom else [JSON, MERGE, STRATEGIC, APPLY]
            message = (
                "the body of the request was in an unknown format - accepted media types include:"
                f" {', '.join(known)}"
            )
            raise Refusal(415, message)


def merge(value: Value, patch: Value) -> Value:
    """A merge patch: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), inner)
    return result


def json_patch(value: Object, operations: Value) -> Object:
    """A JSON patch.

    Raises:
        Refusal: 400, it is no patch; 422, an operation cannot be done or a test is not true.
    """
    if not isinstance(operations, list):
        raise refusal.bad_request(
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        )
    result: Value = copy.deepcopy(value)
    for each in operations:
        try:
            result = _operate(result, each)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise Refusal(422, message) from error
    if not isinstance(result, dict):
        raise refusal.bad_request("the patch leaves no object")
    return result


def _operate(value: Value, operation: Object) -> Value:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "test":
            if _get(value, path) != operation.get("value"):
                raise ValueError(f"testing path {operation['path']} failed")
            return value
        case "add":
            return _put(value, path, copy.deepcopy(operation["value"]), add=True)
        case "replace":  # of a key that is not there adds it, as Kubernetes' library does
            return _put(value, path, copy.deepcopy(operation["value"]), add=False)
        case "remove":
            return _drop(value, path)
        case "move":
            source = _pointer(operation["from"])
            moved = _get(value, source)
            return _put(_drop(value, source), path, moved, add=True)
        case "copy":
            copied = copy.deepcopy(_get(value, _pointer(operation["from"])))
            return _put(value, path, copied, add=True)
        case _:
            raise ValueError(f"unexpected kind: {operation['op']}")


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(value: Value, path: list[str]) -> Value:
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _put(value: Value, path: list[str], new: Value, *, add: bool) -> Value:
    if not path:
        return new
    holder, last = _get(value, path[:-1]), path[-1]
    if isinstance(holder, list):
        place = len(holder) if last == "-" else int(last)
        if place > len(holder):
            raise IndexError(f"index {place} out of bounds")
        if add:
            holder.insert(place, new)
        else:
            holder[place] = new
    elif isinstance(holder, dict):
        holder[last] = new
    else:
        raise TypeError(f"cannot add below {'/'.join(path)}")
    return value


def _drop(value: Value, path: list[str]) -> Value:
    holder, last = _get(value, path[:-1]), path[-1]
    if isinstance(holder, list):
        del holder[int(last)]
    else:
        del holder[last]
    return value


def strategic(shape: Shape, value: Value, patch: Value) -> Value:
    """A strategic merge patch of a built-in kind.

    Raises:
        Refusal: 400, an item of a keyed list has no key, or a directive is not known.
    """
    if not isinstance(patch, dict):
        return patch
    how = patch.get("$patch")
    if how == "replace":
        return {name: inner for name, inner in patch.items() if name != "$patch"}
    if how not in (None, "merge", "delete"):
        raise refusal.bad_request(f"Unknown patch directive: {how}")
    if how == "delete":
        return {}
    result = dict(value) if isinstance(value, dict) else {}
    if "$retainKeys" in patch:
        result = {name: result[name] for name in result if name in patch["$retainKeys"]}
    for name, inner in patch.items():
        if name.startswith("$") and not name.startswith((_ORDER, _DELETE)):
            continue
        _strategic_field(shape, result, name, inner)
    return _ordered(shape, result, patch)


def _strategic_field(shape: Shape, result: Object, name: str, inner: Value) -> None:
    if name.startswith(_ORDER):
        return
    if name.startswith(_DELETE):
        field = name.removeprefix(_DELETE)
        result[field] = [each for each in result.get(field) or () if each not in inner]
        return
    below = shape.at(name)
    if inner is None:
        result.pop(name, None)
    elif isinstance(inner, list) and below is not None and below.merge is not None:
        result[name] = _strategic_list(below, result.get(name) or [], inner)
    elif isinstance(inner, dict) and below is not None and below.kind != "any":
        result[name] = strategic(below, result.get(name), inner)
    else:
        result[name] = merge(result.get(name), inner) if isinstance(inner, dict) else inner


def _strategic_list(shape: Shape, value: list[Value], patch: list[Value]) -> list[Value]:
    key = shape.merge
    if not key:
        return [*value, *(each for each in patch if each not in value)]
    if any(isinstance(each, dict) and each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if each.get("$patch") != "replace"]
    result = list(value)
    for each in patch:
        if not isinstance(each, dict) or key not in each:
            raise refusal.bad_request(f"map: {each} does not contain declared merge key: {key}")
        place = next((n for n, old in enumerate(result) if old.get(key) == each[key]), None)
        if each.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategic(shape.items, {}, each))
        else:
            result[place] = strategic(shape.items, result[place], each)
    return result


def _ordered(shape: Shape, result: Object, patch: Object) -> Object:
    """Put lists into the order that `$setElementOrder` asks for; others go last."""
    for name, order in patch.items():
        field = name.removeprefix(_ORDER)
        below = shape.at(field)
        if field == name or not isinstance(result.get(field), list) or below is None:
            continue
        wanted = [each.get(below.merge) if below.merge else each for each in order]

        def rank(item: Value, wanted: list[Value] = wanted, key: str | None = below.merge) -> int:
            own = item.get(key) if key else item
            return wanted.index(own) if own in wanted else len(wanted)

        result[field] = sorted(result[field], key=rank)
    return result
