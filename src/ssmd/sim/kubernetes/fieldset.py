"""Sets of fields: which paths a value has, as managedFields writes them, and how values merge.

A path is a tuple of steps: `("f", name)` a field, `("k", '{"name":"x"}')` an item of a keyed list,
`("v", '"x"')` an item of a set. Source: Kubernetes' reference, Server-Side Apply.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from ssmd.sim.kubernetes.shapes import Object, Shape, Value

Step = tuple[str, str]
Path = tuple[Step, ...]
Fields = frozenset[Path]
_SELF: Final = "."
_ALWAYS_THERE: Final = {
    "metadata",
    "spec",
    "status",
    "template",
    "jobTemplate",
    "strategy",
    "updateStrategy",
    "resources",
    "containers",
    "roleRef",
}
"""Parts that Kubernetes' own types have even when nothing is in them: nobody makes them."""


class Undeclared(Exception):
    """A value does not fit its shape; the message begins with the field's path."""


def dumped(value: Value) -> str:
    """JSON as paths hold it: compact, keys in order."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def step_of(shape: Shape, item: Value) -> Step:
    """Which item of a keyed list or a set this is.

    Raises:
        Undeclared: A key is missing.
    """
    if shape.unique:
        return ("v", dumped(item))
    keys: Object = {}
    for key in shape.keys:
        value = item.get(key, shape.defaults.get(key)) if isinstance(item, dict) else None
        if value is None and key not in shape.items.fields:
            raise Undeclared(
                f': associative list with keys has an element that omits key field "{key}"'
            )
        if value is not None:
            keys[key] = value
    if not keys:
        names = ", ".join(shape.keys)
        raise Undeclared(
            f': associative list with keys has an element that omits key field "{names}"'
        )
    return ("k", dumped(keys))


def granular(shape: Shape, value: Value) -> bool:
    """Whether server-side apply looks inside of this value."""
    if shape.atomic or shape.kind == "scalar":
        return False
    if isinstance(value, dict):
        return shape.kind in {"object", "map", "any"}
    return isinstance(value, list) and shape.kind == "list"


def children(shape: Shape, value: Value) -> Iterator[tuple[Step, Shape, Value]]:
    """What is inside of a granular value.

    Raises:
        Undeclared: A field is not known, or an item has no key.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            below = shape.at(name)
            if below is None:
                raise Undeclared(f".{name}: field not declared in schema")
            yield ("f", name), below, inner
    else:
        for item in value:
            yield step_of(shape, item), shape.items, item


def fields_of(shape: Shape, value: Value, at: Path = ()) -> Fields:
    """All leaves of a value, and the items of its keyed lists.

    Raises:
        Undeclared: A field is not known, or an item has no key.
    """
    if not granular(shape, value) or not value:
        return frozenset({at}) if at else frozenset()
    found: set[Path] = set()
    try:
        inside = list(children(shape, value))
    except Undeclared as error:
        raise Undeclared(shown(at) + str(error)) from error
    for step, below, inner in inside:
        path = (*at, step)
        if step[0] != "f":
            if path in found:
                raise Undeclared(f"{shown(at)}: duplicate entries for key {shown((step,))}")
            found.add(path)
        if step[0] != "v":
            found |= fields_of(below, inner, path)
    return frozenset(found)


def named(fields: Iterable[Path]) -> Fields:
    """The same with every field that has something below it."""
    found = set(fields)
    for path in list(found):
        for length in range(1, len(path)):
            if path[length - 1][0] == "f":
                found.add(path[:length])
    return frozenset(found)


def without(shape: Shape, value: Value, fields: Fields) -> Value:
    """The value with these paths taken out."""
    if not fields or not granular(shape, value):
        return value
    by_step: dict[Step, set[Path]] = {}
    for path in fields:
        by_step.setdefault(path[0], set()).add(path[1:])
    kept: list[tuple[Step, Value]] = []
    for step, below, inner in children(shape, value):
        tails = by_step.get(step, set())
        if () not in tails:
            rest = frozenset(tails)
            kept.append((step, without(below, inner, rest) if rest else inner))
    if isinstance(value, dict):
        return {step[1]: inner for step, inner in kept}
    return [inner for _, inner in kept]


def merged(shape: Shape, live: Value, applied: Value) -> Value:
    """What is applied laid over what is there: maps and keyed lists item by item."""
    if type(live) is not type(applied) or not granular(shape, applied):
        return applied
    if isinstance(applied, dict):
        result = dict(live)
        for name, inner in applied.items():
            below = shape.at(name)
            if below is None:
                raise Undeclared(f".{name}: field not declared in schema")
            result[name] = merged(below, live[name], inner) if name in live else inner
        return result
    return _merged_list(shape, live, applied)


def _merged_list(shape: Shape, live: list[Value], applied: list[Value]) -> list[Value]:
    """Items that are applied in their order; the others stay before whom they stood."""
    old = [(step_of(shape, item), item) for item in live]
    new = [(step_of(shape, item), item) for item in applied]
    wanted = {step for step, _ in new}
    if len(wanted) != len(new):
        raise Undeclared(": duplicate entries for key")
    known = dict(old)
    result: list[Value] = []
    left, right = 0, 0
    while left < len(old) or right < len(new):
        if left < len(old):
            step, item = old[left]
            if step not in wanted:
                result.append(item)
                left += 1
                continue
            if right < len(new) and step == new[right][0]:
                left += 1
            elif any(step == each for each, _ in new[:right]):
                left += 1
                continue
        if right < len(new):
            step, item = new[right]
            result.append(merged(shape.items, known[step], item) if step in known else item)
            right += 1
    return result


def compared(shape: Shape, old: Value, new: Value) -> tuple[Fields, Fields]:
    """What was written (added or changed), and what was removed."""
    before, after = dict(leaves(shape, old)), dict(leaves(shape, new))
    parents = {path[:-1] for path in after}
    written = {
        path
        for path, value in after.items()
        if (path not in before or before[path] != value)
        and not (path in parents and path[-1][1] in _ALWAYS_THERE)
    }
    return frozenset(written), frozenset(before.keys() - after.keys())


def leaves(shape: Shape, value: Value, at: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Every path with its value; of what holds others, be it none, the type alone."""
    if not granular(shape, value):
        if at:
            yield at, value
        return
    if at and at[-1][0] == "f":
        yield at, type(value)
    for step, below, inner in children(shape, value):
        path = (*at, step)
        if step[0] != "f":
            yield path, None
        if step[0] != "v":
            yield from leaves(below, inner, path)


def encoded(fields: Fields) -> Object:
    """As managedFields writes them (fieldsV1)."""
    tree: Object = {}
    for path in sorted(fields):
        node = tree
        for step in path:
            node = node.setdefault(":".join(step), {})
        node[_SELF] = {}
    return _pruned(tree)


def _pruned(tree: Object) -> Object:
    """A leaf says nothing of itself; whoever is a member and has members says both."""
    result: Object = {}
    for key in sorted(tree, key=lambda each: (each != _SELF, each)):
        inner = tree[key]
        if key == _SELF:
            result[key] = {}
        else:
            result[key] = {} if set(inner) == {_SELF} else _pruned(inner)
    return result


def decoded(tree: Object) -> Fields:
    """Back from fieldsV1."""
    return frozenset(_decoded(tree, ()))


def _decoded(tree: Object, at: Path) -> Iterator[Path]:
    for key, inner in tree.items():
        if key == _SELF:
            yield at
            continue
        kind, _, name = key.partition(":")
        path = (*at, (kind, name))
        if inner:
            yield from _decoded(inner, path)
        else:
            yield path


def shown(path: Path) -> str:
    """A path as messages have it: `.spec.containers[name="x"].image`."""
    text = ""
    for kind, name in path:
        if kind == "f":
            text += f".{name}"
        elif kind == "k":
            pairs = json.loads(name).items()
            text += "[" + ",".join(f"{key}={dumped(value)}" for key, value in pairs) + "]"
        else:
            text += f"[={name}]"
    return text
