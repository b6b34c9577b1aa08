"""The text of a configuration file for people: every part with the sentence that explains it."""

import textwrap
from typing import Any, Final

import msgspec
import yaml

from ssmd.feeds.schema import sentences

_WIDTH: Final = 98


def draft(config: msgspec.Struct, *, opening: str, schema: str = "") -> str:
    """A file that loads as it stands; what is left out keeps its default.

    Args:
        config: What it says.
        opening: The first comment.
        schema: Where an editor finds the JSON Schema; empty says nothing of it.
    """
    tree: dict[str, Any] = msgspec.to_builtins(config, str_keys=True)
    told = sentences(type(config))
    lines = [f"# yaml-language-server: $schema={schema}"] if schema else []
    lines += _comment(opening)
    for name in config.__struct_fields__:
        if name in tree:
            lines += ["", *_comment(" ".join(told.get(name, "").split()))]
            lines.append(_part(name, tree[name]))
    return "\n".join(lines) + "\n"


def _part(name: str, value: object) -> str:
    return yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True).rstrip()


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
