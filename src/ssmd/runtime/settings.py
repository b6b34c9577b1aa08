"""Reads configuration files strictly: what is not understood is refused, and the answer helps."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from ssmd.model.errors import ConfigError
from ssmd.runtime.unknown import unknown_keys

T = TypeVar("T")

_LARGEST_BYTES: Final = 4 << 20
"""Nobody writes a configuration this long; a capture given by mistake is."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of plain values (`no` and `1:30` are text), and no key twice."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("timestamp", r"\d{4}-\d\d-\d\d", "0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(rf"^(?:{_pattern})$"),
        list(_first),
    )


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: dict[object, yaml.Mark] = {}
    for key_node, _ in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None:
            raise yaml.MarkedYAMLError(
                problem="a key is not plain text", problem_mark=_at(key_node)
            )
        if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
            problem = f"the key `{key}` stands twice, first in line {seen[key].line + 1}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=_at(key_node))
        seen[key] = _at(key_node)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _at(node: yaml.Node) -> yaml.Mark:
    mark: yaml.Mark = node.start_mark
    return mark


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load(path: str | os.PathLike[str], type: type[T]) -> T:  # noqa: A002 - the word msgspec uses
    """Read a YAML (or JSON) file into a strict type.

    Raises:
        ConfigError: The file cannot be read, is not YAML, holds a key twice, an unknown key, or a
            value outside its bounds. The message names the file, the line or the path inside it,
            and the nearest valid key.
    """
    return parse(_bytes(Path(path)), type, where=str(path))


def documents(path: str | os.PathLike[str]) -> list[object]:
    """The documents of a YAML file, as plain trees; empty ones are left out.

    Raises:
        ConfigError: As `load`, types apart.
    """
    raw = _bytes(Path(path))
    with _readable(str(path)):
        return [tree for tree in yaml.load_all(raw, Loader=_Loader) if tree is not None]


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}.",
            remedy="Check the path and its permissions.",
        ) from error
    if len(raw) > _LARGEST_BYTES:
        raise ConfigError(
            f"{file}: is larger than {_LARGEST_BYTES >> 20} MiB.",
            remedy="Give a configuration file, not a capture.",
        )
    return raw


def parse(text: str | bytes, type: type[T], *, where: str) -> T:  # noqa: A002 - as in `load`
    """Read YAML text into a strict type; `where` is what messages call it.

    Raises:
        ConfigError: As `load`.
    """
    with _readable(where):
        obj = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with stricter rules
    if obj is None:
        raise ConfigError(f"{where}: is empty.", remedy="Write the configuration into it.")
    return convert(obj, type, where=where)


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    """Whatever YAML complains of, in our words."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{where}{line}: {error.problem or error.context}.",
            remedy="Correct the YAML there.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where}: is not readable as YAML: {error}.",
            remedy="Write it as UTF-8 YAML.",
        ) from error


_REMEDY: Final = (
    "Correct the value; `ssmd feed schema KIND` prints what each kind of file may hold."
)


def convert(obj: object, type: type[T], *, where: str, remedy: str = _REMEDY) -> T:  # noqa: A002 - as in `load`
    """Check a tree of plain values against a strict type; `remedy` tells what helps with a value.

    Raises:
        ConfigError: It does not fit; the message names `where`, the path inside, and the nearest
            valid key.
    """
    if unknown := unknown_keys(obj, type):
        sentences = " ".join(sentence for sentence, _ in unknown)
        valid = " ".join(dict.fromkeys(remedy for _, remedy in unknown))
        raise ConfigError(f"{where}: {sentences}", remedy=valid)
    try:
        return msgspec.convert(obj, type)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        path = _named(path.rstrip("`"), str(error), obj, type).lstrip(".")
        place = f"at `{path}`: " if path else ""
        raise ConfigError(
            f"{where}: {place}{message.rstrip('.')}.",
            remedy=remedy,
        ) from error


def _named(path: str, complaint: str, obj: object, type: type[object]) -> str:  # noqa: A002
    """The path with the key that msgspec leaves out of it: `.keys[...].fields`."""
    before, dots, after = path.partition("[...]")
    steps = [step for step in before.split(".") if step]
    if not dots or not all(step.isidentifier() for step in steps):
        return path
    for key in _keys_at(obj, steps):
        try:
            msgspec.convert(_only(obj, steps, key), type)
        except msgspec.ValidationError as error:
            if str(error) == complaint:
                return f"{before}.{key}{after}"
    return path


def _keys_at(obj: object, steps: list[str]) -> list[object]:
    for step in steps:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return list(obj) if isinstance(obj, dict) else []


def _only(obj: object, steps: list[str], key: object) -> object:
    """The same tree with nothing but `key` in the mapping that the steps lead to."""
    if not isinstance(obj, dict):
        return obj
    if not steps:
        return {key: obj[key]}
    return {**obj, steps[0]: _only(obj.get(steps[0]), steps[1:], key)}
