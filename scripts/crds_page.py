"""Writes `docs/reference/crds.md` from the schemas of our custom resources; a test sees that it is current.

python -m scripts.kubernetes
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from ssmd.operator.crds.definitions import COLUMNS, SHORT_NAMES, resource_schema
from ssmd.operator.names import API_VERSION, KINDS, Kind
from ssmd.operator.spec.workload import (
    Cron,
    DnsName,
    FeedName,
    LabelValue,
    Quantity,
    Variable,
    Workload,
)

PAGE: Final = Path(__file__).parent.parent / "docs" / "reference" / "crds.md"
_INTRODUCTION: Final = f"""\
# Custom resources

Made from `src/ssmd/operator/spec/` by `.venv/bin/python -m scripts.kubernetes`; do not edit by hand.

Group and version: `{API_VERSION}`. Every kind is namespaced, has a status subresource, and is in the category `ssmd`:
`kubectl get ssmd` lists them all. How to begin: [Kubernetes](../how-to/kubernetes.md). Rules need Kubernetes 1.29 or
newer.

The API server drops a field that it does not know, unless the client asks for strictness (`kubectl` does), and takes a
null for a field left out. The operator judges again what it reads: what is wrong stands in a condition, with the
place and what was probably meant.
"""
_SHARED: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Workload))
_BOUNDS: Final = {
    "minimum": ">= {}",
    "maximum": "<= {}",
    "minLength": "at least {} characters",
    "maxLength": "up to {} characters",
    "minItems": "at least {}",
    "maxItems": "up to {}",
    "maxProperties": "up to {}",
}

_NAMES: Final = {
    DnsName: "name of an object",
    FeedName: "name: `a-z`, `0-9`, inner dashes",
    LabelValue: "value of a label",
    Variable: "name of a variable",
    Quantity: "amount",
    Cron: "five fields of cron, or `@daily` and its like",
}
"""What a kind of text is called, instead of its pattern."""

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page."""
    lines = [_INTRODUCTION, *_of_every_kind()]
    for kind in KINDS:
        lines += _of(kind)
    return "\n".join(lines) + "\n"


def _of_every_kind() -> Iterator[str]:
    spec = resource_schema("Connector")["properties"]["spec"]
    yield "## What every kind has\n"
    yield "Fields under `spec`, besides those of the kind.\n"
    yield from _table(spec, [name for name in spec["properties"] if name in _SHARED])


def _of(kind: Kind) -> Iterator[str]:
    schema = resource_schema(kind)
    spec, status = schema["properties"]["spec"], schema["properties"]["status"]
    yield f"## {kind}\n"
    yield f"{schema['description']} Short names: {_words(SHORT_NAMES[kind])}.\n"
    shown = ", ".join(column.name for column in COLUMNS[kind] if not column.wide)
    wide = ", ".join(column.name for column in COLUMNS[kind] if column.wide)
    yield f"`kubectl get` shows: {shown}; with `-o wide` also {wide}.\n"
    yield "### Spec\n"
    yield from _table(spec, [name for name in spec["properties"] if name not in _SHARED])
    rules = list(dict.fromkeys(_rules(spec)))
    if rules:
        yield "Refused by rules, besides what a field's type says:\n"
        yield from (f"- {rule}" for rule in rules)
        yield ""
    yield "### Status\n"
    yield from _table(status, list(status["properties"]))


def _table(schema: Schema, names: list[str]) -> Iterator[str]:
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    required = schema.get("required", ())
    for name in names:
        yield from _rows(name, schema["properties"][name], must=name in required)
    yield ""


def _rows(path: str, schema: Schema, *, must: bool) -> Iterator[str]:
    default = schema.get("default")
    shown = "**required**" if must else "" if default in (None, "") else f"`{_plain(default)}`"
    inside = schema.get("items", schema)
    has_parts = "properties" in inside
    told = schema.get("description", "")
    yield f"| `{path}` | {_type(schema)} | {'' if has_parts and not must else shown} | {_cell(told)} |"
    if has_parts:
        below = f"{path}[]" if "items" in schema else path
        required = inside.get("required", ())
        for name, each in inside["properties"].items():
            yield from _rows(f"{below}.{name}", each, must=name in required)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "amount"
    if schema["type"] == "array":
        items = schema["items"]
        return _bounded(f"list: {_noun(items)}", schema)
    if "additionalProperties" in schema:
        return _bounded(f"map: {_noun(schema['additionalProperties'])}", schema)
    return _bounded(_noun(schema), schema)


def _noun(schema: Schema) -> str:
    if schema.get("pattern", "") in _patterns():
        return _patterns()[schema["pattern"]]
    if schema.get("x-kubernetes-int-or-string"):
        return "amount"
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return "object (as it is)"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        schema["type"], str(schema["type"])
    )


def _bounded(noun: str, schema: Schema) -> str:
    pattern = schema.get("pattern", "")
    if pattern in _patterns():
        return _patterns()[pattern]
    bounds = {key: bound for key, bound in schema.items() if (key, bound) != ("minLength", 1)}
    found = [words.format(bounds[key]) for key, words in _BOUNDS.items() if key in bounds]
    return ", ".join([noun, *found, *([f"`{pattern}`"] if pattern else [])])


@cache
def _patterns() -> dict[str, str]:
    """The names of texts by their patterns."""
    infos = [(msgspec.inspect.type_info(each), name) for each, name in _NAMES.items()]
    return {
        str(info.pattern).replace(r"\Z", "$"): name
        for info, name in infos
        if isinstance(info, msgspec.inspect.StrType)
    }


def _rules(schema: Schema) -> Iterator[str]:
    for each in schema.get("x-kubernetes-validations", ()):
        yield str(each["message"])
    parts = [
        *schema.get("properties", {}).values(),
        schema.get("items"),
        schema.get("additionalProperties"),
    ]
    for part in parts:
        if isinstance(part, dict):
            yield from _rules(part)


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
