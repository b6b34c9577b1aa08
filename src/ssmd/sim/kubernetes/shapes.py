"""What fields a kind has, and how its lists and maps merge: for built-in kinds and our own alike."""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, TypeAlias

Value: TypeAlias = Any
Object: TypeAlias = dict[str, Value]

_TOKEN: Final = re.compile(
    r"^(?P<body>\[.*\]|\{.*\}|[\w.]+)(?P<atomic>!?)"
    r"(?P<how>set|map\([^)]*\))?(?P<merge>~[\w.]*)?(?P<retain>\+?)$"
)
_SCALARS: Final = {
    "s": "string",
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "q": "intstr",
    "t": "time",
    "u": "microtime",
}
_JSON: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "time": str,
    "microtime": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "intstr": (int, float, str),
}


@dataclass(slots=True, repr=False)
class Shape:
    """How one value is built.

    Attributes:
        kind: `object` has named fields, `map` any, `any` is not told.
        scalar: Of a scalar: string, integer, number, boolean, intstr, time, microtime.
        fields: Of an object, by name. Those not in it are dropped, unless `open`.
        open: Unknown fields of an object stay.
        item: Of a map or a list.
        atomic: It is one value to server-side apply.
        keys: What tells the items of a list apart; a list without keys that is not a set is atomic.
        unique: A list that is a set.
        merge: The key by which a strategic merge patch merges a list; "" merges plain values; None
            replaces.
        retain: Strategic merge of an item names all keys that stay only with `$retainKeys`.
        required: Fields that must be there.
        defaults: Of keys that may be left out.
    """

    kind: Literal["object", "map", "list", "scalar", "any"]
    scalar: str = ""
    fields: "dict[str, Shape]" = field(default_factory=dict)
    open: bool = False
    item: "Shape | None" = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    unique: bool = False
    merge: str | None = None
    retain: bool = False
    required: tuple[str, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)

    def at(self, name: str) -> "Shape | None":
        """The shape of a field; None if there is no such field."""
        if self.kind == "any":
            return ANY
        if self.kind == "map":
            return self.item or ANY
        if self.kind != "object":
            return None
        found = self.fields.get(name)
        return ANY if found is None and self.open else found

    @property
    def items(self) -> "Shape":
        """The shape of an item."""
        return self.item or ANY


ANY: Final = Shape("any")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MICROTIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


def is_time(shape: Shape, value: str) -> bool:
    """Whether text is a time as the field wants it; true of fields that are no times."""
    if shape.scalar == "time":
        return _TIME.fullmatch(value) is not None
    return shape.scalar != "microtime" or _MICROTIME.fullmatch(value) is not None


def fits(shape: Shape, value: Value) -> bool:
    """Whether a value that is not null is of this kind, its insides not looked at."""
    match shape.kind:
        case "any":
            return True
        case "object" | "map":
            return isinstance(value, dict)
        case "list":
            return isinstance(value, list)
        case "scalar":
            if isinstance(value, bool):
                return shape.scalar == "boolean"
            if shape.scalar == "integer" and isinstance(value, float):
                return value.is_integer()
            return isinstance(value, _JSON[shape.scalar])


@cache
def builtin(name: str) -> Shape:
    """The shape of a type of Kubernetes' own, such as `core.v1.PodSpec`.

    Raises:
        KeyError: It is not in shapes.txt.
    """
    shape = Shape("object")
    _MADE[name] = shape
    required: list[str] = []
    for word in _lines()[name]:
        key, _, written = word.partition(":")
        if key.endswith("*"):
            required.append(key[:-1])
        shape.fields[key.rstrip("*")] = _read(written)
    shape.required = tuple(required)
    if not shape.fields:
        shape.open = True
    return shape


_MADE: Final[dict[str, Shape]] = {}


@cache
def _lines() -> dict[str, list[str]]:
    text = (resources.files(__package__) / "shapes.txt").read_text(encoding="utf-8")
    rows = (line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: words for name, *words in rows}


def _read(written: str) -> Shape:
    """A shape as shapes.txt has it."""
    found = _TOKEN.match(written)
    if found is None:
        raise KeyError(written)
    body, how, merge = found["body"], found["how"], found["merge"]
    if body.startswith("["):
        keys = how[4:-1].split(",") if how and how != "set" else []
        defaults = dict(key.split("=") for key in keys if "=" in key)
        return Shape(
            "list",
            item=_read(body[1:-1]),
            keys=tuple(key.partition("=")[0] for key in keys),
            unique=how == "set",
            atomic=how is None,
            merge=None if merge is None else merge[1:],
            retain=bool(found["retain"]),
            defaults=defaults,
        )
    if body.startswith("{"):
        return Shape("map", item=_read(body[1:-1]), atomic=bool(found["atomic"]))
    if body == "any":
        return ANY
    if body in _SCALARS:
        return Shape("scalar", _SCALARS[body])
    return _named(body, atomic=bool(found["atomic"]))


def _named(name: str, *, atomic: bool) -> Shape:
    """A type by its name; types may hold themselves."""
    shape = _MADE.get(name) or builtin(name)
    if not atomic:
        return shape
    return Shape("object", fields=shape.fields, required=shape.required, atomic=True)
