"""Objects as tables, as `kubectl get` asks for them: the columns that a definition names.

Source: Kubernetes' documentation, Receiving resources as Tables.
"""

import re
from typing import Final

from ssmd.sim.kubernetes.asked import Asked
from ssmd.sim.kubernetes.shapes import Object, Value

_NAME: Final = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "",
    "priority": 0,
}
_AGE: Final = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_STEP: Final = re.compile(
    r"\.(?P<name>[^.\[\]]+)"
    r"|\[\?\(@\.(?P<key>\w+)==[\"'](?P<equal>[^\"']*)[\"']\)\]"
    r"|\[(?P<number>\d+)\]"
)


def wanted(accept: str) -> bool:
    """Whether the client asks for a table first."""
    return "as=Table" in accept.split(",", maxsplit=1)[0]


def table(asked: Asked, value: Object) -> Object:
    """A list, or one object, as a table."""
    columns = list(asked.kind.columns) or [_AGE]
    listed = value["kind"].endswith("List") and "items" in value
    rows = value["items"] if listed else [value]
    meta = value["metadata"] if listed else {}
    version = (meta or value["metadata"]).get("resourceVersion", "")
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version, **meta},
        "columnDefinitions": [_NAME, *map(_column, columns)],
        "rows": [_row(each, columns) for each in rows],
    }


def found(value: Value, path: str) -> Value:
    """What a column's JSON path finds: fields, one item by number, or by an equal field."""
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            value = value.get(step["name"]) if isinstance(value, dict) else None
        elif not isinstance(value, list):
            return None
        elif step["number"] is not None:
            place = int(step["number"])
            value = value[place] if place < len(value) else None
        else:
            key, equal = step["key"], step["equal"]
            value = next((each for each in value if each.get(key) == equal), None)
    return value


def _column(column: Object) -> Object:
    return {
        "name": column["name"],
        "type": column["type"],
        "format": column.get("format", ""),
        "description": column.get("description", ""),
        "priority": column.get("priority", 0),
    }


def _row(value: Object, columns: list[Object]) -> Object:
    meta = value["metadata"]
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
    cells = [meta["name"], *(found(value, column["jsonPath"]) for column in columns)]
    return {"cells": cells, "object": partial}
