"""What differs between two configurations, field by field, defaults included. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

ABSENT: Final = "(absent)"
"""What is said of a field that one of the two does not have at all."""
_MISSING: Final = object()


class Difference(msgspec.Struct, frozen=True):
    """One field that is not the same in both.

    Attributes:
        path: Where it stands: keys with dots between; a version by its name, as `versions[v2]`.
        first: What the first says, as plain values; `(absent)` when it has no such field.
        second: What the second says, likewise.
    """

    path: str
    first: Any
    second: Any


def full(config: msgspec.Struct) -> dict[str, Any]:
    """A configuration as plain values, with everything it leaves to its defaults written out."""
    return {name: _plain(getattr(config, name)) for name in config.__struct_fields__}


def differences(first: msgspec.Struct, second: msgspec.Struct) -> list[Difference]:
    """Every field in which two configurations of one kind differ, in the order of their fields.

    Entries of a list with names (`versions`) are compared by name, whatever their order; any other
    list is one value.
    """
    return list(_between(full(first), full(second), ""))


def _plain(value: object) -> Any:  # noqa: ANN401 - a tree of plain values
    if isinstance(value, msgspec.Struct):
        return full(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return msgspec.to_builtins(value)


def _between(first: object, second: object, path: str) -> Iterator[Difference]:
    mine, yours = _branches(first), _branches(second)
    if mine is None or yours is None or type(first) is not type(second):
        if first != second or type(first) is not type(second):
            yield Difference(path, _told(first), _told(second))
        return
    for key in dict.fromkeys([*mine, *yours]):
        inner = f"{path}{key}" if key.startswith("[") or not path else f"{path}.{key}"
        yield from _between(mine.get(key, _MISSING), yours.get(key, _MISSING), inner)


def _branches(value: object) -> dict[str, Any] | None:
    """What can be compared one by one; None when it is one value."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(_name(entry) for entry in value):
        named = {f"[{_name(entry)}]": entry for entry in value}
        return named if len(named) == len(value) else None
    return None


def _told(value: object) -> object:
    return ABSENT if value is _MISSING else value


def _name(entry: object) -> str:
    return str(entry.get("version", "")) if isinstance(entry, dict) else ""
