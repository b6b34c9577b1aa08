"""Keys that a strict type does not know, and what was most likely meant. Pure."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

RENAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "transport_type": ("type",),
    "exchange": ("venue",),
    "adapter": ("venue",),
    "secmaster_url": ("database_url",),
    "url": ("database_url", "endpoint", "nats_url"),
    "websocket_url": ("endpoint",),
    "rest_url": ("rest",),
    "stream_name": ("stream",),
    "consumer_name": ("consumer",),
    "nats": ("transport",),
    "stream_prefix": ("subject_prefix",),
    "prefix": ("subject_prefix",),
    "env": ("environment",),
    "close_within_hours": ("close_within_s",),
    "markets": ("symbols",),
    "tickers": ("symbols",),
    "instruments": ("symbols",),
    "max_file_age": ("interval_s",),
    "output_dir": ("dir", "path"),
    "data_dir": ("dir", "path"),
    "tag": ("version",),
    "auth": ("auth_method",),
}
"""What keys were called in the earlier system, or are called elsewhere, and what they are called
here: the first that is valid in that place is what was meant. Written like ours, with `_`."""


def unknown_keys(obj: object, type: type[Any]) -> list[tuple[str, str]]:  # noqa: A002 - msgspec's word
    """Every key of a tree of plain values that its place in the type does not know.

    Returns:
        Pairs of a sentence with the key's path and the nearest valid key, and one with all keys
        valid there.
    """
    return list(_unknown(obj, msgspec.inspect.type_info(type), ""))


def nearest(key: str, valid: Iterable[str]) -> str | None:
    """The valid key somebody most likely meant; None when nothing resembles it."""
    choices = sorted(valid)
    plain = {_plain(choice): choice for choice in choices}
    if found := plain.get(_plain(key)):
        return found
    for renamed in _RENAMED.get(_plain(key), ()):
        if renamed in choices:
            return renamed
    if close := difflib.get_close_matches(key, choices, n=1, cutoff=0.7):
        return close[0]
    words = key.lower().split("_")
    for word in reversed(words):  # `transport_type` says what it means in its last word
        if word in choices:
            return word
    close = difflib.get_close_matches(key, choices, n=1, cutoff=0.5)
    return close[0] if close else None


def did_you_mean(key: str, valid: Iterable[str]) -> str:
    """A question with the nearest valid key, after a space; empty when nothing resembles it."""
    found = nearest(key, valid)
    return f' Did you mean "{found}"?' if found else ""


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


_RENAMED: Final = {_plain(key): renamed for key, renamed in RENAMED.items()}


def _unknown(obj: object, info: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(info, inspect.Metadata):
        yield from _unknown(obj, info.type, path)
    elif isinstance(info, inspect.UnionType):
        yield from _unknown(obj, _member(obj, info), path)
    elif isinstance(info, inspect.StructType) and isinstance(obj, Mapping):
        yield from _of_struct(obj, info, path)
    elif isinstance(info, inspect.DictType) and isinstance(obj, Mapping):
        for key, value in obj.items():
            yield from _unknown(value, info.value_type, _join(path, key))
    elif isinstance(obj, list) and (item := _item(info)) is not None:
        for index, value in enumerate(obj):
            yield from _unknown(value, item, f"{path}[{index}]")


def _of_struct(
    obj: Mapping[object, object], info: inspect.StructType, path: str
) -> Iterator[tuple[str, str]]:
    fields = {field.encode_name: field.type for field in info.fields}
    place = f"under `{path}`" if path else "at the top"
    for key, value in obj.items():
        inner = _join(path, key)
        if isinstance(key, str) and key in fields:
            yield from _unknown(value, fields[key], inner)
        elif info.forbid_unknown_fields:
            yield (
                f"`{inner}` is not a known key.{did_you_mean(str(key), fields)}",
                f"Valid keys {place}: {', '.join(sorted(fields))}.",
            )


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _item(info: inspect.Type) -> inspect.Type | None:
    if isinstance(info, (inspect.VarTupleType, inspect.ListType)):
        return info.item_type
    return None


def _member(obj: object, info: inspect.UnionType) -> inspect.Type:
    """The member of a union that this value could be; configuration unions differ by shape."""
    for member in info.types:
        inner = member.type if isinstance(member, inspect.Metadata) else member
        is_object = isinstance(inner, (inspect.StructType, inspect.DictType))
        if is_object == isinstance(obj, Mapping) and (
            not isinstance(obj, list) or _item(inner) is not None
        ):
            return member
    return inspect.AnyType()
