"""JSON Schemas of our configuration files, for editors."""

import inspect
import re
from typing import Any, Final

import msgspec

from ssmd.feeds.api import ApiConfig
from ssmd.feeds.archiver import ArchiverConfig
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.feeds.feed import FeedConfig
from ssmd.feeds.machine import MachineConfig
from ssmd.model.errors import ConfigError

FILES: Final[dict[str, type[msgspec.Struct]]] = {
    "feed": FeedConfig,
    "env": EnvironmentConfig,
    "archiver": ArchiverConfig,
    "api": ApiConfig,
    "ssmd": MachineConfig,
}
"""The type of every kind of configuration file."""

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file, with bounds and descriptions.

    Args:
        kind: One of `FILES`.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in FILES:
        raise ConfigError(
            f"There is no configuration file of kind {kind!r}.",
            remedy=f"Use one of: {', '.join(FILES)}.",
        )
    top = FILES[kind]
    (reference,), definitions = msgspec.json.schema_components((top,))
    for struct in _structs(top):
        _describe(definitions[struct.__name__], struct)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind}.yaml",
        **reference,
        "$defs": definitions,
    }


def _structs(top: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The type and every type inside it, each once."""
    found: list[type[msgspec.Struct]] = []

    def visit(info: object) -> None:
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                return
            found.append(info.cls)
            for field in info.fields:
                visit(field.type)
        elif isinstance(info, msgspec.inspect.UnionType):
            for member in info.types:
                visit(member)
        else:
            for name in ("type", "item_type", "value_type"):
                if isinstance(inner := getattr(info, name, None), msgspec.inspect.Type):
                    visit(inner)

    visit(msgspec.inspect.type_info(top))
    return found


def sentences(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the docstrings say of each field, its own before those it builds on, one line each."""
    found: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        if each is not msgspec.Struct and issubclass(each, msgspec.Struct):
            told = (inspect.getdoc(each) or "").partition("Attributes:\n")[2]
            found |= {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(told)}
    return found


def meaning(struct: type[msgspec.Struct]) -> str:
    """What the docstring says of the type itself, in one line."""
    return " ".join((inspect.getdoc(struct) or "").partition("Attributes:\n")[0].split())


def _describe(definition: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Put the sentences of the docstring where an editor shows them."""
    definition["description"] = meaning(struct)
    for name, sentence in sentences(struct).items():
        field = definition["properties"][name]
        field["description"] = sentence
        for kind in (field, *field.get("anyOf", ())):
            if kind.get("format") == "decimal":  # msgspec writes text, and reads numbers too
                kind["type"] = ["number", "string"]
