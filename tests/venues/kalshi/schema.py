"""As much of JSON Schema as the exchange's AsyncAPI document uses."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_FORMATS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}
_KEYWORDS = {
    "$ref", "type", "const", "enum", "required", "properties", "items", "minItems", "maxItems",
    "minimum", "maximum", "pattern", "format", "description", "examples", "default",
}  # fmt: skip


def complaints(value: object, schema: Schema, root: Schema, where: str = "$") -> Iterator[str]:
    """What of a value the schema does not allow; an unknown keyword is an error of the check."""
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from complaints(value, target, root, where)
    unknown = set(schema) - _KEYWORDS
    assert not unknown, f"{where}: the check does not know {unknown}"
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        yield f"{where}: {value!r} is no {kind}"
        return
    if value not in schema.get("enum", [schema.get("const", value)]):
        yield f"{where}: {value!r} is not what is allowed"
    match value:
        case str():
            yield from _text(value, schema, where)
        case dict():
            yield from _fields(value, schema, root, where)
        case list():
            yield from _items(value, schema, root, where)
        case int():
            low, high = schema.get("minimum", value), schema.get("maximum", value)
            if not low <= value <= high:
                yield f"{where}: {value} is not within {low} and {high}"
        case _:
            pass


def _fields(value: Schema, schema: Schema, root: Schema, where: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: {name} is missing"
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from complaints(value[name], inner, root, f"{where}.{name}")


def _items(value: list[object], schema: Schema, root: Schema, where: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{where}: {len(value)} items"
    for at, item in enumerate(value):
        yield from complaints(item, schema.get("items", {}), root, f"{where}[{at}]")


def _text(value: str, schema: Schema, where: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    form = _FORMATS.get(schema.get("format", ""))
    if form and not re.fullmatch(form, value):
        yield f"{where}: {value!r} is no {schema['format']}"


def _is(value: object, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return not isinstance(value, bool | str | list | Mapping | None)
    raise AssertionError(kind)
